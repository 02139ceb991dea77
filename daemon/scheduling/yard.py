"""All batch work that waits, added up once per decision: which machines it binds most, and how much of each lot."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.scheduling.groups import NEVER, Before, Group, Lot, Machine, Options

MARGIN = 1.2
"""Of the time that work with a deadline seems to need: estimates are no promises."""

HALF = 0.45
"""The part of the time until everything ends, after which a pack should have its first picture."""


class Cell:
    """Groups of one lot that compare alike to every machine; a decision chooses a cell, then a group in it."""

    __slots__ = ("able", "before", "deadline", "groups", "lot", "overdue", "started", "unseen")

    def __init__(self, group: Group, able: int, deadline: float, overdue: bool, unseen: bool) -> None:
        self.groups = [group]
        self.lot = group.lot
        self.able = able
        self.before = group.before
        self.deadline = deadline
        """Of work that may not wait any longer; infinite for all other."""
        self.overdue = overdue
        self.unseen = unseen
        """Their packs have got nothing at all yet, and nearly half the time until everything ends has passed."""
        self.started = group.started


class Bound(NamedTuple):
    """What the machines of one set have to do, as nobody else can."""

    able: int
    seconds: float
    """At speed 1."""
    speed: float
    """Of those machines together."""


class Yard:
    """`cells` may begin now; `lots` and `bounds` count what waits for stages before it too."""

    def __init__(self, groups: Sequence[Group], machines: Sequence[Machine], now: float, options: Options) -> None:
        self.machines = machines
        self.options = options
        self._spare: dict[int, bool] = {}
        self.speeds = [machine.speed for machine in machines]
        self.lots: dict[Lot, float] = {}
        self.bounds = _bounds(groups, self.speeds, self.lots)
        self.on = _speed_on(machines)
        self.all_speed = sum(self.speeds)
        busy = sum(max(0.0, machine.free_at - now) * machine.speed for machine in machines if not machine.idle)
        self.rest = (sum(self.lots.values()) + busy) / self.all_speed
        urgent = urgent_before(groups, self.speeds, now)
        self.cells = _cells(groups, urgent, now, self.rest, options)
        self.later = [group for group in groups if group.later and not group.live]
        self.narrow = _narrowest(self.bounds, machines, now)

    def share(self, lot: Lot, at: int, resident: bool) -> float:
        """Seconds that the lot would still take, were this machine to join those which hold its checkpoint."""
        if lot.model is None:
            return self.lots[lot] / self.all_speed
        with_me = self.on.get(lot.model, 0.0) + (0.0 if resident else self.speeds[at])
        return self.lots[lot] / with_me

    def spare(self, at: int) -> bool:
        """Whether those which hold the same checkpoints have all its work done without it before everything ends."""
        if at not in self._spare:
            self._spare[at] = self._is_spare(at)
        return self._spare[at]

    def _is_spare(self, at: int) -> bool:
        models = self.machines[at].models
        speed = self.speeds[at]
        return bool(models) and all(
            work <= self.rest * (self.on[lot.model] - speed)
            for lot, work in self.lots.items()
            if lot.model is not None and lot.model in models
        )

    def short(self, lot: Lot) -> bool:
        """Whether those which hold its checkpoint are not done with it when everything else is."""
        return lot.model is not None and self.lots[lot] > self.rest * self.on.get(lot.model, 0.0)


def urgent_before(groups: Sequence[Group], speeds: Sequence[float], now: float) -> float:
    """Work with a deadline up to this one may not wait: earliest first, it takes all the time that is left."""
    due: dict[float, tuple[float, float, int]] = {}
    for group in groups:
        if group.deadline is not None:
            work, told, able = due.get(group.deadline, (0.0, 0.0, 0))
            work += group.seconds + group.later
            due[group.deadline] = (work, max(told, group.due_work), able | group.able)
    urgent, before = float("-inf"), 0.0
    for deadline, (work, told, able) in sorted(due.items()):
        before += max(work, told) / max(_speed(able, speeds), 1e-9)
        if now + MARGIN * before >= deadline:
            urgent = deadline
    return urgent


def _cells(groups: Sequence[Group], urgent: float, now: float, rest: float, options: Options) -> list[Cell]:
    cells: dict[tuple[Lot, int, Before, float, bool, bool, bool], Cell] = {}
    for group in groups:
        if group.live or not group.ready:
            continue
        able = group.able & ~group.avoid or group.able
        pressing = group.deadline is not None and group.deadline <= urgent
        deadline = group.deadline if pressing and group.deadline is not None else float("inf")
        served, waited = options.served_at(group), now - group.arrived
        late = min(waited, now - served) > options.overdue
        unseen = served == NEVER and waited > HALF * (waited + rest)
        key = (group.lot, able, group.before, deadline, late, unseen, group.started)
        cell = cells.get(key)
        if cell is None:
            cells[key] = Cell(group, able, deadline, late, unseen)
        else:
            cell.groups.append(group)
    return list(cells.values())


def _bounds(groups: Sequence[Group], speeds: Sequence[float], lots: dict[Lot, float]) -> list[Bound]:
    """One for each set of machines that some work is bound to; adds up the lots on the way."""
    by_set: dict[int, float] = {}
    for group in groups:
        if not group.live:
            seconds = group.seconds + group.later
            lots[group.lot] = lots.get(group.lot, 0.0) + seconds
            by_set[group.able] = by_set.get(group.able, 0.0) + seconds
    return [
        Bound(able, sum(seconds for other, seconds in by_set.items() if other & ~able == 0), _speed(able, speeds))
        for able in by_set
        if able
    ]


def _narrowest(bounds: Sequence[Bound], machines: Sequence[Machine], now: float) -> int:
    """The set of machines that takes longest over what only they can do; 0: all take part in everything alike."""
    if len(bounds) < 2:
        return 0
    busy = [0.0 if machine.idle else max(0.0, machine.free_at - now) * machine.speed for machine in machines]

    def length(bound: Bound) -> tuple[float, int, int]:
        held = sum(rest for at, rest in enumerate(busy) if bound.able >> at & 1)
        return ((bound.seconds + held) / bound.speed, bound.able.bit_count(), -bound.able)

    longest = max(bounds, key=length).able
    return 0 if all(bound.able & ~longest == 0 for bound in bounds) else longest


def _speed_on(machines: Sequence[Machine]) -> dict[str, float]:
    """Speed of the machines that hold each checkpoint, or are loading it."""
    on: dict[str, float] = {}
    for machine in machines:
        for model in machine.models:
            on[model] = on.get(model, 0.0) + machine.speed
    return on


def _speed(able: int, speeds: Sequence[float]) -> float:
    return sum(speed for at, speed in enumerate(speeds) if able >> at & 1)
