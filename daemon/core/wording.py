"""The words that a job is at, as its stages and a person have made them by now, and where its pictures lie."""

from collections.abc import Mapping

from msgspec.structs import replace

from daemon.core.ahead import steps_of
from daemon.core.state import Job, State
from daemon.prompting import tokens
from daemon.prompting.needs import words_need
from daemon.prompting.texts import MAX_PROMPT, cleaned, told
from schema.ids import NodeId, StageId
from schema.plans import JobSpec, Scalar
from schema.words import Said, Words, words_after

NOTHING: frozenset[StageId] = frozenset()


def words_now(job: Job, ahead: frozenset[StageId] = NOTHING) -> Words:
    """What its next stage is to work with. `ahead`: stages whose words do not count, those behind one run alone."""
    if job.spec.written is None and not any(done.prompt is not None for done in job.done):
        return Words(job.spec.prompt, job.spec.negative)
    done = (one for one in job.done if one.stage not in ahead)
    return words_after(job.spec, (Said(one.stage, one.prompt, one.negative) for one in done))


def worded(job: Job, ahead: frozenset[StageId] = NOTHING) -> JobSpec:
    """Its spec with the words as they are by now."""
    words = words_now(job, ahead)
    if words == (job.spec.prompt, job.spec.negative):
        return job.spec
    return replace(job.spec, prompt=words.prompt, negative=words.negative, needs=words_need(*words))


def fault_in(kind: str, before: Words, reported: Mapping[str, Scalar]) -> str:
    """Why no picture can be made from what a stage reports to have made of the words; empty: it can."""
    prompt, negative = reported.get("prompt"), reported.get("negative", "")
    if not isinstance(prompt, str) or not isinstance(negative, str) or not prompt.strip():
        return "it came back without a prompt"
    for name, text in (("prompt", prompt), ("negative prompt", negative)):
        if len(text) > MAX_PROMPT:
            return f"its {name} has {len(text)} characters, and {MAX_PROMPT} are the most"
        if cleaned(text) != text:
            return f"its {name} holds control characters"
    if kind == "selectLoras":
        return ""
    known = {part.name for part in tokens.loras(before.prompt)}
    strange = next((part.name for part in tokens.loras(prompt) if part.name not in known), None)
    return "" if strange is None else f"it put the LoRA '{told(strange, 60)}' into the prompt, of which nobody spoke"


def needs_now(job: Job) -> tuple[str, ...]:
    """`JobSpec.needs` of these words."""
    if job.spec.written is None and not any(done.prompt is not None for done in job.done):
        return job.spec.needs
    return worded(job).needs


def wrote_last(job: Job) -> StageId | None:
    """The last stage that has made words so far."""
    return next((done.stage for done in reversed(job.done) if done.prompt is not None), None)


def came_from(job: Job) -> NodeId | None:
    """Where the pictures lie that its next stage works on; None: there are none yet."""
    return next((done.node for done in reversed(job.done) if done.files), None)


def kind_of(state: State, job: Job, stage: StageId) -> str:
    """Empty: the job has no such stage, or not any more."""
    return next((step.kind for step in steps_of(state, job) if step.id == stage), "")
