"""Keeps the index in step with the facts."""

from functools import lru_cache

from daemon.core.index import Index, Key, Place, Shelf
from daemon.core.state import Attention, Held, Job, Queued, Run, Running, State, steps_left
from schema.ids import JobId, RunId
from schema.plans import StageStep

ALWAYS = float("-inf")
"""Before any time that a clock may show."""


def indexed(state: State) -> Index:
    """The index, built now if there is none: replay folds without one."""
    if state.index is None:
        state.index = Index()
        for job in state.jobs.values():
            state.index.put(job.id, _place(state, job))
        state.index.over.update(dict.fromkeys(state.runs))
    return state.index


def refile(state: State, job: Job) -> None:
    if state.index is not None:
        state.index.put(job.id, _place(state, job))


def unfile(state: State, job: JobId) -> None:
    if state.index is not None:
        state.index.drop(job)


def refile_run(state: State, run: RunId) -> None:
    """All its jobs stand elsewhere now: it was paused or goes on."""
    if state.index is not None:
        for job in state.jobs.values():
            if job.run == run:
                state.index.put(job.id, _place(state, job))


def look_at_run(state: State, run: RunId) -> None:
    """It may be over now."""
    if state.index is not None:
        state.index.over[run] = None


def forget_run(state: State, run: RunId) -> None:
    if state.index is not None:
        state.index.forget_run(run)


def order_of(job: Job) -> Key:
    """Started jobs first among equals, so that pictures get done."""
    return (-job.priority, 0 if job.done else 1, job.rank, job.id)


def shelf_for(run: Run, job: Job, step: StageStep) -> Shelf:
    spec = run.spec
    return _shelf(
        spec.lane,
        run.id if run.paused else None,
        ALWAYS if spec.not_before is None else spec.not_before,
        spec.window or "",
        spec.node or "",
        (spec.backend or "") if job.spec.backend is None else job.spec.backend,
        step.kind,
        step.model or "",
        step.vram_gb,
        needs_of(job, step),
        spec.stand_in,
    )


def needs_of(job: Job, step: StageStep) -> tuple[str, ...]:
    """What the backend must have; the words of the prompt count where it is sampled."""
    return (*step.needs, *job.spec.needs) if job.spec.needs and step.steps else step.needs


_shelf = lru_cache(maxsize=1024)(Shelf)
"""The jobs of a shelf hold the same one: a hundred thousand equal ones would cost their making and their room."""


def _place(state: State, job: Job) -> Place:
    rest = steps_left(state, job)
    key = order_of(job)
    match job.phase:
        case Running():
            return Place("running", job.run, None, key, rest)
        case Held():
            return Place("held", job.run, None, key, rest)
        case Attention():
            return Place("attention", job.run, None, key, rest)
        case Queued() if not rest:
            return Place("ripe", job.run, None, key, rest)
        case Queued(since=since, again_in=again_in) if again_in > 0.0:
            shelf = shelf_for(state.runs[job.run], job, rest[0])
            return Place("delayed", job.run, shelf, key, rest, (since, since + again_in))
        case Queued():
            return Place("shelf", job.run, shelf_for(state.runs[job.run], job, rest[0]), key, rest)
