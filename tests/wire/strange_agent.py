"""An agent of our own making at the place where local agents listen, which answers what a test wants it to."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from agent.listening import Listening
from schema.ids import NodeId
from schema.orders import Accepted, AttemptReport, BackendCard, Card, Load, Order
from schema.places import places

KINDS = ("txt2img", "img2img", "detail", "upscale")


class StrangeAgent:
    """Answers as an agent that has nothing to do, but for what is set here."""

    def __init__(self, name: str) -> None:
        self.card = Card(
            node=NodeId(f"{name}2222"),
            name=name,
            instance="one",
            version="0",
            backends=(BackendCard(kind="webui", kinds=KINDS, open_lists=True),),
        )
        self.attempts: object = []
        self.answer: Callable[[Order], object] = lambda order: Accepted(state="accepted")
        """To an order: a struct, or a response."""
        self.orders: list[Order] = []
        self.blobs: set[str] = set()
        self.made: dict[str, bytes | Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        """Its products by name: the bytes, or who answers for them. All others it has lost."""
        self.cancelled: list[str] = []
        self.watched: list[bytes] = []
        self.cards = 0
        self.before_attempts: tuple[object, ...] = ()
        """News that a listener has heard before the attempts are answered."""
        self.news: asyncio.Queue[object] = asyncio.Queue()
        self._told = asyncio.Event()
        self.fed = 0
        """Times that somebody has listened."""

    def hang_up(self) -> None:
        """Whoever listens to its news has to come again."""
        self.news.put_nowait(None)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/v1/card", self._card)
        app.router.add_get("/v1/attempts", self._attempts)
        app.router.add_put("/v1/attempts/{id}", self._order)
        app.router.add_post("/v1/attempts/{id}/cancel", self._cancel)
        app.router.add_delete("/v1/attempts/{id}", self._nothing)
        app.router.add_route("HEAD", "/v1/blobs/{sha256}", self._has)
        app.router.add_put("/v1/blobs/{sha256}", self._take)
        app.router.add_get("/v1/blobs/{sha256}", self._blob, allow_head=False)
        app.router.add_put("/v1/watched", self._watched)
        app.router.add_get("/v1/feed", self._feed, allow_head=False)
        return app

    async def _card(self, request: web.Request) -> web.Response:
        self.cards += 1
        return _packed(self.card)

    async def _attempts(self, request: web.Request) -> web.Response:
        for news in self.before_attempts:
            self._told.clear()
            self.news.put_nowait(news)
            await self._told.wait()
        return _packed(self.attempts)

    async def _order(self, request: web.Request) -> web.StreamResponse:
        order = msgspec.msgpack.decode(await request.read(), type=Order)
        self.orders.append(order)
        answer = self.answer(order)
        return answer if isinstance(answer, web.StreamResponse) else _packed(answer)

    async def _cancel(self, request: web.Request) -> web.Response:
        self.cancelled.append(request.match_info["id"])
        job, stage, token = request.match_info["id"].split("~")
        return _packed(AttemptReport(job=job, stage=stage, token=int(token), state="running"))

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _has(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["sha256"] in self.blobs else 404)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        made = self.made.get(request.match_info["sha256"])
        if made is None:
            return web.Response(status=404)
        return web.Response(body=made) if isinstance(made, bytes) else await made(request)

    async def _take(self, request: web.Request) -> web.Response:
        await request.read()
        self.blobs.add(request.match_info["sha256"])
        return web.Response(status=204)

    async def _watched(self, request: web.Request) -> web.Response:
        self.watched.append(await request.read())
        return web.Response(status=204)

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.fed += 1
        await socket.send_bytes(msgspec.msgpack.encode(Load(busy=False)))
        reading = asyncio.create_task(socket.receive())
        try:
            while not reading.done():
                next_one = asyncio.create_task(self.news.get())
                await asyncio.wait((reading, next_one), return_when=asyncio.FIRST_COMPLETED)
                if not next_one.done():
                    next_one.cancel()
                    break
                if next_one.result() is None:
                    await socket.close()
                    break
                await socket.send_bytes(msgspec.msgpack.encode(next_one.result()))
                await asyncio.sleep(0.1 if self.before_attempts else 0)
                self._told.set()
        finally:
            reading.cancel()
        return socket


@asynccontextmanager
async def strange_agent(root: Path, name: str = "odd") -> AsyncIterator[StrangeAgent]:
    """Listens where the daemon of this home looks for local agents."""
    agent = StrangeAgent(name)
    home = places({"STABLENEW_HOME": str(root)}).agents / name
    home.mkdir(parents=True)
    runner = web.AppRunner(agent.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, Listening(home / "agent.sock").socket).start()
    try:
        yield agent
    finally:
        agent.hang_up()
        await runner.cleanup()


def tokens(agent: StrangeAgent) -> list[int]:
    """Of its orders, each once, in order."""
    return [token for token, _ in itertools.groupby(int(order.token) for order in agent.orders)]


def _packed(answer: object) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(answer))
