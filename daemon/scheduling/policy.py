"""The policy "lots": which stage begins next, and where. One decision at a time, on plain values, the same every time.

The live lane first. Then for each idle machine, fastest first: what a person put in order, packs that got nothing for
long, work whose deadline presses, the work that only few machines can do, the checkpoint that is loaded, a checkpoint
that is worth its loading. A machine stays idle where the others are done before it could finish one stage.
"""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.scheduling.endgame import is_near, plan
from daemon.scheduling.groups import (
    NEVER,
    UNMOVED,
    Before,
    Costs,
    Group,
    Lot,
    Machine,
    Options,
    Pick,
    Wait,
)
from daemon.scheduling.guard import done_by_others
from daemon.scheduling.live import lane
from daemon.scheduling.reasons import Choice, guarded, kept_reason, last_reason, live_reason, outrun, reason, unable
from daemon.scheduling.yard import Cell, Yard
from schema.ids import NodeId

__all__ = ["NEVER", "UNMOVED", "Before", "Costs", "Group", "Lot", "Machine", "Options", "Pick", "Wait", "pick"]

LONG = 20.0
"""Seconds; a batch stage that takes longer keeps the live lane's machine from being warm."""

EARLY = 0.25
"""The part of the time that is left which loading may take, for a machine to leave a lot before that is done."""

TASTE = 0.03
"""The part of the time that is left which loading may take, for a pack to have its first picture before its turn."""

SOONEST = 1.0
"""Seconds until a decision to wait is looked at again, at least: estimates of a second are none."""


def pick(
    groups: Sequence[Group], machines: Sequence[Machine], costs: Costs, now: float, options: Options
) -> Pick | Wait:
    """The next stage to start; called again with what that made of the world, until it says wait."""
    if not any(machine.idle for machine in machines):
        return Wait(None, {}, {})
    live = lane(groups, machines, costs, now)
    if live.going is not None:
        going = live.going
        return Pick(going.group, machines[going.at], live_reason(going, machines, options))
    yard = Yard(groups, machines, now, options)
    found = (_last_ones if is_near(yard) else _by_lots)(yard, costs, now, options)
    if isinstance(found, Pick):
        return found
    reserved = {name: machines[at].id for name, at in live.reserved.items()}
    looks = [machines[at].free_at for at in live.reserved.values()]
    looks += [one.until for one in found.values() if one.until is not None]
    until = max(min(looks), now + SOONEST) if looks else None
    return Wait(until, {name: one.why for name, one in found.items()}, reserved)


class _Idle(NamedTuple):
    why: str
    until: float | None = None


def _by_lots(yard: Yard, costs: Costs, now: float, options: Options) -> Pick | dict[NodeId, _Idle]:
    """The first machine, fastest first, that had better begin something; or why each stays idle."""
    idle: dict[NodeId, _Idle] = {}
    for at in _in_turn(yard.machines):
        found = _choose(yard, at, costs, now, options)
        if isinstance(found, Pick):
            return found
        idle[yard.machines[at].id] = found
    return idle


def _last_ones(yard: Yard, costs: Costs, now: float, options: Options) -> Pick | dict[NodeId, _Idle]:
    """With few stages left, what a plan of all of them says."""
    kept = [at for at, machine in enumerate(yard.machines) if machine.id == options.kept and options.mode != "share"]
    if any(_leaves_warm(cell, yard.machines[at], costs, options) for at in kept for cell in yard.cells):
        return _by_lots(yard, costs, now, options)
    barred = sum(1 << at for at in kept)
    last = plan(yard, costs, now, barred)
    turn = _in_turn(yard.machines)
    for at in turn:
        if (handed := last.first.get(at)) is not None:
            return Pick(handed.group, yard.machines[at], last_reason(handed, last, yard, costs, now, options))
    free = [machine.free_at for machine in yard.machines if not machine.idle]
    until = min(free) if free else None
    idle: dict[NodeId, _Idle] = {}
    for at in turn:
        why = kept_reason(options) if barred >> at & 1 else unable(yard, at) or outrun(yard, at, costs, last, now)
        idle[yard.machines[at].id] = _Idle(why, until)
    return idle


def _in_turn(machines: Sequence[Machine]) -> list[int]:
    """Idle ones, fastest first."""
    idle = [at for at, machine in enumerate(machines) if machine.idle]
    return sorted(idle, key=lambda at: (-machines[at].speed, machines[at].id))


def _choose(yard: Yard, at: int, costs: Costs, now: float, options: Options) -> Pick | _Idle:
    """What this machine begins, or why it begins nothing."""
    machine = yard.machines[at]
    cells = [cell for cell in yard.cells if cell.able >> at & 1]
    if not cells:
        return _Idle(unable(yard, at))
    if machine.id == options.kept and options.mode != "share":
        cells = [cell for cell in cells if _leaves_warm(cell, machine, costs, options)]
        if not cells:
            return _Idle(kept_reason(options))
    first = min(cell.before for cell in cells)
    cells = [cell for cell in cells if cell.before == first]
    ranked = sorted(((_rank(yard, cell, at, costs), number) for number, cell in enumerate(cells)))
    idle: _Idle | None = None
    for rank, number in ranked:
        group = _of_cell(cells[number], yard, at, costs, now, options)
        if group is None:
            continue
        seconds = costs.move(group, machine) + costs.swap(group, machine) + costs.execute(group, machine)
        others = done_by_others(yard, at, now, now + seconds)
        if others is None:
            choice = Choice(group, at, seconds, rank[2] == 0, rank[4] == 0, cells[number])
            return Pick(group, machine, reason(choice, yard, costs, now, options))
        idle = idle or _Idle(guarded(machine, seconds, others - now), now + seconds)
    return idle or _Idle("what waits goes on quicker where its pictures are")


def _rank(
    yard: Yard, cell: Cell, at: int, costs: Costs
) -> tuple[bool, float, bool, bool, bool, bool, bool, float, str]:
    """Smaller first: overdue, pressing, bound to few machines, short of machines while this one is not needed where it
    is, resident, started, worth its loading, the largest.
    """
    group = cell.groups[0]
    swap = costs.swap(group, yard.machines[at])
    share = yard.share(cell.lot, at, swap == 0.0)
    early = 0.0 < swap < EARLY * yard.rest and yard.short(cell.lot) and yard.spare(at)
    narrow = bool(yard.narrow >> at & 1) and cell.able & ~yard.narrow == 0
    return (
        not (cell.overdue or (cell.unseen and swap <= TASTE * yard.rest)),
        cell.deadline,
        not narrow,
        not early,
        swap > 0.0,
        not cell.started,
        share <= swap,
        -share,
        group.id,
    )


def _of_cell(cell: Cell, yard: Yard, at: int, costs: Costs, now: float, options: Options) -> Group | None:
    """Pictures stay where they are while moving them costs more than waiting; else the pack served longest ago."""
    machine, best, best_key = yard.machines[at], None, None
    for group in cell.groups:
        move = costs.move(group, machine) if group.previous is not None else 0.0
        if move > 0.0 and _sooner_at_home(group, yard, machine, move, costs, now):
            continue
        key = (options.served_at(group), not group.started, move, group.arrived, group.id)
        if best_key is None or key < best_key:
            best, best_key = group, key
    return best


def _sooner_at_home(group: Group, yard: Yard, machine: Machine, move: float, costs: Costs, now: float) -> bool:
    """Whether the machine that holds the picture would have the stage done before this one, though it is busy."""
    for at, home in enumerate(yard.machines):
        if home.id == group.previous and group.able >> at & 1 and not group.avoid >> at & 1:
            waits = max(0.0, home.free_at - now) if not home.idle else 0.0
            there = waits + costs.swap(group, home) + costs.execute(group, home)
            return there <= move + costs.swap(group, machine) + costs.execute(group, machine)
    return False


def _leaves_warm(cell: Cell, machine: Machine, costs: Costs, options: Options) -> bool:
    """Whether the mode lets the live lane's machine take it: no other checkpoint, nothing long."""
    if options.mode == "free":
        return False
    group = cell.groups[0]
    changes = bool(machine.models) and costs.swap(group, machine) > 0.0
    return not changes and costs.execute(group, machine) <= LONG
