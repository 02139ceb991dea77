"""The finish guard: a machine stays idle where the others have done everything before it could finish one stage."""

from daemon.scheduling.groups import Group
from daemon.scheduling.yard import Yard

MOST = 256
"""Stages that are handed out one by one to see when the others are done; with more of them they never are sooner."""


def done_by_others(yard: Yard, at: int, now: float, by: float) -> float | None:
    """When the busy machines will have done all that this one could take part in; None: not by `by`.

    Idle ones do not count: those that come before this one in turn have been left idle, those behind it come later.
    """
    busy = [
        other
        for other, machine in enumerate(yard.machines)
        if other != at and not machine.idle and machine.free_at < by
    ]
    if not busy:
        return None
    for bound in yard.bounds:
        if bound.able >> at & 1:
            room = sum(
                (by - max(yard.machines[other].free_at, now)) * yard.speeds[other]
                for other in busy
                if bound.able >> other & 1
            )
            if room < bound.seconds:
                return None
    return _handed_out(yard, busy, now, by)


def _handed_out(yard: Yard, busy: list[int], now: float, by: float) -> float | None:
    """When the last stage ends if each goes to the busy machine that has it done first, long ones first."""
    free_at = {other: max(yard.machines[other].free_at, now) for other in busy}
    stages: list[tuple[float, str, Group]] = []
    for cell in yard.cells:
        for group in cell.groups:
            each = group.seconds / group.ready
            stages += [(-each, group.id, group)] * group.ready
            if len(stages) > MOST:
                return None
    stages.sort(key=lambda stage: stage[:2])
    last = now
    for work, _, group in stages:
        ends = [(free - work / yard.speeds[other], other) for other, free in free_at.items() if group.able >> other & 1]
        if not ends:
            continue
        end, other = min(ends)
        if end > by:
            return None
        free_at[other], last = end, max(last, end)
    return last
