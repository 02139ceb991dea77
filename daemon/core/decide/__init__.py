"""What an input makes happen: one small function per command and observation, sorted into files by noun."""

from typing import assert_never

from daemon.core.decide import (
    failing,
    feedback,
    foreign,
    images,
    jobs,
    keeping,
    learning,
    models,
    moves,
    nodes,
    queue,
    reopen,
    runs,
    stages,
    trust,
    undo,
)
from daemon.core.rules import Rules
from daemon.core.state import State
from schema import commands as c
from schema import observations as o
from schema.events import Event, LogLossAccepted
from schema.ids import Seq

Input = c.Command | o.Observation


def decide(state: State, wish_or_news: Input, rules: Rules) -> list[Event]:
    """The events, nothing if it changes nothing. Raises Refused for a wish that cannot be granted."""
    match wish_or_news:
        case c.SubmitRun() as command:
            return runs.submit(state, command)
        case c.PauseRun() | c.ResumeRun() as command:
            return runs.pause_or_resume(state, command)
        case c.CancelJobs() as command:
            return jobs.cancel(state, command)
        case c.HoldJobs() as command:
            return jobs.hold(state, command)
        case c.ReleaseJobs() as command:
            return jobs.release(state, command)
        case c.MoveJobs() as command:
            return moves.move(state, command)
        case c.SetPriority() as command:
            return jobs.set_priority(state, command)
        case c.EditJobs() as command:
            return jobs.edit(state, command)
        case c.SkipStage() as command:
            return jobs.skip(state, command)
        case c.RetryJobs() as command:
            return reopen.retry(state, command)
        case c.RerunJobs() as command:
            return reopen.rerun(state, command)
        case c.RateImages() | c.TagImages() | c.CompareImages() | c.TrashImages() | c.RestoreImages() as command:
            return images.judge(command)
        case c.ImportPictures() | c.NotePosts() | c.NoteFavourites() as command:
            return foreign.noted(command)
        case c.JudgeModels() as command:
            return models.judge(command)
        case c.PauseQueue() | c.ResumeQueue() | c.SetQueueMode() as command:
            return queue.change(state, command)
        case c.DrainNode() | c.ResumeNode() as command:
            return nodes.drain_or_resume(state, command)
        case c.ForgetNode() as command:
            return nodes.forget(state, command)
        case c.UnpairNode() as command:
            return trust.unpair(state, command)
        case c.PinLane() as command:
            return trust.pin(state, command)
        case c.SwitchFeedback() | c.ResetFeedback() as command:
            return feedback.change(state, command)
        case (
            c.SetLearningMode() | c.TellInsights() | c.DismissInsight() | c.AdoptAdvice() | c.SuggestPresets()
            | c.DropSuggestion() | c.ImportRecords() | c.ForgetRecords()
        ) as command:  # fmt: skip
            return learning.decided(state, command)
        case c.GrantAccess() | c.RevokeAccess() | c.DeletePictures() as command:
            return keeping.decided(state, command)
        case c.Undo() as command:
            return undo.undo(state, command)
        case c.Redo() as command:
            return undo.redo(state, command)
        case c.AcceptLogLoss(after=after, lost=lost):
            return [LogLossAccepted(after=Seq(after), lost=lost)]
        case o.DaemonBegan() as news:
            return nodes.daemon_began(state, news)
        case o.DaemonEnds() as news:
            return nodes.daemon_ends(news)
        case o.TimePassed():
            return []
        case o.NodeSeen() as news:
            return nodes.seen(state, news)
        case o.NodeGone() as news:
            return nodes.gone(state, news, rules)
        case o.StageReturned() as news:
            return stages.returned(state, news, rules)
        case o.StageBroke() as news:
            return failing.broke(state, news, rules)
        case o.AttemptGone() as news:
            return stages.gone(state, news, rules)
        case (
            o.NodeBound() | o.PairingFailed() | o.NodeMoved() | o.NodeDistrusted() | o.ProbeWanted() | o.ProbeEnded()
        ) as news:
            return trust.heard(state, news, rules)
        case o.FileChecked() as news:
            return keeping.checked(state, news)
        case o.LooksWeighed() as news:
            return feedback.weighed(state, news)
        case o.FilmMade() as news:
            return runs.film_made(state, news)
        case o.FilmBroke() as news:
            return runs.film_broke(state, news)
        case _:
            assert_never(wish_or_news)
