"""One kind of what people wrote, by name: which there are, which are broken, and the one under the cursor."""

import re
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from schema.errors import NoDaemon, Refused
from schema.pages import Page
from tui.background import begin
from tui.keys import pressed
from tui.link.shelf import Item, Noun, checked, item_of, names_of
from tui.live import Change
from tui.screens.library import LibraryTab
from tui.widgets.ink import Piece, plain
from tui.widgets.librarytabs import TABS
from tui.widgets.pages import PAGE
from tui.widgets.shelflist import ShelfList, ShelfRow

FILE = re.compile(r"(?:[a-z]+ )?([^:]+?)\.(?:txt|tsv|json|yaml|yml|csv|prompts)\b")
"""How a sentence of what is wrong begins: with the file's name."""


class ShelfScreen(LibraryTab[ShelfRow]):
    place = "shelf"
    kept: ClassVar[Noun]
    one: ClassVar[str]
    """One of them, in words."""
    orders = (("name", "name"), ("faults", "faulty first"))

    def __init__(self) -> None:
        super().__init__()
        self.table = ShelfList(dict(TABS)[self.tab])
        self.item: Item | None = None
        """The one under the cursor, as its file has it."""
        self._looked: ShelfRow | None = None
        """Its row as it was looked at: again once more is known of it."""
        self._every: tuple[ShelfRow, ...] | None = None
        self._troubles: dict[str, str] = {}
        """What is broken, by name."""
        self._tell_faults = False
        """Once they are known: somebody asked."""
        self.wanted = ""
        """The name to go to once the names are here."""

    @property
    def listing(self) -> ShelfList:
        return self.table

    def noun(self, many: int) -> str:
        return f" {self.one if many == 1 else self.kept}"

    def concerns(self, change: Change) -> bool:
        return change.everything or change.library

    def reread(self) -> None:
        self._every = self.item = self._looked = None
        super().reread()

    # Names ------------------------------------------------------------------------------------------

    async def _fetch(self, page: int) -> None:
        if self._every is None:
            try:
                names = await names_of(self.home.asker, self.kept)
            except Refused as e:
                self._fault = e.told()
                self.tally()
                return
            except NoDaemon:
                self.listing.pages.failed(page)
                return
            self._every = tuple(ShelfRow(name=name, trouble=self._troubles.get(name, "")) for name in names)
            begin(self, self._check, group="check", exclusive=True)
        self._of_all = len(self._every)
        if self.wanted and not self._fits(self.wanted) and self._is_there(self.wanted):
            self.filter = self.filter_line.input.value = ""  # what was just written is to be seen
        rows = self.fitting()
        if self.order == "faults":
            rows.sort(key=lambda row: not row.trouble)
        part = tuple(rows[page * PAGE : (page + 1) * PAGE])
        self._take(page, Page(items=part, total=len(rows), head=0))
        if self.wanted:
            at = next((at for at, row in enumerate(rows) if row.name.casefold() == self.wanted.casefold()), None)
            self.wanted = ""
            if at is not None:
                self.listing.go(at)
        self.tally()
        self.settle()

    def fitting(self) -> list[ShelfRow]:
        """Those that the filter leaves."""
        return [row for row in self._every or () if self._fits(row.name)]

    def _fits(self, name: str) -> bool:
        return all(word in name.lower() for word in self.filter.lower().split())

    def _is_there(self, name: str) -> bool:
        return any(row.name.casefold() == name.casefold() for row in self._every or ())

    async def _check(self) -> None:
        """All of them are read, which takes its time where there are thousands: the names are there before."""
        try:
            found = await checked(self.home.asker, self.kept)
        except (Refused, NoDaemon):
            return
        wrong = troubles_of(found.warnings)
        troubles = {name: words for name in found.items if (words := wrong.get(name.casefold()))}
        if troubles != self._troubles:
            self._troubles = troubles
            self._every = tuple(ShelfRow(name=name, trouble=troubles.get(name, "")) for name in found.items)
            super().reread()
        if self._tell_faults:
            self._tell_faults = False
            self.say_faults(found.warnings)

    def say_faults(self, warnings: tuple[str, ...]) -> None:
        if not warnings:
            self.home.say(f"all {self.kept} are in order")
        else:
            more = (
                f" (and {len(warnings) - 1} more: {pressed('list.sort')} and `faulty first`)"
                if len(warnings) > 1
                else ""
            )
            self.home.say(f"{warnings[0]}{more}", bad=True)

    def action_check(self) -> None:
        self._tell_faults = True
        self.reread()

    # The one under the cursor -----------------------------------------------------------------------

    def look(self) -> None:
        row = self.listing.item()
        if row is None:
            self.item = self._looked = None
            self.show_nothing()
        elif self.item is None or row != self._looked:
            self._looked = row
            begin(self, partial(self._look, row), group="look", exclusive=True)

    async def _look(self, row: ShelfRow) -> None:
        try:
            self.item = await item_of(self.home.asker, self.kept, row.name)
        except Refused as e:
            self.item = None
            await self.show_broken(row, e.told())
        except NoDaemon:
            return
        else:
            await self.show_item(row, self.item)

    def show_nothing(self) -> None:
        """There is none under the cursor."""

    async def show_broken(self, row: ShelfRow, fault: str) -> None:
        """It cannot be read."""

    async def show_item(self, row: ShelfRow, item: Item) -> None:
        """What is in it, and what else can be told."""

    def faulty(self, row: ShelfRow, fault: str) -> None:
        """More is known of it now: its line says so."""
        index = self.table.pages.find(row.name)
        if index is not None and bool(fault) != bool(row.trouble):
            self._looked = ShelfRow(name=row.name, trouble=fault)
            self.table.pages.replace(index, self._looked)
            self.table.redraw_items(index, whole=True)

    def headed(self, name: str, more: str) -> tuple[Piece, ...]:
        return Piece(plain(name), "title"), Piece(f"  {more}", "dim")

    def every_name(self) -> list[str]:
        """All that are marked, or the one under the cursor."""
        return [row.name for row in self.fitting()] if self.listing.all_marked else list(self.targets())


def troubles_of(warnings: Iterable[str]) -> dict[str, str]:
    """Names in lower case, as the sentences' files are called, to the first sentence about each."""
    found: dict[str, str] = {}
    for words in warnings:
        if file := FILE.match(words):
            path = file[1].replace("\\", "/").casefold()
            found.setdefault(path, words)
            if path.startswith("/"):
                found.setdefault(path.rpartition("/")[2], words)
    return found
