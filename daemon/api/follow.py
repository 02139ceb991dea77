"""`GET /v1/follow`: how jobs or runs come along, as lines of JSON, until all of them have ended.

A job that needs attention counts as ended here: nobody should wait for a person who waits for them.
"""

import asyncio
from collections import Counter
from typing import Literal

import msgspec
from aiohttp import web

from daemon.api.files import files_of
from daemon.api.house import House
from daemon.api.news import News, listening
from daemon.api.told import line
from daemon.ledger.mail import Committed
from daemon.views.watch import Watched
from schema.errors import Refused
from schema.events import (
    Envelope,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobParked,
    JobPhase,
    JobReopened,
    RunFinished,
    RunReopened,
)  # fmt: skip
from schema.ids import JobId, RunId, run_of
from schema.scenes import RunningJob

LEAST_SECONDS = 0.25
MOST_SECONDS = 5.0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    jobs: int
    finished: int
    failed: int
    cancelled: int
    attention: int
    eta_s: float | None
    running: tuple[RunningJob, ...]
    film: Literal["none", "waiting", "making"]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """`failed` counts jobs that need attention. Of several runs, or of jobs alone, the fields of a run are null."""

    run: RunId | None
    plan_hash: str | None
    seed: int | None
    jobs: int
    finished: int
    failed: int
    cancelled: int
    folder: str | None
    manifest: str | None
    video: str | None


class ProgressLine(msgspec.Struct, frozen=True):
    progress: Progress


class DoneLine(msgspec.Struct, frozen=True):
    done: Done


Line = ProgressLine | DoneLine


class Tally:
    """Where each selected job is: as the views had it, then as events tell."""

    def __init__(self, watched: Watched) -> None:
        self._seq = watched.seq
        self.jobs = dict(watched.jobs)
        self._named = frozenset(watched.runs)
        self._unfinished = set(watched.unfinished)
        self.counts = Counter(self.jobs.values())
        self.runs = {run_of(job) for job in self.jobs}

    def __contains__(self, job: JobId) -> bool:
        return job in self.jobs

    @property
    def over(self) -> bool:
        """Every job has ended, and every run that was named has its film and its counts."""
        ended = sum(self.counts[phase] for phase in ("finished", "failed", "cancelled", "attention"))
        return ended >= len(self.jobs) and not self._unfinished

    def take(self, envelope: Envelope) -> None:
        if envelope.seq <= self._seq:
            return
        match envelope.event:
            case JobFinished(job=job):
                self._now(job, "finished")
            case JobFailed(job=job):
                self._now(job, "failed")
            case JobCancelled(job=job):
                self._now(job, "cancelled")
            case JobParked(job=job):
                self._now(job, "attention")
            case JobReopened(job=job):
                self._now(job, "queued")
            case RunFinished(run=run):
                self._unfinished.discard(run)
            case RunReopened(run=run) if run in self._named:
                self._unfinished.add(run)
            case _:
                pass

    def _now(self, job: JobId, phase: JobPhase) -> None:
        if job in self.jobs:
            self.counts[self.jobs[job]] -= 1
            self.counts[phase] += 1
            self.jobs[job] = phase


async def serve(house: House, request: web.Request) -> web.StreamResponse:
    names = request.query.getall("select", [])
    if not names:
        raise Refused("nothing is selected.", where="select", remedy="Name jobs, runs or a filter.")
    early: list[Envelope] = []
    tally: Tally | None = None

    def take(batch: Committed) -> None:
        if tally is None:
            early.extend(batch.envelopes)
            return
        for envelope in batch.envelopes:
            tally.take(envelope)

    async with listening(house.ledger, take) as news:
        await house.views.shown(house.ledger.durable)
        watched = await house.views.watched(names)
        tally = Tally(watched)
        for envelope in early:
            tally.take(envelope)
        early.clear()
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        if await _until_over(house, tally, news, response):
            run = watched.runs[0] if len(names) == len(watched.runs) == 1 else None
            await response.write(line(DoneLine(await _done(house, tally, run))))
    await response.write_eof()
    return response


async def _until_over(house: House, tally: Tally, news: News, response: web.StreamResponse) -> bool:
    """One line at least. False: the daemon stopped before the end."""
    clock = asyncio.get_running_loop().time
    shown: Progress | None = None
    shown_at = float("-inf")
    while True:
        if news.over or house.condition() == "stopping":
            return False
        now = clock()
        progress = _progress(house, tally)
        if now - shown_at >= (LEAST_SECONDS if progress != shown else MOST_SECONDS):
            await response.write(line(ProgressLine(progress)))
            shown, shown_at = progress, now
        if tally.over:
            return True
        if house.moment is not None and house.moment.asked:
            return False  # the past does not go on
        await news.wait(LEAST_SECONDS)


def _progress(house: House, tally: Tally) -> Progress:
    scene = house.ledger.scene()
    runs = [run for run in scene.runs if run.run in tally.runs]
    etas = [run.eta_s for run in runs if run.eta_s is not None]
    return Progress(
        jobs=len(tally.jobs),
        finished=tally.counts["finished"],
        failed=tally.counts["failed"],
        cancelled=tally.counts["cancelled"],
        attention=tally.counts["attention"],
        eta_s=max(etas, default=None),
        running=tuple(job for job in scene.running if job.job in tally),
        film=runs[0].film if len(runs) == 1 else "none",
    )


async def _done(house: House, tally: Tally, run: RunId | None) -> Done:
    """Of a run: after its results folder and its manifest were written."""
    durable = house.ledger.durable
    await house.views.reached(durable)
    await house.results_reached(durable)
    record = None if run is None else await house.views.run(run)
    manifest, video = (None, None) if record is None else await asyncio.to_thread(files_of, house, record)
    return Done(
        run=run,
        plan_hash=record.spec.plan_hash if record else None,
        seed=record.spec.seed if record else None,
        jobs=len(tally.jobs),
        finished=tally.counts["finished"],
        failed=tally.counts["failed"] + tally.counts["attention"],
        cancelled=tally.counts["cancelled"],
        folder=record.row.folder if record else None,
        manifest=manifest,
        video=video,
    )
