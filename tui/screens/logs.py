"""The log: everything that ever happened, each event a sentence, with the way from it to what it is about."""

import os
from functools import partial
from typing import NamedTuple

from schema.errors import NoDaemon, Refused
from schema.ids import JobId, NodeId, RunId, run_of
from schema.logpages import EventRow
from schema.pages import Page
from schema.then import Moment
from tui.background import begin
from tui.filterwords import Offer
from tui.link.then import Happening, happening
from tui.live import Change, Live
from tui.logwords import KINDS, event_offers
from tui.screens.tailing import TailScreen
from tui.widgets.eventcard import card
from tui.widgets.eventlist import EventList
from tui.widgets.ink import Piece
from tui.widgets.panel import refused

NOBODY = "it is about no single job, run, picture or node"


class Whole(NamedTuple):
    """The event under the cursor, with all it says."""

    event: Happening
    cause: Happening | None


class LogsScreen(TailScreen[EventRow]):
    route = "/v1/events"
    tab = 0

    def __init__(self) -> None:
        super().__init__()
        self.table = EventList()
        self.table.me = f"uid:{os.getuid()}"
        self.whole: Whole | None = None
        self._moment: Moment | None = None
        self.filter_line.input.offering = self.offered

    def offered(self, text: str, at: int) -> list[Offer]:
        scene = self.home.live.scene
        return event_offers(text, at, scene.nodes, scene.runs)

    @property
    def listing(self) -> EventList:
        return self.table

    def shape(self) -> type[Page[EventRow]]:
        return Page[EventRow]

    def noun(self, many: int) -> str:
        return " event" if many == 1 else " events"

    def told(self, live: Live, change: Change) -> None:
        self.table.now = self.home.clock()
        if self.home.moment != self._moment:
            self._moment = self.home.moment
            if self._moment is not None:  # its event is the newest there is: steps lead the cursor with them
                self.follows = True
                self.table.go(self.newest())
        if (names := self.home.node_names) != self.table.names:
            self.table.names = names
            self.table.redraw_all()
        super().told(live, change)
        if change.everything:  # the terminal may have another size than when a dialog was opened over it
            self.call_after_refresh(self.draw_card, keep_place=True)

    def _take(self, page: int, got: Page[EventRow]) -> None:
        super()._take(page, got)
        self._of_all = got.head  # an event's number is how many there were by then

    # The event under the cursor ---------------------------------------------------------------------

    def look(self) -> None:
        row = self.listing.item()
        if row is None:
            self.whole = None
            self.card.fill((), (), keep_place=False)
        elif self.beside.display and (self.whole is None or self.whole.event.seq != row.seq):
            begin(self, partial(self._look, row), group="look", exclusive=True)

    async def _look(self, row: EventRow) -> None:
        asker = self.home.asker
        try:
            event = await happening(asker, row.seq)
            cause = await happening(asker, row.cause) if row.cause else None
        except NoDaemon:
            return
        except Refused as fault:
            self.whole = None
            self.card.fill(refused(fault, self.card.room[0]), (), keep_place=False)
            return
        self.whole = Whole(event, cause)
        self.draw_card()

    def draw_card(self, *, keep_place: bool = False) -> None:
        if self.whole is None:
            return
        event, cause = self.whole
        lines = card(event, cause, self.table.me, self.table.names, self.card.room[0])
        title = (Piece(f"Event {event.seq}", "title"), Piece(f"  {event.type}", "dim"))
        self.card.fill(lines, title, keep_place=keep_place)

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self.draw_card, keep_place=True)
        self.settle()

    def event_here(self) -> int | None:
        row = self.listing.item()
        return int(row.seq) if row is not None else None

    # Verbs ------------------------------------------------------------------------------------------

    def action_what(self) -> None:
        """What the event under the cursor changed."""
        if (row := self.listing.item()) is not None:
            self.home.tell_event(int(row.seq))

    async def action_kind(self) -> None:
        from tui.screens.ask import Choose

        now = next((word.removeprefix("kind:") for word in self.filter.split() if word.startswith("kind:")), "")

        def chosen(kind: str | None) -> None:
            if kind is not None:
                self.add_to_filter(f"kind:{kind}" if kind else "", "kind")

        choices = [("", "everything"), *((kind, f"{kind:<9} {words}") for kind, words in KINDS)]
        await self.app.push_screen(Choose("Only", choices, now, wide=True), chosen)

    def action_wish(self) -> None:
        row = self.listing.item()
        if row is not None and row.command:
            self.show_only(f"command:{row.command}")
        elif row is not None:
            self.home.say(f"event {row.seq} came of no wish: {self.table.who(row.actor)} found it so")

    def log_filter(self) -> str:
        """The nearest of what it is about: a job's events are told with those of its pictures."""
        row = self.listing.item()
        if row is None:
            return ""
        names = (("job", row.job), ("picture", row.image), ("run", row.run), ("node", row.node))
        return next((f"{key}:{name}" for key, name in names if name), "")

    def action_cause(self) -> None:
        row = self.listing.item()
        if row is None:
            return
        if not row.cause:
            self.home.say(f"nothing in the log led to event {row.seq}")
            return
        self.show_event(int(row.cause))

    def show_event(self, seq: int) -> None:
        """Where it stands among all others; the place of an event is its number."""
        if self.order != "oldest":
            self.order = "oldest"
            self.anew()
        self.show_only("")
        self.follows = False
        begin(self, partial(self._stand_at, seq), group="stand", exclusive=True)

    async def _stand_at(self, seq: int) -> None:
        if not self.listing.pages.known:
            await self._fetch(0)
        self.listing.go(seq - 1)
        self.stop_following()
        self.tell_tab()

    async def action_subject(self) -> None:
        """To the area where what it is about can be seen and worked with."""
        row = self.listing.item()
        if row is None:
            return
        if row.kind == "picture" and row.image:
            await self.home.show_image(row.image)
        elif row.job:
            await self.home.show_job(JobId(row.job))
        elif row.node:
            await self.home.show_node(NodeId(row.node))
        elif row.run:
            await self.home.show_run(RunId(row.run))
        else:
            self.home.say(NOBODY)

    def action_copy(self, what: str) -> None:
        row = self.listing.item()
        if row is None:
            return
        if what == "id":
            self.home.copy("\n".join(self.targets()), "number")
        elif self.whole is not None and self.whole.event.seq == row.seq:
            self.home.copy(_as_text(self.whole.event), "event")
        else:
            self.home.copy(row.words, "sentence")

    async def action_outside(self) -> None:
        """The results folder of its run."""
        row = self.listing.item()
        run = row.run or (run_of(row.job) if row.job else None) if row is not None else None
        if run is not None:
            folder = await self.home.folder_of(RunId(run))
            if folder:
                self.home.open_outside(folder)


def _as_text(event: Happening) -> str:
    """As the log has it: JSON in several lines."""
    import json

    return json.dumps(event.event, ensure_ascii=False, indent=1)
