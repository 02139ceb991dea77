"""Keeps the results folders in step with the log: pictures, sidecars, manifest and film of every run.

Idempotent: what it did is told by a cursor file, and doing it again changes nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from daemon.ledger import Committed
from schema.events import Envelope, JobFinished, RunFinished, StageFinished
from schema.ids import JobId, RunId, StageId, run_of
from schema.pages import JobRecord, RunRecord

log = logging.getLogger(__name__)

PAGE = 1000


class Past(Protocol):
    """What is asked of the log and the views; records wait until the views have reached what is committed."""

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]: ...
    async def run(self, run: RunId) -> RunRecord: ...
    async def job(self, job: JobId) -> JobRecord: ...
    async def jobs_of(self, run: RunId) -> tuple[JobRecord, ...]: ...


class Folder(Protocol):
    """What writes; see daemon.artifacts.results."""

    def stage(self, run: RunRecord, job: JobRecord, stage: StageId) -> None: ...
    def job(self, run: RunRecord, job: JobRecord) -> None: ...
    def manifest(self, run: RunRecord, jobs: Iterable[JobRecord]) -> Path: ...


class Results:
    def __init__(
        self,
        past: Past,
        folder: Folder,
        cursor: Path,
        follow: Callable[[], AbstractAsyncContextManager[AsyncIterator[Committed]]],
    ) -> None:
        self._past = past
        self._folder = folder
        self._cursor = cursor
        self._follow = follow
        self._reached = 0
        self._moved = asyncio.Condition()

    async def reached(self, seq: int) -> None:
        """Waits until everything up to `seq` stands in the results folders."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._reached >= seq)

    async def run(self) -> None:
        """Catches up from the cursor, then follows; never ends."""
        async with self._follow() as batches:
            self._reached = _read_cursor(self._cursor)
            while page := await self._past.read(self._reached, PAGE):
                await self._take(page)
            async for batch in batches:
                await self._take(tuple(e for e in batch.envelopes if e.seq > self._reached))

    async def _take(self, envelopes: tuple[Envelope, ...]) -> None:
        if not envelopes:
            return
        for envelope in envelopes:
            await self._write(envelope)
        await asyncio.to_thread(_write_cursor, self._cursor, envelopes[-1].seq)
        async with self._moved:
            self._reached = envelopes[-1].seq
            self._moved.notify_all()

    async def _write(self, envelope: Envelope) -> None:
        event = envelope.event
        match event:
            case StageFinished(job=job, stage=stage):
                record = await self._past.job(job)
                await asyncio.to_thread(self._folder.stage, await self._past.run(run_of(job)), record, stage)
            case JobFinished(job=job):
                record = await self._past.job(job)
                await asyncio.to_thread(self._folder.job, await self._past.run(run_of(job)), record)
            case RunFinished(run=run):
                jobs = await self._past.jobs_of(run)
                await asyncio.to_thread(self._folder.manifest, await self._past.run(run), jobs)
            case _:
                pass


def _read_cursor(path: Path) -> int:
    """0 where there is none or it cannot be read: everything is then looked at once more."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _write_cursor(path: Path, seq: int) -> None:
    beside = path.with_suffix(".tmp")
    beside.write_text(str(seq))
    beside.replace(path)
