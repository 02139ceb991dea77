"""`stablenew agent`: run, join, unpair, status and install, by real commands on agents that run or do not."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_net`

from agent_net import Daemon, Running, until

from schema.tokens import SECRET_BYTES, Token, token_text

pytestmark = [pytest.mark.story, pytest.mark.fleet]

SKETCH = ("--backend", "sketch", "--name", "rig2")


class House:
    """One machine's `STABLENEW_HOME`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {**os.environ, "STABLENEW_HOME": str(root), "XDG_CONFIG_HOME": str(root / "xdg")}
        self.env.pop("CUDA_VISIBLE_DEVICES", None)

    @property
    def home(self) -> Path:
        return self.root / "state" / "agents" / "rig2"

    def ask(self, *words: str, code: int = 0, **env: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tui.cli", "agent", *words],
            capture_output=True, text=True, check=False, timeout=60, env={**self.env, **env},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    def status(self) -> list[dict[str, object]]:
        return list(json.loads(self.ask("status", "--json").stdout)["items"])

    @asynccontextmanager
    async def agent(self, *words: str, verb: tuple[str, ...] = ("run",)) -> AsyncIterator[Running]:
        """`stablenew agent run`, which becomes the agent."""
        process: Process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "tui.cli", "agent", *verb, *SKETCH, "--port", "0", *words,
            stdout=PIPE, stderr=PIPE, env=self.env,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(30):
                line = await process.stdout.readline()
            assert line, (await process.communicate())[1].decode()
            yield Running(process, self.home, json.loads(line))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "house")


async def test_a_person_reads_the_code_pairs_sees_it_and_unpairs(house: House, tmp_path: Path) -> None:
    daemon = Daemon.at(tmp_path / "d")
    async with house.agent() as agent:
        await agent.heard("stablenew node pair rig2")
        shown = house.status()[0]
        assert (shown["name"], shown["state"], shown["running"]) == ("rig2", "waiting", True)
        assert str(shown["code"]) in agent.said and str(shown["code"]) in house.ask("status").stdout
        assert "runs already (pid " in house.ask("run", *SKETCH, code=2).stderr
        await daemon.pairs(agent, str(shown["code"]))
        await agent.heard("Paired with the daemon")
        shown = house.status()[0]
        assert (shown["state"], shown["fleet"], shown["code"]) == ("paired", daemon.keys.fleet, None)
        assert json.loads(house.ask("unpair", "--json").stdout) == {
            "name": "rig2", "unpaired": True, "fleet": daemon.keys.fleet,
        }  # fmt: skip
        await agent.heard("Unpaired")
        await daemon.pairs(agent)
        await agent.end("terminate")
    assert [(one["running"], one["state"]) for one in house.status()] == [(False, "paired")]
    assert "is unpaired" in house.ask("unpair", "--name", "rig2").stderr
    assert not (house.home / "keys" / "pin.json").exists() and (house.home / "keys" / "key.pem").exists()
    assert "paired with nobody" in house.ask("unpair").stderr
    assert "there is no agent 'rig3'" in house.ask("unpair", "--name", "rig3", code=2).stderr


async def test_one_that_hangs_is_not_unpaired_behind_its_back(house: House, tmp_path: Path) -> None:
    async with house.agent() as agent:
        await Daemon.at(tmp_path / "d").pairs(agent)
        agent.process.send_signal(signal.SIGSTOP)
        said = await asyncio.to_thread(house.ask, "unpair", code=2)
        assert "runs but does not answer. Stop it first" in said.stderr
        agent.process.send_signal(signal.SIGCONT)
        assert "is unpaired" in (await asyncio.to_thread(house.ask, "unpair")).stderr


async def test_it_is_the_same_node_after_it_was_unpaired_and_started_again(house: House) -> None:
    async with house.agent() as agent:
        node = agent.ready["node"]
    async with house.agent() as agent:
        assert agent.ready["node"] == node


def cmdline(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


async def test_with_a_token_it_joins_and_the_token_is_nowhere_to_be_read(house: House, tmp_path: Path) -> None:
    daemon, secret = Daemon.at(tmp_path / "d"), bytes(range(SECRET_BYTES))
    text = token_text(Token(secret, sha256(daemon.keys.certificate).digest()))
    assert "no token to join with" in house.ask("join", "hello", *SKETCH, code=2).stderr
    assert "mistyped" in house.ask("join", text[:-4], *SKETCH, code=2).stderr
    async with house.agent(verb=("join", text)) as agent:
        assert (house.home / "keys" / "token").stat().st_mode & 0o777 == 0o600
        assert text not in cmdline(agent.process.pid)
        assert house.status()[0]["state"] == "joining" and "Pairing code" not in agent.said
        await daemon.pairs(agent, secret)

        async def gone() -> bool | None:
            return None if (house.home / "keys" / "token").exists() else True

        await until(gone)
        await agent.end("terminate")
    assert "is paired with fleet" in house.ask("join", text, *SKETCH, code=2).stderr
    async with house.agent() as agent:
        assert agent.ready["state"] == "paired"


def test_where_there_is_none_it_says_how_to_have_one(house: House) -> None:
    assert json.loads(house.ask("status", "--json").stdout) == {"items": [], "total": 0, "nodes": None}
    assert "`stablenew agent run` starts one" in house.ask("status").stderr
    assert "there is no agent on this machine" in house.ask("unpair", code=2).stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--local", "--port", "7"), "an agent without network has no port"),
        (("--port", "70000"), "70000 is no port"),
        (("--shared", "/nowhere/at/all"), "there is no such folder"),
        (("--gpu", "99"), "there is no NVIDIA GPU with the number 99"),
    ],
)
def test_words_that_make_no_sense_are_refused_with_the_remedy(
    house: House, words: tuple[str, ...], sentence: str
) -> None:
    said = house.ask("run", *SKETCH, *words, code=2).stderr
    assert sentence in said and "Traceback" not in said


def test_the_unit_runs_this_installation_and_holds_no_secret(house: House, tmp_path: Path) -> None:
    (tmp_path / "100% $art").mkdir()
    words = ("install", *SKETCH, "--port", "7805", "--shared", str(tmp_path / "100% $art"))
    done = house.ask(*words, STABLENEW_AGENT_AUTH='me:se"cret$')
    unit = house.root / "xdg/systemd/user/stablenew-agent-rig2.service"
    assert done.stdout == f"{unit}\n" and "systemctl --user enable --now stablenew-agent-rig2" in done.stderr
    text = unit.read_text()
    assert " agent run --name rig2 --backend sketch --shared " in text and " --port 7805\n" in text
    assert f'"{tmp_path}/100%% $$art"' in text and f'Environment="STABLENEW_HOME={house.root}"' in text
    assert "RestartPreventExitStatus=75\n" in text  # a drive that is not mounted yet is waited for
    assert "cret" not in text
    secrets = house.home / "environment"
    assert secrets.read_text() == 'STABLENEW_AGENT_AUTH="me:se\\"cret\\$"\n' and secrets.stat().st_mode & 0o077 == 0
    assert house.ask(*words, "--print").stdout == text
    assert json.loads(house.ask(*words, "--json").stdout)["unit"] == str(unit)
    if shutil.which("systemd-analyze"):
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(unit)], capture_output=True, text=True, check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, timeout=60,
        )  # fmt: skip
        assert unit.name not in checked.stderr, checked.stderr


def test_two_gpus_are_two_agents_with_names_of_their_own(house: House) -> None:
    units = [house.ask("install", "--backend", "comfyui", "--gpu", str(gpu), "--print").stdout for gpu in (0, 1)]
    names = [unit.partition("--name ")[2].partition(" ")[0] for unit in units]
    assert names[0].endswith("-comfyui-gpu0") and names[1].endswith("-comfyui-gpu1")
