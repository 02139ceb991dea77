"""Ended jobs that go on: retry and rerun. What was looked up of them comes with the command."""

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from daemon.core.state import Attention, Held, Job, Running, State, phase_name
from schema import commands as c
from schema import events as e
from schema.commands import EndedJob, EndedRun
from schema.errors import Refused
from schema.ids import JobId, StageId
from schema.plans import PROMPTING, WORDED, JobSpec, RunSpec, StageStep

Why = Literal["retry", "rerun", "undo", "redo"]


def retry(state: State, command: c.RetryJobs) -> list[e.Event]:
    """Failed, parked and cancelled jobs; the others of a selection are left alone."""
    ended = {job.job: job for job in command.ended}
    back: list[e.JobReopened] = []
    for name in dict.fromkeys(command.jobs):
        live = state.jobs.get(name)
        if live is not None:
            if isinstance(live.phase, Attention):
                back.append(live_again(live, "retry", live.done, only=live.only))
        elif (one := _known(ended, name)).phase in ("failed", "cancelled"):
            back.append(ended_again(one, "retry", one.done))
    return with_runs(state, back, command.runs)


def rerun(state: State, command: c.RerunJobs) -> list[e.Event]:
    ended = {job.job: job for job in command.ended}
    runs = {run.run: run.spec for run in command.runs}
    back: list[e.JobReopened] = []
    for name in dict.fromkeys(command.jobs):
        only = command.stage if command.only else None
        live = state.jobs.get(name)
        if live is not None:
            if isinstance(live.phase, Running):
                raise Refused(f"Job {name} is running.", remedy="Cancel it, or wait until it has ended.")
            steps = _steps(live.spec.stages, state.runs[live.run].spec)
            kept = _kept(live.id, steps, live.done, command)
            if only is not None and (looked := _looked_at(live, steps, command.stage)):  # and so it will be again
                only, kept = None, tuple(one for one in kept if one.stage != looked)
            back.append(live_again(live, "rerun", kept, only=only))
        else:
            one = _known(ended, name)
            spec = state.runs[one.run].spec if one.run in state.runs else runs.get(one.run)
            kept = _kept(name, _steps(one.spec.stages, spec), one.done, command)
            back.append(ended_again(one, "rerun", kept, only=only))
    return with_runs(state, back, command.runs)


def live_again(
    job: Job, why: Why, kept: tuple[e.StageDone, ...], *, only: StageId | None, held: bool = False
) -> e.JobReopened:
    """Where it stood in the queue."""
    return e.JobReopened(
        job=job.id,
        run=job.run,
        spec=_unwritten(job.spec, kept),
        was=phase_name(job.phase),
        reason=why,
        kept=kept,
        only=only,
        held=held,
        rank=job.rank,
        home=job.home,
    )


def ended_again(
    one: EndedJob,
    why: Why,
    kept: tuple[e.StageDone, ...],
    *,
    only: StageId | None = None,
    held: bool = False,
    rank: float | None = None,
    home: float | None = None,
) -> e.JobReopened:
    return e.JobReopened(
        job=one.job,
        run=one.run,
        spec=_unwritten(one.spec, kept),
        was=one.phase,
        reason=why,
        kept=kept,
        only=only,
        held=held,
        rank=rank,
        home=home,
    )


def with_runs(state: State, back: list[e.JobReopened], looked_up: Iterable[EndedRun]) -> list[e.Event]:
    """Puts a RunReopened before the jobs of each run that had finished; one that was paused comes back paused."""
    ended = {run.run: run for run in looked_up}
    events: list[e.Event] = []
    for name in dict.fromkeys(one.run for one in back):
        gone = [one.was for one in back if one.run == name]
        run = state.runs.get(name)
        if run is not None and not run.over:
            continue
        known = run or ended.get(name)
        if known is None:
            raise Refused(f"Run {name} is not known.", remedy="`queue runs` lists all runs.")
        events.append(
            e.RunReopened(
                run=name,
                spec=known.spec,
                finished=known.finished - gone.count("finished"),
                failed=known.failed - gone.count("failed"),
                cancelled=known.cancelled - gone.count("cancelled"),
            )
        )
        if run is None and known.paused:
            events.append(e.RunPaused(run=name))
    return [*events, *back]


def _known(ended: dict[JobId, EndedJob], name: JobId) -> EndedJob:
    one = ended.get(name)
    if one is None:
        raise Refused(f"There is no job {name}.", remedy="`job list` shows all jobs.")
    return one


def _unwritten(spec: JobSpec, kept: tuple[e.StageDone, ...]) -> JobSpec:
    """What a person wrote over the words of a stage that runs again was about other words."""
    if spec.written is None or any(done.stage == spec.written.after for done in kept):
        return spec
    return replace(spec, written=None)


def _looked_at(job: Job, steps: tuple[StageStep, ...], stage: StageId) -> StageId | None:
    """The dispatch at which the words of the job, which `stage` makes, wait for a person to look at them."""
    last = job.done[-1].stage if isinstance(job.phase, Held) and job.done else None
    kinds = {step.id: step.kind for step in steps}
    there = any(step.id == last and step.review for step in steps)
    return last if there and kinds.get(stage) in WORDED else None


def _steps(own: tuple[StageStep, ...] | None, spec: RunSpec | None) -> tuple[StageStep, ...]:
    return own if own is not None else spec.stages if spec is not None else ()


def _kept(
    job: JobId, steps: tuple[StageStep, ...], done: tuple[e.StageDone, ...], command: c.RerunJobs
) -> tuple[e.StageDone, ...]:
    """What stood before the stage; with `only`, all that stands but the stage itself."""
    stages = [step.id for step in steps]
    if command.stage not in stages:
        raise Refused(f"Job {job} has no stage '{command.stage}'.", remedy=f"Its stages are {', '.join(stages)}.")
    before = stages[: stages.index(command.stage)]
    there = {one.stage for one in done}
    pictured = {step.id for step in steps if step.kind not in PROMPTING}
    if pictured.intersection(before) and not there.intersection(before):
        raise Refused(
            f"Job {job} never finished a stage before '{command.stage}'.", remedy=f"Rerun it from '{before[0]}'."
        )
    if command.only:
        return tuple(one for one in done if one.stage != command.stage)
    return tuple(one for one in done if one.stage in before)
