"""A list that only grows at its end, like a log: it goes along with what comes, until one looks elsewhere.

The oldest is on top, so that a row keeps its place however much is appended, and nothing is read twice; turned round,
the newest is on top.
"""

import asyncio
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from schema.pages import Page
from tui.keys import bindings, of
from tui.live import Change, Live
from tui.messages import CursorMoved
from tui.screens.beside import BROAD, BesideScreen
from tui.screens.listarea import REREAD_PAUSE
from tui.widgets.ink import Piece
from tui.widgets.pages import PAGE
from tui.widgets.tabtitles import TabTitles

Item = TypeVar("Item")

TABS = ("Events", "Programs")
"""Of the Logs area."""


class TailScreen(BesideScreen[Item]):
    """One tab of the Logs area; each is a screen of its own and so keeps its cursor, its filter and its details."""

    area = "logs"
    BINDINGS = bindings(of("logs"))
    orders = (("oldest", "newest last"), ("newest", "newest on top"))
    tab: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.tabs = TabTitles(TABS, self.tab)
        self.follows = True
        self._stood = 0
        """How many there were when it stopped going along."""
        self._head = -1
        """Of the log, when more was last asked for."""
        self._whole = False
        """All rows may be others."""

    def body(self) -> ComposeResult:
        yield self.tabs
        yield self.filter_line
        with Vertical(classes="body tail"):
            yield self.listing
            yield from self.compose_beside()

    def on_resize(self) -> None:
        self.set_class(self.size.width >= BROAD, "-broad")  # the details stand beside the list and not below it

    # What comes -------------------------------------------------------------------------------------

    def concerns(self, change: Change) -> bool:
        return change.everything or self.home.live.scene.head != self._head

    def told(self, live: Live, change: Change) -> None:
        self._whole = self._whole or change.everything
        super().told(live, change)
        self._head = live.scene.head

    async def _reread(self) -> None:
        """What was appended; all in view only where rows may be others."""
        clock = asyncio.get_running_loop().time
        try:
            while self._stale:
                began, self._stale = clock(), False
                pages = self.listing.pages
                if self._whole or not pages.known or self.order == "newest":
                    self._whole = False
                    await self._again()
                else:
                    await self._fetch(pages.total // PAGE)
                await asyncio.sleep(max(REREAD_PAUSE, 2 * (clock() - began)))
        finally:
            self._reading = False

    async def _again(self) -> None:
        """All that is in view, and how much there is."""
        listing = self.listing
        first, last = listing.in_view()
        listing.pages.keep_only(first, last)
        top = range(first // PAGE, last // PAGE + 1)
        for page in [page for page in top if page == 0 or page * PAGE < listing.pages.total]:
            await self._fetch(page)

    def _take(self, page: int, got: Page[Item]) -> None:
        listing, known = self.listing, self.listing.pages.known
        away = listing.top > 0 if self.order == "newest" else listing.top < listing.rows - listing.rows_in_view
        if self.follows and known and away:
            self.stop_following()  # the wheel has turned the list away from its end
        super()._take(page, got)
        if self.follows:
            listing.go(self.newest())
        self.tell_tab()

    def newest(self) -> int:
        return 0 if self.order == "newest" else max(0, self.listing.pages.total - 1)

    # Going along ------------------------------------------------------------------------------------

    def stop_following(self) -> None:
        self.follows, self._stood = False, self.listing.pages.total

    @on(CursorMoved)
    def _walked(self) -> None:
        if self.follows and self.listing.cursor != self.newest():
            self.stop_following()
            self.tell_tab()

    def action_follow(self) -> None:
        if self.follows:
            self.stop_following()
        else:
            self.go_along()
        self.tell_tab()

    def go_along(self) -> None:
        self.follows = True
        self.listing.go(self.newest())
        self.reread()

    def action_bottom(self) -> None:
        super().action_bottom()
        if self.order == "oldest":
            self.go_along()
            self.tell_tab()

    def action_top(self) -> None:
        super().action_top()
        if self.order == "newest":
            self.go_along()
            self.tell_tab()

    async def action_sort(self) -> None:
        """There are only two: it is turned round."""
        self.order = "newest" if self.order == "oldest" else "oldest"
        self.follows = True
        self.anew()
        self.tally()
        self.tell_tab()

    def tell_tab(self) -> None:
        """Whether it goes along, and how much came since it does not."""
        if self.home.past:
            self.tabs.tell(())
        elif self.follows:
            self.tabs.tell((Piece("● ", "good"), Piece("goes along with what comes", "dim")))
        else:
            since = self.listing.pages.total - self._stood
            came = f", {since:,} came since" if since > 0 else ""
            self.tabs.tell((Piece(f"‖ stands still{came}  ", "warn"), Piece("f", "key"), Piece(" goes along", "dim")))

    def anew(self) -> None:
        super().anew()
        self._stood = 0

    def apply_filter(self, text: str) -> None:
        """The newest of what is left is looked at."""
        if text != self.filter:
            self.follows = True
        super().apply_filter(text)

    def add_to_filter(self, pair: str, key: str) -> None:
        """With this pair in the place of all that begin with `key:`."""
        kept = [word for word in self.filter.split() if not word.startswith(f"{key}:")]
        self.show_only(" ".join((*kept, pair)).strip())

    # Tabs -------------------------------------------------------------------------------------------

    async def action_tab(self, by: int) -> None:
        if by % len(TABS):
            await self.home.action_go("logs.programs" if self.tab == 0 else "logs.events")
