"""Names of the library, those that are broken with a sign."""

import msgspec
from textual.strip import Strip

from tui.keys import pressed
from tui.widgets.ink import Piece, fit, fit_middle, plain
from tui.widgets.listing import Listing
from tui.widgets.pages import Pages


class ShelfRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    trouble: str = ""
    """What is wrong with it; empty: nothing that is known."""


class ShelfList(Listing[ShelfRow]):
    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self, title: str) -> None:
        super().__init__(Pages(lambda row: row.name), id="shelf")
        self.title_line = (Piece(title, "title"),)

    def name_of(self, item: ShelfRow) -> str:
        return item.name

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 1:
            return self.strip([Piece(fit(f"  None: {pressed('shelf.new')} writes one.", width), "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: ShelfRow | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        sign = Piece("●" if self.is_marked(item) else " ", "mark")
        bad = Piece(" !" if item.trouble else "  ", "bad")
        room = max(4, width - 4)
        named = fit_middle(plain(item.name), room) if "/" in item.name else fit(plain(item.name), room)
        name = Piece(named, "strong" if here else "text")
        return self.strip([Piece(">" if here else " ", "strong"), sign, name, bad], width, over)
