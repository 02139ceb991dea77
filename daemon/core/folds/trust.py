"""What becomes of nodes on the network: paired, found elsewhere, not trusted, proved, barred for a while."""

from daemon.core.state import Moves, Node, State
from schema import events as e
from schema.ids import Token

ANYTHING = "*"
"""The key of `Node.barred` for a node that gets nothing at all."""

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
            node.standing, node.proved, node.probe = None, False, None
        case e.NodeAddressed(address=address):
            node.address = address
        case e.NodeRefused(standing=standing, reason=reason):
            node.standing, node.trouble = standing, reason
        case e.NodeProbeStarted():
            node.probe = Token(envelope.seq)
        case e.NodeProbed(ok=ok, reason=reason):
            node.probe, node.proved = None, node.proved or ok
            node.trouble = "" if ok else reason
        case e.NodeBarred(model=model, seconds=seconds):
            node.barred[ANYTHING if model is None else model] = envelope.at + seconds


def _paired(state: State, event: e.NodePaired) -> None:
    """It is there once it has joined; until then it is away."""
    old = state.nodes.get(event.node)
    state.nodes[event.node] = Node(
        id=event.node,
        name=event.name,
        instance="",
        loopback=False,
        link="lan",
        lost=True,
        address=event.address,
        certificate=event.certificate,
        proved=False,
        drained=old.drained if old else False,
        pace=old.pace if old else 0.0,
        costs=old.costs if old else {},
        loads=old.loads if old else {},
        moves=old.moves if old else Moves(),
    )
