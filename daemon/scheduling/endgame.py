"""The last stages of all: handed out one by one, longest first, each to the machine that has it done first.

With little left, shares of lots say nothing any more: what counts is when the last stage ends. Busy machines take
part, so a machine stays idle where each stage is done sooner elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.scheduling.groups import Costs, Group, Machine
from daemon.scheduling.yard import Cell, Yard

MOST = 1500
"""Stages times machines; with more of them a plan would take too long."""

EACH = 3.0
"""Stages per machine from which on it is one."""


NEARLY = 1.005
"""How much later it may all end, so that started jobs get done first."""


class Handed(NamedTuple):
    """A stage and where the plan puts it."""

    group: Group
    cell: Cell
    at: int
    seconds: float


class Plan(NamedTuple):
    first: Mapping[int, Handed]
    """What each machine would do first of what waits; idle ones begin it now."""
    ends: float
    """Seconds until the last stage has ended."""


def is_near(yard: Yard) -> bool:
    """Whether few stages are left, those behind others included."""
    ready = sum(group.ready for cell in yard.cells for group in cell.groups)
    if not 0 < ready <= min(MOST / len(yard.machines), EACH * len(yard.machines)):
        return False
    each = sum(group.seconds for cell in yard.cells for group in cell.groups) / ready
    return sum(yard.lots.values()) <= EACH * len(yard.machines) * each


def plan(yard: Yard, costs: Costs, now: float, barred: int) -> Plan:
    """The best of a few orders; the one that people would choose where it is nearly as good.

    `barred`: machines that the live lane keeps.
    """
    stages = _stages(yard, costs, barred)
    tried = [_handed_out(yard, sorted(stages, key=key), now) for key in _ORDERS]
    best = min(plan.ends for plan in tried)
    return next(plan for plan in tried if plan.ends <= NEARLY * best)


class _Stage(NamedTuple):
    cell: Cell | None
    """None: it waits for stages before it, and shows only where its checkpoint had better stay."""
    group: Group
    seconds: Mapping[int, tuple[float, float]]
    """Of each able machine: the stage with bringing its picture, and loading its checkpoint."""
    person: tuple[object, ...]
    """What a person put in order, then what presses."""
    whole: float
    """Seconds at speed 1 until the end of its job."""
    held: bool
    """A machine holds its checkpoint, or it needs none."""
    lot: float
    """Seconds at speed 1 that its lot takes."""
    served: float
    """When its pack last got a stage."""


def _started(stage: _Stage) -> tuple[object, ...]:
    group = stage.group
    return (stage.cell is None, *stage.person, not stage.held, not group.started, stage.served, group.arrived, group.id)


def _longest(stage: _Stage) -> tuple[object, ...]:
    return (stage.cell is None, *stage.person, -stage.whole, stage.group.id)


def _held(stage: _Stage) -> tuple[object, ...]:
    return (stage.cell is None, *stage.person, not stage.held, -stage.whole, stage.group.id)


def _by_lot(stage: _Stage) -> tuple[object, ...]:
    model = stage.group.lot.model or ""
    return (stage.cell is None, *stage.person, not stage.held, -stage.lot, model, -stage.whole, stage.group.id)


_ORDERS = (_started, _longest, _held, _by_lot)


def _stages(yard: Yard, costs: Costs, barred: int) -> list[_Stage]:
    found: list[_Stage] = []
    machines = yard.machines
    cold = [machine._replace(models=frozenset()) for machine in machines]
    held = {model for machine in machines for model in machine.models}
    for cell in yard.cells:
        for group in cell.groups:
            seconds = _seconds(group, cell.able & ~barred, machines, cold, costs)
            person = (group.before, not cell.overdue, cell.deadline)
            loaded = group.lot.model is None or group.lot.model in held
            stage = _Stage(
                cell,
                group,
                seconds,
                person,
                group.work + group.rest,
                loaded,
                yard.lots[group.lot],
                yard.options.served_at(group),
            )
            found += [stage] * group.ready
    for group in yard.later:
        as_one = group._replace(work=group.later, previous=None)
        seconds = _seconds(as_one, group.able & ~barred, machines, cold, costs)
        found.append(_Stage(None, as_one, seconds, (), group.later, True, group.later, 0.0))
    return found


def _handed_out(yard: Yard, stages: Sequence[_Stage], now: float) -> Plan:
    machines = yard.machines
    free_at = [0.0 if machine.idle else max(0.0, machine.free_at - now) for machine in machines]
    models = [machine.models for machine in machines]
    first: dict[int, Handed] = {}
    quickest, ends = max(yard.speeds), 0.0
    for stage in stages:
        model = stage.group.lot.model
        best: tuple[float, int] | None = None
        for at, (seconds, swap) in stage.seconds.items():
            end = free_at[at] + seconds + (0.0 if model is None or model in models[at] else swap)
            if best is None or end < best[0]:
                best = (end, at)
        if best is None:
            continue
        end, at = best
        if stage.cell is not None:
            first.setdefault(at, Handed(stage.group, stage.cell, at, end - free_at[at]))
        free_at[at] = end
        ends = max(ends, end + stage.group.rest / quickest if stage.cell is not None else end)
        if model is not None:
            models[at] = frozenset({model})
    return Plan(first, ends)


def _seconds(
    group: Group, able: int, machines: Sequence[Machine], cold: Sequence[Machine], costs: Costs
) -> dict[int, tuple[float, float]]:
    """`cold`: the machines with nothing loaded."""
    return {
        at: (costs.execute(group, machine) + costs.move(group, machine), costs.swap(group, cold[at]))
        for at, machine in enumerate(machines)
        if able >> at & 1
    }
