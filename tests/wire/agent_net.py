"""Agents as processes on the network of this machine, and daemons that pair with them and give them work."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import aiohttp
import msgspec

from daemon.fleet.trust.contexts import pinned_context
from daemon.fleet.trust.keys import Keys, kept_keys
from daemon.fleet.trust.pairing import Pairing, pair
from schema.ids import JobId, StageId, Token
from schema.orders import Accepted, AgentNews, AttemptReport, Card, Order, attempt_id
from schema.stages import Txt2Img

Found = TypeVar("Found")


class Running:
    """One that listens on any free port of all addresses, unless told otherwise."""

    def __init__(self, process: Process, home: Path, ready: dict[str, object]) -> None:
        self.process = process
        self.home = home
        self.ready = ready
        self.said = ""
        """What it has told the person at its terminal."""
        self._reading = asyncio.create_task(self._read())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ready['port']}"

    async def heard(self, words: str) -> str:
        async with asyncio.timeout(20):
            while words not in self.said:  # noqa: ASYNC110 - another task reads
                await asyncio.sleep(0.01)
        return self.said

    async def standing(self) -> dict[str, object]:
        async with self.at_home() as session, session.get("/v1/pairing") as answer:
            return dict(await answer.json())

    async def code(self) -> str:
        async def shown() -> str | None:
            code = (await self.standing())["code"]
            return str(code) if code else None

        return await until(shown)

    def at_home(self) -> aiohttp.ClientSession:
        """As a program of this machine. Where the path is too long for a socket it is a link to a shorter one."""
        path = os.path.realpath(self.home / "agent.sock")
        return aiohttp.ClientSession("http://agent", connector=aiohttp.UnixConnector(path))

    async def end(self, how: str = "kill") -> int:
        getattr(self.process, how)()
        async with asyncio.timeout(10):
            return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.said += line.decode()


@asynccontextmanager
async def running(home: Path, *options: str, name: str = "rig2", port: str = "0") -> AsyncIterator[Running]:
    process = await launched(home, *options, name=name, port=port)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line, (await process.communicate())[1].decode()
        yield Running(process, home, json.loads(line))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def launched(home: Path, *options: str, name: str = "rig2", port: str = "0") -> Process:
    ports = ["--port", port] if port else ["--network"]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "agent.sock"),
        "--node", name, *ports, *options, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


class Daemon(NamedTuple):
    """As far as an agent can tell."""

    keys: Keys
    epoch: int = 7

    @classmethod
    def at(cls, folder: Path, epoch: int = 7) -> "Daemon":
        return cls(kept_keys(folder / "keys", "daemon"), epoch)

    async def pairs(self, agent: Running, secret: str | bytes | None = None) -> Pairing:
        return await pair(agent.address, secret or await agent.code(), self.keys, self.epoch, node=None)

    @asynccontextmanager
    async def connected(self, pairing: Pairing, address: str = "") -> AsyncIterator["Link"]:
        connector = aiohttp.TCPConnector(ssl=pinned_context(self.keys, pairing.certificate))
        async with aiohttp.ClientSession(f"https://{address or pairing.address}", connector=connector) as session:
            yield Link(session, self.epoch)


class Link(NamedTuple):
    session: aiohttp.ClientSession
    epoch: int

    async def card(self) -> Card:
        return msgspec.msgpack.decode(await self.read("GET", "/v1/card"), type=Card)

    async def offer(self, order: Order) -> Accepted:
        path = f"/v1/attempts/{attempt_id(order.job, order.stage, order.token)}"
        return msgspec.msgpack.decode(await self.read("PUT", path, msgspec.msgpack.encode(order)), type=Accepted)

    async def attempts(self) -> dict[int, AttemptReport]:
        reports = msgspec.msgpack.decode(await self.read("GET", "/v1/attempts"), type=list[AttemptReport])
        return {report.token: report for report in reports}

    async def ended(self, token: int) -> AttemptReport:
        async def look() -> AttemptReport | None:
            report = (await self.attempts()).get(token)
            return report if report and report.state in ("done", "broke", "cancelled") else None

        return await until(look)

    async def told(self, kind: type[AgentNews]) -> AgentNews:
        """The next news of this kind, on a feed of its own."""
        async with self.session.ws_connect("/v1/feed") as feed:
            return await self.next_of(feed, kind)

    async def next_of(self, feed: aiohttp.ClientWebSocketResponse, kind: type[AgentNews]) -> AgentNews:
        decode = msgspec.msgpack.Decoder(AgentNews).decode
        async with asyncio.timeout(20):
            while not isinstance(news := decode((await feed.receive()).data), kind):
                pass
            return news

    async def read(self, method: str, path: str, body: bytes | None = None) -> bytes:
        async with self.session.request(method, path, data=body) as answer:
            content = await answer.read()
            assert answer.status < 300, (answer.status, content)
            return content

    async def status(self, method: str, path: str) -> int:
        async with self.session.request(method, path) as answer:
            return answer.status


def order(token: int, steps: int = 2, *, epoch: int = 7, storage: str = "", seed: int = 1) -> Order:
    config = Txt2Img(id="txt2img", width=64, height=64, steps=steps)
    return Order(
        job=JobId("abcdefgh.1"), stage=StageId("txt2img"), token=Token(token), epoch=epoch, seed=seed, storage=storage,
        config=msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json"))),
    )  # fmt: skip


async def until(look: Callable[[], Awaitable[Found | None]]) -> Found:
    async with asyncio.timeout(20):
        while (found := await look()) is None:  # noqa: ASYNC110 - the answer comes from outside
            await asyncio.sleep(0.02)
        return found
