"""The daemon's socket with the real ledger, log, views and planner behind it, and a node that the test plays itself."""

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from daemon.api import server
from daemon.api.house import House
from daemon.core.rules import Rules
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.ledger import Ledger
from daemon.library.shelf import FolderShelf
from daemon.log.store import LogInLoop
from daemon.planner import Planner
from daemon.views.views import Views
from schema.errors import Refused
from schema.events import NodeJoined, StageAssigned
from schema.ids import NodeId
from schema.observations import Attempt, DaemonBegan, NewImage, NodeSeen, StageBroke, StageReturned
from schema.places import places
from schema.plans import Picture
from schema.settings import DaemonSettings, Settings

KINDS = ("txt2img", "detail", "upscale", "refine")
PNG = b"\x89PNG\r\n\x1a\n"


class World:
    """`ask` speaks to the socket; `finish_all` plays the node until nothing is left to run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self.vitals = Vitals()
        self.condition = "ready"
        self.stopped = False
        self.blobs: dict[str, bytes] = {}
        self.open: dict[int, Attempt] = {}
        self.numbers = 0
        self.settings = Settings(daemon=DaemonSettings(max_clients=16))

    def draw_id(self) -> str:
        self.numbers += 1
        return hashlib.sha256(str(self.numbers).encode()).hexdigest()[:8].translate(str.maketrans("01", "xy"))

    async def put_blob(self, data: bytes) -> str:
        sha = hashlib.sha256(data).hexdigest()
        self.blobs[sha] = data
        (self.folder / sha).write_bytes(data)
        return sha

    async def put_picture(self, pieces: AsyncIterator[bytes]) -> str:
        data = b"".join([piece async for piece in pieces])
        if not data.startswith(PNG):
            raise Refused("these bytes are no picture.", where="body")
        return await self.put_blob(data)

    def blob(self, sha: str) -> Path:
        if not (self.folder / sha).exists():
            raise Refused(f"{sha[:12]} is not in the artifact store.")
        return self.folder / sha

    async def thumbnail(self, sha: str, size: int) -> Path:
        return self.blob(sha)

    # The socket -----------------------------------------------------------------------------

    async def ask(self, method: str, path: str, body: object = None, key: str | None = None, **query: Any) -> Any:
        """The decoded answer. A refusal comes as its JSON with `status` beside it."""
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.http.request(method, f"http://d{path}", json=body, params=query, headers=headers) as response:
            text = await response.text()
            if response.content_type == "application/x-ndjson":
                return [json.loads(line) for line in text.splitlines() if line]
            told = json.loads(text)
            return {**told, "status": response.status} if response.status >= 400 else told

    async def get(self, path: str, **query: Any) -> Any:
        return await self.ask("GET", path, **query)

    async def post(self, path: str, body: object = None, key: str | None = None) -> Any:
        return await self.ask("POST", path, body, key)

    async def submit(self, prompt: str = "a red fox", key: str | None = None, **more: object) -> Any:
        return await self.post("/v1/runs", {"prompt": prompt, **more}, key)

    async def finals(self) -> list[str]:
        """Of all final pictures, oldest first, their ids."""
        return [row["id"] for row in (await self.get("/v1/images", final=1, sort="oldest"))["items"]]

    # The node -------------------------------------------------------------------------------

    async def join_node(self, name: str = "box") -> None:
        joined = NodeJoined(
            node=NodeId(name), name=f"{name}-name", instance="i", link="loopback", backends=("sketch",), kinds=KINDS
        )
        await self.ledger.observe(NodeSeen(joined=joined))

    async def finish_one(self) -> None:
        """The oldest open attempt comes back with a picture."""
        attempt = await self.assigned()
        sha = await self.put_blob(PNG + str(attempt.token).encode())
        file = Picture(sha256=sha, pixels=f"px{attempt.token}", media="image/png", bytes=9, width=8, height=8)
        await self.ledger.observe(
            StageReturned(
                attempt=attempt, backend="sketch", images=(NewImage(image=self.draw_id(), file=file),),
                effective={"steps": 20, "started": 1.5},
            )
        )  # fmt: skip

    async def break_one(self) -> None:
        attempt = await self.assigned()
        await self.ledger.observe(StageBroke(attempt=attempt, trouble="bad-request", reason="no such sampler"))

    async def assigned(self) -> Attempt:
        await until(lambda: bool(self.open))
        return self.open.pop(min(self.open))

    async def finish_all(self) -> None:
        await until(lambda: bool(self.open) or not self.ledger.scene().runs)
        while self.ledger.scene().runs:
            await self.finish_one()
            await until(lambda: bool(self.open) or not self.ledger.scene().runs)

    async def _watch(self, batches: AsyncIterator[Any]) -> None:
        async for batch in batches:
            for envelope in batch.envelopes:
                event = envelope.event
                if isinstance(event, StageAssigned):
                    token = envelope.seq
                    self.open[token] = Attempt(job=event.job, stage=event.stage, token=token, node=event.node)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - whatever it is, it tells nobody
            await asyncio.sleep(0.002)


@asynccontextmanager
async def world(folder: Path, **more: Any) -> AsyncIterator[World]:
    """`more` replaces parts of the house."""
    it = World(folder)
    log = more.pop("log", None) or LogInLoop()
    clock = it.clock = Clock()
    it.ledger = Ledger(State(), log, clock=clock, vitals=it.vitals, rules=Rules(), on_broken=print)
    it.log = log
    it.views = await Views.open(folder / "views.db", log, results=folder / "results", clock=clock)
    home = places({"STABLENEW_HOME": str(folder / "home")})
    planner = Planner(FolderShelf(home, lambda: None), it.settings, clock, lambda most: 42)

    def stop() -> None:
        it.stopped = True

    house = House(**{
        "version": "0.1.0", "pid": os.getpid(), "uid": os.getuid(), "socket": it.socket, "started": 1_800_000_000.0,
        "clock": clock, "draw_id": it.draw_id, "condition": lambda: it.condition, "stop": stop,
        "settings": lambda: it.settings, "results": folder / "results", "ledger": it.ledger, "log": log,
        "views": it.views, "library": planner, "plan": planner.plan, "try_out": planner.try_out,
        "config": planner.config, "edit": planner.edit,
        "free_bytes": lambda: it.vitals.free_bytes, "put_blob": it.put_blob, "put_picture": it.put_picture,
        "vitals": it.vitals, "blob": it.blob, "thumbnail": it.thumbnail, "results_reached": _at_once, **more,
    })  # fmt: skip
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(it.socket))
    async with asyncio.TaskGroup() as tasks, it.ledger.follow() as one, it.ledger.follow() as other:
        writing = tasks.create_task(it.ledger.run())
        following = tasks.create_task(it.views.follow(one))
        tasks.create_task(it._watch(other))
        await it.ledger.observe(DaemonBegan(version="0.1.0", sqlite="3", host="h"))
        it.runner = await server.serve(house, listener)
        it.house = house
        try:
            connector = aiohttp.UnixConnector(str(it.socket))
            async with aiohttp.ClientSession(connector=connector) as it.http:
                yield it
        finally:
            await it.runner.cleanup()
            await it.ledger.stop()
            await writing
            await following
            await it.views.close()
            await log.close()


class Clock:
    """Wall time that moves a millisecond whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


async def _at_once(seq: int) -> None:
    pass
