"""An agent that a person started beside the daemon: the daemon may be killed, its work goes on."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.story

SMALL = ("--set", "txt2img.width=64", "--set", "txt2img.height=64", "--set", "txt2img.steps=40")


@contextmanager
def side_agent(home) -> Iterator[subprocess.Popen[bytes]]:
    place = home.root / "home/state/agents/side"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agent", "--home", str(place), "--socket", str(place / "agent.sock"),
         "--node", "side", "--backend", "sketch", "--sketch-step-seconds", "0.05"],
        env=home.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=home.root,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert b"ready" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def joined(home) -> None:
    home.until(lambda: any(node["name"] == "side" for node in home.json("status")["nodes"]), "the agent is found")


def at_work(home) -> Callable[[], bool]:
    return lambda: bool(home.json("status")["running"])


@pytest.mark.slow
def test_its_attempt_goes_on_while_the_daemon_is_killed_and_started_again(home):
    assert home.run("daemon", "start").returncode == 0
    with side_agent(home):
        joined(home)
        run = home.json("run", "--prompt", "boats", "--count", "2", "--node", "side", "--no-wait", *SMALL)["run"]
        home.until(at_work(home), "a stage runs")
        home.kill(home.daemon_pid())
        assert home.run("daemon", "start").returncode == 0
        done = home.json("job", "wait", run, timeout=120)
        assert (done["finished"], done["failed"]) == (2, 0)
    events = home.events()
    assert not [event for event in events if event["type"] in ("StageLost", "StageFailed")]
    finished = Counter((event["job"], event["stage"]) for event in events if event["type"] == "StageFinished")
    assigned = Counter((event["job"], event["stage"]) for event in events if event["type"] == "StageAssigned")
    assert assigned == finished and set(finished.values()) == {1}


@pytest.mark.slow
def test_killed_it_costs_no_attempt_and_the_daemon_notices_it_when_it_is_back(home):
    assert home.run("daemon", "start").returncode == 0
    with side_agent(home) as process:
        joined(home)
        run = home.json("run", "--prompt", "boats", "--node", "side", "--no-wait", *SMALL)["run"]
        home.until(at_work(home), "a stage runs")
        os.kill(process.pid, 9)
        process.wait()
        home.until(lambda: "NodeLost" in {event["type"] for event in home.events()}, "it is missed")
    with side_agent(home):
        done = home.json("job", "wait", run, timeout=120)
        assert (done["finished"], done["failed"]) == (1, 0)
    events = home.events()
    assert {event["attempt"] for event in events if event["type"] == "StageAssigned"} == {1}
    assert len([event for event in events if event["type"] == "NodeJoined" and event["name"] == "side"]) == 2
