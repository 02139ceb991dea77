"""Lines over an area, to be read and closed."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.screen import ModalScreen

from tui.background import leave
from tui.keys import bound
from tui.widgets.ink import Line
from tui.widgets.panel import Panel

LOWEST = 9
"""Lines of the smallest page, its frame among them."""


class Details(ModalScreen[None]):
    """`lines(width)` makes them, again after every resize."""

    BINDINGS = bound("page.leave", "page.down", "page.up", "page.half_down", "page.half_up")

    def __init__(self, title: Line, lines: Callable[[int], Sequence[Line]]) -> None:
        super().__init__()
        self._title_line = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        yield Panel(id="details")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Panel))

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        panel = self.query_one(Panel)
        lines = self._lines(panel.room[0])
        panel.styles.height = max(LOWEST, len(lines) + 2)
        panel.fill(lines, self._title_line, keep_place=True)

    def action_leave(self) -> None:
        leave(self, None)

    def action_scroll(self, by: int) -> None:
        self.query_one(Panel).scroll_by(by)
