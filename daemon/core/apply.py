"""The fold: what each event makes of the state. Never refuses, reads nothing but its arguments, changes in place."""

from typing import assert_never

from daemon.core.folds import feedback, jobs, keeping, learning, nodes, runs, stages, trust, undoing
from daemon.core.state import State
from schema import events as e


def apply(state: State, envelope: e.Envelope) -> None:
    """Folds one envelope in; envelopes come in the order of their seqs, without gaps."""
    state.seq = envelope.seq
    event = envelope.event
    # The most frequent come first: Python tries the cases in order.
    match event:
        case e.StageAssigned():
            stages.assigned(state, event, envelope)
        case e.ArtifactStored() | e.LateResultRefused():
            pass  # Facts for the views; nothing unfinished depends on them.
        case e.StageFinished():
            stages.finished(state, event, envelope)
        case e.JobSubmitted():
            jobs.submitted(state, event, envelope)
        case e.JobFinished():
            jobs.finished(state, event)
        case (
            e.ImageRated() | e.ImageTagged() | e.ImagesCompared() | e.ComparisonTakenBack()
            | e.ImageTrashed() | e.ImageRestored()
            | e.PicturesImported() | e.PictureImported() | e.ImagePosted() | e.FavouriteSynced() | e.RunRated()
        ):  # fmt: skip
            pass  # Verdicts live in the views; here they can only be undone.
        case e.ModelTagged() | e.ModelRated() | e.ModelFavoured():
            pass  # As with pictures.
        case e.JobHeld() | e.JobReleased():
            jobs.hold_changed(state, event, envelope)
        case e.JobMoved():
            jobs.moved(state, event)
        case e.JobPriorityChanged():
            jobs.priority_changed(state, event)
        case e.JobEdited():
            jobs.edited(state, event)
        case e.JobCancelled():
            jobs.cancelled(state, event)
        case e.JobReopened():
            jobs.reopened(state, event, envelope)
        case e.JobDispatched():
            stages.dispatched(state, event, envelope)
        case e.JobFailed():
            jobs.failed(state, event)
        case e.JobParked():
            jobs.parked(state, event, envelope)
        case e.StageFailed():
            stages.failed(state, event, envelope)
        case e.StageLost():
            stages.lost(state, event, envelope)
        case e.StageCancelled():
            stages.cancelled(state, event, envelope)
        case e.StageSkipped():
            stages.skipped(state, event, envelope)
        case e.RunSubmitted():
            runs.submitted(state, event, envelope)
        case e.RunPaused() | e.RunResumed():
            runs.pause_changed(state, event)
        case e.RunReopened():
            runs.reopened(state, event, envelope)
        case e.FilmStarted():
            runs.film_started(state, event, envelope)
        case e.FilmFinished() | e.FilmFailed():
            runs.film_ended(state, event)
        case e.RunFinished():
            runs.finished(state, event)
        case e.NothingChanged() | e.LogLossAccepted() | e.DaemonStopped():
            pass
        case e.QueuePaused():
            state.paused = True
        case e.QueueResumed():
            state.paused = False
        case e.QueueModeChanged():
            state.mode = event.now
        case e.NodeJoined():
            nodes.joined(state, event, envelope)
        case e.NodeLost():
            nodes.lost(state, event)
        case e.NodeDrained() | e.NodeResumed():
            nodes.drain_changed(state, event)
        case e.NodeForgotten():
            nodes.forgotten(state, event)
        case (
            e.NodePaired() | e.NodePairFailed() | e.NodeUnpaired() | e.NodeAddressed() | e.NodeRefused()
            | e.NodeProbeStarted() | e.NodeProbed() | e.NodeBarred()
        ):  # fmt: skip
            trust.folded(state, event, envelope)
        case e.LanePinned():
            state.pin = event.now
        case e.FeedbackSwitched() | e.WeightsAdjusted() | e.WeightsReset():
            feedback.folded(state, event, envelope)
        case (
            e.LearningModeChanged() | e.InsightShown() | e.InsightWithdrawn() | e.InsightDismissed()
            | e.AdviceAdopted() | e.PresetSuggested() | e.SuggestionDropped()
            | e.RecordsImported() | e.RecordsForgotten()
        ):  # fmt: skip
            learning.folded(state, event, envelope)
        case e.AccessGranted() | e.AccessRevoked() | e.FileDamaged() | e.FileMended() | e.PicturesDeleted():
            keeping.folded(state, event, envelope)
        case e.DaemonStarted():
            state.epoch = envelope.seq
        case e.CommandUndone():
            undoing.undone(state, event, envelope)
        case e.CommandRedone():
            undoing.redone(state, event, envelope)
        case _:
            assert_never(event)
    if envelope.command is not None:
        undoing.remember(state, envelope.command, event)
