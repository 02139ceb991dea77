"""What is believed of the levels that an experiment may set, seen or never seen.

Levels that were seen have what the fit says of them. One that was not is guessed from those that resemble it (kriging
with the prior of the model, docs/learning.md 3): next to its neighbours where numbers are ordered, unknown where words
differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from daemon.learning.levels import Floats, Knob, likeness, likeness_at
from daemon.learning.model import Fit, PoolFit
from daemon.learning.rows import pack_of
from schema.plans import Scalar

SCALE = 0.35
"""Standard deviation of a level's effect in a pool of which nothing is known, in scores."""

Space = Mapping[str, Sequence[Scalar]]
"""Knob to the levels that it may have."""


class Axis(NamedTuple):
    """A knob of an experiment. Its levels are in order where it is ordered."""

    name: str
    ordered: bool
    levels: tuple[Scalar, ...]


class Belief(NamedTuple):
    """Effects of all axes' levels, one after another, in scores."""

    axes: tuple[Axis, ...]
    starts: tuple[int, ...]
    """Where each axis' levels begin among all."""
    mean: Floats
    cov: Floats

    def span(self, axis: int) -> slice:
        return slice(self.starts[axis], self.starts[axis] + len(self.axes[axis].levels))

    def draws(self, count: int, rng: np.random.Generator) -> Floats:
        """[count, levels]. Levels that nothing tells apart take turns at being the best."""
        size = len(self.mean)
        root = np.linalg.cholesky(self.cov + 1e-6 * np.eye(size))
        drawn: Floats = self.mean + rng.standard_normal((count, size)) @ root.T
        return drawn

    def best(self, rng: np.random.Generator, count: int = 8000) -> list[Floats]:
        """Of each axis: with which probability each level is its best."""
        drawn = self.draws(count, rng)
        found: list[Floats] = []
        for at, axis in enumerate(self.axes):
            winners = drawn[:, self.span(at)].argmax(axis=1)
            found.append(np.bincount(winners, minlength=len(axis.levels)) / count)
        return found


def axes_of(space: Space) -> tuple[Axis, ...]:
    """By name; a level that is named twice counts once."""
    found: list[Axis] = []
    for name in sorted(space):
        levels = list({key_of(level): level for level in space[name]}.values())
        ordered = all(is_number(level) for level in levels)
        if ordered:
            levels.sort(key=_number)
        found.append(Axis(name, ordered, tuple(levels)))
    return tuple(found)


def key_of(value: Scalar) -> tuple[str, Scalar]:
    """Tells True from 1 and "7" from 7, but not 7 from 7.0."""
    if is_number(value):
        return "number", float(_number(value))
    return type(value).__name__, value


def is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def believe(fit: Fit, pool: str, axes: Sequence[Axis]) -> Belief:
    """`pool` need not have been rated yet: then what all packs have in common is all that is known."""
    one = fit.pools.get(pool)
    usual = _usual(one)
    maps = [_guess(fit, one, pool, axis, usual) for axis in axes]
    starts = np.cumsum([0, *(len(axis.levels) for axis in axes)])
    size = int(starts[-1])
    mean, cov = np.zeros(size), np.zeros((size, size))
    known = 0 if one is None else len(one.mean)
    weights = np.zeros((size, known))
    for at, guess in enumerate(maps):
        span = slice(starts[at], starts[at + 1])
        mean[span], cov[span, span] = guess.mean, guess.cov
        if one is not None and guess.weights is not None:
            first = one.start(axes[at].name)
            weights[span, first : first + guess.weights.shape[1]] = guess.weights
    if one is not None:
        mean += weights @ one.mean
        cov += weights @ one.cov @ weights.T
    return Belief(tuple(axes), tuple(int(start) for start in starts[:-1]), mean, cov)


class _Guess(NamedTuple):
    """Of an axis' levels: `weights` times the fit's levels, and a rest that the fit does not know."""

    weights: Floats | None
    mean: Floats
    cov: Floats


def _usual(one: PoolFit | None) -> float:
    """Variance of a level's effect beforehand, of a knob that never varied: as that of the others."""
    if one is None or not one.table.knobs:
        return SCALE**2
    return float(np.diag(one.posterior.prior_cov).mean())


def _guess(fit: Fit, one: PoolFit | None, pool: str, axis: Axis, usual: float) -> _Guess:
    knob = None if one is None else next((knob for knob in one.table.knobs if knob.name == axis.name), None)
    common, doubt = _common(fit, pool, axis.name, axis.levels)
    if one is None or knob is None:
        prior = usual * likeness(len(axis.levels), axis.ordered, absent=False) + np.diag(doubt)
        return _Guess(None, common, prior)
    places = [_place(knob, level) for level in axis.levels]
    unseen = [at for at, place in enumerate(places) if place is None]
    weights = np.zeros((len(places), len(knob.levels)))
    for at, place in enumerate(places):
        if place is not None:
            weights[at, place] = 1.0
    mean, cov = np.zeros(len(places)), np.zeros((len(places), len(places)))
    if unseen:
        levels = [axis.levels[at] for at in unseen]
        start = one.start(axis.name)
        own = float(np.diag(one.posterior.prior_cov)[start : start + len(knob.levels)].mean())
        gain, rest = _krige(knob, levels)
        seen_common, _ = _common(fit, pool, axis.name, [values[0] for values in knob.levels])
        weights[unseen] = gain
        mean[unseen] = common[unseen] - gain @ seen_common
        cov[np.ix_(unseen, unseen)] = own * rest + np.diag(doubt[unseen])
    return _Guess(weights, mean, cov)


def _place(knob: Knob, level: Scalar) -> int | None:
    """The level of the fit that has this value, or within whose values it lies."""
    wanted = key_of(level)
    for at, values in enumerate(knob.levels):
        if any(key_of(value) == wanted for value in values):
            return at
    if not knob.ordered or not is_number(level):
        return None
    for at, values in enumerate(knob.levels):
        numbers = [_number(value) for value in values if is_number(value)]
        if numbers and min(numbers) < _number(level) < max(numbers):
            return at
    return None


def _krige(knob: Knob, levels: Sequence[Scalar]) -> tuple[Floats, Floats]:
    """How levels that were never seen follow from those that were, and which part of the variance remains."""
    gain = np.zeros((len(levels), len(knob.levels)))
    if not knob.ordered or not all(is_number(level) for level in levels):
        return gain, np.eye(len(levels))
    middles = [_middle(values) for values in knob.levels]
    seen = [at for at, middle in enumerate(middles) if middle is not None]
    at = [middle for middle in middles if middle is not None] + [_number(level) for level in levels]
    rank = np.argsort(np.argsort(at, kind="stable"), kind="stable")
    kernel = likeness_at(rank)
    some = len(seen)
    there, across, own = kernel[:some, :some], kernel[some:, :some], kernel[some:, some:]
    known = np.linalg.solve(there, across.T).T
    gain[:, seen] = known
    return gain, own - known @ across.T


def _common(fit: Fit, pool: str, name: str, levels: Sequence[Scalar]) -> tuple[Floats, Floats]:
    """What all packs of the same backend say of these levels: mean and variance; none of one that nobody has seen."""
    mean, doubt = np.zeros(len(levels)), np.zeros(len(levels))
    shared = fit.shared.get((pack_of(pool)[1], name))
    if shared is None:
        return mean, doubt
    places = {_key(value): at for at, value in enumerate(shared.values)}
    for at, level in enumerate(levels):
        place = places.get(key_of(level))
        if place is not None:
            mean[at], doubt[at] = shared.mean[place], shared.sd[place] ** 2
    return mean, doubt


def _key(value: object) -> tuple[str, object]:
    return key_of(value) if isinstance(value, str | int | float) or value is None else ("", value)


def _middle(values: Iterable[Scalar]) -> float | None:
    """None of the level of pictures that were made without the knob."""
    numbers = [_number(value) for value in values if is_number(value)]
    return float(np.mean(numbers)) if numbers else None


def _number(value: Scalar) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def stream(*words: object) -> np.random.Generator:
    """Draws that follow from these words alone."""
    digest = sha256("\n".join(map(str, words)).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
