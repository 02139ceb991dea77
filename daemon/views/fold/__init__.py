"""The fold of the read models: one event in, the statements that write it out. Pure; the table of contents.

Statements are (SQL, values); the SQL texts are constants, so that runs of the same one are executed together.
"""

from typing import assert_never

from daemon.views.fold import foreign, images, jobs, learning, lessons, looks, models, runs, stages
from daemon.views.fold.statement import Statement
from schema import events as e

__all__ = ["Statement", "fold"]


def fold(envelope: e.Envelope) -> list[Statement]:
    """What this event changes in the views, in order; most events of the daemon itself change nothing."""
    event = envelope.event
    match event:
        case (
            e.RunSubmitted() | e.RunPaused() | e.RunResumed() | e.RunReopened() | e.RunFinished()
            | e.FilmStarted() | e.FilmFinished() | e.FilmFailed()
        ):  # fmt: skip
            return runs.fold(envelope, event)
        case (
            e.JobSubmitted() | e.JobHeld() | e.JobReleased() | e.JobMoved() | e.JobPriorityChanged() | e.JobEdited()
            | e.JobCancelled() | e.JobReopened() | e.JobFinished() | e.JobFailed() | e.JobParked()
        ):  # fmt: skip
            return jobs.fold(envelope, event)
        case e.StageFinished():
            seen = looks.fold(envelope, event)
            behind = learning.scored(envelope, event) if seen else learning.made(envelope, event)
            return [*stages.fold(envelope, event), *seen, *behind]
        case (
            e.StageAssigned() | e.StageFailed() | e.StageLost() | e.StageCancelled()
            | e.StageSkipped() | e.JobDispatched()
        ):  # fmt: skip
            return stages.fold(envelope, event)
        case (
            e.ArtifactStored() | e.ImageTrashed() | e.ImageRestored() | e.PicturesDeleted()
        ):  # fmt: skip
            return images.fold(envelope, event)
        case e.ImageRated() | e.ImageTagged():
            return [*images.fold(envelope, event), *learning.fold(envelope, event)]
        case (
            e.ImagesCompared() | e.ComparisonTakenBack() | e.RunRated() | e.RecordsImported() | e.RecordsForgotten()
        ):  # fmt: skip
            return learning.fold(envelope, event)
        case (
            e.LearningModeChanged() | e.InsightShown() | e.InsightWithdrawn() | e.InsightDismissed()
            | e.AdviceAdopted() | e.PresetSuggested() | e.SuggestionDropped()
        ):  # fmt: skip
            return lessons.fold(envelope, event)
        case e.PicturesImported() | e.PictureImported() | e.ImagePosted() | e.FavouriteSynced():
            return foreign.fold(envelope, event)
        case e.ModelTagged() | e.ModelRated() | e.ModelFavoured():
            return models.fold(event)
        case e.NodeJoined():
            return [(NODE, (event.node, event.name))]
        case (
            e.DaemonStarted() | e.DaemonStopped() | e.NothingChanged() | e.LogLossAccepted() | e.LateResultRefused()
            | e.QueuePaused() | e.QueueResumed() | e.QueueModeChanged()
            | e.NodeLost() | e.NodeDrained() | e.NodeResumed() | e.NodeForgotten()
            | e.NodePaired() | e.NodePairFailed() | e.NodeUnpaired() | e.NodeAddressed() | e.NodeRefused()
            | e.NodeProbeStarted() | e.NodeProbed() | e.NodeBarred() | e.LanePinned()
            | e.FeedbackSwitched() | e.WeightsAdjusted() | e.WeightsReset()
            | e.CommandUndone() | e.CommandRedone()
            | e.AccessGranted() | e.AccessRevoked() | e.FileDamaged() | e.FileMended()
        ):  # fmt: skip
            return []
        case _:
            assert_never(event)


NODE = "INSERT INTO nodes VALUES (?, ?) ON CONFLICT(id) DO UPDATE SET name = excluded.name"
