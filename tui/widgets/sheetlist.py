"""The sheet of settings as lines: a stage with its box, and below it what it can be told."""

from textual.strip import Strip

from tui.screens.fields import Field
from tui.screens.sheet import Row
from tui.widgets.ink import Piece, fit, fit_middle, plain
from tui.widgets.listing import Listing
from tui.widgets.pages import PAGE, Pages

EMPTY = {"name": "backend's own", "names": "backend's own", "picture": "none", "units": "none",
         "text": "empty", "number": "as it is"}  # fmt: skip


class SheetList(Listing[Row]):
    bare = True

    def __init__(self) -> None:
        super().__init__(Pages(lambda row: row.key), id="sheet")
        self.opened: frozenset[str] = frozenset()
        self.doubts: dict[str, str] = {}
        """Key to why its value may not work."""

    def name_of(self, item: Row) -> str:
        return item.key

    def fill(self, rows: list[Row]) -> None:
        """The cursor stays on its line if that is still there."""
        stood = self.item()
        self.pages.forget()
        for page in range(0, max(1, len(rows)), PAGE):
            self.pages.put(page // PAGE, rows[page : page + PAGE], len(rows), self.cursor)
        index = self.pages.find(stood.key) if stood is not None else None
        self.cursor = max(0, min(index if index is not None else self.cursor, len(rows) - 1))
        self.top = max(0, min(self.top, self.rows - self.rows_in_view))
        self.scroll_to_row(self.cursor)
        self.redraw_all()

    def cell_line(self, index: int, item: Row | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip((), width, over)
        pieces = self.stage(item) if item.field is None else self.setting(item, width)
        return self.strip([Piece(">" if here else " ", "strong"), *pieces], width, over)

    def stage(self, row: Row) -> list[Piece]:
        fold = "▾" if row.stage.id in self.opened else "▸"
        box = Piece("[x]" if row.on else "[ ]", "strong" if row.on else "dim")
        name = plain(row.stage.id)
        kind = "" if row.stage.kind == row.stage.id else f"  {row.stage.kind}"
        return [Piece(f"{fold} ", "dim"), box, Piece(f" {name}", "title" if row.on else "dim"), Piece(kind, "dim"),
                Piece("" if row.on else "  off", "dim"), Piece("  changed" if row.changed else "", "mark")]  # fmt: skip

    def setting(self, row: Row, width: int) -> list[Piece]:
        one = row.field
        assert one is not None
        if not row.stage.kind:
            return [Piece(f"  {row.key} {plain(row.value)}", "warn"), Piece("  no such stage here; ⌫ drops it", "dim")]
        deep = 8 if one.part else 6
        name = one.name.replace("controls.", "unit ").replace(".", " ") if one.part == "controls" else one.name
        name = name.rpartition(".")[2] if one.part and one.part != "controls" else name
        label = fit(" " * deep + name.replace("_", " "), 28)
        sign = "●" if row.changed else " "
        told, ink = self.told(row)
        doubt = self.doubts.get(row.key, "")
        room = max(8, width - 32 - (len(doubt) + 3 if doubt else 0))
        tail = [Piece(f"  ! {plain(doubt)}", "warn")] if doubt else []
        return [Piece(label, "dim"), Piece(f"{sign} ", "mark"), Piece(fit_middle(told, room).rstrip(), ink), *tail]

    def told(self, row: Row) -> tuple[str, str]:
        one = row.field
        assert one is not None
        ink = "strong" if row.changed else "text"
        if one.sort in ("flag", "part"):
            return ("[x] on" if row.on else "[ ] off"), ink if row.on or row.changed else "dim"
        if one.sort == "units" and row.value:
            return f"{row.value} of ControlNet", ink
        if not row.value:
            return EMPTY.get(one.sort, "empty"), "faint"
        return plain(row.value), "dim" if row.inherited else ink


def may_be(row: Row, one: Field, first: str) -> str:
    """What stands under the list: `txt2img.steps · 1 to 500`. `first`: the stage that others take from."""
    told = [plain(row.key)]
    if str(one.limits):
        told.append(str(one.limits))
    if one.choices:
        told.append(", ".join(one.choices))
    if row.inherited:
        told.append(f"as {plain(first)} has it")
    if one.empty and one.sort in ("number", "name"):
        told.append("may be empty")
    return " · ".join(told)
