"""Verdicts, the queue as a whole, nodes, and the daemon's own start and end."""

import pytest

from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.observations import AttemptGone, DaemonBegan, DaemonEnds, NodeGone, TimePassed
from schema.plans import FilmSpec

BEGAN = DaemonBegan(version="1", sqlite="3.45", host="attic")


def test_a_picture_is_rated_only_if_that_is_news(case):
    new, same = c.Rating(image="a", stars=4, was=0), c.Rating(image="b", stars=2, was=2)

    assert case.wish(c.RateImages(ratings=(new, same))) == [e.ImageRated(image="a", stars=4, was=0)]


@pytest.mark.parametrize("stars", [-1, 6])
def test_stars_go_from_none_to_five(case, stars):
    with pytest.raises(Refused, match="stars cannot be given"):
        case.wish(c.RateImages(ratings=(c.Rating(image="a", stars=stars, was=0),)))


def test_tags_are_added_and_removed_once(case):
    images = (c.Tagging(image="a", tags=("sky",)), c.Tagging(image="b", tags=("sea",)))

    events = case.wish(c.TagImages(images=images, add=("sea", "sea"), remove=("sky",)))

    assert events == [e.ImageTagged(image="a", added=("sea",), removed=("sky",))]


def test_two_pictures_are_compared(case):
    assert case.wish(c.CompareImages(better="a", worse="b")) == [e.ImagesCompared(better="a", worse="b")]
    with pytest.raises(Refused):
        case.wish(c.CompareImages(better="a", worse="a"))


def test_pictures_are_trashed_and_restored(case):
    assert case.wish(c.TrashImages(images=("a", "a"))) == [e.ImageTrashed(image="a")]
    assert case.wish(c.RestoreImages(images=("a",))) == [e.ImageRestored(image="a")]


def test_a_paused_queue_starts_nothing(case):
    case.run()
    case.node()
    assert case.wish(c.PauseQueue()) == [e.QueuePaused()]
    assert case.wish(c.PauseQueue()) == []
    assert case.settle() == []

    assert case.wish(c.ResumeQueue()) == [e.QueueResumed()]
    assert case.wish(c.ResumeQueue()) == []

    assert len(case.settle()) == 1


def test_the_mode_is_changed(case):
    assert case.wish(c.SetQueueMode(mode="warm")) == [e.QueueModeChanged(was="share", now="warm")]
    assert case.wish(c.SetQueueMode(mode="warm")) == []


def test_a_loss_of_the_log_is_accepted(case):
    assert case.wish(c.AcceptLogLoss(after=12, lost=3)) == [e.LogLossAccepted(after=12, lost=3)]


def test_a_node_is_news_when_it_comes_and_when_its_card_changes(case):
    case.node()
    seq = case.state.seq
    case.node()
    assert case.state.seq == seq

    case.node(kinds=("txt2img",))

    assert case.state.nodes["mill"].kinds == ("txt2img",)


def test_what_a_lost_node_was_at_waits_again(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    lost, stage = case.news(NodeGone(node="mill", reason="silent"))

    assert (lost, stage.token) == (e.NodeLost(node="mill", reason="silent"), attempt.token)
    assert case.phase(job) == "queued"
    assert case.settle() == []
    case.node()
    assert len(case.settle()) == 1
    assert case.news(NodeGone(node="nobody", reason="silent")) == []


def test_a_lost_node_that_was_at_a_cancelled_attempt_lets_go_of_it(case):
    (job,) = case.run()
    case.node()
    case.start(job)
    case.wish(c.CancelJobs(jobs=(job,)))

    events = case.news(NodeGone(node="mill", reason="silent"))

    assert [type(event).__name__ for event in events] == ["NodeLost", "StageCancelled"]


def test_a_drained_node_ends_what_it_is_at_and_gets_nothing_new(case):
    one, two = case.run(jobs=2, stages=(case.submit("x", ()).spec.stages[0],))
    case.node()
    attempt = case.start(one)

    assert case.wish(c.DrainNode(node="mill")) == [e.NodeDrained(node="mill")]
    assert case.wish(c.DrainNode(node="mill")) == []
    case.news(case.returned(attempt))
    assert [type(event).__name__ for event in case.settle()] == ["JobFinished"]

    assert case.wish(c.ResumeNode(node="mill")) == [e.NodeResumed(node="mill")]
    assert case.wish(c.ResumeNode(node="mill")) == []
    assert [event.job for event in case.settle()] == [two]


def test_an_unknown_node_is_refused_with_those_that_are_known(case):
    case.node()
    with pytest.raises(Refused, match="Known nodes: mill"):
        case.wish(c.DrainNode(node="barn"))


def test_after_a_restart_loopback_attempts_are_lost_and_do_not_count(case):
    (job,) = case.run()
    case.node()
    attempt = case.start(job)

    events = case.news(BEGAN)

    assert [type(event).__name__ for event in events] == ["DaemonStarted", "NodeLost", "StageLost"]
    assert case.state.epoch == case.state.seq - 2
    assert case.state.attempts == {}
    # Its result was in the spool: nothing is painted twice.
    case.news(case.returned(attempt))
    case.node()
    assert case.start(job).stage == "enlarge"


def test_after_a_restart_attempts_on_other_machines_go_on(case):
    (job,) = case.run()
    case.node(link="lan")
    attempt = case.start(job)

    case.news(BEGAN)

    assert case.attempt(job) == attempt
    case.news(AttemptGone(attempt=attempt, reason="unknown to the agent"))
    assert case.phase(job) == "queued"


def test_after_a_restart_a_film_under_way_is_begun_again(case):
    (job,) = case.run(film=FilmSpec())
    case.node()
    case.finish(job)
    token = case.state.runs["run"].film

    assert case.news(BEGAN)[-1] == e.FilmStarted(run="run")

    assert case.state.runs["run"].film > token


def test_the_end_of_the_daemon_is_noted_and_time_alone_changes_nothing(case):
    assert case.news(DaemonEnds(reason="asked to")) == [e.DaemonStopped(reason="asked to")]
    assert case.news(TimePassed()) == []
