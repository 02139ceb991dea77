"""The queue as a table: a hundred thousand jobs or ten, a change touches its line or its cell."""

from textual.strip import Strip

from schema.ids import JobId
from schema.scenes import Row, RunningJob
from tui.keys import pressed
from tui.widgets.ink import Piece, fit
from tui.widgets.jobrow import Widths, heading, longest_id, pieces, widths
from tui.widgets.listing import Listing
from tui.widgets.pages import Pages


class JobTable(Listing[Row]):
    header_lines = 1

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self) -> None:
        super().__init__(Pages(lambda row: row.id), id="jobs")
        self.running: dict[JobId, RunningJob] = {}
        self.title_line = (Piece("Jobs", "title"),)
        self.nodes = 0
        """How many there are: with one, its column says nothing."""
        self.still = False
        """Nothing can be changed: it is the past, or the daemon only shows."""
        self._id_width = 10

    def name_of(self, item: Row) -> str:
        return item.id

    @property
    def widths(self) -> Widths:
        return widths(self.room[0], self._id_width, self.nodes)

    def header_line(self, line: int, width: int) -> Strip:
        return self.strip(heading(self.widths), width)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 3:
            words = "  No job here." if self.still else f"  No job here.  {pressed('queue.new')} makes a new run."
            return self.strip([Piece(fit(words, width), "dim")], width)
        return super().inner(y, width)

    def cell_line(self, index: int, item: Row | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        drawn = pieces(item, self.running.get(item.id), self.widths, cursor=here, marked=self.is_marked(item))
        return self.strip(drawn, width, over)

    def arrived(self, changed: set[int], *, total_changed: bool) -> None:
        longest = longest_id(list(self.pages.here()))
        if longest > self._id_width:
            self._id_width, total_changed = longest, True
        super().arrived(changed, total_changed=total_changed)

    def progressed(self, running: dict[JobId, RunningJob], jobs: frozenset[JobId]) -> None:
        """New progress: of these jobs what differs is sent again, where it is in view."""
        was, self.running = self.running, running
        first, last = self.in_view()
        lines = []
        for index in range(first, min(last + 1, self.pages.total)):
            row = self.pages.get(index)
            if row is not None and row.id in jobs and was.get(row.id) != running.get(row.id):
                lines.append(index - self.top + self.header_lines + self.inset)
        self.redraw(*lines)
