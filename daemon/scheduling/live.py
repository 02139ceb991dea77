"""The live lane: each request goes to the machine that has it done first, a busy one included, and waits for that.

What a machine would have to load again for the batch work that it holds a checkpoint for counts like time.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.scheduling.groups import Costs, Group, Machine

MOST = 32
"""Requests that are looked at in one decision; more than that can never begin at once."""


class Going(NamedTuple):
    """A request that begins now."""

    group: Group
    at: int
    """Index of its machine."""
    seconds: float
    next_best: tuple[float, int] | None
    """Seconds later, and the index of the machine."""


class Lane(NamedTuple):
    going: Going | None
    reserved: Mapping[str, int]
    """Requests that wait for a busy machine, and which."""


class _End(NamedTuple):
    """How a request would fare on one machine; the least is the best."""

    counted: float
    """When it is done, and what the batch work loses by it."""
    waits: bool
    name: str
    at: int
    end: float


def lane(groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float) -> Lane:
    """First come, first served; the requests before one take their machines as far as it is concerned."""
    live = sorted((group for group in groups if group.live and group.ready), key=_turn)[:MOST]
    if not live:
        return Lane(None, {})
    batch = {group.lot.model: group for group in groups if not group.live}
    free_at = [now if machine.idle else max(machine.free_at, now) for machine in machines]
    reserved: dict[str, int] = {}
    for group in live:
        ends = sorted(_ends(group, machines, costs, free_at, batch))
        if not ends:
            continue
        best = ends[0]
        if machines[best.at].idle:
            next_best = (ends[1].end - best.end, ends[1].at) if len(ends) > 1 else None
            return Lane(Going(group, best.at, best.end - now, next_best), reserved)
        reserved[group.id] = best.at
        free_at[best.at] = best.end
    return Lane(None, reserved)


def _turn(group: Group) -> tuple[tuple[int, int, float], float, str]:
    return (group.before, group.arrived, group.id)


def _ends(
    group: Group,
    machines: Sequence[Machine],
    costs: Costs,
    free_at: Sequence[float],
    batch: Mapping[str | None, Group],
) -> list[_End]:
    able = group.able & ~group.avoid or group.able
    ends: list[_End] = []
    for at, machine in enumerate(machines):
        if able >> at & 1:
            swap = costs.swap(group, machine)
            end = free_at[at] + swap + costs.move(group, machine) + costs.execute(group, machine)
            back = _loading_again(machine, costs, batch) if swap > 0.0 else 0.0
            ends.append(_End(end + back, not machine.idle, machine.id, at, end))
    return ends


def _loading_again(machine: Machine, costs: Costs, batch: Mapping[str | None, Group]) -> float:
    """What the batch work that the machine is loaded for would pay to have its checkpoint back."""
    cold = machine._replace(models=frozenset())
    return max((costs.swap(batch[model], cold) for model in machine.models if model in batch), default=0.0)
