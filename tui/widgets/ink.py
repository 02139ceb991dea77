"""Drawing by the line: pieces of text with the name of an ink, made into strips of an exact width.

Everything that came from people or machines passes `plain` first: no control character reaches the terminal.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.style import Style as Ink
from textual.widget import Widget

from tui.widgets.thrift import changed

INKS = {
    "text": "$foreground 88%",
    "strong": "bold $foreground",
    "dim": "$foreground 55%",
    "faint": "$foreground 32%",
    "frame": "$foreground 22%",
    "frame-focus": "$primary",
    "title": "bold $foreground",
    "run": "$primary-lighten-2",
    "wait": "$foreground 55%",
    "good": "$success",
    "bad": "$error",
    "warn": "$warning",
    "star": "$warning",
    "mark": "bold $accent",
    "cursor": "on $primary 35%",
    "cursor-idle": "on $foreground 10%",
    "key": "$accent",
    "active": "bold $foreground",
    "bar": "$primary-lighten-1 on $foreground 14%",
    "trough": "$primary-lighten-1 on $foreground 14%",
}
"""In the colours of the theme. Not in the stylesheet: there each is a style of its own on every widget, found anew
whenever a class or the focus changes, and that was a quarter of all that is done before the first frame."""

GROUNDED = ("bar", "trough")
"""Inks with a background of their own, kept also in a line with another."""

STEERING = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal would obey: control characters, and those that turn the direction of writing."""
NO_WIDTH = "\u200b"
"""Shown instead, as narrow as they are: the cursor stands where it did."""

UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)


class Piece(NamedTuple):
    text: str
    ink: str = "text"
    link: str = ""
    """Where a click leads, in a terminal that knows links (OSC 8): a percent-encoded address."""


Line = Sequence[Piece]

FLAG = re.compile(r"(?<![\w-])--(?=[a-z])")


def plain(text: str) -> str:
    """The text as one line with nothing in it that steers a terminal or hides itself."""
    return UNPRINTABLE.sub(lambda m: " " if m[0] in "\t\n\r" else "·" if m[0] < "\xa0" else "", text)


def harmless(text: str) -> str:
    """As many characters, none of which steers a terminal: of what a person edits, where the cursor counts them."""
    return STEERING.sub(NO_WIDTH, text)


def unflagged(text: str) -> str:
    """What is said of a run, without the dashes of the command line: here its flags are fields."""
    return "held" if text == "--lock" else FLAG.sub("", text)


@lru_cache(maxsize=8192)
def fit(text: str, width: int, align: str = "left") -> str:
    """Exactly `width` cells: padded, or cut with an ellipsis."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - length) + text if align == "right" else text + " " * (width - length)


@lru_cache(maxsize=8192)
def fit_middle(text: str, width: int) -> str:
    """As `fit`, but the end stays: for paths and ids."""
    if cell_len(text) <= width or width < 6:
        return fit(text, width)
    tail = text[-(width // 2) :]
    return set_cell_size(text, width - 1 - cell_len(tail)) + "…" + tail


def wrap(text: str, width: int, limit: int) -> list[str]:
    """At most `limit` lines of at most `width` cells, broken at spaces where there are any."""
    lines: list[str] = []
    for word in plain(text).split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += " " + word
            continue
        while word:
            if len(lines) == limit:
                lines[-1] = fit(lines[-1] + "…", width).rstrip()
                return lines
            head = word if cell_len(word) <= width else set_cell_size(word, width).rstrip() or "·"
            lines.append(head)
            word = word[len(head) :]
    return lines


@lru_cache(maxsize=256)
def leading_to(link: str) -> Style:
    """One style for each address: its id tells a terminal which cells are one link."""
    return Style(link=link)


def measure(line: Iterable[Piece]) -> int:
    return sum(cell_len(piece.text) for piece in line)


def shortened(line: Line, width: int) -> list[Piece]:
    """At most `width` cells: what is longer ends with an ellipsis."""
    if measure(line) <= width:
        return list(line)
    kept: list[Piece] = []
    room = width - 1
    for piece in line:
        if cell_len(piece.text) > room:
            return [*kept, piece._replace(text=set_cell_size(piece.text, max(0, room)) + "…")]
        kept.append(piece)
        room -= cell_len(piece.text)
    return kept


@lru_cache(maxsize=1024)
def laid(ink: Ink, ground: Ink) -> Style:
    """The ink as it is seen on this ground."""
    return (ground + ink).rich_style


class Drawn(Widget):
    """A widget that draws its own lines. `line(y)` says what stands on each."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sent: dict[int, Strip] = {}
        """Lines as they were last drawn."""

    def ink(self, name: str) -> Style:
        return laid(self.app.stylesheet.parse_style(INKS[name]), self.visual_style)

    def line(self, y: int) -> Line:
        """The pieces of line `y`, from 0; made to fit the width by the caller."""
        return ()

    def drawn(self, y: int) -> Strip:
        """Line `y`, as wide as the widget."""
        return self.strip(self.line(y), self.size.width)

    def render_line(self, y: int) -> Strip:
        strip = self.drawn(y)
        self._sent[y] = strip
        return strip

    def strip(self, line: Line, width: int, over: str | None = None) -> Strip:
        """The line, padded or cut to `width`; `over`: an ink whose background lies under all of it."""
        base = self.ink("text")
        ground = Style(bgcolor=self.ink(over).bgcolor) if over else None
        segments = []
        for piece in line:
            if piece.text:
                style = self.ink(piece.ink) + leading_to(piece.link) if piece.link else self.ink(piece.ink)
                segments.append(Segment(piece.text, style + ground if ground and piece.ink not in GROUNDED else style))
        return Strip(segments).adjust_cell_length(width, base + ground if ground else base).simplify()

    def redraw(self, *lines: int) -> None:
        """Sends what has changed on these lines and nothing else."""
        width, height = self.size
        regions = []
        for y in lines:
            if 0 <= y < height:
                span = changed(self._sent.get(y), self.drawn(y), width)
                if span is not None:
                    regions.append(Region(span[0], y, span[1] - span[0], 1))
        if regions:
            self.refresh(*regions)


class Framed(Drawn):
    """A pane in a round frame with a title on top and a word below. `bare` drops the frame."""

    bare = False
    title_line: Line = ()
    foot_line: Line = ()

    @property
    def room(self) -> tuple[int, int]:
        """Columns and lines inside the frame."""
        width, height = self.size
        return (width, height) if self.bare else (max(0, width - 2), max(0, height - 2))

    @property
    def inset(self) -> int:
        return 0 if self.bare else 1

    def inner(self, y: int, width: int) -> Strip:
        """Line `y` inside the frame, exactly `width` cells."""
        return self.strip((), width)

    def thumb(self) -> tuple[int, int] | None:
        """First and last inner line of the scroll mark in the right edge; None: all is in view."""
        return None

    def drawn(self, y: int) -> Strip:
        width, height = self.size
        if self.bare:
            return self.inner(y, width)
        if width < 4 or height < 2:
            return self.strip((), width)
        edge = self.ink("frame-focus" if self.has_focus else "frame")
        if y == 0:
            return self.edge("╭", self.title_line, "╮", edge, left=True)
        if y == height - 1:
            return self.edge("╰", self.foot_line, "╯", edge, left=False)
        span = self.thumb()
        right = "┃" if span and span[0] <= y - 1 <= span[1] else "│"
        return Strip.join(
            [
                Strip([Segment("│", edge)], 1),
                self.inner(y - 1, width - 2),
                Strip([Segment(right, edge)], 1),
            ]
        )

    def edge(self, start: str, line: Line, end: str, edge: Style, *, left: bool) -> Strip:
        """A frame's upper or lower edge with its words at the left or the right."""
        width = self.size.width
        if not line:
            return Strip([Segment(start + "─" * (width - 2) + end, edge)], width)
        room = width - 6
        taken = min(measure(line), room)
        words = self.strip(line, taken)
        rest = "─" * (width - taken - 5)
        if left:
            return Strip.join([Strip([Segment(f"{start}─ ", edge)]), words, Strip([Segment(f" {rest}{end}", edge)])])
        return Strip.join([Strip([Segment(f"{start}{rest} ", edge)]), words, Strip([Segment(f" ─{end}", edge)])])

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def retitle(self, line: Line) -> None:
        if tuple(line) != tuple(self.title_line):
            self.title_line = tuple(line)
            self.redraw(0)

    def refoot(self, line: Line) -> None:
        if tuple(line) != tuple(self.foot_line):
            self.foot_line = tuple(line)
            self.redraw(self.size.height - 1)
