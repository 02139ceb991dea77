"""The line above a list: the filter, typed in place, and at its right how much there is."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Input

from tui.messages import FilterChanged
from tui.widgets.ink import Drawn, Line, Piece, measure

WAIT = 0.2
"""Seconds after the last letter before the list is asked anew."""


class FilterInput(Input):
    """Enter keeps the filter, escape brings the one before back; arrows still move the list."""

    BINDINGS = [Binding("escape", "give_up", "the filter before", show=False)]

    def __init__(self) -> None:
        super().__init__(placeholder="press / to filter", id="filter", compact=True, select_on_focus=False)
        self._before = ""

    def on_mount(self) -> None:
        self.cursor_blink = self.app.animation_level != "none"

    def begin(self) -> None:
        self._before = self.value
        self.screen.set_focus(self)
        self.cursor_position = len(self.value)

    def on_input_changed(self) -> None:
        self.post_message(FilterChanged(self.value.strip(), done=False))

    def on_input_submitted(self) -> None:
        self.post_message(FilterChanged(self.value.strip(), done=True))

    def action_give_up(self) -> None:
        self.value = self._before
        self.post_message(FilterChanged(self._before.strip(), done=True))


class Tally(Drawn):
    """How many, how many marked, in which order; or what is wrong with the filter."""

    ALLOW_SELECT = False
    words: Line = ()

    def line(self, y: int) -> Line:
        pad = self.size.width - measure(self.words) - 1
        return [Piece(" " * max(0, pad)), *self.words] if y == 0 else ()

    def tell(self, words: Line) -> None:
        if tuple(words) != tuple(self.words):
            self.words = tuple(words)
            self.redraw(0)


class Label(Drawn):
    ALLOW_SELECT = False

    def line(self, y: int) -> Line:
        return [Piece(" Filter:" if self.size.width > 4 else "", "dim")]


class FilterLine(Horizontal):
    def __init__(self) -> None:
        super().__init__()
        self.input = FilterInput()
        self.tally = Tally(id="tally")

    def compose(self) -> ComposeResult:
        yield Label(id="filter-label")
        yield self.input
        yield self.tally
