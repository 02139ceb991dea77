"""Variances: how much ratings differ within a block, between the blocks of a sitting, and between sittings.

Sums of squares as in an analysis of variance of what the levels do not explain, set to their expectation, and drawn
towards what people are like as if that had been seen before (docs/learning.md 4).
"""

from typing import NamedTuple

import numpy as np

from daemon.learning.absorb import Variances
from daemon.learning.levels import Floats
from daemon.learning.moments import Moments

USUAL = Variances()
SEEN = Variances(8.0, 8.0, 6.0)
"""Degrees of freedom that the usual ones are worth."""

LEAST = Variances(0.05, 0.01, 0.005)
"""Nobody is that consistent: keeps one odd pool from being believed too much."""


class Squares(NamedTuple):
    """The three sums of squares, as forms in the columns; and the numbers their expectations need."""

    within: Floats
    """Of rows within blocks: [D, D]."""
    between: Floats
    """Of blocks within sittings."""
    sittings: Floats
    """Of sittings."""
    freedom: tuple[float, float, float]
    block: tuple[float, float]
    """How often the block variance counts in `between` and `sittings`."""
    sitting: float
    """How often the sitting variance counts in `sittings`."""


def squares(counted: Moments) -> Squares:
    rows, sizes = float(counted.rows), counted.sizes.astype(np.float64)
    of_blocks = np.tensordot(1.0 / sizes, counted.of_size, axes=1)
    first = np.flatnonzero(np.diff(counted.sitting, prepend=-1))
    sums = np.add.reduceat(counted.total, first, axis=0)
    per_pair = counted.blocks_of * sizes[counted.size]
    lengths = np.add.reduceat(per_pair, first)
    squared = np.add.reduceat(per_pair * sizes[counted.size], first)
    of_sittings = (sums / lengths[:, None]).T @ sums
    everything = sums.sum(axis=0)
    return Squares(
        within=counted.square - of_blocks,
        between=of_blocks - of_sittings,
        sittings=of_sittings - np.outer(everything, everything) / rows,
        freedom=(rows - counted.blocks, float(counted.blocks - counted.sessions), counted.sessions - 1.0),
        block=(rows - float((squared / lengths).sum()), float((squared / lengths).sum() - squared.sum() / rows)),
        sitting=rows - float((lengths**2).sum()) / rows,
    )


def variances(known: Squares, scores: Floats, mean: Floats, cov: Floats) -> Variances:
    """Given what the levels do (mean [d] and cov [d, d] of their effects)."""
    d = len(mean)
    rest = np.concatenate([-mean, scores])

    def sum_of(form: Floats) -> float:
        return float(rest @ form @ rest + np.einsum("ij,ij->", form[:d, :d], cov))

    rating = _drawn(sum_of(known.within), known.freedom[0], USUAL.rating, SEEN.rating, LEAST.rating)
    block = sitting = 0.0
    if known.block[0] > 0.0:
        block = (sum_of(known.between) - known.freedom[1] * rating) / known.block[0]
    block = _drawn(block * known.freedom[1], known.freedom[1], USUAL.block, SEEN.block, LEAST.block)
    if known.sitting > 0.0:
        alone = sum_of(known.sittings) - known.freedom[2] * rating - known.block[1] * block
        sitting = alone / known.sitting
    sitting = _drawn(sitting * known.freedom[2], known.freedom[2], USUAL.sitting, SEEN.sitting, LEAST.sitting)
    return Variances(rating, block, sitting)


def _drawn(total: float, freedom: float, usual: float, seen: float, least: float) -> float:
    """The mean square, drawn towards the usual one."""
    return max(least, (max(0.0, total) + seen * usual) / (freedom + seen))
