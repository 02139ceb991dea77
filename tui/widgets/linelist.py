"""What the programs wrote of themselves, as a list: a line each."""

from textual.strip import Strip

from schema.logpages import ProgramLine
from tui.keys import pressed
from tui.widgets.eventcard import LEVEL_INKS
from tui.widgets.eventlist import clock
from tui.widgets.ink import Piece, fit, plain
from tui.widgets.listing import Listing
from tui.widgets.pages import Pages

SIGNS = {"warning": "!", "error": "✗", "critical": "✗", "info": "·", "debug": "·"}


class LineList(Listing[ProgramLine]):
    header_lines = 1

    @property
    def bare(self) -> bool:  # type: ignore[override]  # a constant there, here it follows the width
        return self.app.size.width < 100

    def __init__(self) -> None:
        super().__init__(Pages(lambda line: line.id), id="lines")
        self.now = 0.0

    def name_of(self, item: ProgramLine) -> str:
        return item.id

    def header_line(self, line: int, width: int) -> Strip:
        when = 12 if width >= 90 else 8
        words = f"  {fit('when', when)} {fit('program', 8)} {fit('level', 10)}what it says"
        return self.strip([Piece(words, "dim")], width)

    def inner(self, y: int, width: int) -> Strip:
        if self.pages.known and not self.pages.total and y == 3:
            return self.strip(
                [Piece(fit(f"  No line here.  {pressed('logs.kind')} shows more, or fewer, of them.", width), "dim")],
                width,
            )
        return super().inner(y, width)

    def cell_line(self, index: int, item: ProgramLine | None, line: int, width: int) -> Strip:
        here = index == self.cursor
        over = ("cursor" if self.has_focus else "cursor-idle") if here else None
        if item is None:
            return self.strip([Piece("  ·", "faint")], width, over)
        when = 12 if width >= 90 else 8
        ink = LEVEL_INKS.get(item.level, "text")
        drawn = [
            Piece(">" if here else " ", "strong"),
            Piece("●", "mark") if self.is_marked(item) else Piece(" "),
            Piece(fit(clock(item.at, self.now, when), when) + " ", "dim"),
            Piece(fit(plain(item.program), 8) + " ", "dim"),
            Piece(fit(f"{SIGNS.get(item.level, ' ')} {plain(item.level)}", 10), ink),
            Piece(plain(item.says), ink if ink != "dim" else "text"),
            *about(item),
        ]
        return self.strip(drawn, width, over)


def about(line: ProgramLine) -> list[Piece]:
    """The job and what else it is about: `kn00gt7a.4 upscale`."""
    names = [line.about[name] for name in ("job", "run", "stage", "node") if line.about.get(name)]
    names = names[:1] + [name for name in names[1:] if not names[0].startswith(name)]  # a job's id tells its run
    return [Piece(f"  {plain(names[0])}", "key"), Piece(f" {plain(' '.join(names[1:]))}", "dim")] if names else []
