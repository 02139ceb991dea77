"""Before and after every route: may this client ask, is the request sane, and how is a refusal told.

On the socket the kernel says who asks. Over TCP, in this order: meant for us by name, no browser, a secret that holds,
a route that its scope reaches; only then anything else of the request is looked at.
"""

import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Middleware

from daemon.api import faults
from daemon.api.asked import ACTOR, LIMIT
from daemon.api.callers import Callers, check_scope
from daemon.api.connections import Connection
from daemon.api.house import House
from daemon.api.route import MIB, Route
from daemon.api.tcp import TcpDoor
from daemon.ledger.mail import LedgerStopped
from schema.errors import Refused

logger = logging.getLogger(__name__)

_PEER = struct.Struct("3i")

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_guard(house: House, routes: dict[tuple[str, str], Route], door: TcpDoor, callers: Callers) -> Middleware:
    """The middleware; `routes` by method and path."""
    inner = _Guard(house, routes, door, callers)

    @web.middleware
    async def guard(request: web.Request, handler: Next) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, Connection):
            return await inner.answer(request, handler)
        connection.begins()
        try:
            response = await inner.answer(request, handler)
        finally:
            connection.ends()
        return response

    return guard


class _Guard(NamedTuple):
    house: House
    routes: dict[tuple[str, str], Route]
    door: TcpDoor
    callers: Callers

    async def answer(self, request: web.Request, go_on: Next) -> web.StreamResponse:
        try:
            resource = request.match_info.route.resource
            route = self.routes.get((request.method, resource.canonical)) if resource is not None else None
            with self._let_in(request, route):
                _sane(request, route)
                await _go_ahead(request)
                return await go_on(request)
        except Refused as fault:
            return faults.refusal(fault)
        except LedgerStopped:
            why = self.house.trouble() if self.house.condition() == "read-only" else "the daemon is stopping."
            return faults.refusal(faults.Unavailable(why, remedy="Ask again when it works."))
        except web.HTTPException as fault:
            return faults.of_http(fault, request)
        except ConnectionError:
            raise  # it hung up while it was answered: aiohttp lets it go
        except Exception as fault:
            if (told := faults.of_ground(fault)) is not None:
                logger.warning("%s %s: %s", request.method, request.path, fault)
                return faults.refusal(told)
            logger.exception("%s %s broke", request.method, request.path)
            return faults.bug()

    def _let_in(self, request: web.Request, route: Route | None) -> AbstractContextManager[None]:
        """Knows who asks, or raises Refused; entered while the request is answered."""
        connection = request.protocol
        if isinstance(connection, Connection) and not connection.over_tcp:
            request[ACTOR] = actor(request, self.house.uid)
            _no_browser(request)
            return nullcontext()
        self.door.check_host(request)
        _no_browser(request)
        access = self.callers.known(request)
        check_scope(access, route)
        request[ACTOR] = f"api:{access.name}"
        return self.callers.asking(access, connection) if isinstance(connection, Connection) else nullcontext()


def actor(request: web.Request, uid: int) -> str:
    """`uid:N` of the process at the other end, as the kernel knows it. Raises NotAllowed for other users."""
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    peer = None if connection is None else peer_uid(connection)
    if peer is None or peer not in (uid, 0):
        raise faults.NotAllowed("this daemon belongs to another user.", remedy="Start one of your own.")
    return f"uid:{peer}"


def peer_uid(connection: socket.socket) -> int | None:
    """None where the other end cannot be known."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    try:
        _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    except OSError:
        return None
    return int(uid)


def _no_browser(request: web.Request) -> None:
    """No browser is ever a client; a page that reaches the socket through some proxy is an attack."""
    if "Origin" in request.headers or set(request.headers.getall("Sec-Fetch-Site", [])) - {"none"}:
        raise faults.NotAllowed("requests from web pages are not answered.", where="Origin")


FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What a page of another site may send without asking first."""


def _sane(request: web.Request, route: Route | None) -> None:
    """Sizes and kinds that can be seen before anything of the body is read."""
    limit = MIB if route is None else route.limit
    request[LIMIT] = limit
    if "Content-Encoding" in request.headers:
        raise faults.WrongMedia("encoded bodies are not taken.", where="Content-Encoding", remedy="Send it plain.")
    if request.content_length is not None and request.content_length > limit:
        raise faults.TooLarge(
            f"the body has {request.content_length} bytes; {request.path} takes at most {limit}.", where="body"
        )
    if route is not None:
        if route.method != "GET" and request.can_read_body and request.content_type in FORMS:
            raise faults.WrongMedia(
                f"a body of type {request.content_type} is not taken.", where="Content-Type",
                remedy=f"Send {route.takes_media}.",
            )  # fmt: skip
        for name in request.query:
            if name not in route.query:
                known = f"Use {', '.join(route.query)}." if route.query else "It takes none."
                raise Refused("there is no such query parameter.", where=name[:80], remedy=known)


async def _go_ahead(request: web.Request) -> None:
    """Has a client send its body that waits to hear whether it may: not before it was let in."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


async def expects(request: web.Request) -> None:
    """In place of aiohttp's own word to one who expects something: that is said after the guard."""
