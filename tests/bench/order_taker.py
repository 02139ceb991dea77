"""The least that can stand in for an agent: takes every order, says when it came, and says at once that it broke.

Runs as `python -m agent`, started by the daemon, from a folder that lies before the program's on the path. What it
hears goes as datagrams `order TOKEN NANOSECONDS` and `free` to the socket named by BENCH_EAR.
"""

import asyncio
import os
import socket
import sys
import time

import msgspec
from aiohttp import web

from schema.ids import NodeId
from schema.orders import Accepted, AttemptReport, BackendCard, Card, Ended, Load, Order


class OrderTaker:
    def __init__(self) -> None:
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.connect(os.environ["BENCH_EAR"])
        self._feeds: set[web.WebSocketResponse] = set()
        self._telling: set[asyncio.Future[None]] = set()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/card", self.card)
        app.router.add_get("/v1/attempts", self.attempts)
        app.router.add_put("/v1/attempts/{id}", self.offer)
        app.router.add_delete("/v1/attempts/{id}", self.forget)
        app.router.add_get("/v1/feed", self.feed)
        return app

    async def card(self, request: web.Request) -> web.Response:
        kinds = ("txt2img", "img2img", "detail", "upscale")
        backend = BackendCard(kind="sketch", kinds=kinds, open_lists=True)
        return packed(Card(node=NodeId("local"), name="bench", instance="i", version="0", backends=(backend,)))

    async def attempts(self, request: web.Request) -> web.Response:
        return packed([])

    async def offer(self, request: web.Request) -> web.Response:
        order = msgspec.msgpack.decode(await request.read(), type=Order)
        self._ear.send(f"order {order.token} {time.perf_counter_ns()}".encode())
        report = AttemptReport(
            job=order.job, stage=order.stage, token=order.token, state="broke", trouble="bad-request", reason="a bench"
        )
        asyncio.get_running_loop().call_later(0.001, self._tell, msgspec.msgpack.encode(Ended(report=report)))
        return packed(Accepted(state="accepted"))

    def _tell(self, news: bytes) -> None:
        for feed in self._feeds:
            telling = asyncio.ensure_future(feed.send_bytes(news))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def forget(self, request: web.Request) -> web.Response:
        self._ear.send(b"free")
        return web.Response(status=204)

    async def feed(self, request: web.Request) -> web.StreamResponse:
        feed = web.WebSocketResponse(compress=False)
        await feed.prepare(request)
        self._feeds.add(feed)
        beat = asyncio.ensure_future(self._beat(feed))
        async for _ in feed:
            pass
        beat.cancel()
        self._feeds.discard(feed)
        return feed

    async def _beat(self, feed: web.WebSocketResponse) -> None:
        while True:
            await feed.send_bytes(msgspec.msgpack.encode(Load(busy=False)))
            await asyncio.sleep(5.0)


def packed(answer: object) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(answer), content_type="application/msgpack")


async def main(path: str) -> None:
    runner = web.AppRunner(OrderTaker().app(), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    print('{"ready": true}', flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the daemon is gone


if __name__ == "__main__":
    asyncio.run(main(sys.argv[sys.argv.index("--socket") + 1]))
