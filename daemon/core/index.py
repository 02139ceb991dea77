"""The waiting lists: derived from the facts, rebuildable at any time, never saved.

A shelf holds the jobs that every node and clock treats alike, so that a decision looks at the heads of shelves only.
"""

from bisect import bisect_left, insort
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from daemon.scheduling.costs import Work, units
from daemon.scheduling.families import cost_key
from schema.ids import JobId, RunId
from schema.plans import Lane, StageKind, StageStep

Key = tuple[int, int, float, str]
"""(-priority, 0 if started else 1, rank, job): the order within a lane."""

NONE = Work(0.0, 0.0)

Where = Literal["shelf", "delayed", "ripe", "held", "running", "attention"]


class Shelf(NamedTuple):
    """What decides where and when the next stage of a job may run."""

    lane: Lane
    paused: RunId | None
    """The run, if it is paused."""
    not_before: float
    window: str
    node: str
    backend: str
    kind: StageKind
    model: str
    vram_gb: float
    needs: tuple[str, ...] = ()
    stand_in: bool = True
    """`RunSpec.stand_in`."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a job stands in the index. One for each job: nothing the collector of cycles would have to look at."""

    where: Where
    run: RunId
    shelf: Shelf | None
    key: Key
    rest: tuple[StageStep, ...]
    """The stages it has before it."""
    wait: tuple[float, float] = (0.0, 0.0)
    """From when until when a delayed one waits."""


class Index:
    def __init__(self) -> None:
        self.shelves: dict[Shelf, list[Key]] = {}
        self.delayed: dict[JobId, tuple[float, float]] = {}
        """Wait until they may be tried again: from when, until when."""
        self.ripe: dict[JobId, None] = {}
        """Have nothing left to run."""
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
                assert place.shelf is not None
                keys = self.shelves.setdefault(place.shelf, [])
                if not keys or keys[-1] < place.key:
                    keys.append(place.key)
                else:
                    insort(keys, place.key)
            case "delayed":
                self.delayed[job] = place.wait
            case "ripe":
                self.ripe[job] = None
            case "held" | "running" | "attention":
                pass
        if place.where == "running" or (place.key[1] == 0 and place.where not in ("held", "attention")):
            self.started[job] = None
        self._count_work(place, 1.0)

    def drop(self, job: JobId) -> None:
        place = self.places.pop(job, None)
        if place is None:
            return
        self.counts[place.where] -= 1
        match place.where:
            case "shelf":
                assert place.shelf is not None
                self._unshelve(place.shelf, place.key)
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

    def _unshelve(self, shelf: Shelf, key: Key) -> None:
        keys = self.shelves[shelf]
        if len(keys) == 1:
            del self.shelves[shelf]
        else:
            del keys[bisect_left(keys, key)]

    def _count_work(self, place: Place, sign: float) -> None:
        if place.where not in ("shelf", "delayed", "running"):
            return
        work = self.work.setdefault(place.run, {})
        for key, amount in _amounts(place.rest):
            before = work.get(key, NONE)
            work[key] = Work(before.stages + sign, max(0.0, before.units + sign * amount))


@lru_cache(maxsize=256)
def _amounts(steps: tuple[StageStep, ...]) -> tuple[tuple[str, float], ...]:
    """The work of each stage; most jobs have the very stages of their run before them."""
    return tuple((cost_key(step.kind, step.model), units(step)) for step in steps)
