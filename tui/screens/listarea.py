"""An area around one long list that the daemon holds: its windows, its filter line, and what every list does.

Asks for what is in view and reads it again once it is told of a change; folds nothing.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual import on

from schema.errors import NoDaemon, Refused
from schema.pages import Page
from tui.background import begin
from tui.keys import bindings, of, pressed
from tui.live import Change, Live
from tui.messages import CursorMoved, FilterChanged, ItemOpened, MarksChanged, PagesWanted
from tui.screens.area import AreaScreen
from tui.widgets.filterline import WAIT, FilterLine
from tui.widgets.ink import Piece, plain
from tui.widgets.listing import Listing
from tui.widgets.pages import PAGE

if TYPE_CHECKING:
    from textual.timer import Timer


Item = TypeVar("Item")

REREAD_PAUSE = 0.25
"""Seconds at least between two readings of the rows in view, and never more than a third of the time."""

SETTLED = 0.08
"""Seconds the cursor stands still before its item is looked at closely."""

EVERY_JOB = "state:queued|held|running|finished|failed|cancelled|attention"


class ListScreen(AreaScreen, Generic[Item]):
    """An area around one long list that the daemon holds."""

    BINDINGS = bindings(of("lists"))
    route: ClassVar[str]
    orders: ClassVar[tuple[tuple[str, str], ...]]
    """The list's orders as the daemon calls them, and in words; the first is the usual one."""

    def __init__(self) -> None:
        super().__init__()
        self.filter_line = FilterLine()
        self.filter = ""
        self.order = self.orders[0][0]
        self._of_all: int | None = None
        self._sought = ""
        """The id of the item that the cursor is to stand on as soon as it is here."""
        self._fault = ""
        self._stale = False
        self._reading = False
        self._typing: Timer | None = None
        self._settling: Timer | None = None

    @property
    def listing(self) -> Listing[Item]:
        raise TypeError("a list screen has a list")

    def shape(self) -> type[Page[Item]]:
        raise TypeError("a list screen says what its pages are")

    def asked_for(self) -> Mapping[str, str | int]:
        asked: dict[str, str | int] = {"sort": self.order}
        return asked | ({"filter": self.filter} if self.filter else {})

    def on_mount(self) -> None:
        self.set_focus(self.listing)
        self.tally()

    def on_resize(self) -> None:
        self.call_after_refresh(self.tally)

    # Rows -------------------------------------------------------------------------------------------

    def concerns(self, change: Change) -> bool:
        """Whether rows of this list may be others now."""
        return change.everything

    def told(self, live: Live, change: Change) -> None:
        super().told(live, change)
        if live.linked and self.concerns(change):
            self.reread()

    @on(PagesWanted)
    def _fetch_wanted(self, event: PagesWanted) -> None:
        for page in event.pages:
            begin(self, partial(self._fetch, page), group="pages")

    async def _fetch(self, page: int) -> None:
        pages = self.listing.pages
        age = pages.age
        asked = {**self.asked_for(), "offset": page * PAGE, "limit": PAGE}
        try:
            got = await self.home.asker.get(self.route, self.shape(), asked)
        except Refused as e:
            if age == pages.age:
                self._fault = e.told()
                pages.failed(page)
        except NoDaemon:
            pages.failed(page)
        else:
            if age != pages.age:
                return
            self._fault = ""
            self._take(page, got)
        self.tally()

    def _take(self, page: int, got: Page[Item]) -> None:
        listing, pages = self.listing, self.listing.pages
        stood = listing.item()
        first = not pages.known
        total = pages.total
        changed = pages.put(page, got.items, got.total, listing.cursor)
        if not self.filter:
            self._of_all = got.total
        elif self._of_all is not None and self._of_all < got.total:  # as it was when all were last looked at
            self._of_all = None
        listing.arrived(changed, total_changed=first or total != got.total)
        if stood is not None:
            listing.follow(listing.name_of(stood))
        if self._sought and (at := pages.find(self._sought)) is not None:
            self._sought = ""
            listing.go(at)
        if first or listing.cursor in changed:
            self.settle()

    def reread(self) -> None:
        """Reads the rows in view again, soon; what is shown stays until the new ones are here."""
        self._stale = True
        if not self._reading:
            self._reading = True
            begin(self, self._reread, group="reread")

    async def _reread(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._stale:
                self._stale = False
                began = clock()
                first, last = self.listing.in_view()
                self.listing.pages.keep_only(first, last)
                top = range(first // PAGE, last // PAGE + 1)
                for page in [p for p in top if p == 0 or p * PAGE < self.listing.pages.total]:
                    await self._fetch(page)
                await asyncio.sleep(max(REREAD_PAUSE, 2 * (clock() - began)))
        finally:
            self._reading = False

    def anew(self) -> None:
        """Another filter or order: from the top."""
        listing = self.listing
        listing.pages.forget()
        listing.cursor = listing.top = 0
        listing.want()

    def settle(self) -> None:
        """The item under the cursor is looked at once the cursor stands still."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, self.look)

    def look(self) -> None:
        """The cursor stands still."""

    @on(CursorMoved)
    def _moved(self) -> None:
        self.settle()

    # The filter line --------------------------------------------------------------------------------

    def tally(self) -> None:
        pages, listing = self.listing.pages, self.listing
        if self._fault:
            self.filter_line.tally.tell([Piece(plain(self._fault), "bad")])
            return
        wide = self.size.width >= 100
        many = f"{self.many():,}" if pages.known else "…"
        if self.filter and self._of_all is not None:
            many += f" of {self._of_all:,}" if wide else f"/{self._of_all:,}"
        noun = self.noun(self._of_all if self.filter and self._of_all is not None else self.many())
        words = [Piece(many + noun if wide else many)]
        if listing.marked:
            words += [Piece(" · ", "faint"), Piece(f"{listing.marked:,} marked", "mark")]
            if listing.overlooked:  # a range over more than is kept here
                words.append(Piece(f", {listing.overlooked:,} too far" if wide else "!", "warn"))
        if wide:
            words += [Piece(" · ", "faint"), Piece(f"sort: {dict(self.orders)[self.order]}", "dim")]
        self.filter_line.tally.tell(words)

    def many(self) -> int:
        """How many are listed of what `noun` says."""
        return self.listing.pages.total

    def noun(self, many: int) -> str:
        return ""

    @on(MarksChanged)
    def _marked(self) -> None:
        self.tally()

    @on(FilterChanged)
    def _filtered(self, event: FilterChanged) -> None:
        if self._typing is not None:
            self._typing.stop()
        if event.done:
            self.set_focus(self.listing)
            self.apply_filter(event.text)
        else:
            self._typing = self.set_timer(WAIT, lambda: self.apply_filter(event.text))

    def apply_filter(self, text: str) -> None:
        if text != self.filter:
            self.filter, self._fault = text, ""
            self.listing.unmark()
            self.anew()
            self.tally()

    def show_only(self, text: str, item: str = "") -> None:
        """With this filter, as if it had been typed; the cursor on the item with this id, if it is near the top."""
        self._sought = item
        self.filter_line.input.value = text
        self.apply_filter(text)
        if item:
            self.reread()

    def log_filter(self) -> str:
        """A FILTER of events: what the log says of the item under the cursor. Empty: nothing of it alone."""
        return ""

    async def action_logs(self) -> None:
        if words := self.log_filter():
            await self.home.logs_of(words)
        else:
            self.home.say("the log says nothing of this alone")

    def action_filter(self) -> None:
        self.filter_line.input.begin()

    # Keys of every list -----------------------------------------------------------------------------

    def targets(self) -> tuple[str, ...]:
        """What a verb is about: the marks, or the item under the cursor; a FILTER when all are marked."""
        listing = self.listing
        if listing.all_marked:
            return (self.filter or self.everything(),)
        if listing.marks:
            return tuple(sorted(listing.marks))
        item = listing.item()
        return (listing.name_of(item),) if item is not None else ()

    def everything(self) -> str:
        """A FILTER that all match."""
        return EVERY_JOB

    def action_move(self, across: int, down: int) -> None:
        self.listing.move(across, down)

    def action_half(self, pages: int) -> None:
        self.listing.half(pages)

    def action_top(self) -> None:
        self.listing.go(0)

    def action_bottom(self) -> None:
        self.listing.go(self.listing.pages.total - 1)

    def action_mark(self) -> None:
        if self.listing.all_marked:
            self.home.say(f"all are marked; {pressed('list.clear')} clears that")
        self.listing.mark()

    def action_range(self) -> None:
        self.listing.mark_range()

    def action_all(self) -> None:
        self.listing.mark_all()

    def action_clear(self) -> None:
        if not self.listing.unmark() and self.filter:
            self.filter_line.input.value = ""
            self.apply_filter("")

    @on(ItemOpened)
    async def _opened(self) -> None:
        await self.run_action("open")

    async def action_sort(self) -> None:
        from tui.screens.ask import Choose

        async def sorted_by(order: str | None) -> None:
            if order is not None and order != self.order:
                self.order = order
                self.anew()
                self.tally()

        await self.app.push_screen(Choose("Order", self.orders, self.order), sorted_by)

    def step_back(self) -> bool:
        return self.listing.unmark()
