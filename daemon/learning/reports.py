"""Reports: which styles, LoRAs, models and randomizer settings do well, and what wildcards' values are worth.

A ranking holds what is proven; the rest stands apart, however good it looks (docs/learning.md, 11).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from daemon.learning import wording
from daemon.learning.claims import ADJUSTED, ROUND
from daemon.learning.levels import ABSENT, Knob
from daemon.learning.model import WITHIN, Fit, Fitter, PoolFit, Shared, normal
from daemon.learning.rows import Row, Versus, pack_of
from daemon.learning.splits import MODELS
from schema.ids import Seq
from schema.insights import Kind, Report, ReportLine, Verdict
from schema.plans import Scalar
from schema.records import Settings

PROVEN = 0.90
"""Chance from which on a line is in a ranking."""
NOTABLE = 0.1
"""Stars above or below the average that are worth a word."""
LEAST = 3
"""Ratings of a value before it is judged."""

SHARPNESS = 0.25
"""Scores in which a value's weight grows e-fold."""
FLOOR = 0.1
"""Share of the draws that goes to all values alike, so that none is starved."""


class Judged(NamedTuple):
    """A value of a knob against all else, in stars."""

    stars: float
    sd: float
    matters: float
    n: int


def report(rows: Sequence[Row], duels: Sequence[Versus] = (), *, seq: int = 0, fitter: Fitter | None = None) -> Report:
    return report_of((fitter or Fitter()).fit(rows, duels), seq=seq)


def report_of(fit: Fit, *, seq: int = 0) -> Report:
    lines = sorted(_lines(fit), key=lambda line: (line.kind, -line.stars, line.name, line.value, line.packs))
    return Report(
        seq=Seq(seq),
        lines=tuple(line for line in lines if line.verdict != "unproven"),
        unproven=tuple(line for line in lines if line.verdict == "unproven" and line.kind != "knob"),
    )


def _lines(fit: Fit) -> Iterable[ReportLine]:
    holders: dict[tuple[str, str], list[PoolFit]] = {}
    for pool, one in fit.pools.items():
        for knob in one.knobs:
            if not knob.name.startswith(ADJUSTED):
                holders.setdefault((pack_of(pool)[1], knob.name), []).append(one)
    for (backend, name), pools in sorted(holders.items()):
        kind = kind_of(name)
        if kind == "wildcard":
            for one in pools:
                yield from _of_wildcard(one, name)
        else:
            yield from _of_knob(kind, name, pools, fit.shared.get((backend, name)))


def kind_of(name: str) -> Kind:
    if name.startswith("lora:"):
        return "lora"
    if name.startswith("pick:"):
        return "wildcard"
    if name.startswith("randomizer."):
        return "randomizer"
    field = name.rpartition(".")[2]
    if field == "style":
        return "style"
    return "model" if field in MODELS else "knob"


def _of_knob(kind: Kind, name: str, pools: Sequence[PoolFit], shared: Shared | None) -> Iterable[ReportLine]:
    """Every value, pooled over packs where it varied in several; of a LoRA: being there against being left out."""
    values = dict.fromkeys(value for one in pools for level in one.table.knobs[one.table.knob(name)].levels
                           for value in level)  # fmt: skip
    groups: list[tuple[Scalar, ...]] = [(value,) for value in values]
    if kind == "lora" and (there := tuple(value for value in values if not _left_out(value))):
        groups = [there] if len(there) < len(values) else groups
    packs = tuple(sorted({pack_of(one.table.pool)[0] for one in pools}))
    for group in groups:
        judged = _judged(name, group, pools, shared)
        if judged is not None:
            shown = name.removeprefix("lora:").removeprefix("randomizer.")
            yield _line(kind, shown, wording.label(group, all(map(_is_number, group))), packs, judged)


def _judged(name: str, group: tuple[Scalar, ...], pools: Sequence[PoolFit], shared: Shared | None) -> Judged | None:
    """Of these packs on average, or by what packs have in common where that is surer (many packs, few ratings)."""
    n = sum(row.params.get(name, ABSENT) in group for one in pools for row in one.table.rows)
    matters = max(one.matters(name) for one in pools)
    found = [each for each in (_on_average(name, group, pools), _in_common(group, pools, shared)) if each is not None]
    if not found:
        return None
    stars, sd = min(found, key=lambda each: each[1])
    return Judged(stars, sd, matters, n)


def _on_average(name: str, group: tuple[Scalar, ...], pools: Sequence[PoolFit]) -> tuple[float, float] | None:
    """Stars and sd. Packs lean on one another, so that their errors may all be the same: sds are averaged too."""
    parts = []
    for one in pools:
        knob = _knob(one, name)
        inside = tuple(at for at, level in enumerate(knob.levels) if set(level) & set(group))
        outside = tuple(at for at in range(len(knob.levels)) if at not in inside)
        if inside and outside:
            contrast = one.contrast(name, inside, outside)
            parts.append((one.table.n + len(one.table.duels), contrast.stars, contrast.sd * one.stars_sd))
    total = sum(n for n, _, _ in parts)
    if not total:
        return None
    return sum(n * stars for n, stars, _ in parts) / total, sum(n * sd for n, _, sd in parts) / total


def _in_common(
    group: tuple[Scalar, ...], pools: Sequence[PoolFit], shared: Shared | None
) -> tuple[float, float] | None:
    """Stars and sd. Means against the average of the levels; against the rest alone they are further away."""
    if shared is None:
        return None
    here = [at for at, value in enumerate(shared.values) if value in group]
    if not here or len(here) == len(shared.values):
        return None
    scale = pools[0].stars_sd * len(shared.values) / (len(shared.values) - len(here))
    return float(np.mean(shared.mean[here])) * scale, sqrt(float(np.mean(np.square(shared.sd[here])))) * scale


def _line(
    kind: Kind, name: str, value: str, packs: tuple[str, ...], judged: Judged, factor: float | None = None
) -> ReportLine:
    reach = WITHIN * judged.sd
    return ReportLine(
        kind=kind, name=name, value=value, packs=packs, n=judged.n, stars=round(judged.stars, ROUND),
        low=round(judged.stars - reach, ROUND), high=round(judged.stars + reach, ROUND), verdict=verdict(judged),
        factor=None if factor is None else round(factor, ROUND),
    )  # fmt: skip


def verdict(judged: Judged) -> Verdict:
    if judged.n < LEAST:
        return "unproven"
    sd = max(judged.sd, 1e-9)
    above = judged.matters * normal((judged.stars - NOTABLE) / sd)
    below = judged.matters * normal((-judged.stars - NOTABLE) / sd)
    if above >= PROVEN:
        return "does well"
    if below >= PROVEN:
        return "underperforms"
    within = normal((NOTABLE - judged.stars) / sd) - normal((-NOTABLE - judged.stars) / sd)
    return "no difference" if 1.0 - judged.matters * (1.0 - within) >= PROVEN else "unproven"


def _left_out(value: Scalar) -> bool:
    return value is ABSENT or value == 0


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# What is fed back --------------------------------------------------------------------------------


def _of_wildcard(one: PoolFit, name: str) -> Iterable[ReportLine]:
    weights = factors(one, name)
    pack = (pack_of(one.table.pool)[0],)
    for value, factor in weights.items():
        judged = _judged(name, (value,), [one], None)
        if judged is not None:
            yield _line("wildcard", name.removeprefix("pick:"), str(value), pack, judged, factor)


def wildcard_weights(one: PoolFit) -> dict[str, dict[str, float]]:
    """Of one pack: wildcard to value to the factor of its weight; 1 on average (docs/learning.md 11)."""
    picks = [knob.name for knob in one.knobs if knob.name.startswith("pick:")]
    return {name.removeprefix("pick:"): {str(value): round(factor, ROUND) for value, factor in
                                         factors(one, name).items()} for name in picks}  # fmt: skip


def factors(one: PoolFit, name: str) -> Mapping[Scalar, float]:
    """`w = 0.9 softmax(m / 0.25) + 0.1 / K` of the shrunken effects m, as multiples of 1 / K.

    An effect counts as much as it is likely that the values differ at all. Of values put together each has its share.
    """
    knob = _knob(one, name)
    start = one.start(name)
    values = [(value, at) for at, level in enumerate(knob.levels) for value in level if value is not ABSENT]
    effects = one.matters(name) * np.array([one.mean[start + at] for _, at in values])
    grown = np.exp((effects - effects.max()) / SHARPNESS)
    weights = (1.0 - FLOOR) * grown / grown.sum() * len(values) + FLOOR
    return {value: float(weight) for (value, _), weight in zip(values, weights, strict=True)}


def randomizer_defaults(one: PoolFit) -> Settings:
    """`matrix`, `order`: what rates higher in one pack, where that is proven."""
    found: Settings = {}
    for knob in one.knobs:
        if knob.name.startswith("randomizer."):
            start = one.start(knob.name)
            best = int(np.argmax(one.mean[start : start + len(knob.levels)]))
            others = tuple(at for at in range(len(knob.levels)) if at != best)
            value = knob.levels[best][0]
            if value is not ABSENT and one.contrast(knob.name, (best,), others).confidence >= wording.CLEARLY:
                found[knob.name.removeprefix("randomizer.")] = value
    return found


def _knob(one: PoolFit, name: str) -> Knob:
    return one.table.knobs[one.table.knob(name)]
