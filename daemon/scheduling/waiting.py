"""The queue of a simulation: what has come and not begun, kept in groups as the policy wants to see them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from daemon.scheduling.groups import Group, Lot
from schema.ids import JobId, NodeId, StageId

if TYPE_CHECKING:
    from daemon.scheduling.simulate import Entry

Turn = tuple[int, float, float, int]
"""Order within a group: started first, then rank, arrival and place in the list of entries."""


class _Bunch:
    """A group in the course of events."""

    __slots__ = ("id", "later", "ready", "seconds", "shown", "stages", "waits")

    def __init__(self, id_: str, entry: int, index: int) -> None:
        self.id = id_
        self.stages = (entry, index)
        """One of its stages, for what all have in common."""
        self.ready: list[tuple[Turn, int, int, NodeId | None, float]] = []
        """Heap: turn, entry, index, where the stage before ran, what that made."""
        self.seconds = 0.0
        self.later = 0.0
        self.waits = 0
        self.shown: Group | None = None
        """As it was last handed out; None: something has changed since."""


class Waiting:
    def __init__(self, entries: Sequence[Entry], machines: Sequence[NodeId], served: dict[str, float]) -> None:
        self._entries, self._machines = entries, machines
        self.served = dict(served)
        """When packs last got a stage."""
        self._bunches: dict[Hashable, _Bunch] = {}
        self._by_id: dict[str, _Bunch] = {}
        self._bound: dict[str, int] = {}
        """Run that stays whole to the bit of its machine."""
        self._due: dict[str, float] = {}
        """Run with a deadline to its work that has come and not ended."""

    def arrive(self, number: int, *, begun: bool = False) -> None:
        """`begun`: a machine is at its first stage already."""
        entry = self._entries[number]
        if not entry.steps:
            return
        if entry.deadline is not None:
            self._due[entry.run] = self._due.get(entry.run, 0.0) + sum(step.work for step in entry.steps)
        for index in range(1, len(entry.steps)):
            bunch = self._bunch(number, index)
            bunch.later += entry.steps[index].work
            bunch.waits += 1
            bunch.shown = None
        if not begun:
            self._ready(number, 0, entry.previous, entry.out_mb)

    def ended(self, number: int, index: int, where: NodeId) -> None:
        """The stage has ended: the next of its job may begin."""
        entry = self._entries[number]
        if entry.deadline is not None:
            self._due[entry.run] = max(0.0, self._due.get(entry.run, 0.0) - entry.steps[index].work)
        if index + 1 == len(entry.steps):
            return
        bunch = self._bunch(number, index + 1)
        bunch.waits -= 1
        bunch.later = max(0.0, bunch.later - entry.steps[index + 1].work) if bunch.waits else 0.0
        self._ready(number, index + 1, where, entry.steps[index].out_mb)

    def begin(self, group: str, now: float, at: int) -> tuple[int, int, NodeId | None]:
        """Takes the stage that stands for the group: its entry, its index, and where the one before it ran."""
        bunch = self._by_id[group]
        _, number, index, previous, _ = heappop(bunch.ready)
        entry = self._entries[number]
        bunch.seconds = max(0.0, bunch.seconds - entry.steps[index].work) if bunch.ready else 0.0
        bunch.shown = None
        self.served[entry.pack] = now
        if entry.whole and entry.run not in self._bound:
            self._bound[entry.run] = 1 << at
            for other in self._by_id.values():
                other.shown = None
        if entry.live and not bunch.ready and not bunch.waits:
            self._drop(number, index, bunch)
        return number, index, previous

    def groups(self, now: float) -> tuple[list[Group], float | None]:
        """Those that may begin something or wait for something that runs, and when a shut gate is to be looked at."""
        found: list[Group] = []
        wake: float | None = None
        for bunch in self._by_id.values():
            if not bunch.ready and not bunch.waits:
                continue
            gate = self._entries[bunch.stages[0]].gate
            if gate is not None and (opens := gate(now)) is not None:
                wake = opens if wake is None else min(wake, opens)
                continue
            if bunch.shown is None:
                bunch.shown = self._shown(bunch)
            found.append(bunch.shown)
        return found, wake

    def _ready(self, number: int, index: int, previous: NodeId | None, out_mb: float) -> None:
        entry, bunch = self._entries[number], self._bunch(number, index, previous)
        started = entry.started or index > 0
        turn = (0 if started else 1, entry.rank, entry.arrival, number)
        heappush(bunch.ready, (turn, number, index, previous, out_mb))
        bunch.seconds += entry.steps[index].work
        bunch.shown = None

    def _bunch(self, number: int, index: int, previous: NodeId | None = None) -> _Bunch:
        """`previous`: where the stage before it ran; what still waits for that counts with what has none."""
        entry, step = self._entries[number], self._entries[number].steps[index]
        key: Hashable
        if entry.live:
            key = (number, index)
        else:
            whole = entry.run if entry.whole else ""
            due = entry.run if entry.deadline is not None else ""
            common = (entry.pack, step.model, step.vram_gb, step.kind, step.able)
            at = previous if step.far else None
            key = (*common, at, entry.before, id(entry.gate), entry.only, whole, due)
        bunch = self._bunches.get(key)
        if bunch is None:
            bunch = _Bunch(f"{entry.job}/{step.stage}{'' if previous is None else f'/{previous}'}", number, index)
            self._bunches[key] = self._by_id[bunch.id] = bunch
        return bunch

    def _drop(self, number: int, index: int, bunch: _Bunch) -> None:
        del self._bunches[number, index]
        del self._by_id[bunch.id]

    def _shown(self, bunch: _Bunch) -> Group:
        if bunch.ready:
            _, number, index, previous, out_mb = bunch.ready[0]
        else:
            (number, index), previous, out_mb = bunch.stages, None, 0.0
        entry = self._entries[number]
        step = entry.steps[index]
        return Group(
            id=bunch.id,
            job=JobId(entry.job),
            stage=StageId(step.stage),
            kind=step.kind,
            lot=Lot(step.model, step.vram_gb),
            able=step.able & self._bound.get(entry.run, -1) if entry.whole else step.able,
            work=step.work,
            ready=len(bunch.ready),
            seconds=bunch.seconds,
            rest=sum(behind.work for behind in entry.steps[index + 1 :]),
            later=bunch.later,
            pack=entry.pack,
            arrived=entry.arrival,
            live=entry.live,
            before=entry.before,
            started=entry.started or index > 0,
            previous=previous,
            out_mb=out_mb,
            deadline=entry.deadline,
            due_work=self._due.get(entry.run, 0.0) if entry.deadline is not None else 0.0,
            bound=entry.only,
        )
