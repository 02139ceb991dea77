"""Keeps the index in step with the facts."""

from functools import lru_cache

from daemon.core.ahead import steps_ahead, workable
from daemon.core.index import Index, Key, Place, Shelf, Terms
from daemon.core.state import Attention, Held, Job, Queued, Run, Running, State
from daemon.core.wording import came_from, needs_now
from daemon.prompting.steps import asked_backend
from schema.ids import JobId, NodeId, RunId
from schema.plans import PROMPTING, StageStep

ALWAYS = float("-inf")
"""Before any time that a clock may show."""


def indexed(state: State) -> Index:
    """The index, built now if there is none: replay folds without one."""
    if state.index is None:
        state.index = Index()
        for job in state.jobs.values():
            state.index.put(job.id, _place(state, job))
        state.index.over.update(dict.fromkeys(state.runs))
        for run in state.runs.values():
            for pack, at in run.served.items():
                state.index.served[pack] = max(at, state.index.served.get(pack, at))
    return state.index


def refile(state: State, job: Job) -> None:
    if state.index is not None:
        state.index.put(job.id, _place(state, job))


def unfile(state: State, job: JobId) -> None:
    if state.index is not None:
        state.index.drop(job)


def serve(state: State, pack: str, at: float) -> None:
    """One of its jobs got a stage."""
    if state.index is not None:
        state.index.served[pack] = at


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
    return (-job.priority, job.moved, job.rank if job.moved else 0.0, 0 if job.done else 1, job.rank, job.id)


def terms_of(run: Run) -> Terms:
    spec = run.spec
    return Terms(
        spec.lane,
        run.id if run.paused else None,
        ALWAYS if spec.not_before is None else spec.not_before,
        spec.window or "",
        spec.node or "",
        run.id if spec.whole else None,
        spec.deadline,
        spec.stand_in,
    )


def shelf_for(run: Run, job: Job, step: StageStep) -> Shelf:
    """Of a stage that the job is at."""
    return shelves_for(run, job, (step,))[0]


def shelves_for(run: Run, job: Job, rest: tuple[StageStep, ...]) -> tuple[Shelf, tuple[Shelf, ...]]:
    """Of the stage that the job is at, and of those behind it, of which it is not known yet where they come from."""
    return _shelves(
        terms_of(run),
        job.spec.pack or "",
        run.spec.backend,
        job.spec.backend,
        needs_now(job),
        rest,
        came_from(job),
        job.failed_on,
        job.floor_gb,
    )


def needs_of(job: Job, step: StageStep) -> tuple[str, ...]:
    """What the backend must have; the words of the prompt count where it is sampled."""
    return _needs(needs_now(job), step)


def _needs(words: tuple[str, ...], step: StageStep) -> tuple[str, ...]:
    return (*step.needs, *words) if words and step.steps else step.needs


@lru_cache(maxsize=2048)
def _shelves(
    terms: Terms,
    pack: str,
    run_backend: str | None,
    job_backend: str | None,
    words: tuple[str, ...],
    rest: tuple[StageStep, ...],
    previous: NodeId | None,
    failed_on: tuple[NodeId, ...],
    floor_gb: float,
) -> tuple[Shelf, tuple[Shelf, ...]]:
    """The jobs of a shelf hold the same ones: a hundred thousand equal ones would cost their making and their room."""
    first, *behind = (
        Shelf(
            terms._replace(node="", whole=None) if step.kind in PROMPTING else terms,
            pack,
            asked_backend(step, job_backend, run_backend),
            step.kind,
            step.model or "",
            step.vram_gb,
            step.megapixels,
            _needs(words, step),
        )
        for step in rest
    )
    return first._replace(previous=previous, failed_on=failed_on, floor_gb=floor_gb), tuple(behind)


def _place(state: State, job: Job) -> Place:
    ahead, key = steps_ahead(state, job), order_of(job)
    rest = workable(ahead)
    match job.phase:
        case Held():
            return Place("held", job.run, None, key, rest)
        case Attention():
            return Place("attention", job.run, None, key, rest)
        case Queued() if not ahead or ahead[0].kind == "dispatch":
            return Place("ripe", job.run, None, key, ())
        case _ if not rest:
            return Place("running", job.run, None, key, rest)
    shelf, behind = shelves_for(state.runs[job.run], job, rest)
    match job.phase:
        case Running():
            return Place("running", job.run, None, key, rest, behind)
        case Queued(since=since, again_in=again_in) if again_in > 0.0:
            return Place("delayed", job.run, shelf, key, rest, behind, (since, since + again_in))
        case Queued():
            return Place("shelf", job.run, shelf, key, rest, behind)
