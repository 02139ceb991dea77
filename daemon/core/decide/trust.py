"""Pairing, addresses, standing and probes of nodes on the network."""

from daemon.core.decide.nodes import closed, known, open_on
from daemon.core.state import State
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused

News = o.NodeBound | o.PairingFailed | o.NodeMoved | o.NodeDistrusted | o.ProbeWanted | o.ProbeEnded


def unpair(state: State, command: c.UnpairNode) -> list[e.Event]:
    """What it was at is lost at once; an answer that still comes is fenced."""
    node = known(state, command.node)
    if not node.certificate:
        raise Refused(f"{node.name} was never paired.", remedy="`node forget` forgets one that is lost.")
    given_up = [closed(brief, "the node was unpaired") for brief in open_on(state, node.id)]
    return [*given_up, e.NodeUnpaired(node=node.id)]


def pin(state: State, command: c.PinLane) -> list[e.Event]:
    now = None if command.node is None else known(state, command.node).id
    return [] if now == state.pin else [e.LanePinned(was=state.pin, now=now)]


def heard(state: State, news: News) -> list[e.Event]:
    match news:
        case o.NodeBound():
            return [
                e.NodePaired(
                    node=news.node, name=news.name, certificate=news.certificate, address=news.address, by=news.by
                )
            ]
        case o.PairingFailed():
            return [e.NodePairFailed(address=news.address, name=news.name, reason=news.reason, node=news.node)]
        case o.NodeMoved(node=name, address=address):
            node = state.nodes.get(name)
            return [] if node is None or node.address == address else [e.NodeAddressed(node=name, address=address)]
        case o.NodeDistrusted(node=name, standing=standing, reason=reason):
            node = state.nodes.get(name)
            if node is None or (node.standing, node.trouble) == (standing, reason):
                return []
            return [e.NodeRefused(node=name, standing=standing, reason=reason)]
        case o.ProbeWanted(node=name):
            node = state.nodes.get(name)
            return [] if node is None or node.probe is not None else [e.NodeProbeStarted(node=name)]
        case o.ProbeEnded():
            node = state.nodes.get(news.node)
            if node is None or node.probe != news.token:
                return []
            return [
                e.NodeProbed(node=news.node, token=news.token, ok=news.ok, reason=news.reason, seconds=news.seconds)
            ]
