"""What the measurements of the fleet come to together: derived from the facts, rebuildable at any time, never saved.

The node that was measured most has the speed of its hint; each next one is compared with those before it by the stages
that they have in common. Only what new measurements touch is worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import TYPE_CHECKING

from daemon.scheduling.costs import NOTHING, PRIOR, Cost, Line, Row, cost_of, errors_of, expected, line_of
from schema.ids import NodeId

if TYPE_CHECKING:
    from daemon.core.state import Node

FINE = 2
"""Digits of the log of a speed over its hint: what changes less needs no new prices."""


class Learned:
    def __init__(self) -> None:
        self.stale = True
        """Something was measured since."""
        self.speeds: dict[NodeId, float] = {}
        """Of the nodes that were measured."""
        self.bases: dict[str, Cost] = {}
        """`KIND FAMILY` to its cost on a node of speed 1; the same object as long as it is the same."""
        self.lines: dict[str, Line] = {}
        """Their lines, as they are of late."""
        self._cells: dict[tuple[NodeId, str], _Cell] = {}
        self._alike: dict[str, tuple[Cost, tuple[float, ...]]] = {}

    def learn(self, nodes: Mapping[NodeId, Node]) -> None:
        """In an order of its own: maps come back from a snapshot in another one, and sums of floats depend on it."""
        self.stale = False
        self.speeds, pooled = {}, dict[str, Cost]()
        there = [node for node in nodes.values() if node.costs]
        there.sort(key=lambda node: -sum(map(len, node.costs.values())))
        for node in there:
            off = weight = 0.0
            cells = [(key, self._cell(node, key)) for key in sorted(node.costs)]
            for key, cell in cells:
                each, counts = cell.compared(pooled.get(key, NOTHING))
                off, weight = off + counts * each, weight + counts
            hint = max(node.speed, 0.01)
            speed = self.speeds[node.id] = hint * exp(round((off - weight * log(hint)) / (weight + PRIOR), FINE))
            for key, cell in cells:
                pooled[key] = cell.onto(speed)
        for key, base in pooled.items():
            if self.bases.get(key) is not base:
                self.lines[key] = expected(base, None) or Line(0.0, 0.0)
        self.bases = pooled

    def cost(self, node: Node, key: str) -> Cost:
        """Of what was measured there; the same object as long as nothing was since."""
        return self._cell(node, key).cost

    def prior(self, node: Node, key: str) -> Line:
        """What the fleet's experience says of a node of that speed."""
        return self.lines[key].times(1.0 / self.speeds.get(node.id, max(node.speed, 0.01)))

    def errors(self, node: Node, key: str) -> tuple[float, ...]:
        return self._cell(node, key).errors(node.costs[key], self.prior(node, key))

    def alike(self, nodes: Mapping[NodeId, Node], key: str) -> tuple[float, ...]:
        """Errors of such stages on all nodes, sorted."""
        base, known = self.bases[key], self._alike.get(key)
        if known is None or known[0] is not base:
            met = sorted(error for node in nodes.values() if key in node.costs for error in self.errors(node, key))
            known = self._alike[key] = base, tuple(met)
        return known[1]

    def _cell(self, node: Node, key: str) -> _Cell:
        rows = node.costs[key]
        cell = self._cells.get((node.id, key))
        if cell is None or cell.last is not rows[-1]:
            cell = self._cells[node.id, key] = _Cell(rows)
        return cell


class _Cell:
    """What was measured of one kind and family on one node, and how it joined what was measured before it."""

    __slots__ = ("_after", "_before", "_errors", "_off", "_prior", "_speed", "cost", "last")

    def __init__(self, rows: list[Row]) -> None:
        self.last, self.cost = rows[-1], cost_of(rows)
        self._before, self._off, self._speed = NOTHING, 0.0, 0.0
        self._after: Cost | None = None
        self._prior: Line | None = None
        self._errors: tuple[float, ...] = ()

    def compared(self, base: Cost) -> tuple[float, float]:
        """Log of the speed that it speaks for beside `base`, and how many measurements' weight that has."""
        if self._before is not base:
            self._before, self._after, cost, line = base, None, self.cost, line_of(base)
            self._off = log((line.per_unit * cost.w + line.fixed * cost.z) / cost.r) if base.measured else 0.0
        return self._off, self.cost.w if base.measured else 0.0

    def onto(self, speed: float) -> Cost:
        """Together with what it was compared with."""
        if self._after is None or self._speed != speed:
            self._after, self._speed = self._before.plus(self.cost, speed), speed
        return self._after

    def errors(self, rows: list[Row], prior: Line) -> tuple[float, ...]:
        if self._prior != prior:
            self._prior, self._errors = prior, errors_of(rows, self.cost, prior)
        return self._errors
