"""What follows from the state, whoever caused it: finished jobs, films, finished runs, the next assignment.

Called until it returns nothing, each time on the state that its last events made: it imagines no state.
"""

from functools import lru_cache
from typing import NamedTuple

from daemon.core.ahead import next_step, steps_left
from daemon.core.breaker import cooling, lifts_at
from daemon.core.costs import speed_of
from daemon.core.filing import indexed
from daemon.core.fits import ask_of, fits, knows_real, nodes_for_work
from daemon.core.index import Index, Shelf
from daemon.core.memory import too_large
from daemon.core.prices import Prices, free_at
from daemon.core.queue import Queue
from daemon.core.rules import Rules
from daemon.core.state import Job, Node, State, nodes_there
from daemon.core.vitals import Vitals, blocked
from daemon.prompting.steps import asked_backend
from daemon.scheduling.groups import Machine, Options, Pick, Wait
from daemon.scheduling.policy import pick
from schema import events as e
from schema.ids import NodeId
from schema.names import found

__all__ = ["Outcome", "decision", "kept_for_live", "knows_real", "settle"]


def settle(state: State, now: float, vitals: Vitals, rules: Rules) -> tuple[list[e.Event], float | None]:
    """The events that follow now, and when to look again although nothing happens (Unix seconds)."""
    index = indexed(state)
    if index.ripe:
        return [event for name in index.ripe for event in _passed(state, state.jobs[name], now)], None
    if index.over and (ends := _runs_over(state, index)):
        return ends, None
    if state.paused or blocked(vitals) or not (index.counts["shelf"] or index.delayed):
        return [], None
    if parked := list(too_large(state, index, vitals)):
        return [*parked], None
    outcome = decision(state, now, vitals, rules)
    if outcome is None:
        return [], None
    if isinstance(outcome.found, Wait):
        return [], outcome.wake_at
    chosen, shelf = outcome.found, outcome.shelf
    assert shelf is not None
    node, group = state.nodes[chosen.machine.id], chosen.group
    fit = fits(ask_of(state, shelf, knows_real(state, vitals)), [node], vitals, now)[0]
    assigned = e.StageAssigned(
        job=group.job, stage=group.stage, node=node.id, attempt=group.attempt, why=chosen.why, backend=fit.backend
    )
    if index.queue is not None:
        index.queue.ahead[node.id] = (group.job, outcome.ahead)
    return [assigned], None


class Outcome(NamedTuple):
    """What the policy says now."""

    found: Pick | Wait
    ahead: float
    """Seconds until the picked stage would execute."""
    shelf: Shelf | None
    """Of the stage that was picked."""
    wake_at: float | None


def decision(state: State, now: float, vitals: Vitals, rules: Rules) -> Outcome | None:
    """None: no node is idle, or none is there."""
    nodes = [node for node in nodes_for_work(state, vitals) if not cooling(node, now)]
    bars = [until for node in nodes_there(state) if node.barred and (until := lifts_at(node, now)) is not None]
    wake_at = min(bars, default=None)
    if not any(_idle(node, vitals) for node in nodes):
        return None if wake_at is None else Outcome(Wait(None, {}, {}), 0.0, None, wake_at)
    index = indexed(state)
    queue = index.queue = index.queue or Queue()
    seen = queue.see(state, index, nodes, now, vitals, rules)
    kept = kept_for_live(state, now, rules)
    options = Options(state.mode, kept, rules.overdue, served=index.served)
    models = tuple(dict.fromkeys(group.lot.model for group in seen.groups if group.lot.model is not None))
    machines = [_machine(state, queue, node, models, now, vitals) for node in nodes]
    prices = Prices(state, queue.told, seen.steps, nodes)
    found = pick(seen.groups, machines, prices, now, options)
    queue.idle = {} if isinstance(found, Pick) else found.idle
    if isinstance(found, Pick):
        ahead = prices.swap(found.group, found.machine) + prices.move(found.group, found.machine)
        return Outcome(found, ahead, seen.shelves[found.group.id], None)
    looks = [wake_at, seen.wake_at, found.until, None if kept is None else state.live_at + rules.live_for]
    return Outcome(found, 0.0, None, min((at for at in looks if at is not None), default=None))


def _passed(state: State, job: Job, now: float) -> list[e.Event]:
    """It is through, or through with its words: these may be looked at before pictures are made of them."""
    step = next_step(state, job)
    if step is None:
        return [_finished(job, now)]
    run = state.runs[job.run].spec
    pictures = next((one for one in steps_left(state, job)), None)
    asked = "" if pictures is None else asked_backend(pictures, job.spec.backend, run.backend)
    handed_on = e.JobDispatched(job=job.id, stage=step.id, backend=asked or None)
    return [handed_on, e.JobHeld(job=job.id)] if step.review else [handed_on]


def _finished(job: Job, now: float) -> e.JobFinished:
    return e.JobFinished(job=job.id, seconds=0.0 if job.began is None else round(max(0.0, now - job.began), 3))


def _runs_over(state: State, index: Index) -> list[e.Event]:
    """Films to begin, and runs that have nothing left to do. Jobs that need attention do not keep a run open."""
    events: list[e.Event] = []
    for name in list(index.over):
        run = state.runs.get(name)
        if run is None or run.over or run.film is not None or run.open > run.attention:
            del index.over[name]  # It comes back to this list when something of it changes.
        elif run.spec.film is not None and not run.filmed and run.finished > 0:
            events.append(e.FilmStarted(run=name))
        else:
            failed = run.failed + run.attention
            events.append(e.RunFinished(run=name, finished=run.finished, failed=failed, cancelled=run.cancelled))
    return events


def _machine(state: State, queue: Queue, node: Node, models: tuple[str, ...], now: float, vitals: Vitals) -> Machine:
    load, idle = vitals.loads.get(node.id), _idle(node, vitals)
    held = frozenset() if node.model is None else frozenset({node.model})
    if load is not None and load.resident:
        held |= _resident(load.resident, models)
    brief = None if idle or node.busy is None else state.attempts.get(node.busy)
    job, ahead = queue.ahead.get(node.id, (None, 0.0))
    ahead = ahead if brief is not None and brief.attempt.job == job else 0.0
    return Machine(
        id=node.id,
        name=node.name,
        vram_gb=node.vram_gb,
        speed=speed_of(state, node),
        idle=idle,
        free_at=now if brief is None else free_at(state, queue.told, node, brief, now, ahead),
        models=held,
    )


def _idle(node: Node, vitals: Vitals) -> bool:
    return node.busy is None or node.busy in vitals.handed


@lru_cache(maxsize=512)
def _resident(resident: tuple[str, ...], models: tuple[str, ...]) -> frozenset[str]:
    """Which of the models lie ready, however the server spells them."""
    return frozenset(model for model in models if found(model, resident) is not None)


def kept_for_live(state: State, now: float, rules: Rules) -> NodeId | None:
    """The pinned node, or else the fastest, while the live lane is in use and the mode says to keep one for it."""
    if state.mode == "share" or not 0.0 <= now - state.live_at < rules.live_for:
        return None
    there = nodes_there(state)
    if any(node.id == state.pin for node in there):
        return state.pin
    fastest = min(there, key=lambda node: (-speed_of(state, node), node.id), default=None)
    return None if fastest is None else fastest.id
