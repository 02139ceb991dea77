"""Last night's copy, an older state folder, a damaged log: with real daemons, as a person would go about it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = [pytest.mark.story, pytest.mark.long]

TINY = ("--set", "txt2img.width=64", "--set", "txt2img.height=64", "--set", "txt2img.steps=4",
        "--set", "detail.enabled=false", "--set", "upscale.enabled=false")  # fmt: skip


def make(home, count: int) -> None:
    done = home.json("run", "--prompt", "boats", "--count", str(count), *TINY)
    assert done["finished"] == count


def stand_still(home) -> dict:
    """The daemon shows what there is, and takes nothing."""
    begun = home.run("daemon", "start")
    assert begun.returncode == 1 and "log recover --accept-loss" in begun.stderr
    status = home.json("status")
    assert status["state"] == "read-only"
    refused = home.run("run", "--prompt", "boats", "--no-wait")
    assert refused.returncode == 1 and "log re" in refused.stderr
    home.json("image", "list")
    return status


def assigned(home) -> int:
    return sum(event["type"] == "StageAssigned" for event in home.events())


@pytest.mark.damages
def test_an_older_state_folder_is_noticed_before_anything_is_made(home):
    make(home, 2)
    home.json("queue", "pause")
    home.json("run", "--prompt", "waiting", "--no-wait", *TINY)
    home.json("queue", "resume")
    home.json("daemon", "stop")
    state, old = home.root / "home/state", home.root / "state.old"
    shutil.copytree(state, old)
    before = home.json("log", "verify")["head"]
    make(home, 3)
    home.json("daemon", "stop")
    after = home.json("log", "verify")["head"]
    shutil.rmtree(state)
    shutil.copytree(old, state)
    given = assigned(home)

    trouble = stand_still(home)["trouble"]
    assert f"knows of event {after}, but the log ends at {before}" in trouble
    assert f"--accept-loss {after - before}" in trouble
    assert (assigned(home), home.events()[-1]["seq"]) == (given, before)
    assert home.run("log", "recover").returncode == 2
    assert home.json("daemon", "status")["state"] == "read-only"  # asking stops nobody
    told = home.json("log", "recover", "--accept-loss", str(after - before))
    assert (told["kept"], told["lost"], told["head"]) == (before, after - before, after)
    make(home, 1)
    assert home.json("log", "verify")["ok"]


@pytest.mark.damages
def test_a_copy_made_under_writes_and_what_is_good_behind_it_are_the_whole_log(home):
    home.env["STABLENEW_DAEMON__FREE_FLOOR_MB"] = "0"
    make(home, 2)
    waiting = home.start("run", "--prompt", "boats", "--count", "20", *TINY)
    home.until(lambda: assigned(home) > 4, "work goes on")
    copy = home.json("log", "backup")
    waiting.communicate(timeout=100)
    assert waiting.returncode == 0
    home.json("daemon", "stop")
    events = home.events()
    assert 0 < copy["head"] < len(events)
    restored = home.root / "elsewhere/home"
    env = {**home.env, "STABLENEW_HOME": str(restored)}
    elsewhere = type(home)(restored.parent, env)
    restored.parent.mkdir()
    told = elsewhere.json("log", "restore", copy["path"])
    assert (told["kept"], told["lost"], told["head"]) == (copy["head"], 0, copy["head"])
    assert elsewhere.events() == events[: copy["head"]]

    log = home.root / "home/state/events.db"
    spoil(log, copy["head"] // 2)
    assert "was changed" in stand_still(home)["trouble"]
    told = home.json("log", "recover", "--accept-loss", "0")
    assert (told["kept"], told["lost"], told["backup"]) == (len(events), 0, copy["path"])
    assert home.events() == events
    make(home, 1)
    assert home.json("log", "replay", "--check")["same"]


def spoil(log: Path, seq: int) -> None:
    with closing(sqlite3.connect(log, isolation_level=None)) as db:
        triggers = db.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE events SET actor='other' WHERE seq=?", (seq,))
        for _, statement in triggers:
            db.execute(statement)
