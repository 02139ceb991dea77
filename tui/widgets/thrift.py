"""Fewer bytes to the terminal: an update sends its own cells and only the colours that change between them.

Textual's own partial update begins at the widget's left edge and tells both colours anew for every piece of text;
over SSH that is three times as much as is needed. Built on `textual._compositor` of 8.2; a test counts the bytes.
"""

from collections.abc import Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor
from textual.strip import SGR_STYLES, Strip

RESET = "\x1b[0m"


class ThriftyUpdate(ChopsUpdate):
    def render_segments(self, console: Console) -> str:
        """The update as text with escape codes, ready to be written."""
        system = console._color_system or ColorSystem.TRUECOLOR
        pen = Pen(system)
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= right or end <= left:
                    continue
                start, stop = max(left, x), min(right, end)
                pen.go(start, y)
                whole = (start, stop) == (x, end) or any(control for _, _, control in strip)
                pen.write(strip if whole else strip.crop(start - x, stop - x))
        return pen.text()


class ThriftyCompositor(Compositor):
    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return None if update is None else ThriftyUpdate(update.chops, update.spans, update.chop_ends)


class Pen:
    """Writes segments and remembers which colours the terminal has."""

    def __init__(self, system: ColorSystem) -> None:
        self._system = system
        self._parts: list[str] = []
        self._now = ("", "", "")

    def go(self, x: int, y: int) -> None:
        self._parts.append(f"\x1b[{y + 1};{x + 1}H")

    def write(self, segments: Iterable[Segment]) -> None:
        for text, style, control in segments:
            if control:  # a picture by sixel: it has no cells, and says itself where it goes
                self._plain()
                self._parts.append(text)
                continue
            if style is None or style._link:
                self._plain()
                self._parts.append(style.render(text, color_system=self._system) if style else text)
                continue
            wanted = (front(style._color, self._system), back(style._bgcolor, self._system), marks(style))
            if wanted != self._now:
                self._change(wanted)
            self._parts.append(text)

    def _change(self, wanted: tuple[str, str, str]) -> None:
        codes = []
        was = self._now
        if wanted[2] != was[2]:
            codes.append("0")
            was = ("39", "49", "")
            if wanted[2]:
                codes.append(wanted[2])
        if wanted[0] != was[0]:
            codes.append(wanted[0])
        if wanted[1] != was[1]:
            codes.append(wanted[1])
        self._parts.append(f"\x1b[{';'.join(codes)}m")
        self._now = wanted

    def _plain(self) -> None:
        if self._now != ("", "", ""):
            self._parts.append(RESET)
            self._now = ("", "", "")

    def text(self) -> str:
        self._plain()
        return "".join(self._parts)


@lru_cache(maxsize=1 << 15)
def front(color: Color | None, system: ColorSystem) -> str:
    return ";".join(color.downgrade(system).get_ansi_codes()) if color is not None else "39"


@lru_cache(maxsize=1 << 15)
def back(color: Color | None, system: ColorSystem) -> str:
    return ";".join(color.downgrade(system).get_ansi_codes(foreground=False)) if color is not None else "49"


def marks(style: Style) -> str:
    """Bold and its like."""
    attributes = style._attributes & style._set_attributes
    return ";".join(code for bit, code in enumerate(SGR_STYLES) if attributes & (1 << bit)) if attributes else ""


def changed(old: Strip | None, new: Strip, width: int) -> tuple[int, int] | None:
    """The first cell that differs and the first behind the last one; None: they are equal."""
    if old is None or old.cell_length != new.cell_length:
        return 0, width
    if old == new:
        return None
    before, after = cells(old), cells(new)
    first = next((x for x, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]), None)
    if first is None:
        return None
    last = next(x for x in range(len(after) - 1, -1, -1) if before[x] != after[x])
    while first > 0 and not (before[first][0] and after[first][0]):
        first -= 1
    while last + 1 < len(after) and not (before[last + 1][0] and after[last + 1][0]):
        last += 1
    return first, last + 1


def cells(strip: Strip) -> list[tuple[str, Style | None]]:
    """One entry for each cell; the second cell of a wide letter is empty, what has no width joins its letter."""
    found: list[tuple[str, Style | None]] = []
    for text, style, _ in strip:
        if text.isascii():
            found += [(letter, style) for letter in text]
            continue
        for letter in text:
            wide = cell_len(letter)
            if wide == 0 and found:
                found[-1] = (found[-1][0] + letter, found[-1][1])
            elif wide:
                found += [(letter, style), *([("", style)] * (wide - 1))]
    return found
