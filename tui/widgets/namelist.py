"""The names that the nodes have, in a list of any length: each with who has it."""

from collections.abc import Sequence

from textual.strip import Strip

from schema.pages import Resource
from tui.widgets.ink import Piece, fit, fit_middle, plain
from tui.widgets.listing import Listing
from tui.widgets.pages import PAGE, Pages


class NameList(Listing[Resource]):
    bare = True

    def __init__(self) -> None:
        super().__init__(Pages(lambda one: one.name), id="names")
        self.can_focus = False
        self._every: Sequence[Resource] = ()
        self.taken = ""
        """The name that the field has now."""
        self.starred: frozenset[str] = frozenset()
        """Favourites; they stand first."""
        self.notice = ""
        """Told where there is nothing to choose from."""
        self.all_nodes = 0
        """How many nodes there are: what all of them have is told so."""

    def name_of(self, item: Resource) -> str:
        return item.name

    def fill(self, names: Sequence[Resource], cursor: int) -> None:
        self._every = names
        self.pages.forget()
        self.top, self.cursor = 0, cursor
        self.pages.put(0, names[:PAGE], len(names), 0)
        self.want()
        self.scroll_to_row(cursor)
        self.redraw_all()

    def want(self) -> None:
        """What is in view lies here already."""
        first, last = self.in_view()
        for page in self.pages.wanted(first, last + (last - first)):
            self.pages.put(page, self._every[page * PAGE : (page + 1) * PAGE], len(self._every), first)

    def inner(self, y: int, width: int) -> Strip:
        if y == 0 and self.notice and not self.pages.total:
            return self.strip([Piece(f" {self.notice}", "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: Resource | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = "cursor" if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        whose = plain(self.whose(item))
        room = max(12, min(width - 4 - len(whose), width - 12))
        name = plain(item.name)
        sign = "●" if item.name == self.taken else "★" if item.name in self.starred else " "
        pieces = [Piece(">" if here else " ", "strong"), Piece(sign, "star" if sign == "★" else "mark"),
                  Piece(fit_middle(name, room), "strong" if here else "text")]  # fmt: skip
        return self.strip([*pieces, Piece(" " + fit(whose, width - room - 4, "right"), "dim")], width, over)

    def whose(self, item: Resource) -> str:
        """`all nodes · webui`, `studio · comfyui, webui`."""
        where = "all nodes" if 1 < self.all_nodes <= len(item.nodes) else ", ".join(item.nodes)
        return " · ".join(part for part in (where, ", ".join(item.backends)) if part)
