"""The words that a job is at, as its stages and a person have made them by now, and where its pictures lie."""

from msgspec.structs import replace

from daemon.core.state import Job, State, steps_of
from daemon.prompting.needs import words_need
from schema.ids import NodeId, StageId
from schema.plans import JobSpec
from schema.words import Said, Words, words_after


def words_now(job: Job) -> Words:
    """What its next stage is to work with."""
    if job.spec.written is None and not any(done.prompt is not None for done in job.done):
        return Words(job.spec.prompt, job.spec.negative)
    return words_after(job.spec, (Said(done.stage, done.prompt, done.negative) for done in job.done))


def worded(job: Job) -> JobSpec:
    """Its spec with the words as they are by now."""
    words = words_now(job)
    if words == (job.spec.prompt, job.spec.negative):
        return job.spec
    return replace(job.spec, prompt=words.prompt, negative=words.negative, needs=words_need(*words))


def came_from(job: Job) -> NodeId | None:
    """Where the pictures lie that its next stage works on; None: there are none yet."""
    return next((done.node for done in reversed(job.done) if done.files), None)


def kind_of(state: State, job: Job, stage: StageId) -> str:
    """Empty: the job has no such stage, or not any more."""
    return next((step.kind for step in steps_of(state, job) if step.id == stage), "")
