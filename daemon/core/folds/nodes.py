"""What happens to nodes. An open attempt stays with its node until an event of its own closes it."""

from daemon.core.state import Moves, Node, State
from schema import events as e


def joined(state: State, event: e.NodeJoined) -> None:
    old = state.nodes.get(event.node)
    same_agent = old is not None and old.instance == event.instance
    state.nodes[event.node] = Node(
        id=event.node,
        name=event.name,
        instance=event.instance,
        loopback=event.link == "loopback",
        backends=event.backends,
        kinds=event.kinds,
        vram_gb=event.vram_gb,
        speed=event.speed,
        card=event.card,
        busy=old.busy if old else None,
        drained=old.drained if old else False,
        link=event.link,
        address=old.address if old else "",
        certificate=old.certificate if old else "",
        proved=old.proved if old else True,
        probe=old.probe if old else None,
        strikes=old.strikes if old else {},
        barred=old.barred if old else {},
        done=old.done if old else 0,
        failed=old.failed if old else 0,
        model=old.model if old and same_agent else None,
        pace=old.pace if old else 0.0,
        costs=old.costs if old else {},
        loads=old.loads if old else {},
        moves=old.moves if old else Moves(),
    )


def lost(state: State, event: e.NodeLost) -> None:
    if (node := state.nodes.get(event.node)) is not None:
        node.lost = True
        node.model = None


def drain_changed(state: State, event: e.NodeDrained | e.NodeResumed) -> None:
    if (node := state.nodes.get(event.node)) is not None:
        node.drained = isinstance(event, e.NodeDrained)


def forgotten(state: State, event: e.NodeForgotten) -> None:
    """Should it come back after all, it is a new one."""
    state.nodes.pop(event.node, None)
