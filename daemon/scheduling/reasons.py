"""Says a decision in words that a person understands: why this stage on this machine, why that one is idle."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.scheduling.groups import Costs, Group, Machine, Options
from daemon.scheduling.live import Going
from daemon.scheduling.yard import Cell, Yard


class Choice(NamedTuple):
    """What was chosen, and by which of the policy's steps."""

    group: Group
    at: int
    seconds: float
    narrow: bool
    """It is work that only few machines can do, and this is one of them."""
    resident: bool
    cell: Cell


def reason(choice: Choice, yard: Yard, costs: Costs, now: float, options: Options) -> str:
    """`n3 already holds sdxl-1; only 2 of 5 nodes fit 12 GB; next best n1 +14.2 s`."""
    group, machine = choice.group, yard.machines[choice.at]
    parts = [*_turn(choice, now), _checkpoint(choice, yard, costs)]
    parts += _where(group, yard.machines, options)
    parts += _next_best(group, choice.at, choice.seconds, yard.machines, costs, now)
    if not any(parts):
        parts = [f"{machine.name} is the only idle {options.word}"]
    return "; ".join(part for part in parts if part)


def live_reason(going: Going, machines: Sequence[Machine], options: Options) -> str:
    group, machine = going.group, machines[going.at]
    parts = [*_attempt(group), f"live: done soonest on {machine.name} ({_s(going.seconds)})"]
    parts += _where(group, machines, options)
    if going.next_best is not None:
        later, other = going.next_best
        parts.append(f"next best {machines[other].name} +{_s(later)}")
    return "; ".join(parts)


def guarded(machine: Machine, mine: float, others: float) -> str:
    name = machine.name
    return f"the fleet finishes all work before {name} could finish one stage ({_s(mine)} vs {_s(others)})"


def kept_reason(options: Options) -> str:
    return f"it is kept for the interactive lane (mode {options.mode})"


def unable(machine: Machine, yard: Yard, at: int, options: Options) -> str:
    """Nothing that may begin now can run there."""
    if not yard.cells:
        return "nothing waits that may begin now"
    needed = min(cell.lot.vram_gb for cell in yard.cells)
    if needed > machine.vram_gb:
        return f"it has {machine.vram_gb:g} GB, and all that waits needs {needed:g} GB or more"
    return "nothing that waits may run here now"


def _turn(choice: Choice, now: float) -> list[str]:
    group, parts = choice.group, _attempt(choice.group)
    priority, tier, _ = group.before
    if priority:
        parts.append(f"priority {-priority}")
    if tier < 0:
        parts.append("moved to the front of the queue")
    if choice.cell.overdue:
        waited = now - max(group.served, group.arrived)
        parts.append(f"{group.pack or 'its run'} got nothing for {waited / 60:.0f} min")
    elif choice.cell.deadline != float("inf"):
        parts.append("its deadline leaves no more time")
    if group.started and group.attempt == 1:
        parts.append("goes on with a started job")
    return parts


def _attempt(group: Group) -> list[str]:
    return [f"attempt {group.attempt}"] if group.attempt > 1 else []


def _checkpoint(choice: Choice, yard: Yard, costs: Costs) -> str:
    group, machine = choice.group, yard.machines[choice.at]
    model = group.lot.model
    if model is None:
        return ""
    if choice.resident:
        return f"{machine.name} already holds {model}"
    swap, rest = costs.swap(group, machine), yard.lots[group.lot]
    if not yard.on.get(model):
        return f"no idle or busy one holds {model} yet, loading it takes {_s(swap)}"
    return f"{_s(rest / yard.speeds[choice.at])} of work wait for {model}, loading it takes {_s(swap)}"


def _where(group: Group, machines: Sequence[Machine], options: Options) -> list[str]:
    """How few could run it."""
    if group.only:
        return [f"the run is for {group.only} only"]
    able, known = group.able.bit_count(), len(machines)
    if known == 1:
        return [f"{machines[0].name} is the only {options.word}"]
    if able == known:
        return []
    fit = sum(machine.vram_gb >= group.lot.vram_gb for machine in machines)
    if fit == able:
        return [f"only {able} of {known} {options.word}s fit {group.lot.vram_gb:g} GB"]
    return [f"only {able} of {known} {options.word}s can run {group.kind}"]


def _next_best(
    group: Group, at: int, seconds: float, machines: Sequence[Machine], costs: Costs, now: float
) -> list[str]:
    """Who would have it done next soonest."""
    ends = [
        (
            max(0.0, machine.free_at - now) * (not machine.idle)
            + costs.swap(group, machine)
            + costs.move(group, machine)
            + costs.execute(group, machine)
            - seconds,
            machine.name,
        )
        for other, machine in enumerate(machines)
        if other != at and group.able >> other & 1
    ]
    if not ends:
        return []
    later, name = min(ends)
    return [f"next best {name} +{_s(later)}"] if later >= 0.0 else [f"{name} would have it done {_s(-later)} sooner"]


def _s(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
