"""An agent's desk behind a real socket with real TLS, daemons' keys, raw calls, and a clock that tests move."""

import asyncio
import itertools
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiohttp import web

from agent.pairing.contexts import is_pinned, open_context, pinned_context
from agent.pairing.desk import Desk
from agent.pairing.keys import Kept, kept_identity
from agent.pairing.pins import Pins
from agent.pairing.routes import pairing_app
from agent.pairing.token import Token
from daemon.fleet.trust.contexts import Stranger
from daemon.fleet.trust.keys import Keys, kept_keys
from schema.orders import Card

HOST = "127.0.0.1"
MEDIA = "Content-Type: application/msgpack"
SECONDS = 10


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Listener:
    """A port that stays while what listens there changes."""

    def __init__(self) -> None:
        self.socket = socket.create_server((HOST, 0))
        self.port: int = self.socket.getsockname()[1]
        self.address = f"{HOST}:{self.port}"


class Rig(Listener):
    """An agent as far as pairing goes: open until it is bound, and pinned from then on, at the same port."""

    def __init__(self, home: Path, name: str = "rig2", token: Token | None = None) -> None:
        super().__init__()
        self.home = home
        self.name = name
        self.clock = Clock()
        self.told: list[str] = []
        self.served = 0
        """Cards that were given away."""
        self.kept = kept_identity(home, name)
        self.pins = Pins(home)
        self.changed = asyncio.Event()
        self.ended = False
        self.start(token)

    def start(self, token: Token | None = None) -> None:
        """As a process that was just started: nothing in memory."""
        self.desk = Desk(
            self.kept, self.pins, self.name, "0.1.0",
            clock=self.clock, token=token, tell=self.told.append, bound=self.changed.set,
        )  # fmt: skip

    @property
    def code(self) -> str:
        code = self.desk.code
        assert code is not None
        return code

    @property
    def wrong_code(self) -> str:
        return f"{(int(self.code.replace('-', '')) + 1) % 10**8:08d}"

    @property
    def trusted(self) -> bytes | None:
        """Whose certificate is on disk."""
        pin = Pins(self.home).pinned
        assert pin == self.pins.pinned
        return pin.certificate if pin else None

    async def serve(self) -> None:
        while not self.ended:
            pin = self.pins.pinned
            context = open_context(self.kept) if pin is None else pinned_context(self.kept, pin)
            runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5, lingering_time=0.1)
            await runner.setup()
            try:
                await web.SockSite(runner, self.socket.dup(), ssl_context=context).start()
                await self.changed.wait()
                self.changed.clear()
            finally:
                await runner.cleanup()

    def unpair(self) -> None:
        self.pins.forget()
        self.start()
        self.changed.set()

    def card(self) -> Card:
        return Card(node=self.kept.node, name=self.name, instance="one", version="0.1.0")

    def _app(self) -> web.Application:
        if self.pins.pinned is None:
            return pairing_app(self.desk)

        async def card(request: web.Request) -> web.Response:
            pin = self.pins.pinned
            assert pin is not None and is_pinned(request, pin)
            self.served += 1
            return packed(self.card())

        app = web.Application()
        app.router.add_get("/v1/card", card)
        return app


@asynccontextmanager
async def rig_at(home: Path, token: Token | None = None) -> AsyncIterator[Rig]:
    rig = Rig(home, token=token)
    serving = asyncio.create_task(rig.serve())
    try:
        yield rig
    finally:
        rig.ended = True
        rig.changed.set()
        await serving
        rig.socket.close()


@asynccontextmanager
async def going_on(work: object) -> AsyncIterator[None]:
    task = asyncio.create_task(work)  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()


class Rogue(Listener):
    """Something else at an address: answers what a test wants it to, with any context."""

    def __init__(self, context: ssl.SSLContext | None, answer: Callable[[web.Request, bytes], object]) -> None:
        super().__init__()
        self.context = context
        self.answer = answer
        self.asked: list[str] = []

    async def serve(self) -> None:
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, self.socket, ssl_context=self.context).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        async def any_route(request: web.Request) -> web.StreamResponse:
            self.asked.append(f"{request.method} {request.path}")
            answer = self.answer(request, await request.read())
            if asyncio.iscoroutine(answer):
                answer = await answer
            return answer if isinstance(answer, web.StreamResponse) else packed(answer)

        app = web.Application()
        app.router.add_route("*", "/{any:.*}", any_route)
        return app


@asynccontextmanager
async def rogue_at(
    context: ssl.SSLContext | None, answer: Callable[[web.Request, bytes], object]
) -> AsyncIterator[Rogue]:
    rogue = Rogue(context, answer)
    async with going_on(rogue.serve()):
        yield rogue


def packed(message: object, status: int = 200) -> web.Response:
    body = message if isinstance(message, bytes) else msgspec.msgpack.encode(message)
    return web.Response(status=status, body=body, content_type="application/msgpack")


class Answer(NamedTuple):
    status: int
    """0: hung up without one."""
    body: bytes
    raw: bytes = b""


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: agent", "Connection: close", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def raw(
    address: str, sent: bytes, context: ssl.SSLContext | None = None, *, plain: bool = False, source: str = HOST
) -> Answer:
    """One connection: all of `sent`, and all that comes back. Who hangs up answers with status 0."""
    host, _, port = address.rpartition(":")
    secure = None if plain else (context or Stranger().context)
    said = b""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(
                host, int(port), ssl=secure, server_hostname=None if plain else "agent", local_addr=(source, 0)
            )
            try:
                writer.write(sent)
                await writer.drain()
                while piece := await reader.read(65536):
                    said += piece
            finally:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    except OSError:
        pass
    head, _, body = said.partition(b"\r\n\r\n")
    first = head.split(b"\r\n")[0].split(b" ")
    status = int(first[1]) if len(first) > 1 and first[1].isdigit() else 0
    return Answer(status, body, said)


async def post(rig: Listener, path: str, message: object, *headers: str, source: str = HOST) -> Answer:
    body = message if isinstance(message, bytes) else msgspec.msgpack.encode(message)
    return await raw(rig.address, request("POST", path, body, *(headers or (MEDIA,))), source=source)


def keys_at(folder: Path, name: str = "daemon") -> Keys:
    return kept_keys(folder, name)


def shows(kept: Kept | Keys) -> ssl.SSLContext:
    """A client that trusts anybody and shows this certificate."""
    context = Stranger().context
    context.load_cert_chain(kept.certificate_file, kept.key_file)
    return context


def drawn(seed: int = 1) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run of a test."""
    source = random.Random(seed)
    return source.randbytes


numbers = itertools.count()
