"""Keys of the settings reach no process that has no use for them."""

import asyncio

import pytest

from daemon.artifacts.children import Children
from daemon.fleet.loopback import Loopback

SHOW = """
import json, os, sys
print("{}", flush=True)
for line in sys.stdin:
    print(json.dumps(dict(os.environ)), flush=True)
"""


async def test_who_reads_strangers_pictures_finds_no_key_in_its_environment(monkeypatch, tmp_path):
    (tmp_path / "shower.py").write_text(SHOW)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("STABLENEW_GALLERY__TOKEN", "s3cret")
    children = Children("shower", most=1, timeout=20.0)
    seen = await children.ask(b"{}\n")
    await children.close()
    assert b"PYTHONPATH" in seen and b"s3cret" not in seen


async def test_the_agent_beside_the_daemon_is_given_its_own_password_and_no_other(monkeypatch, tmp_path):
    given = {}

    async def start(*words, env, **more):
        given.update(env)
        raise OSError("no agent in this test")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    for name in ("STABLENEW_GALLERY__TOKEN", "STABLENEW_LIBRARY__CIVITAI_TOKEN", "STABLENEW_AGENT__AUTH"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    loopback = Loopback(tmp_path / "agent", "here", (), {"STABLENEW_AGENT_AUTH": "me:mine"})
    with pytest.raises(OSError, match="no agent"):
        await loopback._start()
    assert given["STABLENEW_AGENT_AUTH"] == "me:mine" and given["STABLENEW_HOME"] == str(tmp_path)
    assert "s3cret" not in given.values()
