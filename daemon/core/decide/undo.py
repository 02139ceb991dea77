"""Taking a command back, and doing it again: new events that make up for its events, newest first.

Both are the same act; redo takes back the undoing. What cannot be made up for any more (a job that has ended) is left.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import structs

from daemon.core.decide import feedback, jobs, learning, models, reopen
from daemon.core.state import Held, Job, Running, State, Undoable
from daemon.core.words import deleted_since, label, nothing_left
from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.ids import CommandId, JobId

Why = Literal["undo", "redo"]
Ended = Mapping[JobId, c.EndedJob]
WENT_BACK: Mapping[reopen.Why, str] = {
    "retry": "its retry was taken back",
    "rerun": "its rerun was taken back",
    "undo": "what was taken back was done again",
    "redo": "what was done again was taken back",
}
"""Why a job that was opened again is as it was before."""

InTrash = e.ImageTrashed | e.ImageRestored | e.PictureImported


def undo(state: State, command: c.Undo) -> list[e.Event]:
    _check_top(state, state.undo, command.done, "undo")
    events = _made_up(state, command, "undo")
    return [*events, e.CommandUndone(undone=command.done, text=_text(state, state.undo[-1], command, events))]


def redo(state: State, command: c.Redo) -> list[e.Event]:
    _check_top(state, state.redo, command.done, "redo")
    events = _made_up(state, command, "redo")
    return [*events, e.CommandRedone(redone=command.done, text=_text(state, state.redo[-1], command, events))]


def _text(state: State, one: Undoable, command: c.Undo | c.Redo, made_up: list[e.Event]) -> str:
    gone = deleted_since(len(command.deleted), one)
    if made_up:
        return label(state, one) + gone
    doing: Literal["take back", "do again"] = "take back" if isinstance(command, c.Undo) else "do again"
    return nothing_left(state, one, (envelope.event for envelope in command.events), doing) + gone


def _check_top(state: State, stack: list[Undoable], done: CommandId, verb: Why) -> None:
    if not stack:
        raise Refused(
            f"There is nothing to {verb}.", remedy="Only changes to the queue and verdicts can be taken back."
        )
    if stack[-1].command != done:
        raise Refused(
            f"Something else happened meanwhile: {verb} would now be about '{label(state, stack[-1])}'.",
            remedy=f"Look, then {verb} again.",
        )


def _made_up(state: State, command: c.Undo | c.Redo, why: Why) -> list[e.Event]:
    events: list[e.Event] = []
    back: list[e.JobReopened] = []
    ended = {one.job: one for one in command.ended}
    submitted = {one.event.job for one in command.events if isinstance(one.event, e.JobSubmitted)}
    # what a run had as a whole before, its pictures had of it; other stars were given to a picture by itself
    wholes = {one.event.was for one in command.events if isinstance(one.event, e.RunRated)} - {0}
    deleted = frozenset(command.deleted)
    # these came back as they had ended: paused, and so they are to be found when they come back again
    reopened = {one.event.run for one in command.events if isinstance(one.event, e.RunReopened)}
    for envelope in reversed(command.events):
        event = envelope.event
        if isinstance(event, InTrash) and event.image in deleted:
            continue
        if isinstance(event, e.JobHeld) and event.job in submitted:
            continue
        if isinstance(event, e.RunPaused) and event.run in reopened:
            continue
        inverse = _inverse(state, event, ended, why)
        if isinstance(inverse, e.ImageRated):
            inverse = structs.replace(inverse, whole=inverse.stars in wholes)
        if isinstance(inverse, e.JobReopened):
            back.append(inverse)
        elif inverse is not None:
            events.append(inverse)
    back.reverse()
    return [*events, *reopen.with_runs(state, back, command.runs)]


def _inverse(state: State, event: e.Event, ended: Ended, why: Why) -> e.Event | None:
    """None: nothing to make up for, or it makes no sense any more."""
    match event:
        case e.QueuePaused():
            return e.QueueResumed() if state.paused else None
        case e.QueueResumed():
            return None if state.paused else e.QueuePaused()
        case e.QueueModeChanged():
            return None if state.mode == event.was else e.QueueModeChanged(was=state.mode, now=event.was)
        case e.RunPaused() | e.RunResumed():
            return _run_back(state, event)
        case e.NodeDrained() | e.NodeResumed():
            return _node_back(state, event)
        case e.LanePinned(was=was, now=now):
            changed = state.pin != now or (was is not None and was not in state.nodes)
            return None if changed else e.LanePinned(was=now, now=was)
        case e.FeedbackSwitched() | e.WeightsAdjusted() | e.WeightsReset():
            return feedback.inverse(state, event)
        case (
            e.LearningModeChanged() | e.InsightDismissed() | e.AdviceAdopted() | e.PresetSuggested()
            | e.SuggestionDropped() | e.RecordsImported() | e.RunRated()
        ):  # fmt: skip
            return learning.inverse(state, event)
        case e.ImageRated():
            return e.ImageRated(image=event.image, stars=event.was, was=event.stars)
        case e.ImageTagged():
            return e.ImageTagged(image=event.image, added=event.removed, removed=event.added)
        case e.ImagesCompared():
            return e.ComparisonTakenBack(better=event.better, worse=event.worse, tie=event.tie)
        case e.ComparisonTakenBack():
            return e.ImagesCompared(better=event.better, worse=event.worse, tie=event.tie)
        case e.ImageTrashed():
            return e.ImageRestored(image=event.image)
        case e.PictureImported():
            return e.ImageTrashed(image=event.image)
        case e.ImageRestored():
            return e.ImageTrashed(image=event.image)
        case e.ModelTagged() | e.ModelRated() | e.ModelFavoured():
            return models.taken_back(event)
        case e.JobCancelled() | e.JobFinished() | e.JobFailed():
            return _job_back(state, event, ended, why)
        case _:
            return _live_job_back(state, event, why)


def _run_back(state: State, event: e.RunPaused | e.RunResumed) -> e.Event | None:
    run = state.runs.get(event.run)
    if run is None or run.paused != isinstance(event, e.RunPaused):
        return None
    return e.RunResumed(run=run.id) if run.paused else e.RunPaused(run=run.id)


def _node_back(state: State, event: e.NodeDrained | e.NodeResumed) -> e.Event | None:
    node = state.nodes.get(event.node)
    if node is None or node.drained != isinstance(event, e.NodeDrained):
        return None
    return e.NodeResumed(node=node.id) if node.drained else e.NodeDrained(node=node.id)


def _job_back(
    state: State, event: e.JobCancelled | e.JobFinished | e.JobFailed, ended: Ended, why: Why
) -> e.JobReopened | None:
    """An ended job waits again where it stood, unless it has been brought back already."""
    one = ended.get(event.job)
    if one is None or event.job in state.jobs:
        return None
    if not isinstance(event, e.JobCancelled):
        return reopen.ended_again(one, why, one.done)
    if one.phase != "cancelled":
        return None
    if event.priority is not None:
        one = structs.replace(one, spec=structs.replace(one.spec, priority=event.priority))
    return reopen.ended_again(one, why, one.done, held=event.was == "held", rank=event.rank, home=event.home)


def _live_job_back(state: State, event: e.Event, why: Why) -> e.Event | None:
    name: JobId | None = getattr(event, "job", None)
    job = state.jobs.get(name) if name is not None else None
    if job is None:
        return None
    match event:
        case e.JobSubmitted():
            return jobs.cancelled(job, f"{why}: its run was taken back")
        case e.JobHeld():
            return e.JobReleased(job=job.id) if jobs.may_release(job) else None
        case e.JobReleased():
            return e.JobHeld(job=job.id) if jobs.may_hold(job) else None
        case e.JobMoved():
            if job.rank == event.was:
                return None
            return e.JobMoved(job=job.id, was=job.rank, now=event.was, aside=event.aside)
        case e.JobPriorityChanged():
            if job.priority == event.was:
                return None
            return e.JobPriorityChanged(job=job.id, was=job.priority, now=event.was)
        case e.JobEdited():
            if job.spec == event.was or not jobs.may_edit(job):
                return None
            return e.JobEdited(job=job.id, was=job.spec, now=event.was)
        case e.JobReopened() if isinstance(job.phase, Running):
            return jobs.cancelled(job, WENT_BACK[event.reason])
        case e.JobReopened(was="finished"):
            return e.JobFinished(job=job.id)
        case e.JobReopened(was="failed"):
            return e.JobFailed(job=job.id, trouble="cancelled", reason=WENT_BACK[event.reason])
        case e.JobReopened(was="attention"):
            return e.JobParked(job=job.id, trouble="cancelled", reason=WENT_BACK[event.reason])
        case e.JobReopened():
            return jobs.cancelled(job, WENT_BACK[event.reason])
        case e.JobParked():
            return _again(job, why)
        case e.StageSkipped():
            return _again(job, why) if event.stage in job.skipped else None
        case _:
            return None


def _again(job: Job, why: Why) -> e.JobReopened:
    """A job that is still there waits again, from its first unfinished stage, skipped ones included."""
    return reopen.live_again(job, why, job.done, only=job.only, held=isinstance(job.phase, Held))
