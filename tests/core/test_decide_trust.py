"""Nodes on the network: paired, proved, found elsewhere, doubted, unpaired and paired again."""

import pytest

from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.observations import (
    DaemonBegan,
    NodeBound,
    NodeDistrusted,
    NodeGone,
    NodeMoved,
    NodeSeen,
    PairingFailed,
    ProbeEnded,
    ProbeWanted,
)

BEGAN = DaemonBegan(version="1", sqlite="3", host="h")


def types(events):
    return [type(event).__name__ for event in events]


def bound(**more):
    fields = {"node": "mill", "name": "mill", "certificate": "PEM of mill", "address": "10.0.0.7:7801", **more}
    return NodeBound(**fields)


def probe(case, *, ok=True, reason=""):
    (started,) = case.news(ProbeWanted(node="mill"))
    assert isinstance(started, e.NodeProbeStarted)
    return case.news(ProbeEnded(node="mill", token=case.state.seq, ok=ok, reason=reason))


def test_a_paired_node_is_given_work_only_once_its_probe_was_good(case):
    (job,) = case.run()
    assert types(case.news(bound())) == ["NodePaired"]
    assert case.settle() == []
    case.node(link="lan")
    assert case.settle() == []

    assert types(probe(case, ok=False, reason="the picture is black")) == ["NodeProbed"]
    assert (case.state.nodes["mill"].proved, case.settle()) == (False, [])
    assert case.state.nodes["mill"].trouble == "the picture is black"
    probe(case)

    assert case.start(job).node == "mill"
    assert case.state.nodes["mill"].trouble == ""


def test_a_failed_probe_takes_nothing_from_a_node_that_was_proved(case):
    case.node(link="lan")

    probe(case, ok=False, reason="it took too long")

    assert case.state.nodes["mill"].proved
    assert case.state.nodes["mill"].trouble == "it took too long"


def test_one_that_is_not_paired_is_not_seen(case):
    joined = e.NodeJoined(node="x", name="x", instance="i", link="lan", backends=("webui",), kinds=("txt2img",))

    assert case.news(NodeSeen(joined=joined)) == []
    assert case.state.nodes == {}


def test_pairing_told_twice_is_one_pairing(case):
    case.news(bound())
    assert case.news(bound()) == []

    case.node(link="lan")
    assert case.news(bound()) == []
    assert types(case.news(bound(address="10.0.0.9:7801"))) == ["NodeAddressed"]
    assert case.state.nodes["mill"].instance == "i1", "it is there all the while"


def test_a_node_that_lost_its_pin_is_paired_again_with_what_was_learned_of_it(case):
    (job,) = case.run()
    case.node(link="lan")
    case.finish(job)
    case.wish(c.DrainNode(node="mill"))
    learned = case.state.nodes["mill"].costs
    case.news(NodeDistrusted(node="mill", standing="untrusted", reason="it does not know this daemon any more"))

    assert types(case.news(bound())) == ["NodePaired"]

    node = case.state.nodes["mill"]
    assert (node.standing, node.proved, node.lost, node.drained) == (None, False, True, True)
    assert learned and node.costs == learned
    assert node.done == 2


def test_failed_pairings_are_told_and_change_nothing(case):
    failed = PairingFailed(address="10.0.0.7:7801", name="mill", reason="the code is wrong")

    assert types(case.news(failed)) == ["NodePairFailed"]
    assert case.state.nodes == {}


def test_a_paired_node_is_found_at_another_address(case):
    case.node(link="lan")
    moved = NodeMoved(node="mill", address="10.0.0.8:7801")

    assert types(case.news(moved)) == ["NodeAddressed"]
    assert case.news(moved) == []
    assert case.state.nodes["mill"].address == "10.0.0.8:7801"
    assert case.news(NodeMoved(node="nobody", address="10.0.0.8:7801")) == []


@pytest.mark.parametrize("standing", ["untrusted", "incompatible", "conflicted"])
def test_what_a_doubted_node_was_at_goes_elsewhere_and_it_is_given_nothing(case, standing):
    (job,) = case.run()
    case.node(link="lan")
    attempt = case.start(job)
    news = NodeDistrusted(node="mill", standing=standing, reason="two machines have its key")

    assert types(case.news(news)) == ["StageLost", "NodeRefused"]
    assert case.news(news) == []
    assert case.settle() == []
    case.node("loft", link="lan")
    assert case.start(job).node == "loft"
    assert case.news(case.returned(attempt))[0].reason == "fenced"

    case.node(link="lan")
    assert (case.state.nodes["mill"].standing, case.state.nodes["mill"].trouble) == (None, "")


def test_a_doubted_node_that_is_lost_is_doubted_anew_when_it_is_back(case):
    case.node(link="lan")
    news = NodeDistrusted(node="mill", standing="conflicted", reason="two machines have its key")
    case.news(news)

    assert types(case.news(NodeGone(node="mill", reason="silent for 45 s"))) == ["NodeLost"]
    assert types(case.news(news)) == ["NodeRefused"]
    assert types(case.news(BEGAN)) == ["DaemonStarted", "NodeLost"]


def test_unpairing_ends_what_it_was_at_and_refuses_what_still_comes(case):
    (job,) = case.run()
    case.node(link="lan")
    attempt = case.start(job)

    assert types(case.wish(c.UnpairNode(node="mill"))) == ["StageLost", "NodeUnpaired"]

    assert case.news(case.returned(attempt))[0].reason == "closed"
    assert case.settle() == []
    with pytest.raises(Refused, match="never paired"):
        case.wish(c.UnpairNode(node="mill"))
    assert types(case.wish(c.ForgetNode(node="mill"))) == ["NodeForgotten"]


def test_an_unpaired_node_is_paired_again(case):
    case.node(link="lan")
    case.wish(c.UnpairNode(node="mill"))
    case.node(link="lan")
    assert case.state.nodes["mill"].lost, "it is not seen"

    assert types(case.news(bound())) == ["NodePaired"]
    case.node(link="lan")
    probe(case)

    (job,) = case.run()
    assert case.start(job).node == "mill"


def test_nodes_of_this_machine_are_not_unpaired(case):
    case.node()

    with pytest.raises(Refused, match="never paired"):
        case.wish(c.UnpairNode(node="mill"))


def test_one_probe_at_a_time_of_nodes_that_are_there(case):
    assert case.news(ProbeWanted(node="nobody")) == []
    case.pair(proved=False)
    assert case.news(ProbeWanted(node="mill")) == []
    case.node(link="lan")
    case.news(ProbeWanted(node="mill"))
    assert case.news(ProbeWanted(node="mill")) == []
    assert case.news(ProbeEnded(node="mill", token=1, ok=True)) == []


def test_a_probe_dies_with_the_connection_and_with_the_daemon(case):
    case.pair(proved=False)
    case.node(link="lan")
    case.news(ProbeWanted(node="mill"))
    token = case.state.nodes["mill"].probe

    case.news(NodeGone(node="mill", reason="unplugged"))
    assert case.news(ProbeEnded(node="mill", token=token, ok=True)) == []
    case.node(link="lan")
    assert types(case.news(ProbeWanted(node="mill"))) == ["NodeProbeStarted"]

    case.given(e.DaemonStarted(version="1", sqlite="3", host="h"))
    assert types(case.news(ProbeWanted(node="mill"))) == ["NodeProbeStarted"]


def test_an_agent_of_this_machine_needs_no_probe_also_if_it_was_paired_over_the_network(case):
    case.pair(proved=False)
    case.node(link="local")
    (job,) = case.run()

    assert case.start(job).node == "mill"
    assert case.news(bound(certificate="PEM of another key"))[0].certificate == "PEM of another key"
    assert not case.state.nodes["mill"].lost, "it is still there, over its socket"


def test_the_live_lane_is_pinned_and_the_pin_taken_back(case):
    case.node()

    assert case.wish(c.PinLane(node="mill")) == [e.LanePinned(was=None, now="mill")]
    assert case.wish(c.PinLane(node="mill")) == []
    with pytest.raises(Refused, match="no node nowhere"):
        case.wish(c.PinLane(node="nowhere"))
    case.wish(c.Undo(done="c1", events=case.events_of(1)))

    assert case.state.pin is None
    assert [one.verb for one in case.state.redo] == ["pin"]


def test_a_pin_goes_with_its_node(case):
    case.node()
    case.wish(c.PinLane(node="mill"))
    case.news(NodeGone(node="mill", reason="sold"))
    assert case.state.pin == "mill"

    case.wish(c.ForgetNode(node="mill"))

    assert case.state.pin is None
    events = case.wish(c.Undo(done="c1", events=case.events_of(1)))
    assert types(events) == ["CommandUndone"], "there is nothing to take back any more"


def test_a_whole_run_stays_over_a_restart_and_goes_elsewhere_when_its_node_is_lost(case):
    case.node(link="lan")
    (job,) = case.run(whole=True)
    case.start(job)
    run = case.state.runs["run"]
    assert run.node == "mill"

    case.news(BEGAN)
    assert run.node == "mill", "it may well be there"
    case.news(NodeGone(node="mill", reason="it has not come back"))
    assert run.node is None


def test_moves_between_nodes_are_counted(case):
    (job,) = case.run()
    case.node("mill", kinds=("txt2img",))
    case.node("loft", kinds=("upscale",))
    case.finish(job)

    assert case.state.nodes["mill"].done == case.state.nodes["loft"].done == 1
    (other,) = case.run("other")
    case.news(case.returned(case.start(other)))
    case.start(other)
    assert case.state.runs["other"].moves == 1
    assert case.state.runs["other"].served == {"": case.now}
