"""Moments: all that the model needs to know of a pool's rows, as sums of whole numbers.

Whole numbers add up to the same in any order, so that rows may come and go one at a time and the result still equals
that of counting everything anew, to the byte. Scores, variances and everything else that is a fraction come later.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from daemon.learning.levels import Floats
from daemon.learning.tables import WON, Table

OUTCOMES = WON
"""Columns behind the levels: stars 1 to 5, lost, won."""

_PIECE = 16_384
"""Rows that are spread out at once: what fits the cache."""


class Moments(NamedTuple):
    """Of one pool: of its rows' columns, which are its knobs' levels and then the outcomes; D of them.

    Every entry is a whole number and exact.
    """

    width: int
    """Levels of all knobs: D less OUTCOMES."""
    rows: int
    blocks: int
    sessions: int
    square: Floats
    """Sum over the rows of x x': [D, D]."""
    sizes: NDArray[np.int64]
    """Numbers of rows that blocks have, ascending: [sizes]."""
    of_size: Floats
    """Sum over the blocks of each size of Sx Sx', where Sx sums a block's rows: [sizes, D, D]."""
    sitting: NDArray[np.int64]
    """Of each pair of a session and a size of block that occurs: the session's number. Ascending."""
    size: NDArray[np.int64]
    """Place of that size among `sizes`."""
    blocks_of: Floats
    """Blocks of that session and size."""
    total: Floats
    """Sum of their rows: [pairs, D]."""


def moments(table: Table) -> Moments:
    """Counts a table."""
    order = np.argsort(table.block, kind="stable")
    block = table.block[order]
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    lengths = np.diff(starts, append=len(block))
    columns, width = _columns(table, order)
    session = table.session[order][starts].astype(np.int64)
    sizes, size = np.unique(lengths, return_inverse=True)
    pairs, pair = np.unique(session * len(sizes) + size, return_inverse=True)
    everything = width + OUTCOMES
    square = np.zeros((everything, everything))
    of_size = np.zeros((len(sizes), everything, everything))
    total = np.zeros((len(pairs), everything))
    for first, last in _pieces(starts, len(block)):
        begin, end = starts[first], starts[last] if last < len(starts) else len(block)
        spread = np.zeros((end - begin, everything))
        spread[np.arange(end - begin)[:, None], columns[begin:end]] = 1.0
        square += spread.T @ spread
        sums = np.add.reduceat(spread, starts[first:last] - begin, axis=0)
        np.add.at(total, pair[first:last], sums)
        for which in np.unique(size[first:last]):
            some = sums[size[first:last] == which]
            of_size[which] += some.T @ some
    return Moments(
        width, len(block), len(starts), len(np.unique(session)), square, sizes, of_size,
        pairs // len(sizes), pairs % len(sizes), np.bincount(pair).astype(np.float64), total,
    )  # fmt: skip


def _columns(table: Table, order: NDArray[np.intp]) -> tuple[NDArray[np.int64], int]:
    """Which columns of each row are 1: one of each knob, and its outcome. And how many are levels."""
    widths = np.array([len(knob.levels) for knob in table.knobs], np.int64)
    width = int(widths.sum())
    places = table.codes[order] + (np.cumsum(widths) - widths)
    return np.column_stack([places, table.outcome[order].astype(np.int64) - 1 + width]), width


def _pieces(starts: NDArray[np.intp], rows: int) -> list[tuple[int, int]]:
    """Blocks from one to another of about _PIECE rows together."""
    cuts = [0]
    for at in range(_PIECE, rows, _PIECE):
        if (cut := int(np.searchsorted(starts, at))) > cuts[-1]:
            cuts.append(cut)
    if len(starts) > cuts[-1]:
        cuts.append(len(starts))
    return list(pairwise(cuts))
