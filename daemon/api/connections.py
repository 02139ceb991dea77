"""The connections that reach the socket: how many, how long silent, and which one makes room for another."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from daemon.api.faults import Told
from daemon.api.told import line
from schema.errors import Exit

FIRST_REQUEST_SECONDS = 5.0
"""How long a connection may take to send its first whole request."""

KEEPALIVE_SECONDS = 30.0
"""How long it may be silent between two."""

YOUNG_SECONDS = 0.25
"""A connection this young is not asked to make room: its request may be on its way."""

CROWD = 8
"""Times the limit: beyond it nobody more is let in, young or not."""


class Connections:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._all: set[Connection] = set()
        self._idle: dict[Connection, float] = {}
        """Those without a request, by since when; longest first."""

    def __len__(self) -> int:
        return len(self._all)

    def came(self, connection: "Connection", now: float) -> bool:
        """Whether it is let in; one that has been idle longest may have to go for it."""
        if len(self._all) >= self._limit and not self._make_room(now) and len(self._all) >= self._limit * CROWD:
            return False
        self._all.add(connection)
        self._idle[connection] = now
        return True

    def busy(self, connection: "Connection") -> None:
        self._idle.pop(connection, None)

    def idle(self, connection: "Connection", now: float) -> None:
        if connection in self._all:
            self._idle[connection] = now

    def went(self, connection: "Connection") -> None:
        self._all.discard(connection)
        self._idle.pop(connection, None)

    def _make_room(self, now: float) -> bool:
        longest = next(iter(self._idle), None)
        if longest is None or now - self._idle[longest] < YOUNG_SECONDS:
            return False
        self.went(longest)
        longest.force_close()
        return True


class Connection(RequestHandler):
    __slots__ = ("_among", "_clock", "_deadline", "_timers")

    def __init__(self, among: Connections, server: web.Server, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=KEEPALIVE_SECONDS,
            tcp_keepalive=False,
            access_log=None,  # type: ignore[arg-type]  # None: no access log, as aiohttp documents
            lingering_time=1.0,  # seconds of throwing away what a refused request still sends
            auto_decompress=False,
        )
        self._among = among
        self._timers = loop
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._among.came(self, self._timers.time()):
            self._deadline = self._timers.call_later(FIRST_REQUEST_SECONDS, self.force_close)
        else:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(CROWDED)
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._among.went(self)
        self._in_time()
        super().connection_lost(exc)

    def begins(self) -> None:
        """A whole request has come."""
        self._in_time()
        self._among.busy(self)

    def ends(self) -> None:
        """The request is answered; the connection may bring another."""
        self._among.idle(self, self._timers.time())

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Door(web.Server):
    """Makes a `Connection` of whatever is accepted."""

    def __init__(self, inner: web.Server, among: Connections, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            inner.request_handler, request_factory=inner.request_factory, handler_cancellation=True, loop=loop
        )
        self._among = among
        self._timers = loop

    def __call__(self) -> RequestHandler:
        return Connection(self._among, self, loop=self._timers)


class Runner(web.AppRunner):
    """An application behind a `Door`. `cleanup` ends every connection and stream."""

    def __init__(self, app: web.Application, limit: int, **options: Any) -> None:  # Any: aiohttp's own options
        super().__init__(app, **options)
        self.connections = Connections(limit)

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()
        return Door(inner, self.connections, asyncio.get_running_loop())


def _crowded() -> bytes:
    body = line(Told("too many programs ask at once.", "", "Try again in a moment.", Exit.FAILED))
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


CROWDED = _crowded()
