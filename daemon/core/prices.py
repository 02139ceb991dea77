"""The policy's costs from what the fleet has learned: seconds of a stage, of loading, of moving, on each node."""

from collections.abc import Iterable, Mapping

from daemon.core.costs import base_seconds, cost_there, expected_seconds, learned, load_seconds, move_seconds, speed_of
from daemon.core.state import Brief, Node, State
from daemon.scheduling.costs import Cost, units
from daemon.scheduling.families import cost_key
from daemon.scheduling.groups import Group, Machine
from schema.ids import NodeId
from schema.plans import StageStep

GUESS_S = 0.35
"""Seconds per megapixel and step on a node of speed 1, where nothing like a stage was measured anywhere."""

CLOSE = 0.05
"""Parts by which a price may have changed before it is worth adding a queue up anew."""

LONGER = 0.25
"""The part of its time so far that a stage which takes longer than foretold is thought to take yet."""

_Known = tuple[Cost | None, Cost | None, float]


class Told:
    """What was foretold, as long as nothing new was learned that it came from. One for a queue, kept between
    decisions.
    """

    def __init__(self) -> None:
        self._stages: dict[tuple[NodeId, str, float], tuple[_Known, float]] = {}
        self._work: dict[tuple[str, float], tuple[Cost | None, float]] = {}

    def seconds(self, state: State, node: Node, step: StageStep) -> float:
        """Of the stage on that node."""
        key = (node.id, cost_key(step.kind, step.model), units(step))
        known = (cost_there(state, node, key[1]), learned(state).bases.get(key[1]), speed_of(state, node))
        old = self._stages.get(key)
        if old is not None and old[0][0] is known[0] and old[0][1] is known[1] and old[0][2] == known[2]:
            return old[1]
        told = expected_seconds(state, node, step)
        seconds = told if told is not None else self.work(state, step) / known[2]
        self._stages[key] = (known, seconds)
        return seconds

    def work(self, state: State, step: StageStep) -> float:
        """Seconds at speed 1; what is nearly as before stays the same."""
        key = (cost_key(step.kind, step.model), units(step))
        base, old = learned(state).bases.get(key[0]), self._work.get(key)
        if old is not None and base is not None and old[0] is base:
            return old[1]
        found = base_seconds(state, step)
        seconds = GUESS_S * key[1] if found is None else found
        if old is not None and abs(seconds - old[1]) <= CLOSE * old[1]:
            seconds = old[1]
        self._work[key] = (base, seconds)
        return seconds


class Prices:
    """`Costs` of one decision."""

    def __init__(self, state: State, told: Told, steps: Mapping[str, StageStep], nodes: Iterable[Node]) -> None:
        """`steps`: by id of group."""
        self._state, self._told, self._steps = state, told, steps
        self._nodes = {node.id: node for node in nodes}
        self._loads: dict[tuple[NodeId, str], float] = {}

    def execute(self, group: Group, machine: Machine) -> float:
        step = self._steps.get(group.id)
        if step is None:
            return group.work / machine.speed
        return self._told.seconds(self._state, self._nodes[machine.id], step)

    def swap(self, group: Group, machine: Machine) -> float:
        model = group.lot.model
        if model is None or model in machine.models:
            return 0.0
        key = (machine.id, model)
        seconds = self._loads.get(key)
        if seconds is None:
            seconds = self._loads[key] = load_seconds(self._state, self._nodes[machine.id], model)
        return seconds

    def move(self, group: Group, machine: Machine) -> float:
        if group.previous is None or group.previous == machine.id:
            return 0.0
        return move_seconds(self._nodes[machine.id])


def free_at(state: State, told: Told, node: Node, brief: Brief, now: float, ahead: float = 0.0) -> float:
    """When the node is expected to have ended the attempt it is at, which it could not execute for `ahead` seconds.

    One that is overdue is never expected at once.
    """
    expected = ahead + told.seconds(state, node, brief.step)
    so_far = max(0.0, now - brief.since)
    return now + max(expected - so_far, LONGER * (so_far - expected), 0.0)
