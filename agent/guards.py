"""Who may come by which socket: the daemon of this machine while nobody is pinned, over the network the pin alone."""

import logging
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent.holder import Holder

if TYPE_CHECKING:
    from agent.pairing.pins import Pin, Pins

log = logging.getLogger(__name__)

FEED, PAIRING = "/v1/feed", "/v1/pairing"


def for_local(holder: Holder) -> Middleware:
    """Of the Unix socket. Asking whom the agent is paired with, and undoing it, is open to this user always."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = _route(request)
        refusal = "" if route == PAIRING else holder.refusal()
        if refusal:
            raise web.HTTPForbidden(text=refusal)
        if route == FEED:
            with holder.listened():
                return await handler(request)
        return await handler(request)

    return guard


def for_pinned(pins: "Pins", pin: "Pin", holder: Holder) -> Middleware:
    """Of the network, once more for every request: the pin may have been forgotten while a connection was made."""
    from agent.pairing.contexts import is_pinned

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if pins.pinned != pin or not is_pinned(request, pin):
            log.warning("a request of %s without the pin", request.remote)
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPForbidden(text="this agent works for another daemon")
        route = _route(request)
        if route == PAIRING and request.method != "DELETE":
            raise web.HTTPNotFound(text="only asked on this machine")
        if route == FEED:
            with holder.worked():
                return await handler(request)
        return await handler(request)

    return guard


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
