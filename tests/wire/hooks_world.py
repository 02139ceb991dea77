"""Hooks of a daemon's parts, and a server that is told: shared by tests of hooks."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.concerns import Concerns
from daemon.hooks.hooks import Hooks, Now
from daemon.hooks.writing import LookUps, Writer
from daemon.past import Past
from schema.settings import HookSettings

ALL = ("run-finished", "queue-empty", "attention", "trouble")


class Receiver:
    """`answers` are given first, one each; what came in is `news`."""

    def __init__(self) -> None:
        self.url = ""
        self.news: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[web.Response] = []

    async def take(self, request: web.Request) -> web.Response:
        self.news.append(json.loads(await request.text()))
        self.headers.append(dict(request.headers))
        return self.answers.pop(0) if self.answers else web.Response(status=204)

    @property
    def ids(self) -> list[str]:
        return [str(one["id"]) for one in self.news]

    @property
    def kinds(self) -> list[str]:
        return [str(one["on"]) for one in self.news]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    it = Receiver()
    app = web.Application()
    app.router.add_post("/topic", it.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/topic"  # type: ignore[union-attr]
    try:
        yield it
    finally:
        await runner.cleanup()


class Waits:
    """Nobody waits here; how long it would have been is kept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


class Hooked:
    """Hooks of a daemon; `begin` and `stop` are its start and its end."""

    def __init__(self, it: World, **hooks: HookSettings) -> None:
        self.it, self.settings = it, hooks
        self.concerns, self.waits = Concerns(), Waits()
        self.written = 0

    async def results_reached(self, seq: int) -> None:
        self.written = seq

    async def begin(self) -> None:
        past = Past(self.it.log, self.it.views, lambda: self.it.ledger.durable)
        writer = Writer("box", LookUps(past.run, past.job, self.results_reached))
        self.hooks = Hooks(
            self.settings, self.it.folder / "hooks.json", self.concerns, writer,
            clock=self.it.house.clock, wait=self.waits,
        )  # fmt: skip
        self.concerns.heard = self.hooks.trouble
        self.it.house.hooks = self.hooks
        self._following = self.it.ledger.follow()
        batches = await self._following.__aenter__()
        now = Now(self.it.ledger.scene, lambda: self.it.ledger.durable)
        self._task = asyncio.create_task(self.hooks.run(batches, self.it.log, now))

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._following.__aexit__(None, None, None)

    async def rest(self) -> None:
        """Until every hook has been told of everything, and has written that down."""
        head = self.it.ledger.durable
        await until(lambda: all(not h._waiting and h._reached >= head - 1 for h in self.hooks._hooks.values()))
        await until(lambda: all(h._saved == h._mark for h in self.hooks._hooks.values()))


@asynccontextmanager
async def hooked(folder: Path, **hooks: HookSettings) -> AsyncIterator[Hooked]:
    async with world(folder) as it:
        await it.join_node()
        mine = Hooked(it, **hooks)
        await mine.begin()
        try:
            yield mine
        finally:
            await mine.stop()


def posting(url: str, on: tuple[str, ...] = ALL, **more: object) -> HookSettings:
    return HookSettings.model_validate({"on": on, "url": url, **more})


def running(*command: str, on: tuple[str, ...] = ("run-finished",), **more: object) -> HookSettings:
    return HookSettings.model_validate({"on": on, "command": command, **more})
