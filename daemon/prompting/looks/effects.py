"""How well components of prompts come out, from many looks: means drawn towards those of their kind, with their doubt.

A normal model with one level: each value's mean is N(m, t2) around that of its name, each picture N(mean, s2) around
it; s2 and t2 are moments drawn towards what is usual, so that few looks give cautious numbers (J. Efron and C. Morris,
"Data analysis using Stein's estimator", 1975).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import sqrt
from typing import Literal, NamedTuple

from schema.feedback import Effect, Span

WITHIN, WITHIN_ROWS = 0.10, 8.0
"""Variance of pictures with the same value, and how many rows that guess is worth."""

BETWEEN, BETWEEN_ROWS = 0.03, 3.0
"""Variance of values' means, and how many values that guess is worth."""

NINE_IN_TEN = 1.645

Kind = Literal["wildcard", "slot", "choice", "lora", "style"]
Measure = Literal["caption", "score"]

TOGETHER = ("lora", "style")
"""Kinds that are compared across their names; the values of a place to vary only with one another."""


class Counted(NamedTuple):
    """The looks at one component, added up."""

    kind: Kind
    name: str
    value: str
    by: Measure
    n: int
    total: float
    squares: float
    fulfilment: float | None = None
    style: float | None = None
    over: tuple[Span, ...] = ()


def merged(counted: Iterable[Counted]) -> tuple[Counted, ...]:
    """One row for each value, however it came into a prompt: of places that draw from one list."""
    found: dict[tuple[str, str], Counted] = {}
    for row in counted:
        other = found.get((row.value, row.by))
        same = row if other is None else row._replace(
            n=row.n + other.n, total=row.total + other.total, squares=row.squares + other.squares
        )  # fmt: skip
        found[row.value, row.by] = same._replace(kind="wildcard")
    return tuple(found.values())


def effects(counted: Iterable[Counted]) -> tuple[Effect, ...]:
    """By kind and name, the best first. Deterministic in its argument, whatever its order."""
    found: list[Effect] = []
    for _, group in groupby(sorted(counted, key=_order), key=_family):
        found += _of_family(list(group))
    return tuple(found)


def _order(one: Counted) -> tuple[str, str, str, str]:
    return (*_family(one), one.name, one.value)


def _family(one: Counted) -> tuple[str, str]:
    return one.by, f"{one.kind} {'' if one.kind in TOGETHER else one.name}"


def _of_family(rows: Sequence[Counted]) -> list[Effect]:
    total = sum(row.n for row in rows)
    grand = sum(row.total for row in rows) / total
    within = _within(rows, total)
    between = _between(rows, total, grand, within)
    likely = [_likely(row, grand, within, between, total) for row in rows]
    made = [_effect(row, mean, doubt) for row, (mean, doubt) in zip(rows, likely, strict=True)]
    return sorted(made, key=lambda effect: (effect.kind, "" if effect.kind in TOGETHER else effect.name, -effect.likely,
                                            effect.name, effect.value))  # fmt: skip


def _within(rows: Sequence[Counted], total: int) -> float:
    """Pooled over the values."""
    spread = sum(max(0.0, row.squares - row.total**2 / row.n) for row in rows)
    return (spread + WITHIN * WITHIN_ROWS) / (total - len(rows) + WITHIN_ROWS)


def _between(rows: Sequence[Counted], total: int, grand: float, within: float) -> float:
    """Moments of a one-way layout, drawn towards the usual; never nothing."""
    free = len(rows) - 1
    if free < 1:
        return BETWEEN
    spread = sum(row.n * (row.total / row.n - grand) ** 2 for row in rows) / free
    size = (total - sum(row.n**2 for row in rows) / total) / free
    seen = max(0.0, (spread - within) / size) if size > 0 else BETWEEN
    return max(0.002, (seen * free + BETWEEN * BETWEEN_ROWS) / (free + BETWEEN_ROWS))


def _likely(row: Counted, grand: float, within: float, between: float, total: int) -> tuple[float, float]:
    """Mean and standard deviation of what is believed of it."""
    own, common = row.n / within, 1.0 / between
    mean = (row.total / within + grand * common) / (own + common)
    return mean, sqrt(1.0 / (own + common) + (common / (own + common)) ** 2 * within / total)


def _effect(row: Counted, mean: float, doubt: float) -> Effect:
    return Effect(
        kind=row.kind,
        name=row.name,
        value=row.value,
        n=row.n,
        mean=round(row.total / row.n, 4),
        likely=round(mean, 4),
        low=round(max(0.0, mean - NINE_IN_TEN * doubt), 4),
        high=round(min(1.0, mean + NINE_IN_TEN * doubt), 4),
        by=row.by,
        fulfilment=None if row.fulfilment is None else round(row.fulfilment, 4),
        style=None if row.style is None else round(row.style, 4),
        over=row.over,
    )
