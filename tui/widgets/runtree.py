"""Runs as a list that unfolds: a line for each, and below it its jobs as the queue tells them."""

from textual.strip import Strip

from schema.ids import JobId, RunId
from schema.pages import RunRow
from schema.scenes import Row, RunningJob, RunScene
from tui.keys import pressed
from tui.widgets import jobrow, runrow
from tui.widgets.forest import Branch, Forest, More
from tui.widgets.ink import Piece, fit
from tui.widgets.listing import Listing

INDENT = 2
"""Cells by which a job stands further in than its run."""


class RunTree(Listing[Branch]):
    header_lines = 1

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self) -> None:
        self.forest = Forest()
        super().__init__(self.forest, id="runs")
        self.title_line = (Piece("Runs", "title"),)
        self.running: dict[JobId, RunningJob] = {}
        self.live: dict[RunId, RunScene] = {}
        """Unfinished runs, as the feed tells them."""
        self.nodes = 0
        self._id_width = 10

    def name_of(self, item: Branch) -> str:
        return item.id

    def mark(self) -> None:
        if isinstance(self.item(), More):
            self.go(self.cursor + 1)
        else:
            super().mark()

    def header_line(self, line: int, width: int) -> Strip:
        return self.strip(runrow.heading(runrow.widths(self.room[0])), width)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 3:
            return self.strip([Piece(fit("  No run here.", width), "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: Branch | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if isinstance(item, RunRow):
            drawn = runrow.pieces(
                item, self.live.get(item.id), runrow.widths(width),
                open=item.id in self.forest.unfolded, cursor=here, marked=self.is_marked(item),
            )  # fmt: skip
            return self.strip(drawn, width, over)
        if isinstance(item, Row):
            return self.strip(self.job_pieces(item, width, here=here), width, over)
        if isinstance(item, More):
            words = f"      … {item.many:,} more: {pressed('list.open')} lists all of them"
            return self.strip([Piece(">" if here else " ", "strong"), Piece(fit(words, width - 1), "dim")], width, over)
        return self.strip([Piece("  ·", "faint")], width, over)

    def job_pieces(self, row: Row, width: int, *, here: bool) -> list[Piece]:
        """As in the queue, a little further in; the cursor stays at the edge."""
        columns = jobrow.widths(width - INDENT, self._id_width, self.nodes)
        cursor, *rest = jobrow.pieces(row, self.running.get(row.id), columns, cursor=here, marked=self.is_marked(row))
        return [cursor, Piece(" " * INDENT), *rest]

    def arrived(self, changed: set[int], *, total_changed: bool) -> None:
        rows = [line for line in self.forest.here() if isinstance(line, Row)]
        self._id_width = max(self._id_width, jobrow.longest_id(rows))
        super().arrived(changed, total_changed=total_changed)

    def progressed(self, running: dict[JobId, RunningJob]) -> None:
        """New progress: what differs is sent again, where it is in view."""
        was, self.running = self.running, running
        first, last = self.in_view()
        lines = []
        for index in range(first, min(last + 1, self.pages.total)):
            item = self.pages.get(index)
            if isinstance(item, Row) and was.get(item.id) != running.get(item.id):
                lines.append(index - self.top + self.header_lines + self.inset)
        self.redraw(*lines)
