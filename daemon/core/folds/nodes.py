"""What happens to nodes. An open attempt stays with its node until an event of its own closes it."""

from msgspec.structs import replace

from daemon.core.state import Node, State
from schema import events as e
from schema.ids import NodeId


def joined(state: State, event: e.NodeJoined, envelope: e.Envelope) -> None:
    """What was learned of it, and what a person wants with it, stays."""
    old = state.nodes.get(event.node) or Node(id=event.node, name=event.name, instance=event.instance)
    state.nodes[event.node] = replace(
        old,
        name=event.name,
        instance=event.instance,
        loopback=event.link == "loopback",
        link=event.link,
        backends=event.backends,
        kinds=event.kinds,
        vram_gb=event.vram_gb,
        speed=event.speed,
        card=event.card,
        lost=False,
        standing=None,
        trouble="" if old.proved or old.lost or old.standing is not None else old.trouble,
        came=envelope.seq,
        model=old.model if old.instance == event.instance else None,
    )
    state.learned = None


def lost(state: State, event: e.NodeLost) -> None:
    """A daemon that was just started has lost them all, which is no reason to take a whole run from one of them."""
    node = state.nodes.get(event.node)
    if node is None:
        return
    if node.lost or node.came > state.epoch:
        let_runs_go(state, node.id)
    node.lost, node.standing, node.probe, node.model = True, None, None, None
    node.trouble = event.reason


def drain_changed(state: State, event: e.NodeDrained | e.NodeResumed) -> None:
    node = state.nodes.get(event.node)
    if node is None:
        return
    node.drained = isinstance(event, e.NodeDrained)
    if isinstance(event, e.NodeResumed):
        node.strikes, node.barred = {}, {}


def forgotten(state: State, event: e.NodeForgotten) -> None:
    """Should it come back after all, it is a new one."""
    state.nodes.pop(event.node, None)
    state.learned = None
    let_go(state, event.node)


def let_go(state: State, node: NodeId) -> None:
    """Nothing is meant for it any more."""
    let_runs_go(state, node)
    if state.pin == node:
        state.pin = None


def let_runs_go(state: State, node: NodeId) -> None:
    """Runs that are kept whole there may go elsewhere."""
    for run in state.runs.values():
        if run.node == node:
            run.node = None
