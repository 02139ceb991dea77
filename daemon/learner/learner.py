"""The learning part as the routes ask it (`daemon.api.lessons.LearningDoor`): one question at a time, off the loop.

A verdict is only noted here; what follows from it is computed when somebody asks, or shortly after the last of many.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from daemon.api.lessons import InboxAsked
from daemon.core.folds.learning import after
from daemon.learner import adopting, packing
from daemon.learner.asking import Asker
from daemon.learner.counts import counted
from daemon.learner.desk import Desk
from daemon.learner.experiments import result_of
from daemon.learner.lab import Lab, packs_of, seconds_of
from daemon.ledger.mail import Committed
from daemon.records.bundle import Material
from daemon.records.flat import lines, verdicts
from daemon.views.read_views import ReadViews
from daemon.views.select import NotFound
from schema import events as e
from schema.commands import AdoptAdvice
from schema.errors import Refused
from schema.experiments import Duel, LearningRunResult, Proposal
from schema.ids import RunId, Seq
from schema.insights import ALGORITHM, Insights, Report, TrackRecord
from schema.lessons import Lessons, Shown, Suggestion
from schema.pages import ImageRow, JobRecord, Page
from schema.plans import Scalar
from schema.records import Settings
from schema.requests_learning import (
    AdoptRequest,
    Favourites,
    LearningRuns,
    LearnStatus,
    Mixes,
    MixesRequest,
    Proposals,
    Question,
    QuestionRequest,
    Suggestions,
)

log = logging.getLogger(__name__)

QUIET_SECONDS = 2.0
"""Without another verdict, until insights are made anew: a person who rates is not slowed down."""

VERDICTS = (
    e.ImageRated, e.ImageTagged, e.RunRated, e.ImagesCompared, e.ComparisonTakenBack, e.RecordsImported,
    e.RecordsForgotten,
)  # fmt: skip


class Door(Protocol):
    """The ledger, as far as this needs it."""

    @property
    def durable(self) -> int: ...
    @property
    def lessons(self) -> Lessons: ...


class Learner:
    def __init__(
        self,
        views: ReadViews,
        door: Door,
        *,
        seq_at: Callable[[str], int],
        lab: Lab | None = None,
        asker: Asker | None = None,
        check: Callable[[Settings], None] = lambda settings: None,
        quiet: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.time,
        version: str = "",
        salt: Path | None = None,
    ) -> None:
        """`seq_at`: the seq of a WHEN, slow, raises Refused; `lab`: who designs experiments; `asker`: who asks
        a language model; `check`: refuses settings that no stage has; `salt`: where the salt of bundles is kept."""
        self._views, self._door, self._seq_at, self._check, self._quiet = views, door, seq_at, check, quiet
        self._lab, self._asker, self._clock, self._version, self._salt = lab, asker, clock, version, salt
        self._lock = asyncio.Lock()
        self._desk: Desk | None = None
        self._past: tuple[int, Desk] | None = None
        """The seq that was asked about last, of those that have passed."""
        self._fresh = asyncio.Event()
        self._proposal: Proposal | None = None

    # Insights ---------------------------------------------------------------------------------------

    async def insights(self, pack: str = "", as_of: str = "", algorithm: int | None = None) -> Insights:
        wanted = ALGORITHM if algorithm is None else algorithm
        async with self._lock:
            if as_of:
                return await self._of_then(pack, await asyncio.to_thread(self._seq_at, as_of), wanted)
            return await self._of_now(pack, wanted)

    async def _of_now(self, pack: str, algorithm: int) -> Insights:
        desk = await self._up_to_date()
        return await asyncio.to_thread(desk.insights, pack, self._door.lessons.shown, algorithm)

    async def _of_then(self, pack: str, seq: int, algorithm: int) -> Insights:
        """As it would have been said then: only what the log held up to that seq has a say."""
        if self._past is None or self._past[0] != seq:
            desk = await asyncio.to_thread(Desk)
            if seq:
                await asyncio.to_thread(desk.take, await self._views.verdicts(upto=seq))
            self._past = seq, desk
        shown = await self._shown_by(seq)
        made = await asyncio.to_thread(self._past[1].insights, pack, shown, algorithm)
        return msgspec.structs.replace(made, seq=Seq(seq))

    async def _shown_by(self, seq: int) -> Mapping[str, Shown]:
        lessons = Lessons()
        for lesson in await self._views.lessons(seq):
            lessons = after(lessons, lesson.event, lesson.at)
        return lessons.shown

    async def _up_to_date(self) -> Desk:
        """With all verdicts that the views hold. The lock is held."""
        if self._desk is None:
            self._desk = await asyncio.to_thread(Desk)
        if self._desk.seq < self._views.seq:
            news = await self._views.verdicts(after=self._desk.seq)
            await asyncio.to_thread(self._desk.take, news)
        return self._desk

    async def report(self) -> Report:
        async with self._lock:
            desk = await self._up_to_date()
            return await asyncio.to_thread(desk.report)

    async def track(self) -> TrackRecord:
        lessons = await self._views.lessons(self._views.seq)
        async with self._lock:
            now = await self._of_now("", ALGORITHM)
            return await asyncio.to_thread((await self._up_to_date()).track, lessons, now)

    async def profiles(self) -> Insights:
        async with self._lock:
            desk = await self._up_to_date()
            return await asyncio.to_thread(desk.profiles)

    # Counts, and what waits -------------------------------------------------------------------------

    async def status(self) -> LearnStatus:
        lessons, waiting = self._door.lessons, await self._views.waiting()
        latest = self._desk.latest if self._desk is not None else None
        proposal = self._proposal if lessons.mode == "active" else None
        return counted(lessons, waiting, await self._views.taught(), Seq(self._views.seq), latest, proposal)

    async def inbox(self, asked: InboxAsked) -> Page[ImageRow]:
        return await self._views.inbox(asked.pack, asked.run, asked.offset, asked.limit)

    async def duel(self, pack: str = "", without: frozenset[frozenset[str]] = frozenset()) -> Duel | None:
        pair = await self._views.pair(pack, without)
        if pair is None:
            return None
        why = "Rated alike, made differently." if pair.rated else "The same prompt and seed, made differently."
        return Duel(left=pair.left, right=pair.right, left_job=pair.left_job, right_job=pair.right_job, why=why)

    async def favourites(self, runs: int, by: Literal["rating", "uses"]) -> Favourites:
        items, found = await self._views.favourites(runs, by)
        return Favourites(items=items, total=len(items), by=by, runs=found)

    # Experiments ------------------------------------------------------------------------------------

    async def proposals(self, pack: str = "") -> Proposals:
        lab = self._designs()
        rated = [pack for pack, _, _ in await self._views.taught() if pack]
        packs = (pack,) if pack else await packs_of(self._views, rated)
        seconds = {one: await seconds_of(self._views, one) for one in packs}
        async with self._lock:
            desk = await self._up_to_date()
            items = await asyncio.to_thread(lab.proposals, desk, packs, seconds)
        return Proposals(items=items, total=len(items))

    async def mixes(self, asked: MixesRequest) -> Mixes:
        lab = self._designs()
        async with self._lock:
            desk = await self._up_to_date()
            return await asyncio.to_thread(lab.mixes, desk, asked.run, asked.images)

    def _designs(self) -> Lab:
        if self._lab is None:
            raise Refused("nobody here designs experiments.")
        return self._lab

    async def runs(self) -> LearningRuns:
        items = await self._views.learning_runs()
        return LearningRuns(items=items, total=len(items))

    async def result(self, run: RunId) -> LearningRunResult:
        rows = {row.run: row for row in await self._views.learning_runs()}
        if run not in rows:
            raise NotFound(f"{run} is no learning run.", remedy="`stablenew learn list` shows those that are.")
        async with self._lock:
            desk = await self._up_to_date()
            return await asyncio.to_thread(result_of, desk, rows[run], self._door.lessons.shown)

    # What plans take over ---------------------------------------------------------------------------

    async def advised(self, asked: AdoptRequest) -> AdoptAdvice:
        insights = await self.insights(asked.pack) if {"preset", "cautious"} & set(asked.take) else None
        fed = await self._fed(asked.pack) if {"weights", "randomizer"} & set(asked.take) else None
        made = adopting.advised(asked, self._door.lessons, insights, fed, self._fits)
        self._check(made.now.settings)
        return made

    def _fits(self, name: str, value: Scalar) -> bool:
        try:
            self._check({name: value})
        except Refused:
            return False
        return True

    async def _fed(self, pack: str) -> adopting.Fed:
        async with self._lock:
            desk = await self._up_to_date()
            return await asyncio.to_thread(desk.fed, pack)

    async def suggestions(self) -> Suggestions:
        found = self._door.lessons.suggestions.values()
        items = [adopting.against(one, await self._current(one.pack)) for one in found]
        return Suggestions(items=tuple(items), total=len(items))

    async def _current(self, pack: str) -> Settings:
        """What the pack would be made with now; of what no plan says, what it was made with last, if that was rated."""
        presets = [one.preset for one in (await self.insights(pack)).packs if one.preset is not None]
        rated = presets[0].current if presets else {}
        return {**rated, **(await asyncio.to_thread(self._asker.now, pack) if self._asker else {})}

    async def checked(self, suggestions: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
        for one in suggestions:
            self._check(one.settings)
        return suggestions

    async def question(self, asked: QuestionRequest) -> Question:
        found = await self.insights(asked.pack)
        insight = adopting.pack_of(found, asked.pack) if found.packs else None
        return await asyncio.to_thread(self._asks().question, asked, insight)

    async def answered(self, job: JobRecord, pack: str) -> tuple[Suggestion, ...]:
        return await asyncio.to_thread(self._asks().answer, job, pack)

    def _asks(self) -> Asker:
        if self._asker is None:
            raise Refused("nobody here asks a language model.")
        return self._asker

    async def claim_key(self, beginning: str) -> str:
        shown = self._door.lessons.shown
        found = [key for key in shown if key == beginning] or [key for key in shown if key.startswith(beginning)]
        if len(found) != 1:
            raise NotFound(
                f"{'several claims are' if found else 'no claim is'} called '{beginning[:60]}'.",
                remedy="`stablenew learn insights --numbers` shows the name of each.",
            )
        return found[0]

    # Records ----------------------------------------------------------------------------------------

    async def records(self, after: int, *, whole: bool) -> AsyncIterator[bytes]:
        if whole:
            for one in await self._views.whole_records(after=after):
                yield lines((one,), whole=True)
            return
        news = (await self._views.verdicts(after=after)).records
        for record in news if after else verdicts(news):  # with what was taken back since
            yield lines((record,))

    async def bundle(self, redact: str, max_mb: float) -> bytes:
        bounds = packing.limits(redact, max_mb)
        insights, report = await self.insights(), await self.report()
        newest = await self._views.newest_records(insights.seq, packing.most_records(bounds))
        material = Material(
            seq=insights.seq,
            at=self._clock(),
            version=self._version,
            records=newest.records,
            older=newest.older,
            runs=await self._views.record_runs(upto=insights.seq),
            insights=insights,
            report=report,
        )
        return await asyncio.to_thread(packing.packed, material, self._salt, bounds)

    # As verdicts come in ----------------------------------------------------------------------------

    async def run(self, batches: AsyncIterator[Committed]) -> None:
        """Makes insights anew some time after verdicts have come in; never ends."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._refresh())
            async for batch in batches:
                if any(self._teaches(envelope.event) for envelope in batch.envelopes):
                    self._fresh.set()

    def _teaches(self, event: e.Event) -> bool:
        """While the program learns actively, it also thinks of what to try next."""
        active = self._door.lessons.mode == "active"
        return isinstance(event, VERDICTS) or (active and isinstance(event, e.RunFinished | e.LearningModeChanged))

    async def _refresh(self) -> None:
        while True:
            await self._fresh.wait()
            while self._fresh.is_set():  # many in a row are one
                self._fresh.clear()
                await asyncio.sleep(self._quiet)
            await self._views.reached(self._door.durable)
            try:
                await self.insights()
                if self._door.lessons.mode == "active":
                    self._proposal = next(iter((await self.proposals()).items), None)
            except Refused as refused:
                log.info("nothing is proposed: %s", refused.told())
            except (ArithmeticError, ValueError, LookupError, sqlite3.Error, OSError):  # the queue must not suffer
                log.exception("insights cannot be made")
