"""The queue: every job there is and ever was, what is being made now, and one job in full."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from schema.errors import NoDaemon, Refused
from schema.pages import JobRecord, Page
from schema.scenes import Row
from schema.words import words_in
from tui.background import begin
from tui.keys import bindings, of
from tui.live import Change, Live
from tui.screens.beside import BROAD
from tui.screens.queuewishes import QueueWishes
from tui.screens.why import Explained, explained
from tui.widgets.jobcard import card, title
from tui.widgets.jobtable import JobTable
from tui.widgets.livepicture import LivePicture
from tui.widgets.panel import refused

if TYPE_CHECKING:
    from textual.timer import Timer

    from tui.widgets.preview import SharpClass

TABS = ("Jobs", "Runs")

LOOK_PAUSE = 0.5
"""Seconds between two looks at a job that changes."""


class Looked(JobRecord, frozen=True, kw_only=True):
    """Of `GET /v1/jobs/{job}`, also who is to make it."""

    node_wanted: str | None = None
    backend_wanted: str | None = None

    @property
    def wanted(self) -> str:
        return " · ".join(filter(None, (self.node_wanted, self.backend_wanted)))


class QueueScreen(QueueWishes):
    area = "queue"
    BINDINGS = bindings(of("queue"))
    route = "/v1/jobs"
    orders = (("position", "position ▲"), ("newest", "newest"), ("name", "name"), ("state", "state"), ("node", "node"))

    def __init__(self, *, pause: float = 1.0, sharp: "SharpClass | None" = None) -> None:
        """`pause`: seconds between two unfinished pictures; `sharp`: as in `Preview`."""
        super().__init__()
        self.table = JobTable()
        self.picture = LivePicture(
            lambda job: self.home.asker.preview(job),
            true=lambda: self.home.console.color_system == "truecolor",
            pause=pause,
            sharp=sharp,
        )
        self.filter_line.show_tabs(TABS, 0)
        self._why = self._wanted = ""
        self._again: Timer | None = None

    def body(self) -> ComposeResult:
        yield self.filter_line
        with Horizontal(classes="body"):
            yield self.table
            with self.beside:
                yield self.picture
                yield self.card

    @property
    def listing(self) -> JobTable:
        return self.table

    def shape(self) -> type[Page[Row]]:
        return Page[Row]

    def noun(self, many: int) -> str:
        return " job" if many == 1 else " jobs"

    def models_seen(self) -> Iterable[str]:
        first, last = self.listing.in_view()
        rows = map(self.listing.pages.get, range(first, last + 1))
        return dict.fromkeys(row.model for row in rows if row is not None and row.model)

    def log_filter(self) -> str:
        row = self.listing.item()
        return f"job:{row.id}" if row is not None else ""

    # What is shown ----------------------------------------------------------------------------------

    def concerns(self, change: Change) -> bool:
        return change.everything or bool(change.jobs)

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        self.picture.use(self.home.sharp_live)
        nodes, still = len(live.scene.nodes), self.home.readonly
        if (nodes, still) != (self.listing.nodes, self.listing.still):
            self.listing.nodes, self.listing.still = nodes, still
            self.listing.redraw_all()
        if change.steps or change.everything or change.jobs:
            self.listing.progressed(live.running, frozenset((*live.running, *change.steps, *change.jobs)))
        if self.record is None:
            return
        if self.record.id in change.jobs or change.everything:
            self.look_soon()
        elif self.record.id in change.steps:
            self.draw_card(keep_place=True)
            self.show_picture()

    def look_soon(self) -> None:
        if self._again is None:
            self._again = self.set_timer(LOOK_PAUSE, self.look)

    def look(self) -> None:
        self._again = None
        row = self.listing.item()
        if row is None:
            self.record = None
            self.card.fill((), (), keep_place=False)
            self.show_picture()
        elif self.beside.display:
            begin(self, partial(self._look, row), group="look", exclusive=True)

    async def _look(self, row: Row) -> None:
        try:
            record = await self.home.asker.get(f"/v1/jobs/{row.id}", Looked)
            why = ""
            if record.state in ("queued", "held") and not record.reason:
                why = (await self.home.asker.get(f"/v1/jobs/{row.id}/explain", Explained)).text
        except NoDaemon:
            return
        except Refused as fault:
            self.record = None
            self.card.fill(refused(fault, self.card.room[0]), (), keep_place=False)
            return
        same = self.record is not None and self.record.id == record.id
        self.record, self._why, self._wanted = record, why, record.wanted
        self.draw_card(keep_place=same)
        self.show_picture()

    def show_picture(self) -> None:
        """What is being made of the job that is looked at, as far as it can be seen."""
        running = self.home.live.running.get(self.record.id) if self.record is not None else None
        seen = running is not None and self.beside.display and not self.home.thumbs.off
        self.picture.show(running.job if running and seen else None, running.preview if running else 0)

    def draw_card(self, *, keep_place: bool) -> None:
        if self.record is not None:
            running = self.home.live.running.get(self.record.id)
            run = next((one for one in self.home.live.scene.runs if self.record and one.run == self.record.run), None)
            lines = card(self.record, running, self._why, self.card.room[0], self.home.clock(), run, self._wanted)
            self.card.fill(lines, title(self.record), keep_place=keep_place)

    def action_list(self) -> None:
        super().action_list()
        self.call_after_refresh(self.show_picture)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= BROAD, "-broad")
        self.call_after_refresh(self.draw_card, keep_place=True)
        self.call_after_refresh(self.show_picture)
        self.settle()

    # Elsewhere --------------------------------------------------------------------------------------

    async def action_new(self) -> None:
        from tui.screens.draft import Draft

        await self.home.write(self.home.draft or Draft())

    async def action_enhance(self) -> None:
        from tui.screens.draft import Draft

        kept = self.home.draft
        await self.home.write(kept if kept and kept.picture is not None else Draft(picture=""))

    async def action_pictures(self) -> None:
        if (row := self.listing.item()) is not None:
            await self.home.show_pictures_of(row.id)

    async def action_tab(self, by: int) -> None:
        await self.home.action_go("queue.runs")

    def action_why(self) -> None:
        """Why it is where it is, in full."""
        row = self.listing.item()
        if row is not None:
            begin(self, partial(self._explain, row), group="why", exclusive=True)

    async def _explain(self, row: Row) -> None:
        try:
            screen = await explained(self.home.asker, row)
        except (NoDaemon, Refused) as fault:
            self.home.say(str(fault), bad=True)
        else:
            await self.app.push_screen(screen)

    async def action_whole(self) -> None:
        from tui.screens.stars import rate_whole

        if (row := self.listing.item()) is not None:
            await rate_whole(self.home, row.run)

    async def action_clone(self) -> None:
        row = self.listing.item()
        if row is not None:
            await self.home.clone(row.id)

    def action_copy(self, what: str) -> None:
        row = self.listing.item()
        if row is None:
            return
        if what == "id":
            self.home.copy("\n".join(self.targets()), "id")
        elif self.record is not None and self.record.id == row.id:
            self.home.copy(words_in(self.record).prompt, "prompt")

    def action_outside(self) -> None:
        row = self.listing.item()
        if row is not None:
            begin(self, partial(self._outside, row), group="outside")

    async def _outside(self, row: Row) -> None:
        folder = await self.home.folder_of(row.run)
        if folder:
            self.home.open_outside(folder)
