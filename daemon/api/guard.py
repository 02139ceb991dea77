"""Before and after every route: may this client ask, is the request sane, and how is a refusal told."""

import logging
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from daemon.api import faults
from daemon.api.asked import ACTOR, LIMIT
from daemon.api.connections import Connection
from daemon.api.house import House
from daemon.api.route import MIB, Route
from daemon.ledger.mail import LedgerStopped
from schema.errors import Refused

logger = logging.getLogger(__name__)

_PEER = struct.Struct("3i")

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_guard(house: House, routes: dict[tuple[str, str], Route]) -> Middleware:
    """The middleware; `routes` by method and path."""

    @web.middleware
    async def guard(request: web.Request, handler: Next) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, Connection):
            return await _guarded(request, handler)
        connection.begins()
        try:
            response = await _guarded(request, handler)
        finally:
            connection.ends()
        return response

    async def _guarded(request: web.Request, go_on: Next) -> web.StreamResponse:
        try:
            request[ACTOR] = actor(request, house.uid)
            _no_browser(request)
            resource = request.match_info.route.resource
            route = routes.get((request.method, resource.canonical)) if resource is not None else None
            _sane(request, route)
            return await go_on(request)
        except Refused as fault:
            return faults.refusal(fault)
        except LedgerStopped:
            return faults.refusal(faults.Unavailable("the daemon is stopping.", remedy="Ask again when it runs."))
        except web.HTTPException as fault:
            return faults.of_http(fault, request)
        except ConnectionError:
            raise  # it hung up while it was answered: aiohttp lets it go
        except Exception:
            logger.exception("%s %s broke", request.method, request.path)
            return faults.bug()

    return guard


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
    if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
        raise faults.NotAllowed("requests from web pages are not answered.", where="Origin")


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
        for name in request.query:
            if name not in route.query:
                known = f"Use {', '.join(route.query)}." if route.query else "It takes none."
                raise Refused("there is no such query parameter.", where=name[:80], remedy=known)
