"""The model: what each level of each knob does to a person's stars, and how sure that is.

Ratings as normal scores, y = X b + sitting + block + e; b of a pool around what its pools have in common
(docs/learning.md 3).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from daemon.learning.growing import Grown, counted_anew, grown
from daemon.learning.hierarchy import Hierarchy, Pool, Posterior, pool_of
from daemon.learning.levels import TIME, Floats
from daemon.learning.matters import EVEN, Evidence, chance, log_odds, null_share, slab
from daemon.learning.moments import Moments, moments
from daemon.learning.rows import SKETCH, Row, Versus
from daemon.learning.scores import STARS, given, scores, stars_sd
from daemon.learning.shared import common
from daemon.learning.tables import Table
from daemon.learning.variance import Squares, squares
from schema.plans import Scalar

MARGIN = 0.05
"""Scores by which one side must beat the other at least."""

WITHIN = 1.96
"""Standard deviations within which a normal value lies with 95 chances in a hundred."""

TEACHERS = 12
"""Pools, those with most verdicts, from which the scales and what pools have in common are learned."""


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
    """A knob over all pools: its values with the mean and sd (scores) of each, against the average of its levels.

    Values that are put together have the same.
    """

    name: str
    values: tuple[Scalar, ...]
    mean: Floats
    sd: Floats


class PoolFit:
    """What one pool's verdicts say. Levels are counted as in its table's knobs."""

    def __init__(self, table: Table, stars_sd: float, family: "_Family", pool: Pool, place: int | None) -> None:
        """`place`: among the pools from which the scales were learned, if it is one of them."""
        self.table, self.stars_sd = table, stars_sd
        self.n = table.n
        self.knobs = table.knobs
        self._family, self._pool, self._place = family, pool, place
        self._starts: dict[str, slice] = {}
        at = 0
        for knob in table.knobs:
            self._starts[knob.name] = slice(at, at := at + len(knob.levels))

    def contrast(self, knob: str, better: Sequence[int], worse: Sequence[int]) -> Contrast:
        """Raises KeyError for a knob that did not vary."""
        here = self._starts[knob]
        vector = np.zeros(here.stop - here.start)
        vector[list(better)] += 1.0 / len(better)
        vector[list(worse)] -= 1.0 / len(worse)
        mean = float(vector @ self.mean[here])
        sd = math.sqrt(max(1e-12, float(vector @ self.cov[here, here] @ vector)))
        sure, matter = normal((mean - MARGIN) / sd), self.matters(knob)
        stars, reach = mean * self.stars_sd, WITHIN * sd * self.stars_sd
        return Contrast(mean, sd, stars, stars - reach, stars + reach, sure, matter, matter * sure)

    def matters(self, knob: str) -> float:
        """Probability that this knob does anything in this pool."""
        return chance(self.log_factors[knob], self._family.null(knob, self._place))

    def together(self, knob: str, levels: Sequence[int]) -> Floats:
        """How many rows (also of duels) that stand at one of these levels stand at each level of every knob: [d]."""
        width = self._pool.counted.width
        found: Floats = self._pool.counted.square[self.start(knob) + np.array(levels, np.intp), :width].sum(axis=0)
        return found

    def start(self, knob: str) -> int:
        """Where this knob's levels begin among the d."""
        return int(self._starts[knob].start)

    def draws(self, n: int, rng: np.random.Generator) -> Floats:
        """Joint draws of all levels' effects, in scores: [n, d]."""
        trifle = 1e-9 * float(np.diagonal(self.cov).max(initial=1e-9)) * np.eye(len(self.mean))
        root = np.linalg.cholesky((self.cov + self.cov.T) / 2.0 + trifle)  # as smooth as the fit: eigenvectors are not
        found: Floats = self.mean + rng.standard_normal((n, len(self.mean))) @ root.T
        return found

    def gain(self, vector: Floats) -> tuple[float, float]:
        """Mean and sd, in scores, of a combination of levels."""
        return float(vector @ self.mean), math.sqrt(max(0.0, float(vector @ self.cov @ vector)))

    @property
    def mean(self) -> Floats:
        """Of all knobs' levels one after another: [d]."""
        return self.posterior.mean

    @property
    def cov(self) -> Floats:
        """[d, d]"""
        return self.posterior.whole

    @cached_property
    def posterior(self) -> Posterior:
        """Of all effects; computed when first asked for."""
        hierarchy = self._family.hierarchy
        return hierarchy.posterior(self._pool) if self._place is None else hierarchy.known[self._place]

    def evidence(self) -> Iterable[tuple[str, Evidence]]:
        """Of each knob, on whether it matters."""
        now, others = self.posterior, self._family.hierarchy.without(self._place)
        lift = self._pool.lift
        middle, spread = lift @ others.mean, lift @ others.cov @ lift.T + now.prior_cov
        for knob in self.knobs:
            here = self._starts[knob.name]
            part = (here, here)
            yield knob.name, Evidence(
                mean=now.mean[here], cov=now.cov[part], prior_mean=now.prior_mean[here], prior_cov=now.prior_cov[part],
                others_mean=middle[here], others_cov=spread[part], others=bool(lift[here].any()),
                kernel=self._pool.kernel[part],
            )  # fmt: skip

    @cached_property
    def log_factors(self) -> Mapping[str, float]:
        """By knob: ln of the odds that the ratings give to "does nothing"."""
        return self._family.factors([self])[0] if self._place is None else self._family.taught[self._place]


class Fit(NamedTuple):
    pools: Mapping[str, PoolFit]
    shared: Mapping[tuple[str, str], Shared]
    """By backend (`sketch` or empty) and knob, where it varied in several pools."""


class _Counted(NamedTuple):
    table: Table
    moments: Moments
    squares: Squares


class _Family:
    """Pools that are learned from together: all real pictures', or all sketched ones'."""

    def __init__(self, counted: Sequence[_Counted], kinds: int) -> None:
        outcomes = given(one.moments for one in counted)
        knobs = [one.table.knobs for one in counted]
        most = sorted(range(len(counted)), key=lambda at: (-counted[at].moments.rows, at))[:TEACHERS]
        names = sorted({knob.name for some in knobs for knob in some})
        self._common = common([knobs[at] for at in sorted(most)])
        places = {name: at for at, name in enumerate(names)}
        self._names = places
        pools = [pool_of(one.moments, one.squares, one.table.knobs, places, self._common) for one in counted]
        teachers = [pools[at] for at in sorted(most)]
        self.hierarchy = Hierarchy(teachers, names, self._common, scores(outcomes, kinds))
        place = {at: number for number, at in enumerate(sorted(most))}
        spread = stars_sd(outcomes) if kinds == STARS else 1.0
        self.fits = [
            PoolFit(one.table, spread, self, pool, place.get(at))
            for at, (one, pool) in enumerate(zip(counted, pools, strict=True))
        ]
        self._teachers = [self.fits[at] for at in sorted(most)]

    @cached_property
    def slab(self) -> float:
        own, shared = self.hierarchy.scales
        used = sorted(
            {self._names[knob.name] for one in self._teachers for knob in one.knobs} - {self._names.get(TIME)}
        )
        return slab(np.sqrt(own**2 + shared**2)[used])

    @cached_property
    def taught(self) -> Sequence[Mapping[str, float]]:
        """By pool that the scales were learned from, and knob: ln of the odds on "does nothing"."""
        return self.factors(self._teachers)

    def factors(self, fits: Sequence[PoolFit]) -> Sequence[Mapping[str, float]]:
        found: list[dict[str, float]] = [{} for _ in fits]
        some: dict[int, list[tuple[int, str, Evidence]]] = {}
        for place, fit in enumerate(fits):
            for knob, evidence in fit.evidence():
                some.setdefault(len(evidence.mean), []).append((place, knob, evidence))
        for each in some.values():
            odds = log_odds([evidence for _, _, evidence in each], self.slab)
            for (place, knob, _), one in zip(each, odds, strict=True):
                found[place][knob] = float(one)
        return found

    def null(self, knob: str, place: int | None) -> float:
        """Chance beforehand that a knob does nothing in a pool, going by the others: its own ratings are not to
        speak twice (with them as many as 8 claims of 100 that were ever shown are false, without 5)."""
        factors = [one[knob] for at, one in enumerate(self.taught) if at != place and knob in one]
        return null_share([chance(one, EVEN) for one in factors])

    def shared(self) -> dict[str, Shared]:
        found, at, middle = {}, 0, self.hierarchy.middle
        for one in self._common:
            levels = len(one.levels)
            here = slice(at, at := at + levels)
            apart = np.eye(levels) - 1.0 / levels
            mean, cov = apart @ middle.mean[here], apart @ middle.cov[here, here] @ apart
            of = [place for place, values in enumerate(one.levels) for _ in values]
            values = tuple(value for values in one.levels for value in values)
            found[one.name] = Shared(one.name, values, mean[of], np.sqrt(np.maximum(np.diagonal(cov)[of], 0.0)))
        return found


def fit(tables: Mapping[str, Table], kinds: int = STARS) -> Fit:
    """Everything anew. `kinds` is how many outcomes there are: 2 for tables of `tagged`."""
    sums = [(table, moments(table)) for _, table in sorted(tables.items())]
    return _fit([_Counted(table, some, squares(some)) for table, some in sums], kinds)


def _fit(counted: Sequence[_Counted], kinds: int = STARS) -> Fit:
    pools: dict[str, PoolFit] = {}
    shared: dict[tuple[str, str], Shared] = {}
    for backend in ("", "sketch"):
        some = [one for one in counted if one.table.pool.endswith(SKETCH) == bool(backend)]
        if some:
            family = _Family(some, kinds)
            pools |= {one.table.pool: one for one in family.fits}
            shared |= {(backend, name): one for name, one in family.shared().items()}
    return Fit(dict(sorted(pools.items())), shared)


class Fitter:
    """The same as `fit(tabulate(rows, duels))`, to the byte, but quick where little changed since the last call."""

    def __init__(self) -> None:
        self._known: dict[str, Grown] = {}

    def fit(self, rows: Sequence[Row], duels: Sequence[Versus] = ()) -> Fit:
        """Rows that are ordered as before, but for the few that came or went, make it quick."""
        known: dict[str, Grown] = {}
        fought: dict[str, list[Versus]] = {}
        for duel in duels:
            fought.setdefault(duel.better.pool, []).append(duel)
        rated = _by_pool(rows)
        for pool in sorted(rated.keys() | fought.keys()):
            some, fights = rated.get(pool, ()), tuple(fought.get(pool, ()))
            old = self._known.pop(pool, None)
            known[pool] = counted_anew(pool, some, fights) if old is None else grown(old, some, fights)
        self._known = known
        return _fit([_Counted(one.counted.table, one.moments, one.squares) for one in known.values()])


def _by_pool(rows: Sequence[Row]) -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = {}
    for pool, some in groupby(rows, key=attrgetter("pool")):
        found.setdefault(pool, []).extend(some)
    return {pool: tuple(some) for pool, some in found.items()}


def normal(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
