"""The daemon is killed and started again while somebody looks: the screen says so, stays, and goes on."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `terminals`

from terminals import Terminal

pytestmark = [
    pytest.mark.story,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the terminal of these stories, is not installed"),
]


@pytest.fixture
def terminal(home):
    home.json("run", "--prompt", "a mill in the mist", "--count", "3", "--hold")
    pane = Terminal(home, 120, 36)
    yield pane
    pane.close()


def of_type(home, kind: str) -> list[dict]:
    return [event for event in home.events() if event["type"] == kind]


def test_a_daemon_may_be_killed_and_come_back_under_an_open_screen(home, terminal):
    terminal.sees("daemon up.*3 held")

    home.kill(home.daemon_pid())
    seen = terminal.sees("no daemon")
    assert "held" in seen  # what was known is still shown

    home.run("daemon", "start")
    terminal.sees("daemon up")
    terminal.keys("G", "x")
    [cancelled] = home.until(lambda: of_type(home, "JobCancelled"), "the job is cancelled by the new daemon")
    terminal.keys("z")
    [reopened] = home.until(lambda: of_type(home, "JobReopened"), "and it waits again")
    assert reopened["job"] == cancelled["job"]

    terminal.keys("q")
    terminal.sees("daemon keeps")
    terminal.keys("y")
    terminal.sees("ended with 0")
    assert home.json("log", "verify")["ok"]
