"""Says a decision in words that a person understands: why this stage on this machine, why that one is idle."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.scheduling.endgame import Handed, Plan
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
    parts = [*_turn(group, choice.cell, now, options), _checkpoint(choice, yard, costs)]
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


def unable(yard: Yard, at: int) -> str:
    """Why nothing that may begin now can run there; empty: something can."""
    if not yard.cells:
        return "nothing waits that may begin now"
    if any(cell.able >> at & 1 for cell in yard.cells):
        return ""
    needed, has = min(cell.lot.vram_gb for cell in yard.cells), yard.machines[at].vram_gb
    if needed > has:
        return f"it has {has:g} GB, and all that waits needs {needed:g} GB or more"
    bounds = {group.bound for cell in yard.cells for group in cell.groups}
    why = "" if "" in bounds else f": {'; '.join(sorted(bounds)[:2])}{'; ...' if len(bounds) > 2 else ''}"
    return f"nothing that waits may run here now{why}"


def last_reason(handed: Handed, last: Plan, yard: Yard, costs: Costs, now: float, options: Options) -> str:
    group, at, machines = handed.group, handed.at, yard.machines
    ready = sum(one.ready for cell in yard.cells for one in cell.groups)
    turn = _turn(group, handed.cell, now, options)
    if len(machines) > 1 and not turn:
        turn = ["the last stage that waits" if ready == 1 else f"one of the last {ready} stages that wait"]
    parts = [*turn, _holds(group, machines[at], costs), *_where(group, machines, options)]
    parts += _next_best(group, at, handed.seconds, machines, costs, now)
    return "; ".join(part for part in parts if part)


def outrun(yard: Yard, at: int, costs: Costs, last: Plan, now: float) -> str:
    """Of a machine that the plan of the last stages leaves idle."""
    machine = yard.machines[at]
    mine = min(
        costs.move(group, machine) + costs.swap(group, machine) + costs.execute(group, machine)
        for cell in yard.cells
        if cell.able >> at & 1
        for group in cell.groups
    )
    if mine >= last.ends:
        return guarded(machine, mine, last.ends)
    return f"all that waits is done sooner elsewhere, although {machine.name} is idle ({_s(mine)} for one stage)"


def _turn(group: Group, cell: Cell, now: float, options: Options) -> list[str]:
    parts = _attempt(group)
    priority, tier, _ = group.before
    if priority:
        parts.append(f"priority {-priority}")
    if tier < 0:
        parts.append("moved to the front of the queue")
    if cell.overdue:
        waited = now - max(options.served_at(group), group.arrived)
        parts.append(f"{group.pack or 'its run'} got nothing for {waited / 60:.0f} min")
    elif cell.unseen and group.pack:
        parts.append(f"{group.pack} has no picture yet, and nearly half the time has passed")
    elif cell.deadline != float("inf"):
        parts.append("its deadline leaves no more time")
    if group.started and group.attempt == 1:
        parts.append("goes on with a started job")
    return parts


def _attempt(group: Group) -> list[str]:
    return [f"attempt {group.attempt}"] if group.attempt > 1 else []


def _checkpoint(choice: Choice, yard: Yard, costs: Costs) -> str:
    group, machine = choice.group, yard.machines[choice.at]
    model = group.lot.model
    if model is None or choice.resident:
        return _holds(group, machine, costs)
    swap, rest = costs.swap(group, machine), yard.lots[group.lot]
    if not yard.on.get(model):
        return f"nobody holds {model} yet, loading it takes {_s(swap)}"
    return f"{_s(rest / yard.speeds[choice.at])} of work wait for {model}, loading it takes {_s(swap)}"


def _holds(group: Group, machine: Machine, costs: Costs) -> str:
    model = group.lot.model
    return f"{machine.name} already holds {model}" if model is not None and not costs.swap(group, machine) else ""


def _where(group: Group, machines: Sequence[Machine], options: Options) -> list[str]:
    """How few could run it."""
    if group.bound:
        return [group.bound]
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
    """Who would have it done next soonest; somebody busy who would be sooner has been kept for other work."""
    ends = [
        (
            max(0.0, machine.free_at - now) * (not machine.idle)
            + costs.swap(group, machine)
            + costs.move(group, machine)
            + costs.execute(group, machine)
            - seconds,
            machine.name,
            machine.idle,
        )
        for other, machine in enumerate(machines)
        if other != at and group.able >> other & 1
    ]
    if not ends:
        return []
    later, name, idle = min(ends)
    if later >= 0.0:
        return [f"next best {name} +{_s(later)}"]
    return [f"{name} would be {_s(-later)} sooner{'' if idle else ', but has other work'}"]


def _s(seconds: float) -> str:
    return (
        f"{seconds:.1f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
