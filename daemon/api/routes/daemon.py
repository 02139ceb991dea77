"""The daemon itself: status, stop, its own description; and the two streams, follow and feed."""

import msgspec
from aiohttp import web

from daemon.api import feed, follow
from daemon.api.asked import no_body
from daemon.api.house import House
from daemon.api.openapi import OPENAPI
from daemon.api.route import Route
from daemon.api.tcp import TCP
from daemon.api.told import answer
from schema.readings import Readings
from schema.scenes import Frame, NodeScene, QueueScene, RunningJob, RunScene
from schema.then import Moment


class Status(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    pid: int
    socket: str
    state: str
    """`starting`, `ready`, `read-only` or `stopping`."""
    trouble: str
    """Why it is not ready."""
    started: float
    results: str
    head: int
    queue: QueueScene
    running: tuple[RunningJob, ...]
    runs: tuple[RunScene, ...]
    nodes: tuple[NodeScene, ...]
    undo: str
    redo: str
    concerns: tuple[str, ...] = ()
    """What a person should know although the work goes on."""
    readings: Readings = Readings()
    """What the daemon reads off itself: memory, open files, what grows or stands."""
    moment: Moment | None = None
    """What all this is of; null: now."""
    api: "OverTcp"
    """Who else may ask, and where."""


class OverTcp(msgspec.Struct, frozen=True, kw_only=True):
    """The same API over TCP."""

    address: str
    """Where it listens; empty: nowhere."""
    alone: bool
    """Only programs on this machine can reach it."""
    accesses: int
    """How many hold a secret."""
    connections: int


class Stopping(msgspec.Struct, frozen=True):
    stopping: bool


async def status(house: House, request: web.Request) -> web.StreamResponse:
    scene = house.ledger.scene()
    return answer(
        Status(
            version=house.version, pid=house.pid, socket=str(house.socket), state=house.condition(),
            trouble=house.trouble(), started=house.started, results=str(house.results),
            head=scene.head, queue=scene.queue,
            running=scene.running, runs=scene.runs, nodes=scene.nodes, undo=scene.undo, redo=scene.redo,
            concerns=(*house.concerns(), *filter(None, (request.app[TCP].trouble,))), api=_over_tcp(house, request),
            readings=house.readings(), moment=house.moment,
        )
    )  # fmt: skip


def _over_tcp(house: House, request: web.Request) -> OverTcp:
    door = request.app[TCP]
    return OverTcp(
        address=door.address, alone=door.alone, accesses=len(house.ledger.access), connections=door.connections()
    )


async def stop(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    house.stop()
    return answer(Stopping(True))


async def openapi(house: House, request: web.Request) -> web.StreamResponse:
    return answer(request.app[OPENAPI])


ROUTES = (
    Route(
        method="GET", path="/v1/status", run=status, gives=Status,
        scope="read", does="What the daemon is and does now.",
    ),
    Route(
        method="GET", path="/v1/feed", run=feed.serve, gives=Frame, media="application/msgpack", query=("rate",),
        scope="read", does="WebSocket: the live scene, then what changes, at most `rate` (10) frames a second.",
    ),
    Route(
        method="GET", path="/v1/follow", run=follow.serve, gives=follow.Line, media="application/x-ndjson",
        query=("select",), scope="read", does="Progress of jobs or runs until all have ended.",
    ),
    Route(method="POST", path="/v1/daemon/stop", run=stop, gives=Stopping, scope="all", does="Stop the daemon."),
    Route(method="GET", path="/v1/openapi.json", run=openapi, scope="read", does="This API, for programs."),
)  # fmt: skip
