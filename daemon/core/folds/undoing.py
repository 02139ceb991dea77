"""The undo and redo stacks: ids of commands, newest last, with what it takes to say them in words."""

from msgspec.structs import replace

from daemon.core.state import State, Undoable
from schema import events as e
from schema.ids import CommandId, RunId, run_of

MOST = 100


def remember(state: State, command: CommandId, event: e.Event) -> None:
    """Puts the event's command on top of the undo stack, if it can be taken back."""
    verb = _VERBS.get(type(event))
    if verb is None or (isinstance(event, e.NodeResumed) and not event.drained):
        return
    if isinstance(event, e.JobReopened):
        verb = event.reason
    run = _run_of(event)
    top = state.undo[-1] if state.undo else None
    if top is not None and top.command == command:
        state.undo[-1] = replace(top, count=top.count + 1, run=top.run if top.run == run else None)
        return
    state.undo = [*state.undo[-(MOST - 1) :], Undoable(command=command, verb=verb, run=run)]
    state.aside, state.redo = state.redo, []


def undone(state: State, event: e.CommandUndone, envelope: e.Envelope) -> None:
    """The undone command leaves the undo stack; the undoing itself can be taken back by redo."""
    _drop_own(state, envelope)
    taken = [one for one in state.undo if one.command == event.undone]
    state.undo = [one for one in state.undo if one.command != event.undone]
    if taken and envelope.command is not None:
        state.redo = [*state.redo[-(MOST - 1) :], replace(taken[0], command=envelope.command)]


def redone(state: State, event: e.CommandRedone, envelope: e.Envelope) -> None:
    """The other way round: what was done again can be undone again."""
    _drop_own(state, envelope)
    taken = [one for one in state.redo if one.command == event.redone]
    state.redo = [one for one in state.redo if one.command != event.redone]
    if taken and envelope.command is not None:
        state.undo = [*state.undo[-(MOST - 1) :], replace(taken[0], command=envelope.command)]


def _drop_own(state: State, envelope: e.Envelope) -> None:
    """The compensating events were remembered like a command of their own: as if they were not."""
    if state.undo and state.undo[-1].command == envelope.command:
        state.undo = state.undo[:-1]
        state.redo = state.aside
    state.aside = []


def _run_of(event: e.Event) -> RunId | None:
    run: RunId | None = getattr(event, "run", None)
    job = getattr(event, "job", None)
    return run if run is not None or job is None else run_of(job)


_VERBS: dict[type[e.Event], str] = {
    e.RunSubmitted: "submit",
    e.RunPaused: "pause run",
    e.RunResumed: "resume run",
    e.JobHeld: "hold",
    e.JobReleased: "release",
    e.JobMoved: "move",
    e.JobPriorityChanged: "priority",
    e.JobEdited: "edit",
    e.JobCancelled: "cancel",
    e.JobReopened: "retry",
    e.StageSkipped: "skip",
    e.ImageRated: "rate",
    e.RunRated: "rate run",
    e.ImageTagged: "tag",
    e.LearningModeChanged: "learning mode",
    e.InsightDismissed: "dismiss",
    e.AdviceAdopted: "adopt",
    e.PresetSuggested: "suggest",
    e.SuggestionDropped: "drop",
    e.RecordsImported: "import records",
    e.ImagesCompared: "compare",
    e.ComparisonTakenBack: "compare",
    e.ImageTrashed: "trash",
    e.ImageRestored: "restore",
    e.PictureImported: "import",
    e.ModelTagged: "tag model",
    e.ModelRated: "rate model",
    e.ModelFavoured: "favour model",
    e.QueuePaused: "pause",
    e.QueueResumed: "resume",
    e.QueueModeChanged: "mode",
    e.NodeDrained: "drain",
    e.NodeResumed: "resume node",
    e.LanePinned: "pin",
    e.FeedbackSwitched: "feedback",
    e.WeightsReset: "reset",
    e.WeightsAdjusted: "reset",
}
"""Events that make their command one that can be taken back."""
