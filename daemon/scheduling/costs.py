"""What a stage costs in seconds, learned: a line over megapixels x steps with a fixed part, and an honest interval.

One `Cost` is what was measured of one stage kind and model family on one node, or over the fleet at speed 1. The line
is fitted to seconds per unit, so that all sizes weigh alike; what changes faster (a card that grows hot) is a drift
beside it. The interval lies where the last measurements lay from what had been foretold for them.
"""

from collections.abc import Iterable, Mapping
from math import ceil, exp, floor, log
from typing import NamedTuple

import msgspec

from schema.plans import StageStep

ALPHA = 0.2
"""Weight of the newest measurement in what follows quickly: drift and speed."""

DECAY = 0.95
"""What older measurements keep of their weight in the line with each new one: about the last twenty count."""

KEPT = 40
"""Errors that are remembered."""

ENOUGH = 24
"""So many errors of its own, and those met elsewhere are not asked for."""

FEW = 5
"""With fewer errors than that in all, likely ones stand in."""

COVERED = 0.8
"""The part of all stages that ends within its interval."""

LIKELY = (-0.55, -0.4, -0.29, -0.2, -0.12, -0.05, 0.05, 0.12, 0.2, 0.29, 0.4, 0.55)
"""Errors to expect of what was never measured on that node: a speed that is a hint is wrong by up to 1.5, and so is the
one of the node that it is compared with.
"""

STRANGE = 1.0
"""Log of how far off a measurement may be to count in full: a machine that slept says nothing of its speed."""

PRIOR = 0.5
"""How many measurements the fleet's line weighs beside a node's own."""

REACH = 0.08
"""How much wider the interval grows per factor e outside the sizes that were measured."""


DIGITS = 6
"""Of what went through a logarithm: mathematics libraries differ in their last bits, the state must not."""


class Line(NamedTuple):
    """Seconds = fixed + per_unit x units."""

    fixed: float
    per_unit: float

    def at(self, units: float) -> float:
        return self.fixed + self.per_unit * units


class Estimate(NamedTuple):
    """Seconds, and between which of them four of five such stages end."""

    seconds: float
    low: float
    high: float


class Work(NamedTuple):
    """Stages still to run: how many, and how many units they are together."""

    stages: float
    units: float


class Cost(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Sums over the measurements, with z = 1/units and r = seconds/units; a part of the canonical state."""

    count: int = 0
    w: float = 0.0
    z: float = 0.0
    zz: float = 0.0
    r: float = 0.0
    rz: float = 0.0
    drift: float = 0.0
    """Log of how much slower it is of late than its line."""
    least: float = 0.0
    most: float = 0.0
    """Fewest and most units measured."""
    megapixels: float = 0.0
    steps: int = 0
    """Of the newest, to tell what the numbers are about."""
    errors: tuple[float, ...] = ()
    """Logs of measured over foretold, newest last."""


def units(step: StageStep) -> float:
    """How much work a stage is, to compare stages of one kind: megapixels times steps, at least a tenth."""
    return max(step.megapixels, 0.1) * max(step.steps, 1)


def line_of(cost: Cost, prior: Line | None = None) -> Line:
    """The line through what was measured, drawn towards `prior`; without one towards no fixed part."""
    if not cost.w:
        return prior or Line(0.0, 0.0)
    middle = cost.z / cost.w
    toward = Line(0.0, cost.r / cost.w) if prior is None else prior
    w, z, zz, r, rz = cost.w, cost.z, cost.zz, cost.r, cost.rz
    half = PRIOR / 2.0
    for at in (0.5 * middle, 1.5 * middle):
        told = toward.per_unit + toward.fixed * at
        w, z, zz, r, rz = w + half, z + half * at, zz + half * at * at, r + half * told, rz + half * told * at
    spread = w * zz - z * z
    fixed = (w * rz - z * r) / spread
    per_unit = (r - fixed * z) / w
    if fixed < 0.0:
        return Line(0.0, r / w)
    return Line(rz / zz, 0.0) if per_unit < 0.0 else Line(fixed, per_unit)


def seconds_at(cost: Cost | None, units: float, prior: Line | None) -> float | None:
    """None: neither measured nor foretold by anything."""
    if cost is None or not cost.w:
        return None if prior is None else prior.at(units)
    return line_of(cost, prior).at(units) * exp(cost.drift)


def estimate(cost: Cost | None, units: float, prior: Line | None, alike: Iterable[float] = ()) -> Estimate | None:
    """Of a stage of so many units. `alike`: errors met elsewhere in the fleet, used where there are few of its own."""
    seconds = seconds_at(cost, units, prior)
    if seconds is None:
        return None
    low, high = interval(cost, units, alike)
    return Estimate(seconds, seconds * exp(low), seconds * exp(high))


def interval(cost: Cost | None, units: float, alike: Iterable[float] = ()) -> tuple[float, float]:
    """Logs of the factors to the ends of the interval.

    Split conformal prediction (Vovk et al. 2005): the ranks of the remembered errors that hold `COVERED` of the next.
    """
    if cost is None or not cost.count:
        return _ranks(LIKELY)
    errors = [*cost.errors, *tuple(alike)[-max(0, ENOUGH - len(cost.errors)) :]]
    if len(errors) < FEW:
        errors += LIKELY
    low, high = _ranks(errors)
    beyond = REACH * max(0.0, log(units / cost.most), log(cost.least / units))
    return min(low, 0.0) - beyond, max(high, 0.0) + beyond


def learn(cost: Cost | None, step: StageStep, seconds: float, prior: Line | None) -> tuple[Cost, float | None]:
    """What is known after one more measurement, and the log of how far off it was foretold; None: it was not."""
    x = units(step)
    before = cost or Cost()
    foretold = seconds_at(cost, x, prior)
    error = None if not foretold or foretold <= 0.0 else round(log(seconds / foretold), DIGITS)
    counted = seconds
    if error is not None and foretold is not None and before.count and abs(error) > STRANGE:
        counted = foretold * exp(STRANGE if error > 0 else -STRANGE)
    z, r = 1.0 / x, counted / x
    after = Cost(
        count=before.count + 1,
        w=before.w * DECAY + 1.0,
        z=before.z * DECAY + z,
        zz=before.zz * DECAY + z * z,
        r=before.r * DECAY + r,
        rz=before.rz * DECAY + r * z,
        drift=before.drift,
        least=min(before.least or x, x),
        most=max(before.most, x),
        megapixels=step.megapixels,
        steps=step.steps,
        errors=before.errors if error is None or not before.count else (*before.errors, error)[-KEPT:],
    )
    told = line_of(after, prior).at(x)
    if told > 0.0:
        after.drift = round(after.drift + ALPHA * (log(counted / told) - after.drift), DIGITS)
    return after, error


def quicker(speed: float, foretold: float, seconds: float, count: int) -> float:
    """The speed after a stage that takes `foretold` seconds at speed 1 took so many; `count`: measured before."""
    weight = max(ALPHA, 1.0 / (count + 1.5))
    off = max(-STRANGE, min(STRANGE, log(foretold / seconds / speed)))
    return round(speed * exp(weight * off), DIGITS)


def nearest_cost(costs: Mapping[str, Cost], key: str) -> Cost | None:
    """Of the key; else the one of its stage kind that was measured most. None: no stage of that kind was."""
    found = costs.get(key)
    if found is not None:
        return found
    kind = key.partition(" ")[0] + " "
    alike = [(-cost.count, other) for other, cost in costs.items() if other.startswith(kind)]
    return costs[min(alike)[1]] if alike else None


def _ranks(errors: Iterable[float]) -> tuple[float, float]:
    """Where the lower and the upper end lie among them, between neighbours where a rank is no whole number."""
    sorted_, tail = sorted(errors), (1.0 - COVERED) / 2.0

    def at(part: float) -> float:
        rank = min(max(part * (len(sorted_) + 1) - 1.0, 0.0), len(sorted_) - 1.0)
        under, over = sorted_[floor(rank)], sorted_[ceil(rank)]
        return under + (over - under) * (rank - floor(rank))

    return at(tail), at(1.0 - tail)
