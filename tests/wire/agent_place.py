"""An agent in this process, with backends that do what a test tells them, and a client of it."""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import web

from agent.backends import Drawn, Made, Memory, Reporter, Work
from agent.bench import Bench
from agent.blobs import Blobs
from agent.cards import Cards
from agent.feed import Feed
from agent.fence import Fence
from agent.identity import Identity
from agent.lending import Lending
from agent.listening import Listening
from agent.meter import Meter
from agent.server import Server
from agent.shared import Shared
from agent.spool import Spool
from agent.standing import Alone
from schema.ids import JobId, NodeId, Sha256, StageId, Token
from schema.orders import Accepted, AttemptReport, BackendCard, BackendState, Gpu, Order, attempt_id
from schema.stages import Txt2Img

Found = TypeVar("Found")


class Patient:
    """A backend that makes the same bytes each time, and waits for `go` first."""

    def __init__(self, kind: str = "patient", kinds: tuple[str, ...] = ("txt2img", "img2img")) -> None:
        self.kind = kind
        self._kinds = kinds
        self.go = threading.Event()
        self.go.set()
        self.trouble: Exception | None = None
        self.works: list[Work] = []
        self.state: BackendState = "ready"
        self.models: tuple[str, ...] = ()
        self.used_gb = 2.0
        self.asked = 0
        self.freed = 0
        self.answers = threading.Event()
        """Cleared: its server hangs, and so does who asks for its card."""
        self.answers.set()

    def kinds(self) -> tuple[str, ...]:
        return self._kinds

    def card(self) -> BackendCard:
        self.asked += 1
        self.answers.wait(10)
        trouble = "" if self.state == "ready" else "Its server is away; start it."
        return BackendCard(kind=self.kind, kinds=self.kinds(), models=self.models, state=self.state, trouble=trouble)

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def memory(self) -> Memory:
        return Memory(8.0, self.used_gb, ("m",))

    def run(self, work: Work, reporter: Reporter) -> Made:
        self.works.append(work)
        reporter.step(0, 3, "sampling")
        while not self.go.is_set():
            reporter.rest(0.005)
        if self.trouble is not None:
            raise self.trouble
        if reporter.previews:
            reporter.preview(b"small")
        for step in (1, 2, 3):
            reporter.step(step, 3, "sampling")
        content = f"picture {work.order.seed}".encode()
        return Made(pictures=(Drawn(content, work.order.seed),), effective={"steps": 3}, loaded_s=0.0)

    def free(self) -> None:
        self.freed += 1

    def close(self) -> None:
        pass


@dataclass
class Place:
    """An agent in this process, and a client of it."""

    home: Path
    backend: Patient
    cards: Cards
    bench: Bench
    spool: Spool
    feed: Feed
    session: aiohttp.ClientSession

    async def put(self, order: Order, body: bytes | None = None, name: str | None = None) -> tuple[int, bytes]:
        path = f"/v1/attempts/{name or attempt_id(order.job, order.stage, order.token)}"
        async with self.session.put(path, data=msgspec.msgpack.encode(order) if body is None else body) as answer:
            return answer.status, await answer.read()

    async def offer(self, order: Order) -> Accepted:
        status, body = await self.put(order)
        assert status == 200, body
        return msgspec.msgpack.decode(body, type=Accepted)

    async def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        async with self.session.request(method, path, data=body) as answer:
            return answer.status, await answer.read()

    async def attempts(self) -> dict[str, AttemptReport]:
        _, body = await self.call("GET", "/v1/attempts")
        reports = msgspec.msgpack.decode(body, type=list[AttemptReport])
        return {attempt_id(report.job, report.stage, report.token): report for report in reports}

    async def ended(self, order: Order) -> AttemptReport:
        name = attempt_id(order.job, order.stage, order.token)

        async def look() -> AttemptReport | None:
            report = (await self.attempts()).get(name)
            return report if report and report.state in ("done", "broke", "cancelled") else None

        return await until(look)


async def until(look: Callable[[], Awaitable[Found | None]]) -> Found:
    """Asks again until there is an answer; a deadline of ten seconds."""
    async with asyncio.timeout(10):
        while (found := await look()) is None:  # noqa: ASYNC110 - the answer comes from outside
            await asyncio.sleep(0.005)
        return found


@asynccontextmanager
async def placed(
    home: Path,
    *backends: Patient,
    floor_bytes: int = 0,
    blob_limit: int = 10**9,
    kept_epoch: bool = False,
    free_after: float = 0.0,
    meter: Meter | None = None,
    shared: Shared | None = None,
) -> AsyncIterator[Place]:
    """Each of `backends` has been asked for its card once."""
    backends = backends or (Patient(),)
    spool, blobs = Spool(home / "spool"), Blobs(home / "blobs", blob_limit)
    feed = Feed(lambda: bench.load())
    cards = Cards(backends, Identity(NodeId("n"), "name", "i", "0"), clock=time.monotonic, tell=feed.tell)
    fence = Fence(home / "epoch" if kept_epoch else None)
    bench = Bench(
        backends, cards, spool, blobs, fence,
        clock=time.monotonic, tell=feed.tell, floor_bytes=floor_bytes, meter=meter, shared=shared,
    )  # fmt: skip
    runner = web.AppRunner(
        Server(bench, blobs, feed, cards, Alone(NodeId("n"), "name", "0", "local")).app(),
        access_log=None,
        shutdown_timeout=0.2,
    )
    await runner.setup()
    await web.SockSite(runner, Listening(home / "s").socket).start()
    await cards.refreshed()
    tending = [
        asyncio.create_task(cards.watch(lambda: bench.idle)),
        asyncio.create_task(bench.lend(Lending(free_after))),
    ]
    try:
        connector = aiohttp.UnixConnector(str(home / "s"))
        async with aiohttp.ClientSession("http://agent", connector=connector) as session:
            yield Place(home, backends[0], cards, bench, spool, feed, session)
    finally:
        for task in tending:
            task.cancel()
        for backend in backends:
            backend.answers.set()
        feed.close()
        await runner.cleanup()
        await bench.stop(5.0)
        cards.close()


def order(token: int = 1, *, stage: str = "txt2img", epoch: int = 1, seed: int = 7, **more: object) -> Order:
    config = more.pop("config", None) or Txt2Img(id=stage)
    packed = msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json")))
    return Order(
        job=JobId("abcdefgh.1"), stage=StageId(stage), token=Token(token), epoch=epoch, config=packed, seed=seed, **more
    )


async def send_blob(place: Place, content: bytes) -> Sha256:
    sha = Sha256(hashlib.sha256(content).hexdigest())
    status, _ = await place.call("PUT", f"/v1/blobs/{sha}", content)
    assert status == 204
    return sha
