"""What follows from the state, whoever caused it: finished jobs, films, finished runs, the next assignment.

Called until it returns nothing, each time on the state that its last events made: it imagines no state.
"""

from collections.abc import Iterator
from functools import partial

from daemon.core.costs import foretell, speed_of
from daemon.core.filing import ALWAYS, indexed
from daemon.core.index import Index, Shelf
from daemon.core.rules import Rules
from daemon.core.state import Job, Node, State, next_step, nodes_there
from daemon.core.vitals import Vitals, blocked
from daemon.scheduling import windows
from daemon.scheduling.fitness import is_real
from daemon.scheduling.place import Machine, Offer, place
from schema import events as e
from schema.ids import JobId, NodeId
from schema.plans import StageStep


def settle(state: State, now: float, vitals: Vitals, rules: Rules) -> tuple[list[e.Event], float | None]:
    """The events that follow now, and when to look again although nothing happens (Unix seconds)."""
    index = indexed(state)
    if index.ripe:
        return [_finished(state.jobs[name], now) for name in index.ripe], None
    if index.over and (ends := _runs_over(state, index)):
        return ends, None
    if state.paused or blocked(vitals) or (not index.shelves and not index.delayed):
        return [], None
    there = machines(state, vitals)
    if not any(machine.idle for machine in there):
        return [], None
    offers, wake_at = _offers(state, index, now, vitals, rules)
    kept = kept_for_live(state, now, rules)
    placed = place(offers, there, kept, state.mode)
    if placed is not None:
        job, machine = placed.offer.job, placed.machine.id
        stage, attempt, backend = placed.offer.step.id, placed.offer.attempt, placed.backend
        assigned = e.StageAssigned(job=job, stage=stage, node=machine, attempt=attempt, why=placed.why, backend=backend)
        return [assigned], None
    if kept is not None:
        wake_at = _sooner(wake_at, state.live_at + rules.live_for)
    return [], wake_at


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


def _offers(
    state: State, index: Index, now: float, vitals: Vitals, rules: Rules
) -> tuple[Iterator[Offer], float | None]:
    """The first job of each shelf that is open now, and those whose wait after a failure is over, in order."""
    wake_at: float | None = None
    heads: list[tuple[int, tuple[int, int, float, str], Shelf]] = []
    for shelf, keys in index.shelves.items():
        opens = opens_at(shelf, now, rules)
        if opens is None:
            heads.append((_lane(shelf), keys[0], shelf))
        elif opens > now:
            wake_at = _sooner(wake_at, opens)
    for name, (since, until) in index.delayed.items():
        if since <= now < until:  # A clock that jumps back or far ahead makes it due rather than never.
            wake_at = _sooner(wake_at, until)
            continue
        found = index.places[name]
        assert found.shelf is not None
        opens = opens_at(found.shelf, now, rules)
        if opens is None:
            heads.append((_lane(found.shelf), found.key, found.shelf))
        elif opens > now:
            wake_at = _sooner(wake_at, opens)
    heads.sort(key=lambda head: head[:2])
    real = knows_real(state, vitals)
    return (_head(state, JobId(key[3]), shelf, real) for _, key, shelf in heads), wake_at


def opens_at(shelf: Shelf, now: float, rules: Rules) -> float | None:
    """None: open. Else when to look again, in the past if only a person can open it."""
    if shelf.paused is not None:
        return ALWAYS
    if shelf.not_before > now:
        return shelf.not_before
    if shelf.window and not windows.is_open(shelf.window, now, rules.utc_offset):
        return windows.next_look(now)
    return None


def _head(state: State, name: JobId, shelf: Shelf, real: bool) -> Offer:
    job = state.jobs[name]
    step = next_step(state, job)
    assert step is not None, f"{name} waits for nothing"
    return offer_of(job, step, shelf, real)


def knows_real(state: State, vitals: Vitals) -> bool:
    """Whether any node, there or away, has a backend that is no stand-in; one that cannot be made there counts too."""
    return any(is_real(node.backends) for node in state.nodes.values()) or any(
        is_real(backend.kind for backend in card.backends) for card in vitals.cards.values()
    )


def offer_of(job: Job, step: StageStep, shelf: Shelf, real: bool) -> Offer:
    """What a node is offered when the job's next stage is given out. `real`: see `knows_real`; a run for one node only
    goes by what that node has.
    """
    return Offer(
        job=job.id,
        step=step,
        live=shelf.lane == "interactive",
        started=bool(job.done),
        attempt=job.attempts + 1,
        node=shelf.node,
        backend=shelf.backend,
        needs=shelf.needs,
        stand_in=shelf.stand_in and (not real or bool(shelf.node)),
    )


def machines(state: State, vitals: Vitals) -> list[Machine]:
    """The nodes that are there and take work."""
    return [machine_of(state, node, vitals) for node in nodes_there(state)]


def machine_of(state: State, node: Node, vitals: Vitals) -> Machine:
    load = vitals.loads.get(node.id)
    return Machine(
        id=node.id,
        name=node.name,
        kinds=node.kinds,
        backends=node.backends,
        vram_gb=node.vram_gb,
        speed=speed_of(node),
        model=node.model,
        seconds=partial(_seconds, state, node),
        idle=node.busy is None or node.busy in vitals.handed,
        card=vitals.cards.get(node.id),
        resident=load.resident if load else (),
    )


def _seconds(state: State, node: Node, step: StageStep) -> float | None:
    told = foretell(state, node, step)
    return None if told is None else told.seconds


def kept_for_live(state: State, now: float, rules: Rules) -> NodeId | None:
    """The fastest node, while the interactive lane is in use and the mode says to keep one for it."""
    if state.mode == "share" or not 0.0 <= now - state.live_at < rules.live_for:
        return None
    fastest = min(nodes_there(state), key=lambda node: (-node.speed, node.id), default=None)
    return None if fastest is None else fastest.id


def _lane(shelf: Shelf) -> int:
    return 0 if shelf.lane == "interactive" else 1


def _sooner(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)
