"""What the Learn area knows: asked for when it is looked at, and again when verdicts or runs have changed.

Nothing here draws but through `draw`. What a person was shown is told to the daemon, once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

import msgspec

from schema.errors import NoDaemon, Refused
from schema.experiments import LearningRunResult, LearningRunRow, Proposal
from schema.insights import Insights, PackInsight, Report, TrackRecord, Withdrawn
from schema.requests_learning import LearnStatus, SuggestionShown
from tui.background import begin
from tui.link import learn
from tui.link.ask import Told
from tui.live import Change, Live
from tui.screens.area import AreaScreen
from tui.screens.listarea import SETTLED
from tui.widgets.lessontabs import Tab
from tui.widgets.lessonwords import surest

if TYPE_CHECKING:
    from textual.timer import Timer

Found = TypeVar("Found")

PAUSE, PAUSE_REMOTE = 1.0, 3.0
"""Seconds at least between two looks at the counts, here and over SSH; never more than a quarter of the time."""


class Lessons(AreaScreen):
    area: ClassVar[str] = "learn"

    def __init__(self) -> None:
        super().__init__()
        self.tab: Tab = "insights"
        self.status: LearnStatus | None = None
        self.insights: Insights | None = None
        self.proposals: tuple[Proposal, ...] = ()
        self.suggestions: tuple[SuggestionShown, ...] = ()
        self.runs: tuple[LearningRunRow, ...] | None = None
        """None: not asked for yet."""
        self.results: dict[str, LearningRunResult] = {}
        self.report: Report | None = None
        self.track: TrackRecord | None = None
        self.profiles: tuple[PackInsight, ...] = ()
        self.lost: dict[str, Withdrawn] = {}
        """Claims that were taken back since this program began, until the person has put them away."""
        self.as_of = ""
        """A date, an age or a seq; empty: now."""
        self.fault = ""
        self._told: set[tuple[str, str]] = set()
        """Claims by key and strength, withdrawals by key, that the daemon knows to have been seen."""
        self._stale = self._reading = False
        self._all_stale = False
        self._settling: Timer | None = None

    @property
    def gone_by(self) -> bool:
        """Whether what is shown is of then: there is nothing to be told of it, and nothing to be done about it."""
        return bool(self.as_of) or self.home.past

    def draw(self) -> None:
        """Everything again, as it is known now."""

    def draw_closely(self, *, keep_place: bool) -> None:
        """What is known of the one under the cursor."""

    def under_cursor(self) -> PackInsight | None:
        return None

    def experiment(self) -> LearningRunRow | None:
        return None

    # When to look -----------------------------------------------------------------------------------

    def told(self, live: Live, change: Change) -> None:
        """A picture in the news may have got another verdict, which no count tells."""
        super().told(live, change)
        head = self.status.seq if self.status is not None else -1
        if live.linked and (change.everything or live.scene.head != head):
            self.look_again(everything=self.status is None or change.everything or bool(change.images))

    def look_again(self, *, everything: bool = False) -> None:
        """Soon, and not more often than it may; what is shown stays until then."""
        self._stale, self._all_stale = True, self._all_stale or everything
        if not self._reading:
            self._reading = True
            begin(self, self._look_again, group="lessons")

    async def _look_again(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._stale:
                everything, self._stale, self._all_stale = self._all_stale, False, False
                began = clock()
                await self._read(everything=everything)
                pause = PAUSE_REMOTE if self.home.remote else PAUSE
                await asyncio.sleep(max(pause, 3 * (clock() - began)))
        finally:
            self._reading = False

    async def _read(self, *, everything: bool) -> None:
        was = self.status
        now = await self.asked(partial(learn.status, self.home.asker))
        if now is None:
            self.draw()
            return
        self.status = now
        if everything or was is None or differs(was, now):
            if self.tab == "report":
                await self.read_report()
            await self.read_insights()
        if everything or self.tab == "experiments" or was is None or was.runs != now.runs:
            await self.read_runs()
        self.draw()

    async def asked(self, ask: Callable[[], Awaitable[Found]]) -> Found | None:
        """The answer; None and `fault` where there is none."""
        try:
            found = await ask()
        except Refused as e:
            self.fault = e.told()
        except NoDaemon:
            self.fault = ""
        else:
            self.fault = ""
            return found
        return None

    # What is read -----------------------------------------------------------------------------------

    async def read_insights(self) -> None:
        asker = self.home.asker
        found = await self.asked(partial(learn.insights, asker, as_of=self.as_of))
        if found is None:
            return
        self.insights = found
        if not self.gone_by:
            self.lost |= {one.key: one for pack in found.packs for one in pack.withdrawn}
        self.draw()
        if (listed := await self.asked(partial(learn.suggestions, asker))) is not None:
            self.suggestions = listed.items
        await self.read_proposals()

    async def read_proposals(self) -> None:
        """Of the pack under the cursor; what else is proposed where none is."""
        pack = self.under_cursor()
        name = pack.pack if pack is not None and self.tab == "insights" else ""
        if (found := await self.asked(partial(learn.proposals, self.home.asker, name))) is not None:
            self.proposals = found.items
            self.draw()

    async def read_runs(self) -> None:
        if (found := await self.asked(partial(learn.runs, self.home.asker))) is not None:
            self.runs = found.items
            self.draw()
            await self.read_result()

    async def read_experiments(self) -> None:
        """With what is proposed of whichever pack."""
        await self.read_runs()
        await self.read_proposals()

    async def read_result(self) -> None:
        row = self.experiment()
        if row is None or (self.tab != "experiments"):
            return
        known = self.results.get(row.run)
        if known is None or known.row != row:
            found = await self.asked(partial(learn.result, self.home.asker, row.run))
            if found is not None:
                self.results[row.run] = found
                self.draw()

    async def read_report(self) -> None:
        if (found := await self.asked(partial(learn.report, self.home.asker))) is not None:
            self.report = found
        self.track = await self.asked(partial(learn.track, self.home.asker)) or self.track
        if (styles := await self.asked(partial(learn.profiles, self.home.asker))) is not None:
            self.profiles = styles.packs
        self.draw()

    def look_closely(self) -> None:
        """The cursor stands on another one: once it stands still, that is drawn, and asked about."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, self._settled)

    def _settled(self) -> None:
        self.draw_closely(keep_place=False)
        begin(self, self._closely, group="closely", exclusive=True)

    async def _closely(self) -> None:
        await (self.read_result() if self.tab == "experiments" else self.read_proposals())

    # What was seen ----------------------------------------------------------------------------------

    def saw(self, whole: PackInsight | None, listed: Sequence[PackInsight]) -> None:
        """On the screen are all claims of `whole`, the surest one of each that is `listed`, and what was taken back."""
        found = self.insights
        if found is None or self.as_of or self.home.readonly or not self.is_current:
            return
        said = {id(one): (surest(one),) if one.claims else () for one in listed}
        parts = [
            one if one is whole else msgspec.structs.replace(one, claims=said.get(id(one), ())) for one in found.packs
        ]
        fresh = {mark for part in parts for mark in marks_of(part)} - self._told
        if fresh:
            gone = {one.key for part in parts for one in part.withdrawn}
            self._told = {mark for mark in self._told if mark[0] not in gone} | fresh
            begin(self, partial(self._saw, found, [only(part, fresh) for part in parts], fresh), group="told")

    async def _saw(self, found: Insights, parts: Sequence[PackInsight], fresh: set[tuple[str, str]]) -> None:
        try:
            await learn.tell(self.home.asker, found, parts)
        except (Refused, NoDaemon):
            self._told -= fresh  # seen again, it is told again

    def put_away(self) -> bool:
        """What was taken back has been read. False: nothing was."""
        had, self.lost = bool(self.lost), {}
        return had

    # What follows from it ---------------------------------------------------------------------------

    def suggestions_of(self, pack: str) -> list[SuggestionShown]:
        return [one for one in self.suggestions if one.suggestion.pack == pack]

    def proposed(self) -> Sequence[Proposal]:
        """Those of the pack under the cursor; in the list of experiments all."""
        pack = self.under_cursor()
        if self.tab == "experiments" or pack is None:
            return self.proposals
        return [one for one in self.proposals if one.pack == pack.pack]

    async def answer(self, ask: Callable[[], Awaitable[Told]]) -> Told | None:
        """Of a wish: None after a toast that says why it was not done."""
        with suppress(NoDaemon):
            try:
                return await ask()
            except Refused as e:
                self.home.say(e.told(), bad=True)
                return None
        self.home.say("The daemon does not answer; whether it was done is seen when it is back.", bad=True)
        return None


def differs(was: LearnStatus, now: LearnStatus) -> bool:
    """Whether other things follow from the log than did before."""
    return (was.ratings, was.packs, was.shown, was.adopted, was.suggestions, was.imported, was.mode) != (
        now.ratings, now.packs, now.shown, now.adopted, now.suggestions, now.imported, now.mode)  # fmt: skip


def marks_of(pack: PackInsight) -> set[tuple[str, str]]:
    claims: set[tuple[str, str]] = {(claim.key, claim.strength) for claim in pack.claims}
    return claims | {(one.key, f"back {one.shown}") for one in pack.withdrawn}


def only(pack: PackInsight, fresh: set[tuple[str, str]]) -> PackInsight:
    """The pack with what of it was not seen before."""
    return msgspec.structs.replace(
        pack,
        claims=tuple(claim for claim in pack.claims if (claim.key, claim.strength) in fresh),
        withdrawn=tuple(one for one in pack.withdrawn if (one.key, f"back {one.shown}") in fresh),
    )
