"""Keeps the results folders in step with the log: pictures, sidecars, manifest and film of every run.

Idempotent: what it did is told by a cursor file, and doing it again changes nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from daemon.artifacts.leaving import take_out
from daemon.artifacts.results import write_job, write_manifest, write_stage
from daemon.concerns import Concerns
from daemon.disk import write_whole
from daemon.ledger import Committed
from daemon.past import Past
from schema.errors import Refused, why
from schema.events import Envelope, JobFinished, PicturesDeleted, RunFinished, StageFinished
from schema.ids import ImageId, RunId, Sha256

log = logging.getLogger(__name__)

PAGE = 1000

AGAIN_SECONDS = 60.0
"""Until what could not be written is tried again."""

SUBJECT = "results"
"""Of the concern."""

TELLING = StageFinished | JobFinished | RunFinished | PicturesDeleted


class Results:
    def __init__(
        self,
        past: Past,
        root: Path,
        path_of: Callable[[Sha256], Path],
        cursor: Path,
        *,
        links: bool,
        concerns: Concerns | None = None,
    ) -> None:
        """`root` holds the runs' folders; `cursor` is the file that tells how far they are."""
        self._concerns = concerns or Concerns()
        self._past = past
        self._root = root
        self._path_of = path_of
        self._cursor = cursor
        self._links = links
        self._reached = 0
        self._unsaved = 0
        """Events since the cursor was written."""
        self._missed = False
        """Something could not be written: the cursor stays before it, so that it is done again."""
        self._one = asyncio.Lock()
        """Whoever writes, of those who follow and those who try again."""
        self._moved = asyncio.Condition()

    async def reached(self, seq: int) -> None:
        """Waits until everything up to `seq` stands in the results folders."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._reached >= seq)

    async def run(self, batches: AsyncIterator[Committed]) -> None:
        """Catches up from the cursor, then follows; never ends."""
        self._reached = await self._begin()
        while page := await self._past.read(self._reached, PAGE):
            await self._take(page)
        async with asyncio.TaskGroup() as group:
            again = group.create_task(self._keep_trying())
            async for batch in batches:
                async with self._one:
                    await self._take(tuple(e for e in batch.envelopes if e.seq > self._reached))
            again.cancel()

    async def _keep_trying(self) -> None:
        """What was missed while a disk was full, read-only or away, from the cursor on."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if self._missed:
                async with self._one:
                    await self.catch_up()

    async def catch_up(self) -> None:
        """Everything since the cursor once more, as far as it had come."""
        self._missed, upto = False, self._reached
        at = await self._begin()
        while at < upto and not self._missed and (page := await self._past.read(at, PAGE)):
            await self._take(tuple(envelope for envelope in page if envelope.seq <= upto))
            at = page[-1].seq
        if not self._missed:
            await self._save(upto)
            self._concerns.settle(SUBJECT)

    async def _begin(self) -> int:
        """The cursor; one that points beyond the log was another log's."""
        cursor = _read_cursor(self._cursor)
        return cursor if cursor > 0 and await self._past.read(cursor - 1, 1) else 0

    async def _take(self, envelopes: tuple[Envelope, ...]) -> None:
        if not envelopes:
            return
        told = [envelope for envelope in envelopes if isinstance(envelope.event, TELLING)]
        changed: dict[RunId, None] = {}
        for envelope in told:
            if isinstance(envelope.event, PicturesDeleted):
                changed.update(dict.fromkeys(await self._take_out(envelope.event.images)))
            else:
                await self._write(envelope)
        for run in changed:
            await self._rewrite(run)
        self._unsaved += len(envelopes)
        if (told or self._unsaved >= PAGE) and not self._missed:  # the others are looked at again in no time
            await self._save(envelopes[-1].seq)
        async with self._moved:
            self._reached = max(self._reached, envelopes[-1].seq)  # what is done again was there before
            self._moved.notify_all()

    async def _save(self, seq: int) -> None:
        try:
            await asyncio.to_thread(_write_cursor, self._cursor, seq)
            self._unsaved = 0
        except OSError as fault:  # what is done since is then looked at again
            log.error("how far the results folders are could not be written: %s", fault)

    async def _write(self, envelope: Envelope) -> None:
        match envelope.event:
            case StageFinished(job=job_id, stage=stage_id):
                job = await self._past.job(job_id)
                run = await self._past.run(job.run)
                stage = next(each for each in job.stages if each.id == stage_id)
                await self._in_thread(write_stage, run, job, stage)
            case JobFinished(job=job_id):
                job = await self._past.job(job_id)
                await self._in_thread(write_job, await self._past.run(job.run), job)
            case RunFinished(run=run_id):
                jobs = await self._past.jobs_of(run_id)
                await self._in_thread(write_manifest, await self._past.run(run_id), jobs)
            case _:
                pass

    async def _take_out(self, images: Sequence[ImageId]) -> tuple[RunId, ...]:
        """Their files and sidecars go; the runs they are of."""
        rows = await self._past.deleted_rows(images)
        try:
            await asyncio.to_thread(take_out, self._root, rows)
        except OSError as fault:
            self._miss(f"Deleted pictures still lie in {self._root}: {why(fault)}.")
        return tuple(row.run for row in rows)

    async def _rewrite(self, run: RunId) -> None:
        """A manifest that was written names what is there now."""
        record = await self._past.run(run)
        if record.row.state == "finished" and record.spec.folder and (self._root / record.spec.folder).is_dir():
            await self._in_thread(write_manifest, record, await self._past.jobs_of(run))

    async def _in_thread(self, write: Callable[..., object], *records: object) -> None:
        """A results folder that cannot be written stops nothing: it is written when that is possible again."""
        try:
            await asyncio.to_thread(write, self._root, *records, self._path_of, links=self._links)
        except (OSError, Refused) as fault:
            self._miss(f"Results could not be written in {self._root}: {why(fault)}.")

    def _miss(self, sentence: str) -> None:
        self._missed = True
        self._concerns.tell(SUBJECT, f"{sentence} It is tried again; the pictures themselves are safe in the store.")


def _read_cursor(path: Path) -> int:
    """0 where there is none or it cannot be read: everything is then looked at once more."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _write_cursor(path: Path, seq: int) -> None:
    write_whole(path, str(seq).encode(), sync=False)
