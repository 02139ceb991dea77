"""Nodes that go for good are forgotten; agents that outlive the daemon keep what they are at."""

import pytest

from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.observations import DaemonBegan, NodeGone


def test_a_lost_node_is_forgotten_and_may_come_back_as_new(case):
    case.node("gone")
    case.wish(c.DrainNode(node="gone"))
    case.news(NodeGone(node="gone", reason="sold"))

    assert case.wish(c.ForgetNode(node="gone")) == [e.NodeForgotten(node="gone")]
    assert case.state.nodes == {}
    case.node("gone")
    assert not case.state.nodes["gone"].drained


def test_only_a_lost_one_with_nothing_under_way_for_which_nobody_waits(case):
    case.node("here", link="lan")
    with pytest.raises(Refused, match="is connected"):
        case.wish(c.ForgetNode(node="here"))
    with pytest.raises(Refused, match="no node nowhere"):
        case.wish(c.ForgetNode(node="nowhere"))

    (job,) = case.run(node="here")
    attempt = case.start(job)
    case.given(e.NodeLost(node="here", reason="unplugged"))
    with pytest.raises(Refused, match="attempt under way"):
        case.wish(c.ForgetNode(node="here"))
    case.given(e.StageLost(job=job, stage="paint", token=attempt.token, node="here", reason="unplugged"))
    with pytest.raises(Refused, match="is for here only"):
        case.wish(c.ForgetNode(node="here"))

    case.wish(c.CancelJobs(jobs=(job,)))
    case.settle()
    assert case.wish(c.ForgetNode(node="here")) == [e.NodeForgotten(node="here")]
    assert case.news(case.returned(attempt)) == [
        e.LateResultRefused(job=job, stage="paint", token=attempt.token, node="here", reason="closed")
    ]


def test_forgetting_cannot_be_undone_and_hinders_no_undo(case):
    case.node("gone")
    case.wish(c.DrainNode(node="gone"))
    case.news(NodeGone(node="gone", reason="sold"))
    case.wish(c.ForgetNode(node="gone"))

    assert [one.verb for one in case.state.undo] == ["drain"]
    events = case.wish(c.Undo(done="c1", events=case.events_of(1)))
    assert [type(event) for event in events] == [e.CommandUndone]


@pytest.mark.parametrize(("link", "open_after"), [("loopback", 0), ("local", 1), ("lan", 1)])
def test_only_the_embedded_agents_attempts_die_with_the_daemon(case, link, open_after):
    case.node(link=link)
    (job,) = case.run()
    case.start(job)

    case.news(DaemonBegan(version="1", sqlite="3", host="h"))

    assert len(case.state.attempts) == open_after
