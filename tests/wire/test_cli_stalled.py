"""Waiting for a run that cannot begin: the reason is told, once, and again when it changes."""

import pytest

from schema.errors import NoDaemon
from tui.cli import stalled
from tui.cli.stalled import Stalled
from tui.link.doc import Doc

WAITING, RUNNING = Doc({"jobs": 2}), Doc({"jobs": 2, "running": [{"job": "k3mp.1"}]})


class Daemon:
    """Answers with the job in line and with a reason."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.asked: list[str] = []

    def get(self, path: str, query: object = None) -> Doc:
        self.asked.append(path)
        if path == "/v1/jobs":
            return Doc({"items": [{"id": "k3mp.1"}], "total": 1})
        if not self.reasons:
            raise NoDaemon("gone")
        return Doc({"text": self.reasons.pop(0)})


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch):
    """A clock that stands until it is moved."""
    now = [0.0]
    monkeypatch.setattr(stalled.time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def test_nothing_is_asked_before_it_has_waited_a_while(passed):
    wait, daemon = Stalled(["k3mp"]), Daemon("forge is away")
    passed(2.0)

    assert wait.look(daemon, WAITING) is None
    assert daemon.asked == []


def test_the_reason_is_told_once_and_again_when_it_changes(passed):
    wait, daemon = Stalled(["k3mp"]), Daemon("forge is away", "forge is away", "forge has no toy")
    told = []
    for _ in range(3):
        passed(4.0)
        told.append(wait.look(daemon, WAITING))

    assert told == ["k3mp.1 waits: forge is away", None, "k3mp.1 waits: forge has no toy"]


def test_what_runs_is_asked_nothing_of_and_the_patience_begins_anew(passed):
    wait, daemon = Stalled(["k3mp"]), Daemon("forge is away")
    passed(10.0)
    assert wait.look(daemon, RUNNING) is None
    passed(2.0)
    assert wait.look(daemon, WAITING) is None
    assert daemon.asked == []


def test_a_daemon_that_goes_away_meanwhile_ends_no_wait(passed):
    wait = Stalled(["k3mp.2"])
    passed(4.0)

    assert wait.look(Daemon(), WAITING) is None
