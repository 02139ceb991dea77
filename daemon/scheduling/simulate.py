"""Runs the policy in virtual time over jobs that come to a fleet: the same decisions as the live queue's, no clock.

Causal: what is handed to the policy at a time knows nothing that comes later, neither jobs nor how long stages that
have not ended really take. What they really take, and what the policy believes, is the world's affair.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

from daemon.scheduling.groups import NEVER, UNMOVED, Before, Costs, Group, Machine, Options, Pick, Wait
from daemon.scheduling.waiting import Waiting
from schema.ids import JobId, NodeId, StageId


class Step(NamedTuple):
    """One stage of a job that is still to run."""

    stage: StageId
    kind: str
    model: str | None
    vram_gb: float
    able: int
    """Bit i: the i-th machine can run it."""
    work: float
    """Seconds at speed 1, as anybody can know them beforehand."""
    out_mb: float = 0.0
    far: bool = False
    """Bringing what the stage before it made to another machine takes long: it counts where that lies."""


Gate = Callable[[float], float | None]
"""At a time: None if its stages may begin, else when to look again; infinity: not without a person."""


class Entry(NamedTuple):
    """A job: what comes, and when."""

    job: JobId
    steps: tuple[Step, ...]
    arrival: float = 0.0
    pack: str = ""
    live: bool = False
    before: Before = UNMOVED
    rank: float = 0.0
    """Smaller first within its pack."""
    run: str = ""
    whole: bool = False
    """All jobs of its run go to the machine that the first of them goes to."""
    gate: Gate | None = None
    deadline: float | None = None
    only: str = ""
    started: bool = False
    """It has finished a stage before."""
    previous: NodeId | None = None
    """Where that ran."""
    out_mb: float = 0.0
    """What that made."""


class Seat(NamedTuple):
    """A machine as it is at the beginning."""

    id: NodeId
    name: str
    vram_gb: float
    resident: str | None = None
    busy_until: float = NEVER
    """When what it is at will end."""
    runs: int | None = None
    """Index of the entry whose first step it is at, which is then no longer to be placed."""


class Cost(NamedTuple):
    """What a stage takes on a machine, in seconds."""

    move: float
    swap: float
    execute: float

    @property
    def total(self) -> float:
        return self.move + self.swap + self.execute


class World(Protocol):
    """What things cost: as the policy believes, and really."""

    @property
    def costs(self) -> Costs:
        """As the policy believes."""

    def speed(self, at: int) -> float:
        """Of the machine, as the policy believes."""

    def really(self, entry: Entry, index: int, at: int, resident: str | None, previous: NodeId | None) -> Cost:
        """What the step takes there in truth."""

    def ended(self, entry: Entry, index: int, at: int, cost: Cost) -> None:
        """The step has ended: from now on the policy may know what it took."""


class Placed(NamedTuple):
    """A stage on a machine over [start, end]."""

    entry: int
    step: int
    at: int
    start: float
    end: float
    cost: Cost
    why: str


class Lanes(NamedTuple):
    """How the interactive lane is served beside the batch lane."""

    options: Options = Options()
    kept: NodeId | None = None
    """The machine that the mode keeps while the lane is in use."""
    live_at: float = NEVER
    """When the lane was last in use."""
    live_for: float = 600.0


class _Slot:
    """A machine in the course of events."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.resident = seat.resident
        self.busy = seat.busy_until > NEVER
        self.expected = seat.busy_until


Choose = Callable[[Sequence[Group], Sequence[Machine], Costs, float, Options], Pick | Wait]


def simulate(
    entries: Sequence[Entry],
    seats: Sequence[Seat],
    world: World,
    choose: Choose,
    *,
    start: float = 0.0,
    lanes: Lanes | None = None,
    served: dict[str, float] | None = None,
) -> Iterator[Placed]:
    """What is placed, in the order of the decisions. What can never begin is left out."""
    return _Run(entries, seats, world, choose, start, lanes or Lanes(), served or {}).go()


class _Run:
    def __init__(
        self,
        entries: Sequence[Entry],
        seats: Sequence[Seat],
        world: World,
        choose: Choose,
        start: float,
        lanes: Lanes,
        served: dict[str, float],
    ) -> None:
        self.entries, self.world, self.choose, self.lanes = entries, world, choose, lanes
        self.slots = [_Slot(seat) for seat in seats]
        self.waiting = Waiting(entries, [seat.id for seat in seats], served)
        self.now, self.live_at = start, lanes.live_at
        self.wake: float | None = None
        self.ends: list[tuple[float, int, Placed]] = []
        """Heap of what runs."""
        self.begun = {seat.runs for seat in seats if seat.runs is not None}
        self.arrivals = [(entry.arrival, at) for at, entry in enumerate(entries)]
        heapify(self.arrivals)
        for at, seat in enumerate(seats):
            if seat.busy_until > NEVER:
                entry = -1 if seat.runs is None else seat.runs
                cost = Cost(0.0, 0.0, max(0.0, seat.busy_until - start))
                self._hold(Placed(entry, 0, at, start, max(start, seat.busy_until), cost, ""))

    def go(self) -> Iterator[Placed]:
        while True:
            self._happen()
            while (placed := self._decide()) is not None:
                yield placed
            following = self._following()
            if following is None:
                return
            self.now = following

    def _following(self) -> float | None:
        times = [self.ends[0][0]] if self.ends else []
        if self.arrivals:
            times.append(self.arrivals[0][0])
        if self.wake is not None and (gate := self.wake) > self.now and gate != float("inf"):
            times.append(gate)
        return min(times, default=None)

    def _happen(self) -> None:
        """Ends and arrivals up to now: both are known to whatever is decided now."""
        while self.ends and self.ends[0][0] <= self.now:
            self._let_go(heappop(self.ends)[2])
        while self.arrivals and self.arrivals[0][0] <= self.now:
            _, at = heappop(self.arrivals)
            self.waiting.arrive(at, begun=at in self.begun)
            if self.entries[at].live:
                self.live_at = max(self.live_at, self.entries[at].arrival)

    def _hold(self, placed: Placed) -> None:
        slot = self.slots[placed.at]
        slot.busy = True
        heappush(self.ends, (placed.end, placed.at, placed))

    def _let_go(self, placed: Placed) -> None:
        slot = self.slots[placed.at]
        slot.busy = False
        if placed.entry < 0:
            return
        entry = self.entries[placed.entry]
        if placed.why:
            self.world.ended(entry, placed.step, placed.at, placed.cost)
        if entry.live:
            self.live_at = self.now
        self.waiting.ended(placed.entry, placed.step, slot.seat.id)

    def _decide(self) -> Placed | None:
        self.wake = None
        if not any(not slot.busy for slot in self.slots):
            return None
        groups, self.wake = self.waiting.groups(self.now)
        if not any(group.ready for group in groups):
            return None
        machines = [self._machine(at, slot) for at, slot in enumerate(self.slots)]
        answer = self.choose(groups, machines, self.world.costs, self.now, self._options())
        if isinstance(answer, Wait):
            if answer.until is not None:
                self.wake = answer.until if self.wake is None else min(self.wake, answer.until)
            return None
        return self._begin(answer)

    def _begin(self, pick: Pick) -> Placed:
        at = next(number for number, slot in enumerate(self.slots) if slot.seat.id == pick.machine.id)
        slot = self.slots[at]
        number, index, previous = self.waiting.begin(pick.group.id, self.now, at)
        entry, step = self.entries[number], self.entries[number].steps[index]
        cost = self.world.really(entry, index, at, slot.resident, previous)
        believed = self.world.costs
        slot.expected = self.now + (
            believed.move(pick.group, pick.machine)
            + believed.swap(pick.group, pick.machine)
            + believed.execute(pick.group, pick.machine)
        )
        slot.resident = step.model or slot.resident
        placed = Placed(number, index, at, self.now, self.now + cost.total, cost, pick.why)
        self._hold(placed)
        return placed

    def _machine(self, at: int, slot: _Slot) -> Machine:
        seat = slot.seat
        return Machine(
            id=seat.id,
            name=seat.name,
            vram_gb=seat.vram_gb,
            speed=self.world.speed(at),
            idle=not slot.busy,
            free_at=max(slot.expected, self.now) if slot.busy else self.now,
            models=frozenset((slot.resident,)) if slot.resident else frozenset(),
        )

    def _options(self) -> Options:
        lanes = self.lanes
        in_use = 0.0 <= self.now - self.live_at < lanes.live_for
        kept = lanes.kept if in_use and lanes.options.mode != "share" else None
        return lanes.options._replace(kept=kept, served=self.waiting.served)
