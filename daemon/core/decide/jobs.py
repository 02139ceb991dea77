"""Wishes about unfinished jobs. Jobs that have ended are left alone: a selection may hold some of them."""

from collections.abc import Iterable, Iterator

from daemon.core.ahead import next_step, steps_of
from daemon.core.decide.runs import goes_on
from daemon.core.state import Held, Job, Queued, Running, State, phase_name
from daemon.core.wording import wrote_last
from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.ids import JobId
from schema.plans import PROMPTING, JobSpec


def cancel(state: State, command: c.CancelJobs) -> list[e.Event]:
    """At once in the log, also of a running job: its node is busy until the agent has let go."""
    return [cancelled(job, command.reason) for job in live(state, command.jobs)]


def cancelled(job: Job, reason: str) -> e.JobCancelled:
    return e.JobCancelled(
        job=job.id, was=phase_name(job.phase), reason=reason, rank=job.rank, home=job.home, priority=job.priority
    )


def hold(state: State, command: c.HoldJobs) -> list[e.Event]:
    return [e.JobHeld(job=job.id) for job in live(state, command.jobs) if may_hold(job)]


def release(state: State, command: c.ReleaseJobs) -> list[e.Event]:
    return [e.JobReleased(job=job.id) for job in live(state, command.jobs) if may_release(job)]


def may_hold(job: Job) -> bool:
    return isinstance(job.phase, Queued) or (isinstance(job.phase, Running) and not job.phase.hold)


def may_release(job: Job) -> bool:
    return isinstance(job.phase, Held) or (isinstance(job.phase, Running) and job.phase.hold)


def set_priority(state: State, command: c.SetPriority) -> list[e.Event]:
    return [
        e.JobPriorityChanged(job=job.id, was=job.priority, now=command.priority)
        for job in live(state, command.jobs)
        if job.priority != command.priority
    ]


def edit(state: State, command: c.EditJobs) -> list[e.Event]:
    """Of jobs of which no picture is begun."""
    events: list[e.Event] = []
    for name, spec in command.specs.items():
        job = state.jobs.get(name)
        if job is None:
            raise Refused(f"Job {name} has ended and cannot be edited.", remedy="Rerun it, or submit a new run.")
        if not may_edit(job):
            raise Refused(
                f"Job {name} has already started.",
                remedy="Cancel it and submit it again with the changes; only jobs that wait untouched are edited.",
            )
        if not _meant(job, spec):
            raise Refused(
                f"The words of job {name} were written anew meanwhile.",
                remedy=f"`stablenew job show {name}` has them; edit those.",
            )
        if job.spec != spec:
            events.append(e.JobEdited(job=name, was=job.spec, now=spec))
    return events


def may_edit(job: Job) -> bool:
    return not any(done.files for done in job.done) and not isinstance(job.phase, Running)


def _meant(job: Job, spec: JobSpec) -> bool:
    """Whether other words were written over those that it has now."""
    if spec.written is not None and spec.written != job.spec.written:
        return spec.written.after == wrote_last(job)
    return wrote_last(job) is None or (spec.prompt, spec.negative) == (job.spec.prompt, job.spec.negative)


def skip(state: State, command: c.SkipStage) -> list[e.Event]:
    job = state.jobs.get(command.job)
    if job is None:
        raise Refused(
            f"Job {command.job} has ended: it has no stage to skip.", remedy="`job rerun` runs a stage again."
        )
    step = next_step(state, job)
    if step is None:
        return []
    first = next((one for one in steps_of(state, job) if one.kind not in PROMPTING), None)
    if first is not None and step.id == first.id:
        raise Refused(
            f"'{step.id}' is the first stage of {job.id} that makes a picture; without it there is none to go on with.",
            remedy="Cancel the job instead.",
        )
    return [*goes_on(state.runs[job.run]), e.StageSkipped(job=job.id, stage=step.id)]


def live(state: State, names: Iterable[JobId]) -> Iterator[Job]:
    """The unfinished ones among them, each once, in the order given."""
    for name in dict.fromkeys(names):
        job = state.jobs.get(name)
        if job is not None:
            yield job
