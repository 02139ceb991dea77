"""What a job has before it: the stages that are still to come, and the pictures that go into them."""

from functools import lru_cache

from daemon.core.state import Job, State
from schema.ids import Sha256, StageId
from schema.plans import StageStep


def steps_of(state: State, job: Job) -> tuple[StageStep, ...]:
    """All the stages of the job's pipeline."""
    return state.runs[job.run].spec.stages if job.spec.stages is None else job.spec.stages


def next_step(state: State, job: Job) -> StageStep | None:
    """The stage the job is at; None: nothing is left to run."""
    rest = steps_ahead(state, job)
    return rest[0] if rest else None


def steps_left(state: State, job: Job) -> tuple[StageStep, ...]:
    """The stages ahead that are work for a node: a dispatch is not."""
    return workable(steps_ahead(state, job))


def steps_ahead(state: State, job: Job) -> tuple[StageStep, ...]:
    """All that are still to come, in order: neither finished nor skipped nor left out by a rerun of one alone."""
    steps = steps_of(state, job)
    if not job.done and not job.skipped and job.only is None:
        return steps
    past = {done.stage for done in job.done}.union(job.skipped)
    return tuple(step for step in steps if step.id not in past and (job.only is None or step.id == job.only))


@lru_cache(maxsize=1024)
def workable(steps: tuple[StageStep, ...]) -> tuple[StageStep, ...]:
    if not any(step.kind == "dispatch" for step in steps):
        return steps
    return tuple(step for step in steps if step.kind != "dispatch")


def inputs_for(state: State, job: Job, stage: StageId) -> tuple[Sha256, ...]:
    """The pictures of the nearest finished stage before `stage`."""
    files: tuple[Sha256, ...] = ()
    if not job.done:
        return files
    by_stage = {done.stage: done.files for done in job.done}
    for step in steps_of(state, job):
        if step.id == stage:
            return files
        files = by_stage.get(step.id) or files
    return files
