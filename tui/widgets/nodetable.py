"""The nodes as a table; what changes of one touches its line."""

from collections.abc import Callable, Sequence

from textual.strip import Strip

from schema.scenes import NodeScene
from tui.widgets.ink import Piece, fit
from tui.widgets.listing import Listing
from tui.widgets.nodeline import SPARK_CELLS, heading, pieces
from tui.widgets.pages import Pages

Courses = Callable[[NodeScene, int], Sequence[float | None]]
"""A node's load in so many parts of the last hour."""


class NodeTable(Listing[NodeScene]):
    header_lines = 1

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self, courses: Courses) -> None:
        super().__init__(Pages(lambda node: node.node), id="nodes")
        self.title_line = (Piece("Nodes", "title"),)
        self._courses = courses
        self._summary = ""

    def name_of(self, item: NodeScene) -> str:
        return item.node

    def sum_up(self, words: str) -> None:
        """The word in the lower edge."""
        if words != self._summary:
            self._summary = words
            self.refoot(self.below())

    def below(self) -> tuple[Piece, ...]:
        more = super().below()
        return (*more, Piece("  " if more else "", "dim"), Piece(self._summary, "dim"))

    def header_line(self, line: int, width: int) -> Strip:
        return self.strip(heading(width), width)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 3:
            words = "  No node here. `stablenew agent run` on a machine of this network shows up by itself."
            return self.strip([Piece(fit(words, width), "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: NodeScene | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        course = self._courses(item, SPARK_CELLS)
        return self.strip(pieces(item, course, width, cursor=here, marked=self.is_marked(item)), width, over)
