"""How long jobs, runs and the queue will still take, quickly and from means; `daemon.core.forecast` tells more."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from daemon.core.ahead import steps_left
from daemon.core.costs import base_seconds, expected_seconds, learned, mean_speed, speed_of
from daemon.core.rules import Rules
from daemon.core.state import Job, Run, Running, State, nodes_there
from daemon.scheduling import windows
from daemon.scheduling.costs import Line, Work


class Paces(NamedTuple):
    """What a node of speed 1 takes, and how many nodes of which mean speed work at it."""

    lines: Mapping[str, Line]
    """`KIND FAMILY` to seconds."""
    nodes: int
    speed: float


def paces_of(state: State) -> Paces:
    there = nodes_there(state)
    return Paces(learned(state).lines, len(there), mean_speed(state, there or state.nodes.values()))


def job_seconds(state: State, job: Job, now: float, paces: Paces) -> float | None:
    """Until its last stage ends, if each begins at once. None while a stage of its kind was never measured."""
    rest = steps_left(state, job)
    total = 0.0
    at = state.nodes.get(job.phase.node) if isinstance(job.phase, Running) else None
    for step in rest:
        seconds = None if at is None else expected_seconds(state, at, step)
        if seconds is None:
            base = base_seconds(state, step)
            seconds = None if base is None else base / paces.speed
        if seconds is None:
            return None
        if step is rest[0] and isinstance(job.phase, Running):
            seconds = max(0.0, seconds - max(0.0, now - job.phase.since))
        total += seconds
    return total


def run_seconds(work: Iterable[Mapping[str, Work]], paces: Paces) -> float | None:
    """Of all that work, spread over the nodes. None: nobody can tell, or nothing of it may begin."""
    total = 0.0
    for one in work:
        for key, amount in one.items():
            if amount.stages < 0.5:
                continue
            line = paces.lines.get(key) or _alike(paces.lines, key)
            if line is None:
                return None
            total += line.fixed * amount.stages + line.per_unit * amount.units
    return total / paces.speed / paces.nodes if total and paces.nodes else None


def begins(run: Run, now: float, rules: Rules) -> float | None:
    """When stages of a run may begin that may not begin yet, by its window and its start. None: they may."""
    at = max(now, run.spec.not_before or 0.0)
    if run.spec.window is not None:
        at = windows.opening(run.spec.window, at, rules.utc_offset)
    return at if at > now else None


def _alike(lines: Mapping[str, Line], key: str) -> Line | None:
    kind = key.partition(" ")[0] + " "
    return next((lines[other] for other in sorted(lines) if other.startswith(kind)), None)


def mode_costs(state: State) -> tuple[str, ...]:
    """What `share`, `warm` and `free` each cost the batch while live work goes on, in words; none without nodes."""
    there = nodes_there(state)
    if not there:
        return ()
    best = min(there, key=lambda node: (node.id != state.pin, -speed_of(state, node), node.id))
    part = speed_of(state, best) / sum(speed_of(state, node) for node in there)
    return (
        "costs the batch nothing; live work waits for one stage at most",
        f"up to {part:.0%} of the batch's speed: {best.name} takes nothing long and changes no checkpoint",
        f"{part:.0%} of the batch's speed: {best.name} takes nothing of it",
    )
