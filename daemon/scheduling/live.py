"""The live lane: each request goes to the machine that has it done first, a busy one included, and waits for that."""

from collections.abc import Sequence
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
    reserved: dict[str, int]
    """Requests that wait for a busy machine, and which."""


def lane(groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float) -> Lane:
    """First come, first served; the requests before one take their machines as far as it is concerned."""
    free_at = [now if machine.idle else max(machine.free_at, now) for machine in machines]
    idle = [machine.idle for machine in machines]
    reserved: dict[str, int] = {}
    for group in sorted(groups, key=_turn)[:MOST]:
        ends = _ends(group, machines, costs, free_at)
        if not ends:
            continue
        end, _, at = ends[0]
        if idle[at]:
            next_best = (ends[1][0] - end, ends[1][2]) if len(ends) > 1 else None
            return Lane(Going(group, at, end - now, next_best), reserved)
        reserved[group.id] = at
        free_at[at] = end
    return Lane(None, reserved)


def _turn(group: Group) -> tuple[tuple[int, int, float], float, str]:
    return (group.before, group.arrived, group.id)


def _ends(
    group: Group, machines: Sequence[Machine], costs: Costs, free_at: Sequence[float]
) -> list[tuple[float, str, int]]:
    """When each fitting machine would have done it, the earliest first."""
    able = _able(group)
    return sorted(
        (
            free_at[at] + costs.swap(group, machine) + costs.move(group, machine) + costs.execute(group, machine),
            machine.id,
            at,
        )
        for at, machine in enumerate(machines)
        if able >> at & 1
    )


def _able(group: Group) -> int:
    """Machines that failed it count only where there are no others."""
    return group.able & ~group.avoid or group.able
