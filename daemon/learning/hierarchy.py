"""The hierarchy: a knob does in one pool about what it does in the others; how much alike, the ratings tell.

b_kj ~ N(m_j, tau_j^2 K_j) for knob j in pool k, m_j ~ N(0, sigma_j^2 K_j). Scales by EM with weak priors; for given
scales everything is exact. Notation: F = (T + precision^-1)^-1, computed so that a singular precision does no harm.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from daemon.learning.absorb import Said, Variances, absorb
from daemon.learning.levels import Floats, Knob, alike
from daemon.learning.moments import Moments
from daemon.learning.shared import Common
from daemon.learning.variance import USUAL, Squares, variances

STEPS, SETTLED = 8, 3
"""Of EM; and of the variances, which need fewer."""
SCALE, SEEN = 0.3, 4.0
"""Of effects beforehand, in scores, and the degrees of freedom that is worth."""

LEAST = 0.03
"""Scale below which nothing is told apart from nothing; keeps inverses finite."""


class Pool(NamedTuple):
    """One pool as the hierarchy sees it."""

    counted: Moments
    squares: Squares
    kernel: Floats
    """Block by block, how alike the levels of each knob are beforehand: [d, d]."""
    inverse: Floats
    """Of the kernel."""
    knob: NDArray[np.intp]
    """Place among all names of the knob that each level is of: [d]."""
    lift: Floats
    """The pool's levels in terms of the common ones: [d, common levels]; zero for knobs of one pool only."""


class Scales(NamedTuple):
    """Of all names' knobs."""

    own: Floats
    """tau: how much a pool's effects differ from the common ones: [names]."""
    shared: Floats
    """sigma: of the common effects: [names]; zero for knobs of one pool only."""


class Middle(NamedTuple):
    """What the pools have in common: mean and cov of m, levels of all common knobs one after another."""

    mean: Floats
    cov: Floats


class Posterior(NamedTuple):
    """Of a pool's effects."""

    mean: Floats
    cov: Floats
    """Given the common effects' mean."""
    whole: Floats
    """With the common effects' uncertainty."""
    said: Said
    prior_mean: Floats
    prior_cov: Floats


class _Marginal(NamedTuple):
    """What a pool says of its prior mean."""

    said: Said
    prior: Floats
    precision: Floats
    """F"""
    pull: Floats
    """z"""


def pool_of(
    counted: Moments, squares: Squares, knobs: Sequence[Knob], names: Mapping[str, int], shared: Sequence[Common]
) -> Pool:
    d, width = counted.width, sum(len(one.levels) for one in shared)
    kernel, inverse, lift = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, width))
    places, at = {}, 0
    for one in shared:
        places[one.name] = (at, one)
        at += len(one.levels)
    at, owner = 0, []
    for knob in knobs:
        here = slice(at, at + len(knob.levels))
        kernel[here, here], inverse[here, here] = alike(*knob.kind)
        if (found := places.get(knob.name)) is not None:
            lift[here, found[0] : found[0] + len(found[1].levels)] = found[1].lift(knob)
        owner += [names[knob.name]] * len(knob.levels)
        at = here.stop
    return Pool(counted, squares, kernel, inverse, np.array(owner, np.intp), lift)


class Hierarchy:
    """All pools of one family, with the scales that fit them best."""

    def __init__(self, pools: Sequence[Pool], names: Sequence[str], shared: Sequence[Common], scores: Floats) -> None:
        self._scores = scores
        widths = np.array([len(one.levels) for one in shared], np.intp)
        at = {name: place for place, name in enumerate(names)}
        self._owner = np.repeat(np.array([at[one.name] for one in shared], np.intp), widths)
        self._kernel, self._inverse = np.zeros((2, int(widths.sum()), int(widths.sum())))
        for start, one in zip(np.cumsum(widths) - widths, shared, strict=True):
            here = slice(start, start + len(one.levels))
            self._kernel[here, here], self._inverse[here, here] = alike(*one.kind)
        own = np.full(len(names), SCALE)
        both = np.zeros(len(names))
        both[self._owner] = SCALE
        self.scales = Scales(own, both)
        self._fit(pools)

    def _fit(self, pools: Sequence[Pool]) -> None:
        self.spread = [USUAL] * len(pools)
        said = [absorb(pool.counted, self._scores, USUAL) for pool in pools]
        for step in range(STEPS + 1):
            marginals = [self._marginal(pool, one) for pool, one in zip(pools, said, strict=True)]
            self.middle = self._between(pools, marginals)
            self.known = [self._posterior(*both) for both in zip(pools, marginals, strict=True)]
            if step < STEPS:
                self.scales = self._scaled(pools, marginals, self.known)
            if step < SETTLED:
                self.spread = [
                    variances(pool.squares, self._scores, one.mean, one.whole)
                    for pool, one in zip(pools, self.known, strict=True)
                ]
                said = [absorb(pool.counted, self._scores, v) for pool, v in zip(pools, self.spread, strict=True)]

    def posterior(self, pool: Pool) -> Posterior:
        """Of a pool that took no part in fitting the scales."""
        v: Variances = USUAL
        for _ in range(SETTLED):
            found = self._posterior(pool, self._marginal(pool, absorb(pool.counted, self._scores, v)))
            v = variances(pool.squares, self._scores, found.mean, found.whole)
        return self._posterior(pool, self._marginal(pool, absorb(pool.counted, self._scores, v)))

    def _marginal(self, pool: Pool, said: Said) -> _Marginal:
        scale = self.scales.own[pool.knob]
        prior = scale[:, None] * pool.kernel * scale
        d = len(scale)
        both = np.column_stack([said.precision, said.pull])
        solved = np.asarray(np.linalg.solve(np.eye(d) + said.precision @ prior, both), np.float64)
        return _Marginal(said, prior, (solved[:, :d] + solved[:, :d].T) / 2.0, solved[:, d])

    def without(self, teacher: int | None) -> Middle:
        """What the others have in common, as if this one of the pools (by its place) had never been rated."""
        return self._middle([one for at, one in enumerate(self._taught) if at != teacher])

    def _between(self, pools: Sequence[Pool], marginals: Sequence[_Marginal]) -> Middle:
        self._taught = [
            Said(pool.lift.T @ one.precision @ pool.lift, pool.lift.T @ one.pull)
            for pool, one in zip(pools, marginals, strict=True)
        ]
        return self._middle(self._taught)

    def _middle(self, taught: Sequence[Said]) -> Middle:
        width = len(self._owner)
        precision, pull = np.zeros((width, width)), np.zeros(width)
        if not width:
            return Middle(pull, precision)
        for one in taught:
            precision += one.precision
            pull += one.pull
        scale = self.scales.shared[self._owner]
        prior = scale[:, None] * self._kernel * scale
        cov = np.linalg.solve(np.eye(width) + prior @ precision, prior)
        cov = (cov + cov.T) / 2.0
        return Middle(cov @ pull, cov)

    def _posterior(self, pool: Pool, one: _Marginal) -> Posterior:
        prior_mean = pool.lift @ self.middle.mean
        spread = one.prior @ one.precision
        cov = one.prior - spread @ one.prior
        mean = prior_mean + one.prior @ (one.pull - one.precision @ prior_mean)
        carried = pool.lift - spread @ pool.lift
        whole = cov + carried @ self.middle.cov @ carried.T
        return Posterior(mean, (cov + cov.T) / 2.0, (whole + whole.T) / 2.0, one.said, prior_mean, one.prior)

    def _scaled(self, pools: Sequence[Pool], marginals: Sequence[_Marginal], found: Sequence[Posterior]) -> Scales:
        """One step of EM."""
        names = len(self.scales.own)
        squares, levels = np.full(names, SEEN * SCALE**2), np.full(names, SEEN)
        for pool, one, now in zip(pools, marginals, found, strict=True):
            apart = now.mean - now.prior_mean
            moved = one.prior @ one.precision @ pool.lift
            expected = np.outer(apart, apart) + now.cov + moved @ self.middle.cov @ moved.T
            squares += np.bincount(pool.knob, (pool.inverse * expected).sum(axis=1), names)
            levels += np.bincount(pool.knob, minlength=names)
        own = np.maximum(np.sqrt(squares / levels), LEAST)
        shared = np.zeros(names)
        if len(self._owner):
            expected = np.outer(self.middle.mean, self.middle.mean) + self.middle.cov
            squares = SEEN * SCALE**2 + np.bincount(self._owner, (self._inverse * expected).sum(axis=1), names)
            levels = SEEN + np.bincount(self._owner, minlength=names)
            shared[self._owner] = np.maximum(np.sqrt(squares / levels), LEAST)[self._owner]
        return Scales(own, shared)
