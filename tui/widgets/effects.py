"""The plot of one knob: each of its levels with what it is worth in stars, and the interval it surely lies in. Pure.

plotext draws the axis and the bars; it is loaded when a plot is first drawn (`load`, for a thread).
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor

from schema.insights import Knob, Level
from schema.plans import Scalar
from schema.records import Settings
from tui.widgets.ink import Line, Piece, fit, plain

APART = 5
"""Columns at least from one label of the axis to the next."""

COUNT = 5
"""Columns of how many ratings a level has."""

FEW = 3
"""Labels that are enough: the roundest steps that give so many."""

LEAST = 10
"""Columns below which there is no plot, only figures."""

FULL = 14
"""Columns below which a plot is given those of the counts."""


def load() -> None:
    import textual_plotext.plot  # noqa: F401  # a tenth of a second the first time


def plot(knob: Knob, width: int, height: int, *, now: Scalar = None, advised: Settings | None = None) -> list[Line]:
    """A line for each level, then the axis. `now`: the value the pack is made with; `advised`: what is recommended."""
    levels = shown(knob, max(1, height - 2))
    name = min(max(map(len, (level.label for level in levels))), max(6, width // 3)) if levels else 0
    room = width - name - 22
    counted = room >= FULL or room + COUNT < LEAST
    room += 0 if counted else COUNT
    bars, axis = drawn(tuple((one.mean, one.low, one.high) for one in levels), room) if room >= LEAST else ((), ())
    best = advised.get(knob.param) if advised else None
    lines: list[Line] = []
    airy = 2 * len(levels) + 1 <= height
    for number, level in enumerate(levels):
        here = now is not None and now in level.values
        wanted = best is not None and best in level.values and not here
        ink = "good" if wanted else "text" if level.n else "faint"
        bar = bars[number] if number < len(bars) else ""
        lines.append([
            Piece(f" {fit(plain(level.label), name)} ", "strong" if wanted or here else "text"),
            Piece(f"{level.n:>{COUNT - 1}} " if counted else "", "dim"), Piece(bar, ink if bar.strip() else "faint"),
            Piece(f" {level.mean:3.1f}★ ", "star" if level.n else "faint"),
            Piece("now" if here else "better" if wanted else "", "key" if here else "good"),
        ])  # fmt: skip
        if airy and number + 1 < len(levels):
            lines.append(())
    left = " " * (name + 2 + (COUNT if counted else 0))
    return [*lines, *([Piece(left), Piece(words, "faint")] for words in axis)]


def shown(knob: Knob, many: int) -> Sequence[Level]:
    """Ordered ones in their order, others the best first; where there is no room for all, those that have most."""
    levels = knob.levels if knob.ordered else tuple(sorted(knob.levels, key=lambda one: (-one.mean, one.label)))
    if len(levels) <= many:
        return levels
    kept = {id(one) for one in sorted(levels, key=lambda one: -one.n)[:many]}
    return [one for one in levels if id(one) in kept]


@lru_cache(maxsize=64)
def drawn(points: tuple[tuple[float, float, float], ...], width: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Bars, one a line, and the lines of the axis below them; both exactly `width` cells."""
    from textual_plotext.plot import Plot

    many = len(points)
    rows = [float(many - n) for n in range(many)]
    plt = Plot()
    plt.clear_figure()
    plt.theme("clear")
    plt.plotsize(width, many + 2)
    plt.error([p[0] for p in points], rows, xerr=[2 * max(p[2] - p[0], p[0] - p[1], 0.01) for p in points])
    low = min(p[1] for p in points)
    high = max(low + 0.1, max(p[2] for p in points))
    plt.xlim(low, high)
    plt.ylim(0.99, many + 0.01)
    plt.yaxes(False, False)
    plt.yfrequency(0)
    plt.xaxes(True, False)
    plt.xticks(*ticks(low, high, width))
    lines = [fit(line, width) for line in str(plt.uncolorize(plt.build())).split("\n")]
    return tuple(line.replace("┼", "●") for line in lines[:many]), tuple(lines[many : many + 2])


def ticks(low: float, high: float, width: int) -> tuple[list[float], list[str]]:
    """Whole stars, or parts of one where there is room: labels never touch one another nor the edges.

    plotext leaves out labels that touch, which ones it is not always the same.
    """
    column = (width - 1) / (high - low)
    places: list[float] = []
    for step in (2.0, 1.0, 0.5, 0.2, 0.1):
        first, last = ceil((low + 2 / column) / step), floor((high - 2 / column) / step)
        if last > first and step * column < APART:
            break
        places = [n * step for n in range(first, last + 1)]
        if len(places) >= FEW:
            break
    return places, [f"{place:.1f}" for place in places]
