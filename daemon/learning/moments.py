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


def replaced(counted: Moments, gone: Moments, come: Moments) -> Moments:
    """Without the blocks that `gone` counts and with those of `come`; of the same columns and numbers of sittings."""
    parts = ((counted, 1.0), (gone, -1.0), (come, 1.0))
    sizes = np.unique(np.concatenate([one.sizes for one, _ in parts]))
    of_size = np.zeros((len(sizes), *counted.square.shape))
    pairs, totals, blocks = [], [], []
    for one, sign in parts:
        of_size[np.searchsorted(sizes, one.sizes)] += sign * one.of_size
        pairs.append(one.sitting * len(sizes) + np.searchsorted(sizes, one.sizes)[one.size])
        totals.append(sign * one.total)
        blocks.append(sign * one.blocks_of)
    found, pair = np.unique(np.concatenate(pairs), return_inverse=True)
    total, often = np.zeros((len(found), counted.total.shape[1])), np.zeros(len(found))
    for at, some, number in zip(
        np.split(pair, np.cumsum([len(one) for one in pairs])[:-1]), totals, blocks, strict=True
    ):
        total[at] += some  # a pair occurs once in each part
        often[at] += number
    kept = often > 0.0
    found, used = found[kept], np.zeros(len(sizes), np.bool_)
    used[found % len(sizes)] = True
    return Moments(
        counted.width,
        counted.rows - gone.rows + come.rows,
        counted.blocks - gone.blocks + come.blocks,
        len(np.unique(found // len(sizes))),
        counted.square - gone.square + come.square,
        sizes[used],
        of_size[used],
        found // len(sizes),
        (np.cumsum(used) - 1)[found % len(sizes)],
        often[kept],
        total[kept],
    )


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
