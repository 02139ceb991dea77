"""What a stage costs in seconds, from its last measurements: a line with a fixed part, and an honest interval.

A `Cost` is what the measurements of one stage kind and model family come to on one node, or over the fleet at speed 1.
The line is fitted to seconds per unit, so that all sizes weigh alike; what changes faster (a card that grows hot) is a
drift of it. The interval lies where the measurements lie from what the others foretell for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, exp, floor, log
from typing import NamedTuple

from schema.plans import StageStep

ALPHA = 0.2
"""Weight of the newest measurement in what follows quickly: drift and speed."""

DECAY = 0.95
"""What older measurements keep of their weight in the line with each new one: about the last twenty count."""

KEPT = 40
"""Measurements that are remembered."""

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
"""How many measurements the fleet's line weighs beside a node's own, and a hint beside a measured speed."""

REACH = 0.08
"""How much wider the interval grows per factor e outside the sizes that were measured."""

_FAR = exp(STRANGE)

Row = tuple[float, float, int]
"""One measurement: seconds, megapixels, steps."""


class Line(NamedTuple):
    """Seconds = fixed + per_unit x units."""

    fixed: float
    per_unit: float

    def at(self, units: float) -> float:
        return self.fixed + self.per_unit * units

    def times(self, factor: float) -> "Line":
        return Line(self.fixed * factor, self.per_unit * factor)


class Estimate(NamedTuple):
    """Seconds, and between which of them four of five such stages end."""

    seconds: float
    low: float
    high: float


class Work(NamedTuple):
    """Stages still to run: how many, and how many units they are together."""

    stages: float
    units: float


class Cost(NamedTuple):
    """Weighted sums over measurements, with z = 1/units and r = seconds/units."""

    measured: int
    least: float
    most: float
    """Fewest and most units measured."""
    w: float
    z: float
    zz: float
    r: float
    rz: float
    late_w: float
    """These with weights that forget quickly: whether it is slower of late than its line."""
    late_z: float
    late_r: float

    def plus(self, other: "Cost", speed: float) -> "Cost":
        """With what was measured on a node of that speed."""
        return Cost(
            self.measured + other.measured,
            min(self.least, other.least),
            max(self.most, other.most),
            self.w + other.w,
            self.z + other.z,
            self.zz + other.zz,
            self.r + speed * other.r,
            self.rz + speed * other.rz,
            self.late_w + other.late_w,
            self.late_z + other.late_z,
            self.late_r + speed * other.late_r,
        )


NOTHING = Cost(0, float("inf"), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def units(step: StageStep) -> float:
    """How much work a stage is, to compare stages of one kind: megapixels times steps, at least a tenth."""
    return units_of(step.megapixels, step.steps)


def units_of(megapixels: float, steps: int) -> float:
    return max(megapixels, 0.1) * max(steps, 1)


def cost_of(rows: Sequence[Row]) -> Cost:
    """Of measurements, newest last. What is far from the others counts as if it were less so."""
    points = _points(rows)
    ratios = sorted(r for _, r in points)
    middle = ratios[len(ratios) // 2]
    wide = exp(1.5 * STRANGE)
    if ratios[0] * wide < middle or ratios[-1] > middle * wide:
        points = [(z, min(max(r, middle / wide), middle * wide)) for z, r in points]
    cost = _summed(points)
    fixed, per_unit = line_of(cost)
    tamed = [(z, min(max(r, (per_unit + fixed * z) / _FAR), (per_unit + fixed * z) * _FAR)) for z, r in points]
    return cost if tamed == points else _summed(tamed)


def line_of(cost: Cost, prior: Line | None = None) -> Line:
    """The line through what was measured, drawn towards `prior`; without one towards no fixed part."""
    if not cost.measured:
        return prior or Line(0.0, 0.0)
    w, z, zz, r, rz = _drawn(cost, prior)
    fixed = (w * rz - z * r) / (w * zz - z * z)
    if fixed < 0.0:
        return Line(0.0, r / w)
    per_unit = (r - fixed * z) / w
    return Line(rz / zz, 0.0) if per_unit < 0.0 else Line(fixed, per_unit)


def expected(cost: Cost | None, prior: Line | None) -> Line | None:
    """The line as it is of late. None: neither measured nor foretold by anything."""
    if cost is None or not cost.measured:
        return prior
    line = line_of(cost, prior)
    told = line.per_unit * cost.late_w + line.fixed * cost.late_z
    return line.times((cost.late_r / told) ** (ALPHA * cost.late_w)) if told > 0.0 else line


def errors_of(rows: Sequence[Row], cost: Cost, prior: Line | None) -> tuple[float, ...]:
    """Logs of measured over what the other measurements foretell, and of late those before it; none of the first."""
    if len(rows) < 2:
        return ()
    line, (w, z, zz, _, _) = line_of(cost, prior), _drawn(cost, prior)
    spread, weight, drift = w * zz - z * z, DECAY ** len(rows), 0.0
    errors = []
    for at, r in _points(rows):
        weight /= DECAY
        told = line.per_unit + line.fixed * at
        pull = min(weight * (zz - 2.0 * z * at + w * at * at) / spread, 0.9)
        others = min(max(told - (r - told) * pull / (1.0 - pull), told / _FAR), told * _FAR)
        error = log(r / others) - drift
        drift += ALPHA * max(-STRANGE, min(STRANGE, error))
        errors.append(error)
    return tuple(errors)


def estimate(
    cost: Cost | None, units: float, line: Line, errors: Sequence[float], alike: Sequence[float] = ()
) -> Estimate:
    """Of a stage of so many units. `alike`: sorted errors met in the fleet, used where there are few of its own."""
    seconds = line.at(units)
    low, high = interval(cost, units, errors, alike)
    return Estimate(seconds, seconds * exp(low), seconds * exp(high))


def interval(
    cost: Cost | None, units: float, errors: Sequence[float], alike: Sequence[float] = ()
) -> tuple[float, float]:
    """Logs of the factors to the ends of the interval.

    Jackknife prediction (Barber et al. 2021): the ranks of the errors that hold `COVERED` of the next.
    """
    if cost is None or not cost.measured:
        return _ranks(LIKELY)
    met = list(errors)
    if (wanted := min(ENOUGH - len(met), len(alike))) > 0:
        met += [alike[int((at + 0.5) / wanted * len(alike))] for at in range(wanted)]
    if len(met) < FEW:
        met += LIKELY
    low, high = _ranks(met)
    beyond = REACH * max(0.0, log(units / cost.most), log(cost.least / units))
    return min(low, 0.0) - beyond, max(high, 0.0) + beyond


def quicker(speed: float, foretold: float, seconds: float, count: int) -> float:
    """The speed after a stage that takes `foretold` seconds at speed 1 took so many; `count`: measured before."""
    weight = max(ALPHA, 1.0 / (count + 1.5))
    off = max(-STRANGE, min(STRANGE, log(foretold / seconds / speed)))
    return speed * exp(weight * off)


def nearest_cost(costs: Mapping[str, Cost], key: str) -> str | None:
    """The key; else the one of its stage kind that was measured most. None: no stage of that kind was."""
    if key in costs:
        return key
    kind = key.partition(" ")[0] + " "
    return min(
        (other for other in costs if other.startswith(kind)), key=lambda one: (-costs[one].measured, one), default=None
    )


def _points(rows: Sequence[Row]) -> list[tuple[float, float]]:
    found = []
    for seconds, megapixels, steps in rows:
        z = 1.0 / units_of(megapixels, steps)
        found.append((z, seconds * z))
    return found


def _summed(points: Sequence[tuple[float, float]]) -> Cost:
    w = z = zz = r = rz = late_w = late_z = late_r = 0.0
    for at, each in points:
        w = w * DECAY + 1.0
        z = z * DECAY + at
        zz = zz * DECAY + at * at
        r = r * DECAY + each
        rz = rz * DECAY + each * at
        late_w = late_w * (1.0 - ALPHA) + 1.0
        late_z = late_z * (1.0 - ALPHA) + at
        late_r = late_r * (1.0 - ALPHA) + each
    least, most = 1.0 / max(points)[0], 1.0 / min(points)[0]
    return Cost(len(points), least, most, w, z, zz, r, rz, late_w, late_z, late_r)


def _drawn(cost: Cost, prior: Line | None) -> tuple[float, float, float, float, float]:
    """The sums with `PRIOR` measurements more, as the prior foretells them."""
    _, _, _, w, z, zz, r, rz, _, _, _ = cost
    middle, half = z / w, PRIOR / 2.0
    near, far = 0.5 * middle, 1.5 * middle
    fixed, per_unit = (0.0, r / w) if prior is None else prior
    told_near, told_far = per_unit + fixed * near, per_unit + fixed * far
    return (
        w + PRIOR,
        z + half * (near + far),
        zz + half * (near * near + far * far),
        r + half * (told_near + told_far),
        rz + half * (told_near * near + told_far * far),
    )


def _ranks(errors: Iterable[float]) -> tuple[float, float]:
    """Where the lower and the upper end lie among them, between neighbours where a rank is no whole number."""
    sorted_, tail = sorted(errors), (1.0 - COVERED) / 2.0

    def at(part: float) -> float:
        rank = min(max(part * (len(sorted_) + 1) - 1.0, 0.0), len(sorted_) - 1.0)
        under, over = sorted_[floor(rank)], sorted_[ceil(rank)]
        return under + (over - under) * (rank - floor(rank))

    return at(tail), at(1.0 - tail)
