"""What a run is told besides its words and stages, in a few lines that flow: every field in its place, chosen there."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.message import Message

from tui.keys import bindings, of
from tui.widgets.ink import Drawn, Line, Piece, fit, fit_middle, plain

GAP = 2
"""Cells between two fields."""

WIDEST = 44
"""Cells of a value; what is longer loses its middle."""


class HeadField(NamedTuple):
    """`id` is told when it is asked for."""

    id: str
    label: str
    value: str = ""
    changed: bool = False
    """A person chose it: it is not as usual."""
    tick: bool | None = None
    """A box to tick; None: a value is chosen."""
    trouble: bool = False
    number: bool = False
    """`+` and `-` step it."""

    def words(self, room: int) -> str:
        if self.tick is not None:
            return f"[{'x' if self.tick else ' '}] {plain(self.label)}"
        value = plain(self.value)
        most = min(WIDEST, max(8, room - cell_len(self.label) - 1))
        return f"{self.label} {fit_middle(value, most).rstrip() if cell_len(value) > most else value}"


class Placed(NamedTuple):
    at: int
    """Its place among the fields."""
    x: int
    words: str


class HeadLine(Drawn, can_focus=True):
    """Enter, space or a click asks for another value, delete takes one back; arrows go from field to field."""

    ALLOW_SELECT = False
    BINDINGS = bindings(of("fields"))

    class Asked(Message):
        """Another value is wanted for the field with this id."""

        def __init__(self, field: str) -> None:
            self.field = field
            super().__init__()

    class Cleared(Asked):
        """It is to be as usual."""

    class Nudged(Asked):
        """A number is to be one more or one less."""

        def __init__(self, field: str, by: int) -> None:
            self.by = by
            super().__init__(field)

    def __init__(self) -> None:
        super().__init__(id="head")
        self.fields: tuple[HeadField, ...] = ()
        self.cursor = 0
        self._flow: list[list[Placed]] = []

    def show(self, fields: Sequence[HeadField]) -> None:
        """Draws what differs; as many lines as they need."""
        if tuple(fields) == self.fields:
            return
        stood = self.fields[self.cursor].id if self.cursor < len(self.fields) else ""
        self.fields = tuple(fields)
        self.cursor = next((at for at, one in enumerate(self.fields) if one.id == stood), 0)
        self._lay_out()

    def _lay_out(self) -> None:
        many = len(self._flow)
        self._flow = flowed(self.fields, self.size.width or self.app.size.width)
        if len(self._flow) != many:
            self.styles.height = max(1, len(self._flow))
        self.redraw(*range(self.size.height))

    def on_resize(self) -> None:
        self._lay_out()

    def line(self, y: int) -> Line:
        if y >= len(self._flow):
            return ()
        pieces: list[Piece] = []
        x = 0
        for one in self._flow[y]:
            pieces += [Piece(" " * (one.x - x)), *self._field(one)]
            x = one.x + cell_len(one.words)
        return pieces

    def _field(self, placed: Placed) -> list[Piece]:
        field = self.fields[placed.at]
        if self.has_focus and placed.at == self.cursor:
            return [Piece(placed.words, "cursor")]
        if field.tick is not None:
            return [Piece(placed.words, "strong" if field.tick else "dim")]
        head = len(field.label)
        ink = "warn" if field.trouble else "strong" if field.changed else "text"
        return [Piece(placed.words[:head], "dim"), Piece(placed.words[head:], ink)]

    # Moving and choosing ----------------------------------------------------------------------------

    @property
    def field(self) -> HeadField | None:
        return self.fields[self.cursor] if self.cursor < len(self.fields) else None

    def go(self, at: int) -> None:
        self.cursor = max(0, min(at, len(self.fields) - 1))
        self.redraw(*range(self.size.height))

    def action_step(self, by: int) -> None:
        self.go(self.cursor + by)

    def action_row(self, by: int) -> None:
        """To the field above or below, as near as there is one."""
        y, x = next(((y, one.x) for y, row in enumerate(self._flow) for one in row if one.at == self.cursor), (0, 0))
        if 0 <= y + by < len(self._flow):
            self.go(min(self._flow[y + by], key=lambda one: abs(one.x - x)).at)

    def action_ask(self) -> None:
        if self.field is not None:
            self.post_message(self.Asked(self.field.id))

    def action_clear(self) -> None:
        if self.field is not None:
            self.post_message(self.Cleared(self.field.id))

    def action_nudge(self, by: int) -> None:
        if self.field is not None and self.field.number:
            self.post_message(self.Nudged(self.field.id, by))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        row = self._flow[event.y] if event.y < len(self._flow) else []
        for one in row:
            if one.x <= event.x < one.x + cell_len(one.words):
                self.focus()
                self.go(one.at)
                self.action_ask()

    def on_focus(self) -> None:
        self.redraw(*range(self.size.height))

    def on_blur(self) -> None:
        self.redraw(*range(self.size.height))


def flowed(fields: Sequence[HeadField], width: int) -> list[list[Placed]]:
    """The fields from left to right in lines of `width` cells, none broken."""
    rows: list[list[Placed]] = [[]]
    x = 1
    for at, field in enumerate(fields):
        words = field.words(width - 2)
        long = cell_len(words)
        if x + long > width and rows[-1]:
            rows.append([])
            x = 1
        if x + long > width:
            words = fit(words, max(1, width - x))
            long = cell_len(words)
        rows[-1].append(Placed(at, x, words))
        x += long + GAP
    return rows if rows[0] else []
