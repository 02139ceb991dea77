"""How long jobs, runs and the queue will still take, from what the nodes have been measured at."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from daemon.core.state import Job, Running, State, nodes_there, steps_left
from daemon.scheduling.estimate import mean_paces, seconds_for, seconds_of


class Paces(NamedTuple):
    """Seconds per unit of work by stage kind, the mean over the nodes, and how many nodes work at it."""

    mean: dict[str, float]
    nodes: int


def paces_of(state: State) -> Paces:
    measured = mean_paces(node.paces for node in state.nodes.values())
    return Paces(measured, len(nodes_there(state)))


def job_seconds(state: State, job: Job, now: float, paces: Paces) -> float | None:
    """Until its last stage ends, if each begins at once. None while a stage of its kind was never measured."""
    rest = steps_left(state, job)
    total = 0.0
    for step in rest:
        seconds = seconds_for(paces.mean, step)
        if seconds is None:
            return None
        total += seconds
    if isinstance(job.phase, Running) and rest:
        total -= min(max(0.0, now - job.phase.since), seconds_for(paces.mean, rest[0]) or 0.0)
    return total


def run_seconds(work: Iterable[Mapping[str, float]], paces: Paces) -> float | None:
    """Of all that work, spread over the nodes. None: nobody can tell, or nothing of it may begin."""
    total = 0.0
    for one in work:
        seconds = seconds_of(one, paces.mean)
        if seconds is None:
            return None
        total += seconds
    return total / paces.nodes if total and paces.nodes else None
