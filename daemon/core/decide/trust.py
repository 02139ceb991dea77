"""Pairing, addresses, standing and probes of nodes on the network."""

from daemon.core.decide.nodes import all_lost, closed, known, open_on
from daemon.core.rules import Rules
from daemon.core.state import Node, State
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.ids import NodeId

News = o.NodeBound | o.PairingFailed | o.NodeMoved | o.NodeDistrusted | o.ProbeWanted | o.ProbeEnded


def unpair(state: State, command: c.UnpairNode) -> list[e.Event]:
    """What it was at is lost at once; an answer that still comes is refused."""
    node = known(state, command.node)
    if not node.certificate:
        raise Refused(f"{node.name} was never paired.", remedy="`node forget` forgets one that is lost.")
    given_up = [closed(brief, "the node was unpaired") for brief in open_on(state, node.id)]
    return [*given_up, e.NodeUnpaired(node=node.id)]


def pin(state: State, command: c.PinLane) -> list[e.Event]:
    now = None if command.node is None else known(state, command.node).id
    return [] if now == state.pin else [e.LanePinned(was=state.pin, now=now)]


def heard(state: State, news: News, rules: Rules) -> list[e.Event]:
    match news:
        case o.NodeBound():
            return _bound(state, news)
        case o.PairingFailed():
            return [e.NodePairFailed(address=news.address, name=news.name, reason=news.reason, node=news.node)]
        case o.NodeMoved(node=name, address=address):
            node = _paired(state, name)
            return [] if node is None else _heard_at(node, address)
        case o.NodeDistrusted():
            return _distrusted(state, news, rules)
        case o.ProbeWanted(node=name):
            node = state.nodes.get(name)
            if node is None or node.lost or node.standing is not None or _is_probed(state, node):
                return []
            return [e.NodeProbeStarted(node=name)]
        case o.ProbeEnded():
            node = state.nodes.get(news.node)
            if node is None or node.probe != news.token:
                return []
            return [
                e.NodeProbed(node=news.node, token=news.token, ok=news.ok, reason=news.reason, seconds=news.seconds)
            ]


def _bound(state: State, news: o.NodeBound) -> list[e.Event]:
    """Of one that is paired and has not been heard of since, or is there, this is no news."""
    node = _paired(state, news.node)
    fresh = node is None or node.certificate != news.certificate or node.standing is not None
    if not fresh and node is not None and (not node.lost or not node.instance):
        return _heard_at(node, news.address)
    return [
        e.NodePaired(node=news.node, name=news.name, certificate=news.certificate, address=news.address, by=news.by)
    ]


def _heard_at(node: Node, address: str) -> list[e.Event]:
    return [] if node.address == address else [e.NodeAddressed(node=node.id, address=address)]


def _distrusted(state: State, news: o.NodeDistrusted, rules: Rules) -> list[e.Event]:
    """It is given nothing, and what it was at goes elsewhere: nobody knows any more who would answer."""
    node = state.nodes.get(news.node)
    if node is None or (node.standing, node.trouble) == (news.standing, news.reason):
        return []
    refused = e.NodeRefused(node=node.id, standing=news.standing, reason=news.reason)
    return [*all_lost(state, node.id, news.reason, rules), refused]


def _is_probed(state: State, node: Node) -> bool:
    """A probe of the last daemon died with it."""
    return node.probe is not None and node.probe > state.epoch


def _paired(state: State, name: NodeId) -> Node | None:
    node = state.nodes.get(name)
    return None if node is None or not node.certificate else node
