"""Runs and their films."""

import msgspec

from daemon.core.state import Run, State
from daemon.scheduling.fitness import is_real
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.ids import RunId, job_id


def submit(state: State, command: c.SubmitRun) -> list[e.Event]:
    """The whole plan at once: the run, then its jobs in order, held if the run asks for it. Where other backends are
    known, it is for them: the stand-in then never draws it unasked.
    """
    spec = command.spec
    if command.run in state.runs:
        raise Refused(f"There is already a run {command.run}.", remedy="Submit again: a new id will be drawn.")
    if not command.jobs:
        raise Refused("The plan has no jobs.", remedy="Check the packs and the limits with `plan`.")
    if len(command.jobs) != spec.jobs:
        raise Refused(f"The run says {spec.jobs} jobs, but {len(command.jobs)} came with it.", remedy="Submit again.")
    if not spec.stages and any(not job.stages for job in command.jobs):
        raise Refused("The pipeline has no stage that makes a picture.", remedy="Switch at least one stage on.")
    if any(is_real(node.backends) for node in state.nodes.values() if spec.node in (None, node.id, node.name)):
        spec = msgspec.structs.replace(spec, stand_in=False)
    events: list[e.Event] = [e.RunSubmitted(run=command.run, spec=spec)]
    for number, job in enumerate(command.jobs, 1):
        name = job_id(command.run, number)
        events.append(e.JobSubmitted(job=name, run=command.run, spec=job))
        if spec.hold:
            events.append(e.JobHeld(job=name))
    return events


def pause_or_resume(state: State, command: c.PauseRun | c.ResumeRun) -> list[e.Event]:
    run = known_run(state, command.run)
    match command:
        case c.PauseRun():
            return [] if run.paused else [e.RunPaused(run=run.id)]
        case c.ResumeRun():
            return [e.RunResumed(run=run.id)] if run.paused else []


def known_run(state: State, name: RunId) -> Run:
    run = state.runs.get(name)
    if run is None:
        raise Refused(f"No unfinished run {name}.", remedy="`status` lists the unfinished ones.")
    return run


def goes_on(run: Run) -> list[e.Event]:
    """Before a job that needed attention goes on: its run may have finished without it."""
    if not run.over:
        return []
    counts = {"finished": run.finished, "failed": run.failed, "cancelled": run.cancelled}
    return [e.RunReopened(run=run.id, spec=run.spec, **counts)]


def film_made(state: State, news: o.FilmMade) -> list[e.Event]:
    """A film of an earlier start, or of a run that goes on, is not wanted any more."""
    run = state.runs.get(news.run)
    if run is None or run.film != news.token:
        return []
    return [
        e.FilmFinished(
            run=run.id,
            token=news.token,
            image=news.image,
            film=news.film,
            frames=news.frames,
            seconds=news.seconds,
            fps=news.fps,
            codec=news.codec,
        )
    ]


def film_broke(state: State, news: o.FilmBroke) -> list[e.Event]:
    run = state.runs.get(news.run)
    if run is None or run.film != news.token:
        return []
    return [e.FilmFailed(run=run.id, token=news.token, reason=news.reason)]
