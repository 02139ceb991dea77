"""The morning after, looking back: how it stood in the night, by command, from the file, on the screen."""

import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `terminals`

from terminals import Terminal

pytestmark = [pytest.mark.story, pytest.mark.long]


@pytest.fixture
def night(home):
    """Six pictures, one rated, the queue paused, three more jobs; returns the seq behind the third picture's job."""
    (home.root / "home/config/pipelines").mkdir(parents=True)
    (home.root / "home/config/pipelines/short.json").write_text(json.dumps([{"type": "txt2img", "steps": 4}]))
    wish = ("--pipeline", "short", "--seed", "7")
    home.json("run", "--prompt", "a mill", "--count", "6", *wish)
    picture = home.json("image", "list", "--limit", "1")["items"][0]["id"]
    home.json("image", "rate", picture, "4")
    home.json("queue", "pause")
    home.json("run", "--prompt", "a harbour", "--count", "3", "--no-wait", *wish)
    return [one["seq"] for one in home.events() if one["type"] == "JobFinished"][2]


@pytest.mark.damages
def test_the_night_by_command_from_the_file_and_when_the_file_is_damaged(home, night):
    lists_are_those_that_the_log_gives(home, night)
    a_difference_is_the_same_from_the_daemon_and_from_the_file(home, night)
    a_flipped_bit_is_told_and_the_past_can_still_be_asked(home, night)


def lists_are_those_that_the_log_gives(home, night):
    assert home.json("job", "list", "state:finished", "--as-of", str(night))["total"] == 3
    assert home.json("job", "list", "state:finished")["total"] == 6
    stored = [one for one in home.events() if one["type"] == "ArtifactStored" and one["seq"] <= night]
    assert home.json("image", "list", "--as-of", str(night))["total"] == len(stored)
    assert home.json("image", "list", "stars:>=1", "--as-of", str(night))["total"] == 0
    status = home.json("status", "--as-of", str(night))
    assert status["moment"]["seq"] == status["head"] == night
    assert not status["queue"].get("paused") and home.json("status")["queue"]["paused"]
    assert "no event" in home.run("status", "--as-of", "99999999").stderr


def a_difference_is_the_same_from_the_daemon_and_from_the_file(home, night):
    found = home.json("log", "diff", str(night))
    assert found["settings"]["queue"] == ["open", "paused"]
    assert found["ratings"] == 1 and found["jobs_changed"] == 6 and len(found["runs"]) == 1
    assert home.json("log", "at", str(night))["by"]["ratings"] == 0
    state = home.json("log", "at", str(found["after"]["seq"]))
    assert state["paused"] and state["by"]["ratings"] == 1
    home.run("daemon", "stop")
    again = home.json("log", "diff", str(night), str(found["after"]["seq"]))
    assert {name: again[name] for name in ("kinds", "jobs", "images", "settings")} == {
        name: found[name] for name in ("kinds", "jobs", "images", "settings")
    }


def a_flipped_bit_is_told_and_the_past_can_still_be_asked(home, night):
    log = home.root / "home/state/events.db"
    db = sqlite3.connect(log)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    content = bytearray(log.read_bytes())
    content[content.rindex(b'"seconds":') + 12] ^= 1
    log.write_bytes(content)
    home.run("daemon", "start")
    told = home.run("status").stdout
    assert "read-only" in told and "log recover --accept-loss" in told and "as of" in told
    assert home.json("job", "list", "state:finished", "--as-of", str(night))["total"] == 3
    assert home.run("queue", "resume").returncode == 1


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the terminal of this story, is not installed")
def test_the_screen_goes_there_steps_and_comes_back(home, night):
    pane = Terminal(home, 120, 36)
    try:
        pane.sees(r"harbour|prompt-01")
        pane.write("@")
        pane.sees("Go to")
        pane.write(str(night))
        pane.keys("Enter")
        pane.sees(rf"event {night} of .*nothing can be changed here.*was finished")
        pane.write("(")
        pane.sees(rf"event {night - 1} of ")
        pane.write("p")
        pane.sees("this is the past")
        pane.write("=")
        pane.sees("Different from now.*queue: open → paused")
        pane.keys("q")
        pane.write("0")
        pane.sees("‖ paused  3 queued")
    finally:
        pane.close()
    assert [one["type"] for one in home.events()].count("QueuePaused") == 1
