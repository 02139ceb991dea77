"""The waiting lists: derived from the facts, rebuildable at any time, never saved.

A shelf holds the jobs that every node and clock treats alike, so that a decision looks at the heads of shelves only.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from daemon.scheduling.costs import Work, units
from daemon.scheduling.families import cost_key
from schema.ids import JobId, NodeId, RunId
from schema.plans import Lane, StageKind, StageStep

if TYPE_CHECKING:
    from daemon.core.queue import Queue

Key = tuple[int, int, float, int, float, str]
"""(-priority, -1 moved up | 0 | 1 moved down, rank of a moved one, 0 if started else 1, rank, job): the order within a
shelf, and within a lane as far as a person said something of it.
"""

NONE = Work(0.0, 0.0)

Where = Literal["shelf", "delayed", "ripe", "held", "running", "attention"]


class Terms(NamedTuple):
    """What a run says of where and when its stages may begin."""

    lane: Lane
    paused: RunId | None
    """The run, if it is paused."""
    not_before: float
    window: str
    node: str
    whole: RunId | None
    """The run, if all its jobs go to one node."""
    deadline: float | None
    stand_in: bool = True
    """`RunSpec.stand_in`."""


class Shelf(NamedTuple):
    """What decides where and when the next stage of a job may run, and whose turn it is."""

    terms: Terms
    pack: str
    backend: str
    kind: StageKind
    model: str
    vram_gb: float
    megapixels: float
    needs: tuple[str, ...] = ()
    previous: NodeId | None = None
    """Where the stage before it ran."""
    failed_on: tuple[NodeId, ...] = ()
    floor_gb: float = 0.0


class Line:
    """The jobs of a shelf, in order, and how much work there is of its kind."""

    __slots__ = ("behind", "keys", "units")

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.units = 0.0
        """Of the stages that may begin."""
        self.behind = Work(0.0, 0.0)
        """Of stages of its kind that wait for others before them, or to be tried again."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Line) and other.keys == self.keys and other.behind.stages == self.behind.stages

    __hash__ = None  # type: ignore[assignment]


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a job stands in the index. One for each job: nothing the collector of cycles would have to look at."""

    where: Where
    run: RunId
    shelf: Shelf | None
    """Of the stage it is at; None: that cannot begin, or runs."""
    key: Key
    rest: tuple[StageStep, ...]
    """The stages it has before it."""
    behind: tuple[Shelf, ...] = ()
    """Of the stages after that one."""
    wait: tuple[float, float] = (0.0, 0.0)
    """From when until when a delayed one waits."""


class Index:
    def __init__(self) -> None:
        self.shelves: dict[Shelf, Line] = {}
        self.touched: dict[Shelf, None] = {}
        """Changed since somebody last took note of them."""
        self.queue: Queue | None = None
        """What follows from the shelves, made when it is first asked for."""
        self.served: dict[str, float] = {}
        """When each pack last got a stage, Unix seconds."""
        self.delayed: dict[JobId, tuple[float, float]] = {}
        """Wait until they may be tried again: from when, until when."""
        self.ripe: dict[JobId, None] = {}
        """Have nothing left that a node runs, or nothing before their dispatch."""
        self.started: dict[JobId, None] = {}
        """Have a stage on a node, or are between two."""
        self.over: dict[RunId, None] = {}
        """May have nothing left to do."""
        self.places: dict[JobId, Place] = {}
        self.counts: dict[Where, int] = dict.fromkeys(("shelf", "delayed", "ripe", "held", "running", "attention"), 0)
        self.work: dict[RunId, dict[str, Work]] = {}
        """What can still be done without a person, by `KIND FAMILY`."""

    def put(self, job: JobId, place: Place) -> None:
        """Takes the job from where it stood and puts it where it stands now."""
        self.drop(job)
        self.places[job] = place
        self.counts[place.where] += 1
        match place.where:
            case "shelf":
                self._shelve(place)
            case "delayed":
                self.delayed[job] = place.wait
            case "ripe":
                self.ripe[job] = None
            case "held" | "running" | "attention":
                pass
        if place.where == "running" or (place.key[3] == 0 and place.where not in ("held", "attention")):
            self.started[job] = None
        self._count_work(place, 1.0)

    def drop(self, job: JobId) -> None:
        place = self.places.pop(job, None)
        if place is None:
            return
        self.counts[place.where] -= 1
        match place.where:
            case "shelf":
                self._unshelve(place)
            case "delayed":
                del self.delayed[job]
            case "ripe":
                del self.ripe[job]
            case "held" | "running" | "attention":
                pass
        self.started.pop(job, None)
        self._count_work(place, -1.0)

    def forget_run(self, run: RunId) -> None:
        self.work.pop(run, None)
        self.over.pop(run, None)

    def _shelve(self, place: Place) -> None:
        assert place.shelf is not None
        line = self._line(place.shelf)
        line.units += _amounts(place.rest)[0][1]
        keys = line.keys
        if not keys or keys[-1] < place.key:
            keys.append(place.key)
        else:
            insort(keys, place.key)

    def _unshelve(self, place: Place) -> None:
        assert place.shelf is not None
        line = self._line(place.shelf)
        del line.keys[bisect_left(line.keys, place.key)]
        line.units = max(0.0, line.units - _amounts(place.rest)[0][1]) if line.keys else 0.0
        self._drop_empty(place.shelf, line)

    def _line(self, shelf: Shelf) -> Line:
        self.touched[shelf] = None
        line = self.shelves.get(shelf)
        if line is None:
            line = self.shelves[shelf] = Line()
        return line

    def _drop_empty(self, shelf: Shelf, line: Line) -> None:
        if not line.keys and line.behind.stages < 0.5:
            del self.shelves[shelf]

    def _count_work(self, place: Place, sign: float) -> None:
        if place.where not in ("shelf", "delayed", "running"):
            return
        work, amounts = self.work.setdefault(place.run, {}), _amounts(place.rest)
        for key, amount in amounts:
            before = work.get(key, NONE)
            work[key] = Work(before.stages + sign, max(0.0, before.units + sign * amount))
        for shelf, (_, amount) in zip(place.behind, amounts[1:], strict=True):
            self._count_behind(shelf, sign, amount)
        if place.where == "delayed":
            assert place.shelf is not None
            self._count_behind(place.shelf, sign, amounts[0][1])

    def _count_behind(self, shelf: Shelf, sign: float, amount: float) -> None:
        line = self._line(shelf)
        line.behind = Work(line.behind.stages + sign, max(0.0, line.behind.units + sign * amount))
        self._drop_empty(shelf, line)


@lru_cache(maxsize=256)
def _amounts(steps: tuple[StageStep, ...]) -> tuple[tuple[str, float], ...]:
    """The work of each stage; most jobs have the very stages of their run before them."""
    return tuple((cost_key(step.kind, step.model), units(step)) for step in steps)
