"""The waiting shelves as the policy wants to see them: groups that compare alike, kept up to date as they change.

Derived from the index like that from the facts; what no change has touched is not looked at again.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.core.filing import ALWAYS
from daemon.core.index import Index, Key, Line, Shelf, Terms
from daemon.core.prices import Told
from daemon.core.reach import Reach, Seats
from daemon.core.rules import Rules
from daemon.core.state import Node, State
from daemon.core.vitals import Vitals
from daemon.scheduling import windows
from daemon.scheduling.costs import units
from daemon.scheduling.groups import Group, Lot
from schema.ids import JobId, NodeId, StageId
from schema.plans import StageStep

SUMMED = 200
"""Groups up to which the stages behind each head are added up: they matter when little is left."""


class Sort(NamedTuple):
    """What the shelves of a group have in common."""

    terms: Terms
    pack: str
    kind: str
    model: str
    vram_gb: float
    previous: NodeId | None
    reach: Reach


class Bunch:
    """The shelves of one sort."""

    __slots__ = ("group", "head", "id", "lines", "sort")

    def __init__(self, id_: str, sort: Sort) -> None:
        self.id, self.sort = id_, sort
        self.lines: dict[Shelf, Line] = {}
        self.group: Group | None = None
        """As it was last seen; None: something has changed since."""
        self.head: tuple[Shelf, StageStep] | None = None
        """What goes next; None: all of it waits for stages before it."""


class Seen(NamedTuple):
    """The queue of one decision."""

    groups: list[Group]
    steps: dict[str, StageStep]
    """Of what goes next of each group."""
    shelves: dict[str, Shelf]
    """The same of its shelf."""
    wake_at: float | None


class Queue:
    """One for an index; follows it by what was touched."""

    def __init__(self) -> None:
        self.told = Told()
        self.ahead: dict[NodeId, tuple[JobId, float]] = {}
        """Seconds that each node needs before it executes what it was last given: loading, bringing the picture."""
        self.idle: Mapping[NodeId, str] = {}
        """Why nodes were left idle when it was last decided."""
        self._seats = Seats()
        self._bunches: dict[Sort, Bunch] = {}
        self._of: dict[Shelf, Bunch] = {}
        self._made = 0

    def see(self, state: State, index: Index, nodes: Sequence[Node], now: float, vitals: Vitals, rules: Rules) -> Seen:
        """All that is open now, for these nodes."""
        self._seats.take(state, nodes, vitals, now)
        self._follow(state, index)
        seen = Seen([], {}, {}, None)
        wake_at: float | None = None
        opens: dict[Terms, float | None] = {}
        summed = len(self._bunches) <= SUMMED
        for bunch in self._bunches.values():
            terms = bunch.sort.terms
            if terms not in opens:
                opens[terms] = opens_at(terms, now, rules)
            at = opens[terms]
            if at is None:
                self._show(state, bunch, seen, len(nodes), summed)
            elif at > now:
                wake_at = at if wake_at is None else min(wake_at, at)
        wake_at = self._due(state, index, now, rules, seen, wake_at)
        return seen._replace(wake_at=wake_at)

    def _show(self, state: State, bunch: Bunch, seen: Seen, nodes: int, summed: bool) -> None:
        if bunch.sort.terms.lane == "interactive":
            for key, shelf in _requests(bunch, nodes):
                group, step = self._group(state, f"{bunch.id} {key[5]}", bunch.sort, key, shelf, summed)
                seen.groups.append(group)
                seen.steps[group.id], seen.shelves[group.id] = step, shelf
            return
        if bunch.group is None or (bunch.head is not None and self.told.work(state, bunch.head[1]) != bunch.group.work):
            self._add_up(state, bunch, summed)
        assert bunch.group is not None
        seen.groups.append(bunch.group)
        if bunch.head is not None:
            seen.shelves[bunch.id], seen.steps[bunch.id] = bunch.head

    def _add_up(self, state: State, bunch: Bunch, summed: bool) -> None:
        """Makes the group anew."""
        waiting = [(line.keys[0], shelf) for shelf, line in bunch.lines.items() if line.keys]
        if not waiting:
            bunch.head = None
            bunch.group = _later(bunch, state, self.told)
            return
        key, shelf = min(waiting)
        group, step = self._group(state, bunch.id, bunch.sort, key, shelf, summed)
        each = group.work / units(step)
        bunch.head = (shelf, step)
        bunch.group = group._replace(
            ready=sum(len(line.keys) for line in bunch.lines.values()),
            seconds=each * sum(line.units for line in bunch.lines.values()),
            later=each * sum(line.behind.units for line in bunch.lines.values()),
        )

    def _group(
        self, state: State, name: str, sort: Sort, key: Key, shelf: Shelf, summed: bool
    ) -> tuple[Group, StageStep]:
        """Of one job: the head, or a live request."""
        job = state.jobs[JobId(key[5])]
        assert state.index is not None
        rest = state.index.places[job.id].rest
        step, live = rest[0], sort.terms.lane == "interactive"
        work = self.told.work(state, step)
        return Group(
            id=name,
            job=job.id,
            stage=step.id,
            kind=step.kind,
            lot=Lot(step.model, step.vram_gb),
            able=sort.reach.able,
            work=work,
            seconds=work,
            rest=sum(self.told.work(state, one) for one in rest[1:]) if summed and len(rest) > 1 else 0.0,
            pack=sort.pack,
            arrived=job.created,
            live=live,
            before=(key[0], key[1], key[4] if live else key[2]),
            started=bool(job.done),
            previous=sort.previous,
            attempt=job.attempts + 1,
            avoid=sort.reach.avoid,
            deadline=sort.terms.deadline,
            bound=sort.reach.bound,
        ), step

    def _due(
        self, state: State, index: Index, now: float, rules: Rules, seen: Seen, wake_at: float | None
    ) -> float | None:
        """Jobs whose wait after a failure is over, each as a group of its own."""
        for name, (since, until) in index.delayed.items():
            place = index.places[name]
            assert place.shelf is not None
            at = until if since <= now < until else opens_at(place.shelf.terms, now, rules)
            if at is None:  # A clock that jumps back or far ahead makes it due rather than never.
                sort = self._sort(state, place.shelf)
                group, step = self._group(state, f"again {name}", sort, place.key, place.shelf, True)
                seen.groups.append(group)
                seen.steps[group.id], seen.shelves[group.id] = step, place.shelf
            elif at > now:
                wake_at = at if wake_at is None else min(wake_at, at)
        return wake_at

    def _follow(self, state: State, index: Index) -> None:
        if self._seats.changed(state):
            self._bunches, self._of = {}, {}
            index.touched = dict.fromkeys(index.shelves)
        for shelf in index.touched:
            line, old = index.shelves.get(shelf), self._of.get(shelf)
            if line is None:
                if old is not None:
                    self._leave(shelf, old)
            elif old is None:
                self._enter(state, shelf, line)
            else:
                old.lines[shelf], old.group = line, None
        index.touched = {}

    def _sort(self, state: State, shelf: Shelf) -> Sort:
        reach = self._seats.reach(state, shelf)
        return Sort(shelf.terms, shelf.pack, shelf.kind, shelf.model, shelf.vram_gb, shelf.previous, reach)

    def _enter(self, state: State, shelf: Shelf, line: Line) -> None:
        sort = self._sort(state, shelf)
        bunch = self._bunches.get(sort)
        if bunch is None:
            self._made += 1
            bunch = self._bunches[sort] = Bunch(f"{self._made:09}", sort)
        bunch.lines[shelf], bunch.group = line, None
        self._of[shelf] = bunch

    def _leave(self, shelf: Shelf, bunch: Bunch) -> None:
        del self._of[shelf], bunch.lines[shelf]
        bunch.group = None
        if not bunch.lines:
            del self._bunches[bunch.sort]


def _requests(bunch: Bunch, most: int) -> list[tuple[Key, Shelf]]:
    """The first live jobs of each shelf: more than there are nodes never begin at once."""
    return [(key, shelf) for shelf, line in bunch.lines.items() for key in line.keys[:most]]


def _later(bunch: Bunch, state: State, told: Told) -> Group:
    """Of stages that all wait for others before them."""
    sort, shelf = bunch.sort, next(iter(bunch.lines))
    stages = sum(line.behind.stages for line in bunch.lines.values())
    behind = sum(line.behind.units for line in bunch.lines.values())
    steps = round(behind / max(stages, 1.0) / max(shelf.megapixels, 0.1))
    typical = StageStep(
        id=StageId(""), kind=shelf.kind, model=shelf.model or None, megapixels=shelf.megapixels, steps=steps
    )
    return Group(
        id=bunch.id,
        job=JobId(""),
        stage=StageId(""),
        kind=shelf.kind,
        lot=Lot(shelf.model or None, shelf.vram_gb),
        able=sort.reach.able,
        work=told.work(state, typical),
        ready=0,
        later=told.work(state, typical) / units(typical) * behind,
        pack=sort.pack,
        live=sort.terms.lane == "interactive",
        deadline=sort.terms.deadline,
    )


def opens_at(terms: Terms, now: float, rules: Rules) -> float | None:
    """None: open. Else when to look again, in the past if only a person can open it."""
    if terms.paused is not None:
        return ALWAYS
    if terms.not_before > now:
        return terms.not_before
    if terms.window and not windows.is_open(terms.window, now, rules.utc_offset):
        return windows.next_look(now)
    return None
