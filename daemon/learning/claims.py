"""Claims: of each knob the one comparison of its levels that is both sure and worth knowing, with its evidence.

The statistics are docs/learning.md 5 and 6 (a point mass at zero times the posterior of an averaged contrast); which
contrast is told is ours: see `choose`.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from daemon.learning import wording
from daemon.learning.levels import ABSENT, tidy
from daemon.learning.model import MARGIN, Contrast, PoolFit, normal
from daemon.learning.rows import pack_of
from daemon.learning.tables import Floats, Knob, Table
from schema.insights import Claim, Evidence, Strength
from schema.plans import Scalar
from schema.records import Settings

ENOUGH = 30
"""Ratings of a pack before anything is claimed of it."""
SIDE = 3
"""Ratings on each side of a claim."""
NEAR = 0.01
"""Confidence that is given away for a claim that says more."""
MOST = 0.8
"""Share of the evidence at one level of another knob from which on a claim is told to be seen only there; and share
of it from one learning run from which on it is a claim at that run's base config."""
WIDE = 4
"""Values named on one side of a claim on a knob without order."""
ADJUSTED = "\t"
"""Begins the names of knobs that are adjusted for and never spoken of."""
PART = "\v"
"""Ends what stands before the name of a pool in that of a part of it."""
SAMPLE = 200
"""Ratings at which it is looked whether they can be from one run at all."""
ROUND = 6
"""Digits of what is told: the same verdicts give the same bytes."""


class Sides(NamedTuple):
    """Levels of one knob against others."""

    better: tuple[int, ...]
    worse: tuple[int, ...]
    confidence: float


def choose(fit: PoolFit, knob: Knob) -> Sides | None:
    """The comparison to tell of this knob, however unsure; None where nothing has enough on both sides.

    Of all comparisons (ranges of an ordered knob; the best against the worst of others) those within `NEAR` of the
    surest, and of these the one that says most: much better, and of many levels.
    """
    table, place = fit.table, fit.table.knob(knob.name)
    count = len(knob.levels)
    start = fit.start(knob.name)
    mean = fit.mean[start : start + count]
    cov = fit.cov[start : start + count, start : start + count]
    if knob.ordered:
        left = _ranges(count, knob.levels[-1] == (ABSENT,))
    else:
        order = np.argsort(-mean, kind="stable")
        left = _ends(count)[:, np.argsort(order, kind="stable")]
    weights = _weights(left)
    rated = np.bincount(table.codes[:, place], minlength=count)[:count]
    enough = ((left > 0) @ rated >= SIDE) & ((left < 0) @ rated >= SIDE)
    if not enough.any():
        return None
    left, weights = left[enough], weights[enough]
    gaps = weights @ mean
    sds = np.sqrt(np.maximum(np.einsum("cl,lm,cm->c", weights, cov, weights), 1e-18))
    sure = fit.matters(knob.name) * below((gaps - MARGIN) / sds)
    best = _most_told(left, gaps, sure)
    return Sides(
        tuple(int(at) for at in np.flatnonzero(left[best] > 0)),
        tuple(int(at) for at in np.flatnonzero(left[best] < 0)),
        float(sure[best]),
    )


def _most_told(left: NDArray[np.int8], gaps: Floats, sure: Floats) -> int:
    """A word that can be used is not given away for a claim that says more."""
    top = float(sure.max())
    floor = max(top - NEAR, *(word for word in (0.0, wording.TENDS, wording.CLEARLY) if word <= top))
    told = gaps * ((left > 0).sum(axis=1) * (left < 0).sum(axis=1)) ** 0.25
    return int(np.argmax(np.where(sure >= floor, np.round(told, 9), -np.inf)))


@cache
def _ranges(count: int, absent: bool) -> NDArray[np.int8]:
    """All pairs of ranges that do not overlap: 1 in the one, -1 in the other, [pairs, levels].

    `absent`: the last level is no number, and makes a range of its own."""
    ranges = [(low, high) for low in range(count) for high in range(low, count - (absent and low < count - 1))]
    rows = []
    for first in ranges:
        for second in ranges:
            if first[1] < second[0] or second[1] < first[0]:
                row = np.zeros(count, np.int8)
                row[first[0] : first[1] + 1], row[second[0] : second[1] + 1] = 1, -1
                rows.append(row)
    return np.array(rows, np.int8).reshape(-1, count)


@cache
def _ends(count: int) -> NDArray[np.int8]:
    """The first few against the last few, of levels from the best to the worst."""
    rows = []
    for best in range(1, min(count, WIDE + 1)):
        for worst in range(1, min(count - best, WIDE) + 1):
            row = np.zeros(count, np.int8)
            row[:best], row[count - worst :] = 1, -1
            rows.append(row)
    return np.array(rows, np.int8).reshape(-1, count)


def below(at: Floats) -> Floats:
    """The normal distribution function."""
    return np.array([normal(one) for one in at.tolist()])


def _weights(left: NDArray[np.int8]) -> Floats:
    """Averages of one side minus averages of the other."""
    ups, downs = (left > 0).astype(float), (left < 0).astype(float)
    weights: Floats = ups / ups.sum(axis=1, keepdims=True) - downs / downs.sum(axis=1, keepdims=True)
    return weights


def found(knob: Knob, values: Sequence[Scalar]) -> tuple[int, ...]:
    """The levels that stand for these values: those of which they are the larger part."""
    wanted = {(type(value) is bool, value) for value in values}

    def share(level: tuple[Scalar, ...]) -> float:
        return sum((type(value) is bool, value) in wanted for value in level) / len(level)

    return tuple(at for at, level in enumerate(knob.levels) if share(level) > 0.5)


# A claim, written out ----------------------------------------------------------------------------


def strength(confidence: float) -> Strength:
    return "clearly" if confidence >= wording.CLEARLY else "tends to"


def claim_of(fit: PoolFit, knob: Knob, sides: Sides, *, within: Settings | None = None, key: str = "") -> Claim:
    """`within`: what the fit itself is limited to, a model for instance."""
    contrast = fit.contrast(knob.name, sides.better, sides.worse)
    evidence = _evidence(fit, knob, sides, contrast, within or {})
    confidence = round(sides.confidence, ROUND)
    word = strength(confidence)
    better, worse = values_of(fit.table, knob, sides.better), values_of(fit.table, knob, sides.worse)
    pack = pack_of(whole_pool(fit.table))[0]
    return Claim(
        key=key or key_of(fit, knob, sides, within or {}),
        pack=pack, param=knob.name, better=better, worse=worse, confidence=confidence, strength=word,
        text=wording.claimed(pack, knob.name, better, worse, knob.ordered, confidence, evidence), evidence=evidence,
    )  # fmt: skip


def key_of(fit: PoolFit, knob: Knob, sides: Sides, within: Settings) -> str:
    """The same for the same pack, knob and direction: up or down of an ordered knob, the best value of others."""
    if knob.ordered:
        way = "up" if np.mean(sides.better) > np.mean(sides.worse) else "down"
    else:
        start = fit.start(knob.name)
        best = max(sides.better, key=lambda level: float(fit.mean[start + level]))
        way = repr(knob.levels[best][0])
    return key_for(whole_pool(fit.table), knob.name, way, within)


def key_fits(key: str, pool: str, param: str, better: Sequence[Scalar], within: Settings) -> bool:
    """Whether a claim with these values on its better side can have had this key, whichever was the best then."""
    ways = ("up", "down", *(repr(tidy(value)) for value in better))
    return any(key_for(pool, param, way, within) == key for way in ways)


def whole_pool(table: Table) -> str:
    """The pool that a table is of, or that it is one model's part of."""
    return table.pool.rpartition(PART)[2]


def key_for(pool: str, param: str, way: str, within: Settings) -> str:
    named = repr((pool, param, way, sorted((name, repr(value)) for name, value in within.items())))
    return sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def values_of(table: Table, knob: Knob, levels: Sequence[int]) -> tuple[Scalar, ...]:
    """As they were written: whoever compares 7.0 with what is in the records finds it."""
    return tuple(value for level in levels for value in _written(table, knob, level))


def _written(table: Table, knob: Knob, level: int) -> tuple[Scalar, ...]:
    values = knob.levels[level]
    if not any(type(value) is int for value in values):
        return values
    found: dict[Scalar, Scalar] = {}
    here = table.codes[: table.n, table.knob(knob.name)] == level
    if len(values) == 1:
        first = int(here.argmax()) if len(here) else 0
        here = here[: first + 1]
    for at in np.flatnonzero(here).tolist():
        value = table.rows[at].params.get(knob.name)
        found.setdefault(value, value)
        if len(found) == len(values):
            break
    return tuple(found.get(value, value) for value in values)


def _evidence(fit: PoolFit, knob: Knob, sides: Sides, contrast: Contrast, within: Settings) -> Evidence:
    table = fit.table
    side = np.zeros(len(knob.levels), np.int8)
    side[list(sides.better)], side[list(sides.worse)] = 1, -1
    sided = side[table.codes[:, table.knob(knob.name)]]
    better, worse = sided > 0, sided < 0
    experiment = _one_run(table, knob.name, better | worse)
    return Evidence(
        better_n=int(better.sum()),
        worse_n=int(worse.sum()),
        same_seed=_pairs(table, better, worse),
        stars=round(contrast.stars, ROUND),
        low=round(contrast.low, ROUND),
        high=round(contrast.high, ROUND),
        matters=round(contrast.matters, ROUND),
        ratings=verdicts(table),
        only=within | _only(fit, knob.name, (*sides.better, *sides.worse)),
        experiment=experiment,
    )


def verdicts(table: Table) -> int:
    return len(table.rows) + len(table.duels)


def _pairs(table: Table, better: NDArray[np.bool_], worse: NDArray[np.bool_]) -> int:
    """Ratings that have one of the other side beside them, of the same prompt and seed in the same sitting."""
    blocks = int(table.block.max(initial=-1)) + 1
    ups = np.bincount(table.block[better], minlength=blocks)
    downs = np.bincount(table.block[worse], minlength=blocks)
    return int(np.minimum(ups, downs).sum())


def _only(fit: PoolFit, name: str, levels: Sequence[int]) -> Settings:
    """Other knobs that stood at one level in more than `MOST` of the evidence."""
    only: Settings = {}
    together = fit.together(name, levels)
    total = float(together[fit.start(name) :][list(levels)].sum())
    for other in fit.table.knobs:
        if other.name == name or other.name.startswith(ADJUSTED):
            continue
        start = fit.start(other.name)
        counts = together[start : start + len(other.levels)]
        level = int(counts.argmax())
        if counts[level] > MOST * total and len(other.levels[level]) == 1:
            (only[other.name],) = values_of(fit.table, other, (level,))
    return only


def _one_run(table: Table, name: str, taken: NDArray[np.bool_]) -> str:
    """The learning run that most of the evidence is from: one in which this knob alone varied."""
    rated = np.flatnonzero(taken[: table.n])
    counts = Counter([table.rows[at].run for at in rated[:: max(1, len(rated) // SAMPLE)].tolist()])
    if not counts:
        return ""
    most, often = min(counts.items(), key=lambda each: (-each[1], each[0]))
    if not most or often <= MOST * counts.total():
        return ""
    inside = np.array([row.run == most for row in table.rows] + [False] * (2 * len(table.duels)))
    if (inside & taken).sum() <= MOST * taken.sum():
        return ""
    codes = table.codes[inside]
    varied = (codes != codes[:1]).any(axis=0)
    names = [knob.name for knob, does in zip(table.knobs, varied, strict=True) if does]
    return most if [one for one in names if not one.startswith(ADJUSTED)] == [name] else ""
