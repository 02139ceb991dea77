"""Films and results folders on a bad day: a full disk, and a log that is not the one they were made from."""

import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon import results as results_module
from daemon.films import Films
from daemon.ledger import Committed
from daemon.results import Results
from schema import events as e
from schema.observations import FilmBroke
from schema.plans import FilmSpec

SECONDS = 20


def envelope(seq: int, event: e.Event) -> e.Envelope:
    return e.Envelope(seq=seq, at=1.0, epoch=1, actor="daemon", event=event)


async def batches(*envelopes: e.Envelope):
    for one in envelopes:
        yield Committed((one,))
    await asyncio.Event().wait()


class Ledger:
    def __init__(self) -> None:
        self.observed: asyncio.Queue[object] = asyncio.Queue()

    async def observe(self, observation, actor="daemon", cause=None) -> None:
        self.observed.put_nowait(observation)


class Past:
    """Of a log with these envelopes."""

    def __init__(self, *log: e.Envelope) -> None:
        self._log = log

    async def read(self, after: int, limit: int) -> tuple[e.Envelope, ...]:
        return tuple(one for one in self._log if one.seq > after)[:limit]

    async def run(self, run):
        return SimpleNamespace(id=run, spec=SimpleNamespace(film=FilmSpec()))

    async def jobs_of(self, run):
        return ()


@pytest.fixture
async def started():
    """Runs what it is given until the test ends; what breaks breaks the test."""
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[None]] = []
        yield lambda work: tasks.append(group.create_task(work))
        for task in tasks:
            task.cancel()


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """The runs whose manifest was written, in order."""
    runs: list[str] = []
    monkeypatch.setattr(results_module, "write_manifest", lambda root, run, jobs, path_of, links: runs.append(run.id))
    return runs


def results(past: Past, folder: Path) -> Results:
    return Results(past, folder / "results", lambda sha: folder / sha, folder / "results.seq", links=True)


async def test_a_film_that_has_no_room_is_told_to_the_ledger(started, tmp_path):
    async def make(frames, spec, out):
        raise AssertionError("it was never begun")

    ledger = Ledger()
    (tmp_path / "file").write_text("where a folder should be made")
    films = Films(ledger, Past(), Path, None, make, lambda: "f1", tmp_path / "file" / "films")
    started(films.run(batches(envelope(7, e.FilmStarted(run="run")))))
    broke = await asyncio.wait_for(ledger.observed.get(), SECONDS)
    assert isinstance(broke, FilmBroke) and (broke.run, broke.token) == ("run", 7)


async def test_a_cursor_that_the_full_disk_does_not_take_stops_nothing(started, written, monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(results_module, "write_whole", full)
    ended = [envelope(seq, e.RunFinished(run=f"run{seq}")) for seq in (1, 2)]
    made = results(Past(), tmp_path)
    started(made.run(batches(*ended)))
    await asyncio.wait_for(made.reached(2), SECONDS)
    assert written == ["run1", "run2"]


async def test_what_the_full_disk_did_not_take_is_written_after_the_next_start(started, written, monkeypatch, tmp_path):
    room = results_module.write_manifest

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    ended = [envelope(seq, e.RunFinished(run=f"run{seq}")) for seq in (1, 2)]
    monkeypatch.setattr(results_module, "write_manifest", full)
    first = results(Past(), tmp_path)
    started(first.run(batches(ended[0])))
    await asyncio.wait_for(first.reached(1), SECONDS)
    monkeypatch.setattr(results_module, "write_manifest", room)
    second = results(Past(ended[0]), tmp_path)
    started(second.run(batches(ended[1])))
    await asyncio.wait_for(second.reached(2), SECONDS)
    assert written == ["run1", "run2"]


async def test_a_cursor_beyond_the_log_is_another_logs(started, written, tmp_path):
    """The log was restored from a backup, or begun anew."""
    (tmp_path / "results.seq").write_text("500")
    made = results(Past(envelope(1, e.RunFinished(run="old"))), tmp_path)
    started(made.run(batches(envelope(2, e.RunFinished(run="new")))))
    await asyncio.wait_for(made.reached(2), SECONDS)
    assert written == ["old", "new"]
