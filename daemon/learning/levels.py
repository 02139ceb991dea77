"""Levels: which values of a knob are told apart, in which order, and which are put together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from math import ceil, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schema.plans import Scalar

Floats = NDArray[np.float64]

BINS = 8
"""Numbers with more values than this are put together in as many ranges at most, about equally often seen."""

REACH = 2.5
"""Levels of an ordered knob resemble each other as exp(-distance / REACH)."""

WORDS = 40
"""Words beyond this many are put together: those seen least."""

TIME = "\ttime"
"""A knob that nobody set: when a picture was rated. It takes up what changed slowly, and is not spoken of."""

STRETCHES = 7
"""Into which the time of a pool's verdicts is parted; about that many, so that they rarely move."""

LONG = 80
"""Verdicts; in which order those of a shorter sitting were given makes no difference: their time is its beginning."""

ABSENT: Scalar = None
"""Value of a knob that a picture was made without."""


class Knob(NamedTuple):
    """A parameter that took several values in a pool. Its levels are in order where it is ordered."""

    name: str
    ordered: bool
    levels: tuple[tuple[Scalar, ...], ...]
    """The values that each level stands for; of an ordered knob ABSENT, if it occurs, is the last."""

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """What its levels' likeness hangs on."""
        return len(self.levels), self.ordered, self.ordered and self.levels[-1] == (ABSENT,)


@cache
def alike(size: int, ordered: bool, absent: bool) -> tuple[Floats, Floats]:
    """The likeness of so many levels, and its inverse: not to be written to."""
    found = likeness(size, ordered, absent)
    return found, np.asarray(np.linalg.inv(found), np.float64)


def likeness(size: int, ordered: bool, absent: bool) -> Floats:
    """How alike levels are beforehand: 1 with themselves; neighbours of an ordered knob resemble each other, and its
    absent level resembles none. [size, size]
    """
    if not ordered:
        return np.eye(size)
    found = likeness_at(np.arange(size))
    if absent:
        found[-1, :-1] = found[:-1, -1] = 0.0
    return found


def likeness_at(places: NDArray[np.intp]) -> Floats:
    """How alike ordered levels at these places of their order are beforehand: [places, places]."""
    found: Floats = np.exp(-np.abs(np.subtract.outer(places, places)) / REACH)
    return found


def plain(column: Sequence[Scalar]) -> Sequence[Scalar]:
    """With numbers that are none as ABSENT, and truth values among other values as words: 1 equals True to Python."""
    kinds = set(map(type, column))
    if bool in kinds and len(kinds - {type(None)}) > 1:
        column = [str(value).lower() if isinstance(value, bool) else value for value in column]
    if float in kinds and any(value != value for value in set(column)):
        column = [value if value == value else ABSENT for value in column]
    return column


def knob_of(name: str, counts: Counter[Scalar]) -> tuple[Knob, dict[Scalar, int]]:
    """The knob, and the level of each value, from how often each plain value was seen."""
    present = [value for value in counts if value is not ABSENT]
    if ordered := all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        groups = _ranges(sorted(present, key=rank), counts)
        groups += [(ABSENT,)] if ABSENT in counts else []
    else:
        groups = _words(counts)
    codes = {value: code for code, values in enumerate(groups) for value in values}
    return Knob(name, ordered, tuple(tuple(map(tidy, values)) for values in groups)), codes


def stretch(first: float, last: float) -> float:
    """Seconds of a stretch of TIME: a power of two, so that it stays as it is while verdicts come in; 0: there is no
    such knob. What drifts within a sitting would otherwise be taken for what was changed meanwhile: at 200 ratings in
    one sitting a tenth of the claims was false, and three in a hundred are so."""
    return 2.0 ** ceil(log2((last - first) / STRETCHES)) if last - first > 1.0 else 0.0


def tidy(value: Scalar) -> Scalar:
    """One way to write each number: 30.0 is 30."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def rank(value: Scalar) -> tuple[int, int | float, str]:
    """Order of values of any kind: numbers, then words, then ABSENT. (Huge whole numbers fit no float.)"""
    if value is None:
        return 2, 0, ""
    return (1, 0, value) if isinstance(value, str) else (0, value, "")


def _ranges(values: Sequence[Scalar], counts: Counter[Scalar]) -> list[tuple[Scalar, ...]]:
    """Each value on its own if there are few, and else ranges by the share of what lies below their middles."""
    if len(values) <= BINS:
        return [(value,) for value in values]
    total, below = sum(counts[value] for value in values), 0
    ranges: dict[int, list[Scalar]] = {}
    for value in values:
        ranges.setdefault((2 * below + counts[value]) * BINS // (2 * total), []).append(value)
        below += counts[value]
    return [tuple(ranges[at]) for at in sorted(ranges)]


def _words(counts: Counter[Scalar]) -> list[tuple[Scalar, ...]]:
    kept: Iterable[Scalar] = counts
    rest: list[Scalar] = []
    if len(counts) > WORDS:
        often = sorted(counts, key=lambda value: (-counts[value], rank(value)))
        kept, rest = often[: WORDS - 1], sorted(often[WORDS - 1 :], key=rank)
    return [(value,) for value in sorted(kept, key=rank)] + ([tuple(rest)] if rest else [])
