"""Plays an outlook to its end with the policy: when runs are done, where their stages run, how sure that is."""

from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import NamedTuple

from daemon.core.luck import World
from daemon.core.outlook import Outlook, Row, RunWish, Wish
from daemon.scheduling import windows
from daemon.scheduling.groups import NEVER, Options
from daemon.scheduling.policy import pick
from daemon.scheduling.simulate import Choose, Cost, Entry, Lanes, Placed, Seat, Step, simulate
from schema.ids import RunId, StageId
from schema.plans import PROMPTING

INFINITE = inf

LONGEST_WAIT = 8 * 86_400.0
"""Seconds that a shut window is looked ahead for."""

SHUT = 60.0


class Part(NamedTuple):
    """What one node does of a run."""

    stages: int
    until: float
    seconds: float


class Played(NamedTuple):
    ends: dict[RunId, float]
    """When the last stage of each run ends; infinite: never, as things are."""
    parts: dict[tuple[RunId, int], Part]
    """Per run and index of the node."""
    moves: dict[RunId, int]
    unable: dict[RunId, int]
    """Runs with a stage that no node that is there can run, and its row."""
    loads: dict[int, int]
    """How often each node loaded a checkpoint."""
    waits: tuple[float, ...]
    """Seconds that each request of the interactive lane waited for its first stage."""


def play(outlook: Outlook, most: int, choose: Choose = pick, luck: int = 0) -> Played:
    """With at most about `most` stages simulated one by one. `luck`: one of the ways in which costs may come out."""
    there = [at for at, berth in enumerate(outlook.berths) if berth.there]
    seats_at = {at: number for number, at in enumerate(there)}
    bundles, unable = _bundles(outlook, seats_at, most)
    entries = [bundle.entry for bundle in bundles]
    seats = [_seat(outlook, at, bundles) for at in there]
    world = World(outlook, there, bundles, luck)
    tally = _Tally(outlook, bundles, there)
    for number, seat in enumerate(seats):
        if seat.runs is not None:
            tally.count(Placed(seat.runs, 0, number, outlook.now, seat.busy_until, Cost(0.0, 0.0, 0.0), ""))
    for placed in simulate(
        entries, seats, world, choose, start=outlook.now, lanes=_lanes(outlook, there), served=_served(outlook)
    ):
        tally.count(placed)
    return tally.sum(unable)


class _Bundle(NamedTuple):
    """Like jobs that are simulated as one."""

    entry: Entry
    wishes: Sequence[Wish]


def _bundles(outlook: Outlook, seats_at: dict[int, int], most: int) -> tuple[list[_Bundle], dict[RunId, int]]:
    mask = sum(1 << at for at in seats_at)
    runs = {run.id: run for run in outlook.runs}
    at_work = {berth.job for berth in outlook.berths if berth.there and berth.job is not None}
    unable: dict[RunId, int] = {}
    alike: dict[tuple[object, ...], list[Wish]] = {}
    for wish in outlook.wishes:
        run = runs.get(wish.run)
        if run is None or run.paused:
            continue
        missing = next((row for row in wish.rows if not _able(outlook.rows[row], run) & mask), None)
        if missing is not None:
            unable.setdefault(wish.run, missing)
            continue
        alone = wish.job if wish.measured or wish.job in at_work or run.spec.lane == "interactive" else None
        key = (
            wish.run,
            wish.pack,
            wish.rows,
            wish.before,
            wish.started,
            wish.previous,
            wish.since > outlook.now,
            alone,
        )
        alike.setdefault(key, []).append(wish)
    stages = sum(len(one.rows) for many in alike.values() for one in many)
    size = max(1, ceil(stages / most))
    gates = _Gates(outlook)
    found = []
    for many in alike.values():
        for begin in range(0, len(many), size):
            part = many[begin : begin + size]
            found.append(_Bundle(_entry(outlook, runs[part[0].run], part, seats_at, gates), part))
    return found, unable


def _entry(outlook: Outlook, run: RunWish, wishes: Sequence[Wish], seats_at: dict[int, int], gates: "_Gates") -> Entry:
    first = wishes[0]
    return Entry(
        job=first.job,
        steps=tuple(_step(outlook.rows[row], row, run, len(wishes), seats_at) for row in first.rows),
        arrival=max(outlook.now, max(wish.since for wish in wishes)),
        pack=first.pack,
        live=run.spec.lane == "interactive",
        before=first.before,
        rank=first.rank,
        run=run.id,
        whole=run.spec.whole,
        gate=gates.of(run),
        deadline=run.spec.deadline,
        only=run.spec.node or "",
        started=first.started,
        previous=first.previous,
        out_mb=1.0,
    )


def _able(row: Row, run: RunWish) -> int:
    """Words of a run that stays whole may come from elsewhere."""
    return row.able & run.only if run.only and row.step.kind not in PROMPTING else row.able


def _step(row: Row, number: int, run: RunWish, count: int, seats_at: dict[int, int]) -> Step:
    able = _able(row, run)
    return Step(
        stage=StageId(row.step.id),
        kind=str(number),  # Tells the world which row it is; nobody reads these reasons.
        model=row.step.model,
        vram_gb=row.vram_gb,
        able=sum(1 << number for at, number in seats_at.items() if able >> at & 1),
        work=row.work * count,
        out_mb=1.0,
    )


def _seat(outlook: Outlook, at: int, bundles: Sequence[_Bundle]) -> Seat:
    berth = outlook.berths[at]
    runs = None
    if berth.job is not None:
        runs = next((number for number, one in enumerate(bundles) if one.entry.job == berth.job), None)
    until = NEVER if berth.busy_until is None else berth.busy_until
    return Seat(berth.id, berth.name, berth.vram_gb, berth.resident, until, runs)


def _served(outlook: Outlook) -> dict[str, float]:
    served: dict[str, float] = {}
    for run in outlook.runs:
        for pack, at in run.served.items():
            served[pack] = max(at, served.get(pack, at))
    return served


def _lanes(outlook: Outlook, there: Sequence[int]) -> Lanes:
    berths = [outlook.berths[at] for at in there]
    pinned = [berth for berth in berths if berth.id == outlook.pin]
    fastest = min(pinned or berths, key=lambda berth: (-berth.speed, berth.id), default=None)
    return Lanes(
        options=Options(mode=outlook.mode, overdue=outlook.overdue),
        kept=None if fastest is None else fastest.id,
        live_at=outlook.live_at,
        live_for=outlook.live_for,
    )


class _Gates:
    """Windows and earliest starts as gates, and each shut window looked ahead once."""

    def __init__(self, outlook: Outlook) -> None:
        self._offset = outlook.utc_offset
        self._made: dict[tuple[str | None, float | None], Callable[[float], float | None] | None] = {}
        self._known: dict[str, list[tuple[float, float, float | None]]] = {}

    def of(self, run: RunWish) -> Callable[[float], float | None] | None:
        window, not_before = run.spec.window, run.spec.not_before
        key = (window, not_before)
        if key not in self._made:
            self._made[key] = None if window is None and not_before is None else self._gate(window, not_before)
        return self._made[key]

    def _gate(self, window: str | None, not_before: float | None) -> Callable[[float], float | None]:
        def opens(now: float) -> float | None:
            if not_before is not None and now < not_before:
                return not_before
            return None if window is None else self._opens(window, now)

        return opens

    def _opens(self, window: str, now: float) -> float | None:
        known = self._known.setdefault(window, [])
        for begin, end, answer in known:
            if begin <= now < end:
                return answer
        if windows.is_open(window, now, self._offset):
            known.append((now, windows.next_look(now), None))
            return None
        at = windows.next_look(now)
        while at < now + LONGEST_WAIT and not windows.is_open(window, at, self._offset):
            at += SHUT
        known.append((now, at, at))
        return at


class _Tally:
    """Adds up what was placed."""

    def __init__(self, outlook: Outlook, bundles: Sequence[_Bundle], there: Sequence[int]) -> None:
        self._outlook, self._bundles, self._there = outlook, bundles, there
        self._parts: dict[tuple[RunId, int], Part] = {}
        self._left = {number: len(bundle.entry.steps) for number, bundle in enumerate(bundles)}
        self._where: dict[int, int] = {}
        self._moves: dict[RunId, int] = {}
        self._ends: dict[RunId, float] = {}
        self._loads: dict[int, int] = {}
        self._waits: list[float] = []

    def count(self, placed: Placed) -> None:
        bundle = self._bundles[placed.entry]
        run, at, count = bundle.wishes[0].run, self._there[placed.at], len(bundle.wishes)
        was = self._parts.get((run, at), Part(0, 0.0, 0.0))
        self._parts[run, at] = Part(was.stages + count, max(was.until, placed.end), was.seconds + placed.cost.total)
        self._loads[at] = self._loads.get(at, 0) + (placed.cost.swap > 0.0)
        if bundle.entry.live and placed.step == 0:
            self._waits.append(placed.start - bundle.entry.arrival)
        before = self._where.get(placed.entry)
        if before is not None and before != at:
            self._moves[run] = self._moves.get(run, 0) + count
        self._where[placed.entry] = at
        self._left[placed.entry] -= 1
        self._ends[run] = max(placed.end, self._ends.get(run, 0.0))

    def sum(self, unable: dict[RunId, int]) -> Played:
        ends = dict(self._ends)
        waits = {self._bundles[number].wishes[0].run for number, left in self._left.items() if left}
        paused = {run.id for run in self._outlook.runs if run.paused}
        for run in {*waits, *unable, *paused}:
            ends[run] = INFINITE
        return Played(ends, self._parts, self._moves, unable, self._loads, tuple(self._waits))
