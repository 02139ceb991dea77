"""The hierarchy: a knob does in one pool about what it does in the others; how much alike, the ratings tell.

b_kj ~ N(m_j, tau_j^2 K_j) for knob j in pool k, m_j ~ N(0, sigma_j^2 K_j) (docs/learning.md 3, 4). Scales by EM with
weak priors; for given scales everything is exact. Notation: F = (T + precision^-1)^-1, computed so that a singular
precision does no harm.
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
    plain: bool
    """Its levels are the common ones, in that order."""


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
    prior_mean: Floats
    prior_cov: Floats


class _Stack(NamedTuple):
    """Pools of one width, side by side: numpy is much quicker with one large thing than with many small ones."""

    pools: tuple[int, ...]
    """Their places among all."""
    kernel: Floats
    """[pools, d, d], as are all that follow."""
    inverse: Floats
    knob: NDArray[np.intp]
    lift: Floats | None
    """None: all their levels are the common ones, in that order."""


class _Marginals(NamedTuple):
    """What the pools of a stack say of their prior means."""

    prior: Floats
    precision: Floats
    """F: [pools, d, d]"""
    pull: Floats
    """z: [pools, d, 1]"""


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
    plain = d == width > 0 and bool((lift == np.eye(d)).all())
    return Pool(counted, squares, kernel, inverse, np.array(owner, np.intp), lift, plain)


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
        stacks = _stacked(pools)
        self.spread = [USUAL] * len(pools)
        said = [absorb(pool.counted, self._scores, USUAL) for pool in pools]
        for step in range(STEPS + 1):
            marginals = [self._marginals(stack, [said[at] for at in stack.pools]) for stack in stacks]
            self.middle = self._between(stacks, marginals)
            found = [self._posteriors(*both) for both in zip(stacks, marginals, strict=True)]
            self.known = _unstacked(stacks, found)
            if step < STEPS:
                self.scales = self._scaled(stacks, marginals, found)
            if step < SETTLED:
                for at, (pool, one) in enumerate(zip(pools, self.known, strict=True)):
                    self.spread[at] = variances(pool.squares, self._scores, one.mean, one.whole)
                    said[at] = absorb(pool.counted, self._scores, self.spread[at])

    def posterior(self, pool: Pool) -> Posterior:
        """Of a pool that took no part in fitting the scales."""
        (stack,) = _stacked([pool])
        v: Variances = USUAL
        for _ in range(SETTLED + 1):
            said = absorb(pool.counted, self._scores, v)
            (found,) = _unstacked([stack], [self._posteriors(stack, self._marginals(stack, [said]))])
            v = variances(pool.squares, self._scores, found.mean, found.whole)
        return found

    def without(self, teacher: int | None) -> Middle:
        """What the others have in common, as if this one of the pools (by its place) had never been rated."""
        return self._middle([one for at, one in enumerate(self._taught) if at != teacher])

    def _marginals(self, stack: _Stack, said: Sequence[Said]) -> _Marginals:
        precision = np.stack([one.precision for one in said])
        pull = np.stack([one.pull for one in said])[:, :, None]
        scale = self.scales.own[stack.knob]
        prior = scale[:, :, None] * stack.kernel * scale[:, None, :]
        d = scale.shape[1]
        both = np.concatenate([precision, pull], axis=2)
        solved = np.asarray(np.linalg.solve(np.eye(d) + precision @ prior, both), np.float64)
        return _Marginals(prior, _even(solved[:, :, :d]), solved[:, :, d:])

    def _between(self, stacks: Sequence[_Stack], marginals: Sequence[_Marginals]) -> Middle:
        taught: dict[int, Said] = {}
        for stack, one in zip(stacks, marginals, strict=True):
            precision, pull = one.precision, one.pull
            if stack.lift is not None:
                across = stack.lift.swapaxes(1, 2)
                precision, pull = across @ precision @ stack.lift, across @ pull
            taught |= {place: Said(precision[at], pull[at, :, 0]) for at, place in enumerate(stack.pools)}
        self._taught = [taught[at] for at in sorted(taught)]
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
        cov = _even(np.asarray(np.linalg.solve(np.eye(width) + prior @ precision, prior), np.float64))
        return Middle(cov @ pull, cov)

    def _posteriors(self, stack: _Stack, one: _Marginals) -> Posterior:
        """Of all its pools: each part with their number as its first axis."""
        middle = self.middle.mean[:, None]
        spread = one.prior @ one.precision
        carried = np.eye(spread.shape[1]) - spread
        cov = carried @ one.prior
        if stack.lift is None:
            prior_mean = np.broadcast_to(middle, one.pull.shape)
        else:
            prior_mean, carried = stack.lift @ middle, carried @ stack.lift
        mean = prior_mean + one.prior @ (one.pull - one.precision @ prior_mean)
        whole = cov + carried @ self.middle.cov @ carried.swapaxes(1, 2)
        return Posterior(mean[:, :, 0], _even(cov), _even(whole), prior_mean[:, :, 0], one.prior)

    def _scaled(self, stacks: Sequence[_Stack], marginals: Sequence[_Marginals], found: Sequence[Posterior]) -> Scales:
        """One step of EM."""
        names = len(self.scales.own)
        squares, levels = np.full(names, SEEN * SCALE**2), np.full(names, SEEN)
        for stack, one, now in zip(stacks, marginals, found, strict=True):
            apart = now.mean - now.prior_mean
            moved = one.prior @ one.precision
            if stack.lift is not None:
                moved = moved @ stack.lift
            expected = apart[:, :, None] * apart[:, None, :] + now.cov
            expected = expected + moved @ self.middle.cov @ moved.swapaxes(1, 2)
            squares += np.bincount(stack.knob.ravel(), (stack.inverse * expected).sum(axis=2).ravel(), names)
            levels += np.bincount(stack.knob.ravel(), minlength=names)
        own = np.maximum(np.sqrt(squares / levels), LEAST)
        shared = np.zeros(names)
        if len(self._owner):
            expected = np.outer(self.middle.mean, self.middle.mean) + self.middle.cov
            squares = SEEN * SCALE**2 + np.bincount(self._owner, (self._inverse * expected).sum(axis=1), names)
            levels = SEEN + np.bincount(self._owner, minlength=names)
            shared[self._owner] = np.maximum(np.sqrt(squares / levels), LEAST)[self._owner]
        return Scales(own, shared)


def _stacked(pools: Sequence[Pool]) -> list[_Stack]:
    """Pools of one width together; those whose levels are the common ones apart from others."""
    found: dict[tuple[int, bool], list[int]] = {}
    for at, pool in enumerate(pools):
        found.setdefault((len(pool.knob), pool.plain), []).append(at)
    return [
        _Stack(
            tuple(places),
            np.stack([pools[at].kernel for at in places]),
            np.stack([pools[at].inverse for at in places]),
            np.stack([pools[at].knob for at in places]),
            None if plain else np.stack([pools[at].lift for at in places]),
        )
        for (_, plain), places in sorted(found.items())
    ]


def _unstacked(stacks: Sequence[_Stack], found: Sequence[Posterior]) -> list[Posterior]:
    each: dict[int, Posterior] = {}
    for stack, one in zip(stacks, found, strict=True):
        each |= {place: Posterior(*(part[at] for part in one)) for at, place in enumerate(stack.pools)}
    return [each[at] for at in sorted(each)]


def _even(matrices: Floats) -> Floats:
    """Symmetric to the last bit."""
    return (matrices + matrices.swapaxes(-1, -2)) / 2.0
