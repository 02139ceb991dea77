"""Designs: which levels go together in the pictures of an explore run, so that their ratings tell most.

Every knob that is undecided varies at once; a level stays while it may be the best (docs/learning.md 9). The levels
that stay are equally frequent. Within a block, whose pictures share prompt and seed, they are dealt so that what can
be told of the levels that compete for being best becomes as sure as possible: swaps go on as long as they lower the
expected variance of the difference between two levels, each drawn as the best (an L-optimal design by exchange, Fedorov
1972, weighted as in top-two sampling, Russo 2016).
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from daemon.learning.beliefs import Axis, Belief, stream
from daemon.learning.levels import likeness
from daemon.learning.tables import Codes, Floats

BLOCK = 5
"""Pictures that share prompt and seed, at most."""

KEPT = 0.20
"""A level stays while it is the best one with at least this probability. Stricter than the usual .10: what is left
works together, so that the regret after three nights of 20 is .37 stars in place of .42 (240 simulated people)."""

FAIR = 0.8
"""Of many levels each stays while its probability is not below this part of what it is before anything is rated."""

NOISE = 0.5
"""Variance of one rating around what is expected of its picture, in scores (docs/learning.md 4)."""

LUCK = 1.0
"""Variance that a block has in common: its luck, the sitting's mood, and the mean that nobody knows."""

SWEEPS = 3

SAME = 1e3
"""What two pictures of a block cost that are the same: more than anything that could be learned."""


class Planned(NamedTuple):
    codes: Codes
    """Level of each picture in each axis: [pictures, axes]."""
    group: tuple[int, ...]
    """Block of each picture, from 0."""


def open_levels(axes: Sequence[Axis], best: Sequence[Floats]) -> tuple[tuple[int, ...], ...]:
    """Of each axis the levels that may still be the best; one where it is decided. `best`: of `Belief.best`."""
    found: list[tuple[int, ...]] = []
    for axis, chances in zip(axes, best, strict=True):
        least = np.minimum(KEPT, FAIR * unrated(axis.ordered, len(chances)))
        found.append(tuple(np.flatnonzero(chances >= least).tolist()) or (int(chances.argmax()),))
    return tuple(found)


@cache
def unrated(ordered: bool, count: int) -> Floats:
    """Probability of each level to be the best before anything is known: of ordered ones the ends are likelier."""
    if not ordered:
        return np.full(count, 1.0 / count)
    root = np.linalg.cholesky(likeness(count, ordered=True, absent=False) + 1e-9 * np.eye(count))
    drawn = stream("unrated", count).standard_normal((20_000, count)) @ root.T
    found: Floats = np.bincount(drawn.argmax(axis=1), minlength=count) / len(drawn)
    return (found + found[::-1]) / 2.0


def explore(belief: Belief, images: int, rng: np.random.Generator) -> Planned:
    """Deterministic in its arguments. `images` in blocks of about equal size."""
    best = belief.best(rng)
    levels = open_levels(belief.axes, best)
    sizes = blocks(images, math.prod(map(len, levels)))
    codes = _dealt(levels, sizes, rng)
    weight = worth_knowing(belief, best)
    cov = belief.cov
    group: list[int] = []
    begin = 0
    for number, size in enumerate(sizes):
        part = codes[begin : begin + size]
        _swap(belief, cov, weight, part, rng)
        cov = narrowed(belief, cov, part)
        group += [number] * size
        begin += size
    return Planned(codes, tuple(group))


def blocks(images: int, different: int = BLOCK) -> list[int]:
    """Their sizes: as few blocks as there can be, none much smaller than another, and none with more pictures than
    there are `different` ones: of the same settings, prompt and seed there is only one picture."""
    count = -(-images // max(1, min(BLOCK, different)))
    return [images // count + (at < images % count) for at in range(count)] if count else []


def worth_knowing(belief: Belief, best: Sequence[Floats]) -> Floats:
    """Weights by which the trace with a covariance is the expected variance between two levels drawn as the best."""
    weight = np.zeros_like(belief.cov)
    for at, chances in enumerate(best):
        weight[belief.span(at), belief.span(at)] = np.diag(chances) - np.outer(chances, chances)
    return weight


def narrowed(belief: Belief, cov: Floats, codes: Codes) -> Floats:
    """The covariance after one more block of pictures is rated."""
    chosen = chosen_levels(belief, codes)
    across = cov @ chosen.T
    shared = chosen @ across + _noise(len(codes))
    left: Floats = cov - across @ np.linalg.solve(shared, across.T)
    return (left + left.T) / 2.0


def chosen_levels(belief: Belief, codes: Codes) -> Floats:
    """The rows of X: [pictures, levels]."""
    chosen = np.zeros((len(codes), len(belief.mean)))
    for at, start in enumerate(belief.starts):
        chosen[np.arange(len(codes)), start + codes[:, at]] = 1.0
    return chosen


def _noise(count: int) -> Floats:
    return NOISE * np.eye(count) + LUCK


def _dealt(levels: Sequence[Sequence[int]], sizes: Sequence[int], rng: np.random.Generator) -> Codes:
    """Each level of an axis equally often, and within a block as rarely twice as can be; ties are drawn."""
    codes = np.zeros((sum(sizes), len(levels)), dtype=np.int16)
    for at, some in enumerate(levels):
        often = dict.fromkeys(some, 0)
        begin = 0
        for size in sizes:
            here = dict.fromkeys(some, 0)
            for place, luck in enumerate(rng.random((size, len(some))), begin):
                _, _, _, level = min(
                    (here[one], often[one], float(unit), one) for one, unit in zip(some, luck, strict=True)
                )
                codes[place, at] = level
                here[level] += 1
                often[level] += 1
            begin += size
    return codes


def _swap(belief: Belief, cov: Floats, weight: Floats, codes: Codes, rng: np.random.Generator) -> None:
    """Changes `codes` in place: levels of one axis change places between two pictures as long as that tells more."""
    told = cov @ weight @ cov
    pairs = tuple(combinations(range(len(codes)), 2))
    varied = [at for at in range(codes.shape[1]) if len(set(codes[:, at].tolist())) > 1]
    now = _worth(belief, cov, told, codes)
    for _ in range(SWEEPS):
        before = now
        for at in rng.permutation(varied) if varied else ():
            for one, other in pairs:
                if codes[one, at] == codes[other, at]:
                    continue
                codes[[one, other], at] = codes[[other, one], at]
                then = _worth(belief, cov, told, codes)
                if then > now + 1e-12:
                    now = then
                else:
                    codes[[one, other], at] = codes[[other, one], at]
        if now <= before + 1e-9:
            return


def _worth(belief: Belief, cov: Floats, told: Floats, codes: Codes) -> float:
    """By how much the weighted variance falls: tr((X V X' + R)^-1 X V W V X'); nothing makes up for pictures that
    are the same."""
    count, axes = codes.shape
    same = count - len(set(map(bytes, codes)))
    places = (np.asarray(belief.starts) + codes).ravel()
    grid = np.ix_(places, places)
    shared = cov[grid].reshape(count, axes, count, axes).sum(axis=(1, 3)) + _noise(count)
    gained = told[grid].reshape(count, axes, count, axes).sum(axis=(1, 3))
    falls = float(np.trace(np.linalg.solve(shared, gained)))
    return falls - SAME * float(same)
