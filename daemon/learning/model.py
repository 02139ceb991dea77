"""The model: what each level of each knob does to a person's stars, and how sure that is.

Ratings as normal scores, y = X b + sitting + block + e; b of a pool around what its pools have in common.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from daemon.learning.rows import Row, Versus
from daemon.learning.tables import Floats, Table

MARGIN = 0.05
"""Scores by which one side must beat the other at least."""


class Contrast(NamedTuple):
    """Levels A of a knob against levels B, all else equal."""

    mean: float
    sd: float
    """Both in normal scores."""
    stars: float
    low: float
    high: float
    """In stars, with 95 chances in a hundred."""
    p_positive: float
    """That A beats B by more than MARGIN, if the knob matters."""
    matters: float
    confidence: float
    """matters * p_positive."""


class Shared(NamedTuple):
    """A knob over all pools: its values with the mean and sd (scores) of each, against the average of its values."""

    name: str
    values: tuple[object, ...]
    mean: Floats
    sd: Floats


class PoolFit:
    """What one pool's verdicts say. Levels are counted as in its table's knobs."""

    table: Table
    stars_sd: float
    """Stars in one unit of score."""
    mean: Floats
    """Of all knobs' levels one after another: [d]."""
    cov: Floats
    """[d, d]"""

    def contrast(self, knob: str, better: Sequence[int], worse: Sequence[int]) -> Contrast:
        """Raises KeyError for a knob that did not vary."""
        raise NotImplementedError

    def matters(self, knob: str) -> float:
        """Probability that this knob does anything in this pool."""
        raise NotImplementedError

    def level(self, knob: str, level: int) -> tuple[float, float]:
        """Mean and sd, in scores, against the average of the knob's levels."""
        raise NotImplementedError

    def start(self, knob: str) -> int:
        """Where this knob's levels begin among the d."""
        raise NotImplementedError

    def draws(self, n: int, rng: np.random.Generator) -> Floats:
        """Joint draws of all levels' effects, in scores: [n, d]."""
        raise NotImplementedError

    def config(self, levels: Mapping[str, int]) -> Floats:
        """The row of X of a picture with these levels: [d]; knobs that are not named are left out."""
        raise NotImplementedError

    def gain(self, vector: Floats) -> tuple[float, float]:
        """Mean and sd, in scores, of a combination of levels."""
        raise NotImplementedError


class Fit(NamedTuple):
    pools: Mapping[str, PoolFit]
    shared: Mapping[tuple[str, str], Shared]
    """By backend (`sketch` or empty) and knob."""


def fit(tables: Mapping[str, Table]) -> Fit:
    """Everything anew."""
    raise NotImplementedError


class Fitter:
    """The same as `fit(tabulate(rows, duels))`, to the byte, but quick where little changed since the last call."""

    def fit(self, rows: Sequence[Row], duels: Sequence[Versus] = ()) -> Fit:
        raise NotImplementedError
