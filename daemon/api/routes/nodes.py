"""Nodes: look, drain, resume, forget, and have them look again or give memory back."""

import msgspec
from aiohttp import web

from daemon.api.asked import no_body
from daemon.api.house import House
from daemon.api.route import Answering, Route
from daemon.api.told import answer
from daemon.api.wish import check_open, wish
from daemon.views.select import NotFound
from schema.commands import Command, DrainNode, ForgetNode, ResumeNode
from schema.errors import Refused
from schema.ids import NodeId
from schema.scenes import Answer, NodeScene


class Done(msgspec.Struct, frozen=True):
    done: bool = True


class Nodes(msgspec.Struct, frozen=True):
    items: tuple[NodeScene, ...]
    total: int


async def list_nodes(house: House, request: web.Request) -> web.StreamResponse:
    nodes = house.ledger.scene().nodes
    return answer(Nodes(nodes, len(nodes)))


def _verb(kind: type[DrainNode] | type[ResumeNode] | type[ForgetNode]) -> Answering:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        await no_body(request)

        async def make() -> Command:
            return kind(node=_node(house, request.match_info["node"]))

        return answer(await wish(house, request, kind.__name__, make))

    return run


async def refresh(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)
    await house.refresh_node(_node(house, request.match_info["node"]))
    return answer(Done())


async def free(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)
    await house.free_node(_node(house, request.match_info["node"]))
    return answer(Done())


def _node(house: House, word: str) -> NodeId:
    """By id or name, or the beginning of either."""
    nodes = house.ledger.scene().nodes
    exact = [node for node in nodes if word in (node.node, node.name)]
    found = exact or [node for node in nodes if node.node.startswith(word) or node.name.startswith(word)]
    if not found:
        raise NotFound(f"there is no node '{word}'.", remedy="`node list` shows all nodes.")
    if len(found) > 1:
        names = ", ".join(node.node for node in found)
        raise Refused(f"'{word}' fits {len(found)} nodes: {names}.", remedy="Write more of it.")
    return found[0].node


ROUTES = (
    Route(method="GET", path="/v1/nodes", run=list_nodes, gives=Nodes, does="List nodes."),
    Route(
        method="POST",
        path="/v1/nodes/{node}/drain",
        run=_verb(DrainNode),
        gives=Answer,
        does="Give a node nothing new.",
    ),
    Route(
        method="POST",
        path="/v1/nodes/{node}/resume",
        run=_verb(ResumeNode),
        gives=Answer,
        does="Use a drained node again.",
    ),
    Route(
        method="POST",
        path="/v1/nodes/{node}/forget",
        run=_verb(ForgetNode),
        gives=Answer,
        does="Forget a lost node that does not come back.",
    ),
    Route(
        method="POST",
        path="/v1/nodes/{node}/refresh",
        run=refresh,
        gives=Done,
        does="Have a node read its backends' lists anew.",
    ),
    Route(
        method="POST",
        path="/v1/nodes/{node}/free",
        run=free,
        gives=Done,
        does="Have a node give its memory back.",
    ),
)
