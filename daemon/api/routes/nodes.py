"""Nodes: look, drain, resume, forget, have them look again, give memory back or prove themselves."""

import msgspec
from aiohttp import web

from daemon.api.asked import no_body
from daemon.api.house import House
from daemon.api.once import ONCE
from daemon.api.route import Answering, Route
from daemon.api.told import answer
from daemon.api.which import node_of
from daemon.api.wish import check_open, wish
from schema.commands import Command, DrainNode, ForgetNode, ResumeNode, UnpairNode
from schema.ids import NodeId
from schema.pages import NodeDay
from schema.scenes import Answer, NodeScene

Kind = type[DrainNode] | type[ResumeNode] | type[ForgetNode] | type[UnpairNode]


class Done(msgspec.Struct, frozen=True):
    done: bool = True


class Nodes(msgspec.Struct, frozen=True):
    items: tuple[NodeScene, ...]
    total: int


class ProbeAnswer(msgspec.Struct, frozen=True):
    ok: bool
    reason: str
    """What was wrong; of a good one what it showed."""
    seconds: float


async def list_nodes(house: House, request: web.Request) -> web.StreamResponse:
    nodes = house.ledger.scene().nodes
    return answer(Nodes(nodes, len(nodes)))


async def show_day(house: House, request: web.Request) -> web.StreamResponse:
    node = _node(house, request)
    await house.views.shown(house.ledger.durable)
    return answer(await house.views.node_day(node))


def _verb(kind: Kind) -> Answering:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        await no_body(request)

        async def make() -> Command:
            return kind(node=_node(house, request))

        return answer(await wish(house, request, kind.__name__, make))

    return run


async def refresh(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)

    async def refreshed() -> Done:
        await house.refresh_node(_node(house, request))
        return Done()

    return await request.app[ONCE].answer(house, request, "refresh", refreshed)


async def free(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)

    async def freed() -> Done:
        await house.free_node(_node(house, request))
        return Done()

    return await request.app[ONCE].answer(house, request, "free", freed)


async def probe(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)

    async def probed() -> ProbeAnswer:
        done = await house.probe_node(_node(house, request))
        return ProbeAnswer(done.ok, done.reason, done.seconds)

    return await request.app[ONCE].answer(house, request, "probe", probed)


def _node(house: House, request: web.Request) -> NodeId:
    return node_of(house.ledger.scene().nodes, request.match_info["node"])


VERBS: tuple[tuple[str, str, Answering, type], ...] = (
    ("drain", "Give a node nothing new.", _verb(DrainNode), Answer),
    ("resume", "Use a drained node again.", _verb(ResumeNode), Answer),
    ("forget", "Forget a lost node that does not come back.", _verb(ForgetNode), Answer),
    ("unpair", "Trust a node no more; what it was at goes elsewhere.", _verb(UnpairNode), Answer),
    ("refresh", "Have a node read its backends' lists anew.", refresh, Done),
    ("free", "Have a node give its memory back.", free, Done),
    ("probe", "Have a node draw a small picture, and look at it.", probe, ProbeAnswer),
)

ROUTES = (
    Route(method="GET", path="/v1/nodes", run=list_nodes, gives=Nodes, scope="read", does="List nodes."),
    Route(
        method="GET",
        path="/v1/nodes/{node}/day",
        run=show_day,
        gives=NodeDay,
        scope="read",
        does="What a node did in the last 24 hours: pictures an hour, how long its stages took, how long it worked.",
    ),
    *(
        Route(method="POST", path=f"/v1/nodes/{{node}}/{verb}", run=run, gives=gives, scope="all", does=does)
        for verb, does, run, gives in VERBS
    ),
)
