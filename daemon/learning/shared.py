"""What pools have in common: the levels of a knob over all of them, and how each pool's own levels lie on those."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from daemon.learning.levels import ABSENT, TIME, Floats, Knob, rank
from schema.plans import Scalar

MOST = 16
"""Levels of a knob over all pools; more are put together."""


class Common(NamedTuple):
    """A knob that varied in several pools."""

    name: str
    levels: tuple[tuple[Scalar, ...], ...]
    kind: tuple[int, bool, bool]
    """What their likeness hangs on."""

    def lift(self, knob: Knob) -> Floats:
        """What a pool's own levels are of these: [the pool's levels, levels], rows that sum to 1."""
        if knob.levels == self.levels:
            return np.eye(len(self.levels))
        at = {value: place for place, values in enumerate(self.levels) for value in values}
        found = np.zeros((len(knob.levels), len(self.levels)))
        for row, values in enumerate(knob.levels):
            for value in values:
                found[row, at[value]] += 1.0 / len(values)
        return found


def common(knobs: Sequence[Sequence[Knob]]) -> tuple[Common, ...]:
    """Of the pools' knobs, those that varied in at least two; by name."""
    found: dict[str, list[Knob]] = {}
    for pool in knobs:
        for knob in pool:
            if knob.name != TIME:
                found.setdefault(knob.name, []).append(knob)
    return tuple(_common(name, some) for name, some in sorted(found.items()) if len(some) > 1)


def _common(name: str, knobs: Sequence[Knob]) -> Common:
    ordered = all(knob.ordered for knob in knobs)
    if all(knob.levels == knobs[0].levels for knob in knobs):
        return Common(name, knobs[0].levels, knobs[0].kind)
    pools: dict[Scalar, int] = {}
    for knob in knobs:
        for values in knob.levels:
            for value in values:
                pools[value] = pools.get(value, 0) + 1
    absent = ordered and pools.pop(ABSENT, 0) > 0
    ranked = sorted(pools, key=rank)
    groups: list[tuple[Scalar, ...]]
    if ordered:
        groups = [tuple(ranked[a:b]) for a, b in _cuts(len(ranked))]
    else:
        often = sorted(ranked, key=lambda value: (-pools[value], rank(value)))
        kept, rest = often[: 4 * MOST], often[4 * MOST :]
        groups = [(value,) for value in sorted(kept, key=rank)] + ([tuple(rest)] if rest else [])
    groups += [(ABSENT,)] if absent else []
    return Common(name, tuple(groups), (len(groups), ordered, absent))


def _cuts(values: int) -> list[tuple[int, int]]:
    """So many values in at most MOST runs of about one length."""
    runs = min(values, MOST)
    return [(at * values // runs, (at + 1) * values // runs) for at in range(runs)]
