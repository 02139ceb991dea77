"""The places to vary of a prompt, each with its size, its values and what it is held at."""

from textual.strip import Strip

from tui.keys import bindings, of
from tui.screens.numbers import many
from tui.screens.places import Place
from tui.widgets.held import FormList
from tui.widgets.ink import Piece, fit, plain, shortened

INKS = {"choice": "run", "wildcard": "good", "slot": "mark", "variable": "warn", "wrap": "warn", "search": "star"}


class PlaceList(FormList[Place]):
    BINDINGS = bindings(of("places"))
    own_keys = "places"
    notice = "nothing varies yet: {dawn|dusk}, __sky__, [[slot]]"

    def __init__(self) -> None:
        super().__init__(lambda place: place.key, id="places")
        self.now: dict[str, str] = {}
        """What each is in the variant that is looked at."""

    def inner(self, y: int, width: int) -> Strip:
        if y == 0 and not self.pages.total:
            return self.strip([Piece(f" {self.notice}", "dim")], width)
        return super().inner(y, width)

    def cells(self) -> tuple[int, int]:
        return 1, 2

    def cell_line(self, index: int, item: Place | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip((), width, over)
        return self.strip(self.head(item, here, width) if line == 0 else self.values(item, width), width, over)

    def head(self, item: Place, here: bool, width: int) -> list[Piece]:
        told = "held" if item.locked is not None else many(item.size)
        told += f"  x{item.times}" if item.times > 1 else ""
        told += "  neg" if item.negative else ""
        room = max(6, width - 5 - len(told))
        sign = "■" if item.locked is not None else " "
        return [Piece(">" if here else " ", "strong"), Piece(f"{sign} ", "mark"),
                Piece(fit(plain(item.key), room), INKS.get(item.kind, "text")),
                Piece(f" {told} ", "mark" if item.locked is not None else "dim")]  # fmt: skip

    def values(self, item: Place, width: int) -> list[Piece]:
        now = item.locked if item.locked is not None else self.now.get(item.key)
        if item.size == "0":
            return [Piece("    no values: it stays as it is", "warn")]
        if now is None:
            told = " | ".join(item.values)
            return [Piece(fit(f"    {plain(told)}", width), "faint")]
        others = [value for value in item.values if value != now]
        head = plain(now) or "nothing"
        rest = f"  | {' | '.join(others)}" if others and item.locked is None else ""
        first = Piece(fit(head, min(len(head), width - 5)).rstrip(), "text")
        return shortened([Piece("    "), first, Piece(plain(rest), "faint")], width)
