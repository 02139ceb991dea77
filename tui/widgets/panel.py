"""A pane of text that scrolls by itself: lines made elsewhere, drawn in a frame."""

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip

from schema.errors import Refused
from tui.widgets.ink import Framed, Line, Piece, wrap


class Panel(Framed, can_focus=True):
    ALLOW_SELECT = False

    class Resized(Message):
        """It has other room than before: its lines may be too long for it, or too short."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()
        self.top = 0

    def fill(self, lines: Sequence[Line], title: Line, *, keep_place: bool) -> None:
        """Only the lines that differ are sent again."""
        was_top, old, thumb = self.top, self.lines, self.thumb()
        self.lines = lines
        self.top = min(self.top, self._furthest) if keep_place else 0
        self.retitle(title)
        if self.top != was_top or self.thumb() != thumb:
            self.refresh()
            return
        rows = range(self.room[1])
        self.redraw(
            *(
                y + self.inset
                for y in rows
                if tuple(old[self.top + y : self.top + y + 1]) != tuple(lines[self.top + y : self.top + y + 1])
            )
        )

    def inner(self, y: int, width: int) -> Strip:
        at = self.top + y
        return self.strip(self.lines[at] if at < len(self.lines) else (), width)

    def thumb(self) -> tuple[int, int] | None:
        room = self.room[1]
        if len(self.lines) <= room:
            return None
        long = max(1, room * room // len(self.lines))
        start = (room - long) * self.top // max(1, self._furthest)
        return start, start + long - 1

    @property
    def _furthest(self) -> int:
        return max(0, len(self.lines) - self.room[1])

    def scroll_by(self, lines: int) -> None:
        top = max(0, min(self._furthest, self.top + lines))
        if top != self.top:
            self.top = top
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_by(-3)

    def on_resize(self) -> None:
        self.top = min(self.top, self._furthest)
        self.post_message(self.Resized())


def refused(fault: Refused, width: int) -> list[Line]:
    """Instead of details: why there are none."""
    return [[Piece(f" {line}", "bad")] for line in wrap(fault.told(), width - 2, 20)]
