"""The lines above everything in Learn: its tabs with what waits for a rating, and what no longer holds."""

from collections.abc import Sequence
from typing import Literal

from schema.requests_learning import LearnStatus
from tui.keys import face
from tui.widgets.ink import Drawn, Line, Piece, plain
from tui.widgets.tabtitles import TabTitles

Tab = Literal["insights", "experiments", "report"]

TABS: tuple[tuple[Tab, str], ...] = (
    ("insights", "Insights"), ("experiments", "Experiments"), ("report", "Report"),
)  # fmt: skip


class TabLine(TabTitles):
    def __init__(self) -> None:
        super().__init__([title for _, title in TABS])

    def show(self, tab: Tab, status: LearnStatus | None, *, as_of: str, fault: str) -> None:
        self.turn([name for name, _ in TABS].index(tab))
        self.tell([Piece(plain(fault), "bad")] if fault else told(status, wide=self.size.width >= 100, as_of=as_of))


MOST = 4
"""Lines of what was taken back, above everything; the whole of it stands at its pack."""


class Lost(Drawn):
    """What was told and no longer holds."""

    ALLOW_SELECT = False
    lines: Sequence[Line] = ()

    def tell(self, lines: Sequence[Line]) -> None:
        if len(lines) > MOST:
            lines = [*lines[: MOST - 1], [Piece(f"   and {len(lines) - MOST + 1} more lines", "dim")]]
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
        noun = "rating" if status.ratings == 1 else "ratings"
        line.append(Piece(f" · {status.ratings:,} {noun}" if wide else f" · {status.ratings:,}★", "dim"))
    if status.inbox:
        line += [Piece(" · ", "faint"), Piece(face("learn.rate"), "key")]
        wait = f" {status.inbox:,} wait{'s' if status.inbox == 1 else ''}"
        line.append(Piece(f"{wait} for a rating" if wide else wait, "text"))
        if status.asked and wide:
            line.append(Piece(f", {status.asked:,} asked for", "mark"))
    return line
