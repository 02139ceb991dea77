"""Absorption: from sums of whole numbers to what they say of the levels, whatever sittings and blocks did.

With y = X b + sitting + block + e, normal and independent, sittings, blocks and the intercept are integrated out
exactly (Woodbury, twice, and a Schur complement; docs/learning.md 4): no matrix is larger than the number of columns.
"""

from typing import NamedTuple

import numpy as np

from daemon.learning.levels import Floats
from daemon.learning.moments import Moments


class Variances(NamedTuple):
    """Of one rating, of what the pictures of a block share, and of what those of a sitting share."""

    rating: float = 0.5
    block: float = 0.3
    sitting: float = 0.1


class Said(NamedTuple):
    """What the ratings say of the levels' effects b: likelihood exp(-b' precision b / 2 + b' pull)."""

    precision: Floats
    """[d, d]"""
    pull: Floats
    """[d]"""


def absorb(counted: Moments, scores: Floats, v: Variances) -> Said:
    sizes = counted.sizes.astype(np.float64)
    share = v.block / (v.rating * (v.rating + sizes * v.block))
    weight = 1.0 / (v.rating + sizes * v.block)
    both = counted.square / v.rating - np.tensordot(share, counted.of_size, axes=1)
    if len(counted.size):
        first = np.flatnonzero(np.diff(counted.sitting, prepend=-1))
        sums = np.add.reduceat(counted.total * weight[counted.size][:, None], first, axis=0)
        weights = np.add.reduceat(counted.blocks_of * (sizes * weight)[counted.size], first)
        kappa = v.sitting / (1.0 + v.sitting * weights)
        both -= (sums * kappa[:, None]).T @ sums
    d = counted.width
    # Every row has one outcome: the intercept's column is their sum.
    ones, pull = both[:d, d:].sum(axis=1), both[:d, d:] @ scores
    all_ones = float(both[d:, d:].sum())
    precision = both[:d, :d]
    if all_ones > 0.0:
        precision = precision - np.outer(ones, ones) / all_ones
        pull = pull - ones * (float(both[d:, d:].sum(axis=0) @ scores) / all_ones)
    return Said((precision + precision.T) / 2.0, pull)
