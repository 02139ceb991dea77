"""The daemon's routes behind their TCP listener, and requests byte by byte, as any program may send them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from api_world import World, world

from daemon.api.tcp import TCP
from schema.settings import ApiSettings, DaemonSettings, Settings

SETTINGS = Settings(daemon=DaemonSettings(max_clients=16), api=ApiSettings(listen="127.0.0.1:0", max_clients=4))


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    told: dict[str, Any]


class TcpWorld(NamedTuple):
    world: World
    port: int
    host: str
    """What `Host` has to say."""

    async def secret(self, scope: str, name: str = "", days: float | None = None) -> str:
        asked = {"name": name or scope, "scope": scope, **({"days": days} if days is not None else {})}
        return str((await self.world.post("/v1/access", asked))["secret"])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> Reply:
        """One request on a connection of its own; `{names}` in the path become `x1`. Headers are sent as they are."""
        reader, writer = await self.connect()
        writer.write(request(method, path, *headers, body=body))
        try:
            return await reply(reader)
        finally:
            writer.close()


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    path = re.sub(r"{\w+}", "x1", path)
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""])
    return head.encode("utf-8", "surrogateescape") + body


async def reply(reader: asyncio.StreamReader) -> Reply:
    first, *lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", 0))), 5)
    return Reply(int(first.split()[1]), headers, json.loads(body) if "json" in headers.get("content-type", "") else {})


def bearer(secret: str) -> str:
    return f"Authorization: Bearer {secret}"


@asynccontextmanager
async def tcp_world(folder: Path, settings: Settings = SETTINGS) -> AsyncIterator[TcpWorld]:
    async with world(folder, settings=lambda: settings) as it:
        door = it.runner.app[TCP]
        assert door.address, door.trouble
        yield TcpWorld(it, int(door.address.rpartition(":")[2]), door.address)
