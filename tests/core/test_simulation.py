"""Whole evenings in virtual time, with crashes and lost messages: what was acknowledged is there, and once."""

import asyncio

import pytest
from simulation.world import simulate

from daemon.core.decide import stages
from daemon.log.store import LogInLoop


def _check(seed: int, hours: float):
    report = simulate(seed, hours)
    assert report.found == [], f"seed {seed}: {report.found[:5]}"
    return report


@pytest.mark.parametrize("seed", range(5))
def test_an_hour_of_misfortune(seed):
    report = _check(seed, 1.0)

    assert report.events > 300


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 150))
def test_ten_hours_of_misfortune(seed):
    _check(seed, 10.0)


def test_the_same_seed_is_the_same_log():
    one, two = simulate(7, 0.5), simulate(7, 0.5)

    assert one.log == two.log
    assert one.hash == two.hash


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


def _is_found_out(words: str, seeds: int = 20, **parts) -> bool:
    """Whether a violation of that kind comes up within so many seeds."""
    return any(words in sentence for seed in range(seeds) for sentence in simulate(seed, 1.0, **parts).found)


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
