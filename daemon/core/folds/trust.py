"""What becomes of nodes on the network: paired, found elsewhere, not trusted, proved, barred for a while."""

from msgspec.structs import replace

from daemon.core.breaker import ANYTHING
from daemon.core.folds.nodes import let_go
from daemon.core.state import Node, State
from schema import events as e
from schema.ids import Token

SLACK = 1.0
"""Seconds: times in the log are rounded, and a bar holds from the very moment it was put up."""

Trust = (
    e.NodePaired
    | e.NodePairFailed
    | e.NodeUnpaired
    | e.NodeAddressed
    | e.NodeRefused
    | e.NodeProbeStarted
    | e.NodeProbed
    | e.NodeBarred
)


def folded(state: State, event: Trust, envelope: e.Envelope) -> None:
    if isinstance(event, e.NodePaired):
        _paired(state, event)
        return
    node = None if event.node is None else state.nodes.get(event.node)
    if node is None:
        return
    match event:
        case e.NodePairFailed():
            pass  # A fact for people; it changes nothing.
        case e.NodeUnpaired():
            node.certificate, node.address, node.lost = "", "", True
            node.standing, node.trouble, node.proved, node.probe, node.model = None, "", False, None, None
            let_go(state, node.id)
        case e.NodeAddressed(address=address):
            node.address = address
        case e.NodeRefused(standing=standing, reason=reason):
            node.standing, node.trouble, node.lost, node.probe, node.model = standing, reason, False, None, None
        case e.NodeProbeStarted():
            node.probe = Token(envelope.seq)
        case e.NodeProbed(ok=ok, reason=reason):
            node.probe, node.proved = None, node.proved or ok
            node.trouble = "" if ok else reason
        case e.NodeBarred():
            _barred(node, event, envelope.at)


def _barred(node: Node, event: e.NodeBarred, at: float) -> None:
    """The failures that led to it are paid for; bars that have fallen are forgotten."""
    key = ANYTHING if event.model is None else event.model
    node.barred = {one: bar for one, bar in node.barred.items() if bar[0] <= at < bar[1]}
    node.barred[key] = (at - SLACK, at + event.seconds)
    node.strikes = {} if event.model is None else {k: v for k, v in node.strikes.items() if k not in (key, ANYTHING)}


def _paired(state: State, event: e.NodePaired) -> None:
    """It is there once it has joined; until then it is away. What was learned of it, and what a person wants with it,
    stays; what was held against it does not.
    """
    old = state.nodes.get(event.node) or Node(id=event.node, name=event.name, instance="")
    away = old.lost or old.link == "lan" or not old.instance
    state.nodes[event.node] = replace(
        old,
        name=event.name,
        loopback=old.loopback and not away,
        link="lan" if away else old.link,
        lost=away,
        address=event.address,
        certificate=event.certificate,
        proved=False,
        standing=None,
        trouble="",
        probe=None,
        strikes={},
        barred={},
        model=None if away else old.model,
    )
