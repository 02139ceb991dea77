"""The queue by run: how far each is and when it is done; unfolded, its jobs stand below it."""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.errors import NoDaemon, Refused
from schema.forecast import Forecast
from schema.ids import RunId
from schema.pages import JobRecord, Page, RunRow
from schema.scenes import Row, RunScene
from tui.background import begin
from tui.filterwords import RUN_STATES
from tui.keys import bindings, of, pressed
from tui.live import Change, Live
from tui.screens.beside import BROAD
from tui.screens.details import Details
from tui.screens.queue import TABS
from tui.screens.queuewishes import JobWishes
from tui.screens.why import explained, forecast_of
from tui.widgets import jobcard, runcard
from tui.widgets.forest import Branch, More
from tui.widgets.pages import PAGE
from tui.widgets.panel import refused
from tui.widgets.runtree import RunTree

BELOW = 200
"""Jobs that are listed below their run; all of them are one key away."""


class RunsScreen(JobWishes[Branch]):
    area = "queue"
    place = "runs"
    BINDINGS = bindings(of("runs"))
    route = "/v1/runs"
    states = RUN_STATES
    orders = (
        ("newest", "newest"), ("oldest", "oldest"), ("name", "name"), ("state", "state"), ("jobs", "most jobs"),
        ("ended", "ended last"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.tree_of_runs = RunTree()
        self.filter_line.show_tabs(TABS, 1)
        self.foretold: Forecast | None = None
        """Of the run under the cursor."""

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.tree_of_runs
            yield from self.compose_beside()

    @property
    def listing(self) -> RunTree:
        return self.tree_of_runs

    def log_filter(self) -> str:
        item = self.listing.item()
        return f"job:{item.id}" if isinstance(item, Row) else f"run:{self.run}" if self.run is not None else ""

    def noun(self, many: int) -> str:
        return " run" if many == 1 else " runs"

    # Lines ------------------------------------------------------------------------------------------

    def concerns(self, change: Change) -> bool:
        return change.everything or bool(change.jobs)

    def told(self, live: Live, change: Change) -> None:
        listing = self.listing
        listing.nodes = len(live.scene.nodes)
        was, listing.live = listing.live, {one.run: one for one in live.scene.runs}
        if change.steps or change.jobs or change.everything:
            listing.progressed(live.running)
        if was != listing.live:
            listing.redraw_all()
        super().told(live, change)
        if live.linked and paused(was.values()) != paused(listing.live.values()):
            self.reread()

    async def _fetch(self, page: int) -> None:
        forest = self.listing.forest
        age = forest.age
        try:
            for part in forest.pages_of_runs(page):
                asked = {**self.asked_for(), "offset": part * PAGE, "limit": PAGE}
                got = await self.home.asker.get(self.route, Page[RunRow], asked)
                if age != forest.age:
                    return
                self._fault = ""
                self._came(part, got)
            for run in forest.runs_between(page * PAGE, (page + 1) * PAGE - 1):
                await self._jobs_of(run, age)
        except Refused as fault:
            if age == forest.age:
                self._fault = fault.told()
                forest.failed(page)
        except NoDaemon:
            forest.failed(page)
        self.tally()

    def _came(self, part: int, got: Page[RunRow]) -> None:
        listing, forest = self.listing, self.listing.forest
        stood, first = listing.item(), not forest.known
        forest.take(part, got.items, got.total, listing.cursor)
        if not self.filter:
            self._of_all = got.total
        elif self._of_all is not None and self._of_all < got.total:
            self._of_all = None
        listing.arrived(set(), total_changed=True)
        if stood is not None:
            listing.follow(listing.name_of(stood))
        if first or stood is not None:
            self.settle()

    async def _jobs_of(self, run: RunId, age: int) -> None:
        """Those that stand below an unfolded run, as they are now."""
        asked: dict[str, str | int] = {"filter": f"run:{run}", "sort": "position", "limit": BELOW}
        got = await self.home.asker.get("/v1/jobs", Page[Row], asked)
        listing = self.listing
        if age == listing.forest.age and run in listing.forest.unfolded:
            stood = listing.item()
            listing.forest.unfold(run, got.items, got.total)
            listing.arrived(set(), total_changed=True)
            if stood is not None:
                listing.follow(listing.name_of(stood))

    def many(self) -> int:
        return self.listing.forest.runs.total

    # Folding ----------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """A run shows its jobs, or hides them; a job shows all of itself; the line with more lists them in full."""
        item = self.listing.item()
        if isinstance(item, RunRow) and item.id in self.listing.forest.unfolded:
            self.action_fold()
        elif isinstance(item, RunRow):
            self.listing.forest.unfold(item.id, (), 0)
            begin(self, partial(self._unfolded, item.id), group="pages")
        elif isinstance(item, More):
            begin(self, self.action_jobs, group="outside")
        elif isinstance(item, Row):
            self.action_details()

    async def _unfolded(self, run: RunId) -> None:
        try:
            await self._jobs_of(run, self.listing.forest.age)
        except (Refused, NoDaemon) as fault:
            self.home.say(str(fault), bad=True)

    def action_fold(self) -> None:
        """The run of what is under the cursor; the cursor goes to it."""
        listing, run = self.listing, self.run
        if self.focused is self.card:
            self.action_list()
        elif run is not None and run in listing.forest.unfolded:
            listing.forest.fold(run)
            listing.redraw_all()
            if (index := listing.pages.find(run)) is not None:
                listing.go(index)

    @property
    def run(self) -> RunId | None:
        """Of what is under the cursor."""
        match self.listing.item():
            case RunRow() as run:
                return run.id
            case Row() as row:
                return row.run
            case More() as more:
                return more.run
            case None:
                return None

    # The card ---------------------------------------------------------------------------------------

    def look(self) -> None:
        item = self.listing.item()
        if item is None or isinstance(item, More):
            self.card.fill((), (), keep_place=False)
        elif self.beside.display:
            begin(self, partial(self._look, item), group="look", exclusive=True)

    async def _look(self, item: RunRow | Row) -> None:
        width, now = self.card.room[0], self.home.clock()
        live = self.listing.live.get(item.id if isinstance(item, RunRow) else item.run)
        if isinstance(item, RunRow):
            self.foretold = await forecast_of(self.home.asker, item.id) if live is not None else None
            whole = await self._record(item, live)
            shown = runcard.card(item, live, self.foretold, width, now, whole)
            self.card.fill(shown, runcard.title(item), keep_place=True)
            return
        try:
            record = await self.home.asker.get(f"/v1/jobs/{item.id}", JobRecord)
        except NoDaemon:
            return
        except Refused as fault:
            self.card.fill(refused(fault, width), (), keep_place=False)
            return
        lines = jobcard.card(record, self.listing.running.get(item.id), "", width, now, live)
        self.card.fill(lines, jobcard.title(record), keep_place=True)

    async def _record(self, run: RunRow, live: RunScene | None) -> runcard.LookedRun | None:
        """What only its record tells, once it has ended; None where nobody can tell it."""
        if live is None and run.ended is not None:
            with suppress(NoDaemon, Refused):
                return await self.home.asker.get(f"/v1/runs/{run.id}", runcard.LookedRun)
        return None

    def on_resize(self) -> None:
        self.set_class(self.size.width >= BROAD, "-broad")
        self.settle()

    # Verbs ------------------------------------------------------------------------------------------

    def targets(self) -> tuple[str, ...]:
        if not self.listing.marked and isinstance(self.listing.item(), More):
            self.home.say(f"these jobs are not listed here: {pressed('list.open')} lists all of them")
            return ()
        return super().targets()

    def at_stake(self, *, ended: bool = False) -> tuple[int, str]:
        """By jobs: a run is one line and may be many."""
        found = self.meant()
        runs = [one for one in found if isinstance(one, RunRow)]
        alone = sum(isinstance(one, Row) for one in found)
        over = sum(run.failed + run.cancelled + run.attention for run in runs)
        to_come = sum(run.jobs - run.finished - run.failed - run.cancelled for run in runs)
        jobs = (over if ended else to_come) + alone
        words = f"{jobs:,} job{'' if jobs == 1 else 's'}"
        return jobs, f"{words} of {len(runs):,} run{'' if len(runs) == 1 else 's'}" if runs else words

    def action_all(self) -> None:
        """Those that are here: a FILTER names jobs, not runs."""
        names = set(self.listing.forest.runs.names(range(self.listing.forest.runs.total)))
        self.listing.marks |= names
        self.listing.redraw_all()
        self.tally()
        if len(names) < self.listing.forest.runs.total:
            self.home.say(f"{len(names):,} runs are marked; the others are not here yet")

    def action_pause(self) -> None:
        """The run alone; the whole queue is paused where its jobs are listed."""
        run = self.run
        if run is not None:
            live = self.listing.live.get(run)
            verb, told = ("resume", "goes on") if live is not None and live.paused else ("pause", "starts nothing more")
            self.home.command(f"/v1/runs/{run}/{verb}", None, f"{run} {told}")

    async def action_why(self) -> None:
        """Of a job why it is where it is; of a run when it will be done."""
        begin(self, self._why, group="why", exclusive=True)

    async def _why(self) -> None:
        item = self.listing.item()
        if isinstance(item, Row):
            try:
                await self.app.push_screen(await explained(self.home.asker, item))
            except (NoDaemon, Refused) as fault:
                self.home.say(str(fault), bad=True)
        elif isinstance(item, RunRow):
            run, live, now = item, self.listing.live.get(item.id), self.home.clock()
            told = await forecast_of(self.home.asker, run.id) if live is not None else None
            record = await self._record(run, live)
            page = Details(runcard.title(run), lambda width: runcard.card(run, live, told, width, now, record))
            await self.app.push_screen(page)

    # Elsewhere --------------------------------------------------------------------------------------

    async def action_tab(self, by: int) -> None:
        await self.home.action_go("queue.jobs")

    async def action_jobs(self) -> None:
        if (run := self.run) is not None:
            await self.home.show_run(run)

    async def action_pictures(self) -> None:
        if (run := self.run) is not None:
            await self.home.show_pictures_of(run)

    async def action_whole(self) -> None:
        from tui.screens.stars import rate_whole

        if (run := self.run) is not None:
            await rate_whole(self.home, run)

    async def action_clone(self) -> None:
        """A new run like the job under the cursor, or like the run's first."""
        item = self.listing.item()
        if isinstance(item, Row):
            await self.home.clone(item.id)
        elif (run := self.run) is not None:
            await self.home.clone(f"{run}.1")

    def action_copy(self, what: str) -> None:
        item = self.listing.item()
        if what == "id" and (names := self.targets()):
            self.home.copy("\n".join(names), "id")
        elif isinstance(item, RunRow | Row):
            self.home.copy(item.name, "name")

    def action_outside(self) -> None:
        if (run := self.run) is not None:
            begin(self, partial(self._outside, run), group="outside")

    async def _outside(self, run: RunId) -> None:
        folder = await self.home.folder_of(run)
        if folder:
            self.home.open_outside(folder)


def paused(runs: Iterable[RunScene]) -> frozenset[RunId]:
    return frozenset(one.run for one in runs if one.paused)
