"""Whole evenings of a fleet in virtual time: what was acknowledged is there, once, and all work ends.

A failing seed is named in its test; `SEED=17 pytest tests/core/test_simulation.py` begins the rotating ones with it.
"""

import asyncio
import contextlib
import datetime
import os

import pytest
from simulation.checks import Reader
from simulation.world import simulate

from daemon.core.decide import stages
from daemon.fleet.heart import Timers
from daemon.log.store import LogInLoop
from schema import events as e

TODAY = int(os.environ.get("SEED", datetime.datetime.now(datetime.UTC).toordinal() * 20 % 1_000_000))
ROTATING = range(TODAY, TODAY + 20)
"""Others every day."""


def _check(seed: int, hours: float):
    report = simulate(seed, hours)
    assert report.found == [], f"seed {seed}: {report.found[:5]}"
    return report


@pytest.mark.parametrize("seed", range(3))
def test_an_hour_of_misfortune(seed):
    report = _check(seed, 1.0)

    assert report.events > 300
    assert report.crashes > 0


@pytest.mark.parametrize("seed", ROTATING)
def test_a_while_of_misfortune_that_nobody_has_seen_yet(seed):
    _check(seed, 0.25)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 300))
def test_ten_hours_of_misfortune(seed):
    _check(seed, 10.0)


def test_the_same_seed_is_the_same_log():
    one, two = simulate(7, 0.5), simulate(7, 0.5)

    assert one.log == two.log
    assert one.hash == two.hash


@pytest.mark.slow
def test_everything_that_may_befall_a_fleet_does():
    """Else the seeds say less than they seem to."""
    seen = {type(envelope.event) for seed in (0, 1, 2, 8) for envelope in simulate(seed, 2.0).log}

    wanted = {
        e.NodePaired, e.NodeUnpaired, e.NodeRefused, e.NodeProbeStarted, e.NodeProbed, e.NodeBarred, e.LanePinned,
        e.NodeLost, e.NodeDrained, e.NodeResumed, e.NodeForgotten, e.LateResultRefused, e.StageLost, e.StageCancelled,
        e.StageFailed, e.JobParked, e.JobFailed, e.JobReopened, e.FilmFailed, e.CommandUndone, e.QueueModeChanged,
        e.JobDispatched, e.JobHeld,
    }  # fmt: skip
    assert wanted <= seen, wanted - seen


# Planted faults are found out ---------------------------------------------------------------------


class LyingLog(LogInLoop):
    """Says that a batch is durable before it is."""

    def append(self, batch):
        super().append(batch).add_done_callback(lambda done: done.cancelled() or done.exception())
        told = asyncio.get_running_loop().create_future()
        told.set_result(None)
        return told

    def crash(self):
        super().crash()
        return LyingLog(connection=self._db, commit_delay=self._delay)


def _is_found_out(words: str, hours: float = 1.0, seeds: int = 20, **parts) -> bool:
    """Whether a violation of that kind comes up within so many seeds."""
    return any(words in sentence for seed in range(seeds) for sentence in simulate(seed, hours, **parts).found)


def test_without_fencing_it_is_found_out(monkeypatch):
    real = stages.verdict

    def credulous(state, at):
        verdict = real(state, at)
        return "accept" if at.job in state.jobs and verdict in ("fenced", "closed") else verdict

    monkeypatch.setattr(stages, "verdict", credulous)

    assert _is_found_out("accepted after a newer assignment")


def test_acknowledging_before_the_commit_is_found_out():
    assert _is_found_out("was acknowledged at seq", make_log=LyingLog)


def test_retrying_without_a_key_is_found_out():
    assert _is_found_out("submitted twice", keyed=False)


def test_waiting_for_a_dead_node_for_ever_is_found_out():
    assert _is_found_out("not all work ended", timers=Timers(lost=1e9))


# The checker itself -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def honest() -> list[e.Envelope]:
    return list(simulate(3, 1.0).log)


def _without(log: list[e.Envelope], kind: type, number: int = -1) -> list[str]:
    """What is found once one event of that kind has become one that says nothing."""
    at = [n for n, envelope in enumerate(log) if isinstance(envelope.event, kind)][number]
    nothing = e.NothingChanged(command="test")
    changed = [*log[:at], _with(log[at], nothing), *log[at + 1 :]]
    return Reader().read(changed).found


def _with(envelope: e.Envelope, event: e.Event) -> e.Envelope:
    return e.Envelope(seq=envelope.seq, at=envelope.at, epoch=envelope.epoch, actor=envelope.actor, event=event)


def test_an_honest_log_has_nothing_to_find(honest):
    assert Reader().read(honest).found == []


@pytest.mark.parametrize("kind", [e.NodePaired, e.NodeProbed, e.NodeProbeStarted, e.NodeJoined, e.JobSubmitted])
def test_an_event_that_is_missing_is_missed(honest, kind):
    with_it = 0 if kind is not e.NodeJoined else 1
    with contextlib.suppress(KeyError):  # What follows makes no sense at all: that is found too.
        assert _without(honest, kind, with_it)
