"""The world of a forecast: what is believed of costs, and one way in which they may come out.

Estimates are off together (of a kind on a node) and stages are off alone. How far, follows from numbers that look drawn
but are not: the same forecast comes out twice.
"""

from collections.abc import Sequence
from math import exp, sqrt
from statistics import NormalDist
from typing import Protocol
from zlib import crc32

from daemon.core.outlook import Berth, Outlook, Wish
from daemon.scheduling.groups import Costs, Group, Machine
from daemon.scheduling.simulate import Cost, Entry
from schema.ids import NodeId

LOADS = 0.3
"""Spread of the log of what loading a checkpoint takes."""

_NORMAL = NormalDist()


class Bundled(Protocol):
    @property
    def entry(self) -> Entry: ...
    @property
    def wishes(self) -> Sequence[Wish]: ...


class World:
    """`luck` 0: everything comes as it is believed."""

    def __init__(self, outlook: Outlook, there: Sequence[int], bundles: Sequence[Bundled], luck: int) -> None:
        self._rows, self._there, self._luck = outlook.rows, there, luck
        self._berths: list[Berth] = [outlook.berths[at] for at in there]
        self._wishes = {bundle.entry.job: bundle.wishes for bundle in bundles}
        self._at = {berth.id: number for number, berth in enumerate(self._berths)}
        self._together: dict[tuple[object, ...], float] = {}

    @property
    def costs(self) -> Costs:
        return self

    def speed(self, at: int) -> float:
        return self._berths[at].speed

    def execute(self, group: Group, machine: Machine) -> float:
        row = self._rows[int(group.kind)]
        return group.work / max(row.work, 1e-9) * row.told[self._there[self._at[machine.id]]].seconds

    def swap(self, group: Group, machine: Machine) -> float:
        if group.lot.model is None or group.lot.model in machine.models:
            return 0.0
        return self._rows[int(group.kind)].loads[self._there[self._at[machine.id]]]

    def move(self, group: Group, machine: Machine) -> float:
        if group.previous is None or group.previous == machine.id:
            return 0.0
        return self._berths[self._at[machine.id]].move_s

    def really(self, entry: Entry, index: int, at: int, resident: str | None, previous: NodeId | None) -> Cost:
        step, wishes = entry.steps[index], self._wishes[entry.job]
        row, where = self._rows[int(step.kind)], self._there[at]
        moved = previous is not None and previous != self._berths[at].id
        load = row.loads[where] if step.model is not None and step.model != resident else 0.0
        if wishes[0].measured:
            seconds = wishes[0].measured[index][where]
        else:
            seconds = row.told[where].seconds * len(wishes) * self._off(entry, int(step.kind), where, len(wishes))
        return Cost(
            self._berths[at].move_s * len(wishes) if moved else 0.0,
            load * self._common(LOADS, "load", step.model, where) if load else 0.0,
            seconds,
        )

    def ended(self, entry: Entry, index: int, at: int, cost: Cost) -> None:
        """There is nothing to learn of what is believed."""

    def _off(self, entry: Entry, row: int, where: int, count: int) -> float:
        """The factor by which it comes out otherwise than believed."""
        if not self._luck:
            return 1.0
        told = self._rows[row].told[where]
        alone = told.own / sqrt(count) * _drawn(self._luck, entry.job, row)
        return self._common(told.shared, row, where) * exp(alone)

    def _common(self, spread: float, *what: object) -> float:
        if not self._luck:
            return 1.0
        if what not in self._together:
            self._together[what] = exp(spread * _drawn(self._luck, *what))
        return self._together[what]


def _drawn(*what: object) -> float:
    """A number that follows from the words, spread like a standard normal one."""
    return _NORMAL.inv_cdf((crc32(repr(what).encode()) + 0.5) / 2**32)
