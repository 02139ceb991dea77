"""The lines above everything in Learn: its tabs with what waits for a rating, and what no longer holds."""

from collections.abc import Sequence
from typing import Literal

from textual import events

from schema.requests_learning import LearnStatus
from tui.widgets.ink import Drawn, Line, Piece, measure, plain

Tab = Literal["insights", "experiments", "report"]

TABS: tuple[tuple[Tab, str], ...] = (
    ("insights", "Insights"), ("experiments", "Experiments"), ("report", "Report"),
)  # fmt: skip


class TabLine(Drawn):
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(id="lesson-tabs")
        self._words: Line = ()
        self._right: Line = ()
        self._at = 0

    def show(self, tab: Tab, status: LearnStatus | None, *, as_of: str, fault: str) -> None:
        left = [Piece(" ")]
        self._at = [name for name, _ in TABS].index(tab)
        for name, title in TABS:
            here = name == tab
            left.append(Piece(f"[{title}] " if here else f" {title}  ", "active" if here else "dim"))
        right = told(status, wide=self.size.width >= 100, as_of=as_of)
        right = [Piece(plain(fault), "bad")] if fault else right
        if (left, right) != (self._words, self._right):
            self._words, self._right = left, right
            self.redraw(0)

    def line(self, y: int) -> Line:
        gap = self.size.width - measure(self._words) - measure(self._right) - 1
        return [*self._words, Piece(" " * max(1, gap)), *self._right] if y == 0 else ()

    async def on_click(self, event: events.Click) -> None:
        x = 0
        for number, piece in enumerate(self._words):
            x += len(piece.text)
            if event.x < x and number:
                await self.run_action(f"screen.tab({number - 1 - self._at})")
                return


class Lost(Drawn):
    """What was told and no longer holds."""

    ALLOW_SELECT = False
    lines: Sequence[Line] = ()

    def tell(self, lines: Sequence[Line]) -> None:
        if tuple(map(tuple, lines)) != tuple(map(tuple, self.lines)):
            self.lines = lines
            self.styles.height = len(lines)
            self.display = bool(lines)
            self.refresh()

    def line(self, y: int) -> Line:
        return self.lines[y] if y < len(self.lines) else ()


def told(status: LearnStatus | None, *, wide: bool, as_of: str) -> list[Piece]:
    """`learning: passive · 412 ratings · r: 14 wait`."""
    if status is None:
        return [Piece("…", "faint")]
    line = [Piece(f"as of {plain(as_of)}  ", "warn")] if as_of else []
    off = status.mode == "off"
    line.append(Piece(f"learning: {status.mode}" if wide else status.mode, "warn" if off else "dim"))
    if status.ratings:
        line.append(Piece(f" · {status.ratings:,} ratings" if wide else f" · {status.ratings:,}★", "dim"))
    if status.inbox:
        line += [Piece(" · ", "faint"), Piece("r", "key")]
        line.append(Piece(f" {status.inbox:,} wait for a rating" if wide else f" {status.inbox:,} wait", "text"))
        if status.asked and wide:
            line.append(Piece(f", {status.asked:,} asked for", "mark"))
    return line
