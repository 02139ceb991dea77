"""The connections that reach the socket and the TCP listener: how many, how long silent, and which one makes room.

Each of the two doors counts for itself: whoever crowds the one keeps nobody from the other.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from daemon.api import faults
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

LINGER_SECONDS = 1.0
"""How long what a refused request still sends is thrown away, so that it hears why."""

STALLED_SECONDS = 60.0
"""How long one over TCP may leave what it is sent unread. On the socket a stopped terminal may take for ever."""

DEAD_SECONDS = 60
"""After so long without a sign of life from the other machine, a TCP connection is over."""

logger = logging.getLogger(__name__)


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
    __slots__ = ("_among", "_deadline", "_door", "_stalled", "_timers", "over_tcp")

    def __init__(self, door: "Door", server: web.Server, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=KEEPALIVE_SECONDS,
            tcp_keepalive=False,
            access_log=None,  # type: ignore[arg-type]  # None: no access log, as aiohttp documents
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self._door = door
        self._among = door.sockets
        self._timers = loop
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self.over_tcp = True
        """Whether it came by the TCP listener: as long as nobody knows, it is taken for a stranger's."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        connection: socket.socket | None = transport.get_extra_info("socket")
        self.over_tcp = connection is None or connection.family != socket.AF_UNIX
        if connection is not None and self.over_tcp:
            self._among = self._door.tcp
            notice_death(connection)
        if self._among.came(self, self._timers.time()):
            self._deadline = self._timers.call_later(FIRST_REQUEST_SECONDS, self.force_close)
        else:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(CROWDED)
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._among.went(self)
        self._in_time()
        self._reads()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.over_tcp:
            self._stalled = self._timers.call_later(STALLED_SECONDS, self.cut)

    def resume_writing(self) -> None:
        self._reads()
        super().resume_writing()

    def cut(self) -> None:
        """Ends it at once, whatever is still to be sent; what answers it is cancelled."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP, and what broke outside of every route: told as everything else is, without its inside."""
        if status >= 500:
            logger.error("a connection broke", exc_info=exc)
        if request.writer is not None and request.writer.output_size > 0:
            raise ConnectionError("part of the answer was sent already")
        response = faults.bug() if status >= 500 else faults.no_http(status)
        response.force_close()
        return response

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

    def _reads(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def notice_death(connection: socket.socket) -> None:
    """Has the kernel ask a silent peer whether it is there, and give up on one that takes nothing any more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", DEAD_SECONDS // 2), ("TCP_KEEPINTVL", DEAD_SECONDS // 6), ("TCP_KEEPCNT", 3),
                        ("TCP_USER_TIMEOUT", DEAD_SECONDS * 1000)):  # fmt: skip
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Door(web.Server):
    """Makes a `Connection` of whatever is accepted."""

    def __init__(
        self, inner: web.Server, sockets: Connections, tcp: Connections, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(
            inner.request_handler, request_factory=inner.request_factory, handler_cancellation=True, loop=loop
        )
        self.sockets = sockets
        self.tcp = tcp
        self._timers = loop

    def __call__(self) -> RequestHandler:
        return Connection(self, self, loop=self._timers)


class Runner(web.AppRunner):
    """An application behind a `Door`. `cleanup` ends every connection and stream."""

    def __init__(
        self, app: web.Application, limit: int, over_tcp: int, **options: Any
    ) -> None:  # Any: aiohttp's own options
        super().__init__(app, **options)
        self.connections = Connections(limit)
        self.over_tcp = Connections(over_tcp)
        self.before_cleanup: list[Callable[[], Awaitable[None]]] = []
        """What must be over before the listeners end."""

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()
        return Door(inner, self.connections, self.over_tcp, asyncio.get_running_loop())

    async def cleanup(self) -> None:
        for end in self.before_cleanup:
            await end()
        await super().cleanup()


def _crowded() -> bytes:
    body = line(Told("too many programs ask at once.", "", "Try again in a moment.", Exit.FAILED))
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


CROWDED = _crowded()
