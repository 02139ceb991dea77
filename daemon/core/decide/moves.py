"""Moving jobs within their lane, by ranks between the ranks of their new neighbours."""

from bisect import bisect_left, bisect_right

from daemon.core.decide.jobs import live
from daemon.core.state import Job, State
from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.ids import JobId
from schema.plans import Lane

GAP = 1e-3
"""Ranks are not put closer than this: far above what a float of the size of a seq can tell apart."""


def move(state: State, command: c.MoveJobs) -> list[e.Event]:
    """Keeps the moved jobs' order among themselves. Jobs of several lanes are moved each within its own."""
    anchor = _anchor(state, command)
    moved = [job for job in live(state, command.jobs) if job is not anchor]
    lanes = dict.fromkeys(_lane(state, job) for job in moved)
    if anchor is not None and any(lane != _lane(state, anchor) for lane in lanes):
        raise Refused(
            f"{anchor.id} is in the {_lane(state, anchor)} lane, and not all of the jobs are.",
            remedy="Name an anchor in the same lane, or move to the top or the bottom.",
        )
    events: list[e.Event] = []
    for lane in lanes:
        events += _within(state, command, lane, [job for job in moved if _lane(state, job) == lane], anchor)
    return events


def _anchor(state: State, command: c.MoveJobs) -> Job | None:
    if command.to in ("top", "bottom"):
        return None
    if command.anchor is None:
        raise Refused(f"Moving jobs {command.to} needs another job.", remedy="Name it as the anchor.")
    anchor = state.jobs.get(command.anchor)
    if anchor is None:
        raise Refused(f"Job {command.anchor} has ended and has no place in the queue.", remedy="Name a waiting job.")
    return anchor


def _within(state: State, command: c.MoveJobs, lane: Lane, moved: list[Job], anchor: Job | None) -> list[e.Event]:
    names = {job.id for job in moved}
    others = sorted(
        (job.rank, job.id) for job in state.jobs.values() if job.id not in names and _lane(state, job) == lane
    )
    if command.to in ("top", "bottom"):
        return _to_the_end(command.to, moved, [rank for rank, _ in others])
    assert anchor is not None
    find = bisect_left if command.to == "before" else bisect_right
    at = find(others, (anchor.rank, anchor.id))
    if _stand_there(moved, others, at):
        return []
    ranks = _between(others, at, len(moved))
    if ranks is None:
        return _respaced(state, others, at, moved)
    return [
        e.JobMoved(job=job.id, was=job.rank, now=rank)
        for job, rank in zip(moved, ranks, strict=True)
        if job.rank != rank
    ]


def _to_the_end(to: c.Where, moved: list[Job], others: list[float]) -> list[e.Event]:
    """Beyond where they stand too, so that they come before, or behind, whatever nobody has moved."""
    own = [job.rank for job in moved]
    at_end = not others or (own[-1] < others[0] if to == "top" else own[0] > others[-1])
    side = -1 if to == "top" else 1
    if at_end and own == sorted(own) and all(job.moved == side for job in moved):
        return []
    ranks = [*own, others[0] if to == "top" else others[-1]] if others else own
    first = min(ranks) - len(moved) if to == "top" else max(ranks) + 1
    return [e.JobMoved(job=job.id, was=job.rank, now=first + number) for number, job in enumerate(moved)]


def _stand_there(moved: list[Job], others: list[tuple[float, JobId]], at: int) -> bool:
    """Whether they already stand between those neighbours, in that order."""
    own = [(job.rank, job.id) for job in moved]
    row = [*others[max(0, at - 1) : at], *own, *others[at : at + 1]]
    return row == sorted(row)


def _between(others: list[tuple[float, JobId]], at: int, count: int) -> list[float] | None:
    """Evenly spaced ranks before `others[at]`; None when the gap there is used up."""
    if not others:
        return [float(number) for number in range(1, count + 1)]
    if at == 0:
        return [others[0][0] - count + number for number in range(count)]
    if at == len(others):
        return [others[-1][0] + 1 + number for number in range(count)]
    low, high = others[at - 1][0], others[at][0]
    step = (high - low) / (count + 1)
    return None if step < GAP else [low + step * (number + 1) for number in range(count)]


def _respaced(state: State, others: list[tuple[float, JobId]], at: int, moved: list[Job]) -> list[e.Event]:
    """Moves neighbours apart too: as few on both sides as make room."""
    reach = 2
    while True:
        first, last = max(0, at - reach), min(len(others), at + reach)
        row = [name for _, name in others[first:at]] + [job.id for job in moved] + [name for _, name in others[at:last]]
        low = others[first - 1][0] if first > 0 else others[0][0] - len(row) - 1
        high = others[last][0] if last < len(others) else others[-1][0] + len(row) + 1
        step = (high - low) / (len(row) + 1)
        if step >= GAP * 10 or (first == 0 and last == len(others)):
            break
        reach *= 2
    by_name = {job.id: job for job in moved}
    events: list[e.Event] = []
    for number, name in enumerate(row):
        job = by_name.get(name) or state.jobs[name]
        aside = name not in by_name
        events.append(e.JobMoved(job=job.id, was=job.rank, now=low + step * (number + 1), aside=aside))
    return events


def _lane(state: State, job: Job) -> Lane:
    return state.runs[job.run].spec.lane
