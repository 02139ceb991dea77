"""The agent's routes, as `schema.orders` lists them, and their guard: same user, small bodies, known names.

Knows the bench, the blobs and the feed; decides nothing about orders.
"""

import os
import re
import socket as sockets
import struct
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent.backends import BackendTrouble
from agent.bench import Bench, OtherOrder
from agent.blobs import MAX_BLOB, Blobs, WrongContent
from agent.cards import Cards
from agent.feed import Feed
from agent.guards import PAIRING
from agent.standing import Standing
from schema.errors import why
from schema.ids import Sha256
from schema.orders import LARGEST_ORDER, Accepted, AttemptReport, Card, Order, attempt_id, parse_attempt_id

_ATTEMPT = re.compile(r"[A-Za-z0-9._-]{1,60}~[A-Za-z0-9_-]{1,60}~[0-9]{1,18}")
"""What an attempt's id may look like; it becomes a file's name."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Seat(Protocol):
    """Whom this agent is paired with."""

    def told(self) -> Standing: ...

    def unpair(self) -> bool:
        """False: it is paired with nobody. Raises OSError."""


class Server:
    def __init__(self, bench: Bench, blobs: Blobs, feed: Feed, cards: Cards, seat: Seat) -> None:
        self._bench = bench
        self.seat = seat
        self._blobs = blobs
        self._feed = feed
        self._cards = cards

    def app(self, *guards: Middleware) -> web.Application:
        """A new one for each socket; `guards` know who may come by it."""
        app = web.Application(middlewares=(*guards, _guard), client_max_size=LARGEST_ORDER)
        app.router.add_get("/v1/card", self.card)
        app.router.add_get("/v1/attempts", self.attempts)
        app.router.add_put("/v1/attempts/{id}", self.offer)
        app.router.add_post("/v1/attempts/{id}/cancel", self.cancel)
        app.router.add_delete("/v1/attempts/{id}", self.forget)
        app.router.add_get("/v1/blobs/{sha256}", self.blob)  # answers HEAD too
        app.router.add_put("/v1/blobs/{sha256}", self.receive)
        app.router.add_get("/v1/feed", self.feed, allow_head=False)
        app.router.add_put("/v1/watched", self.watched)
        app.router.add_post("/v1/free", self.free)
        app.router.add_post("/v1/refresh", self.refresh)
        app.router.add_get(PAIRING, self.pairing, allow_head=False)
        app.router.add_delete(PAIRING, self.unpair)
        return app

    async def card(self, request: web.Request) -> web.Response:
        return _packed(await self._cards.recent())

    async def refresh(self, request: web.Request) -> web.Response:
        return _packed(await self._cards.refreshed())

    async def attempts(self, request: web.Request) -> web.Response:
        return _packed(self._bench.attempts())

    async def offer(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            order = msgspec.msgpack.decode(body, type=Order)
        except msgspec.MsgspecError as fault:
            raise web.HTTPBadRequest(text=f"the body is no order: {fault}") from None
        named = _attempt(request)
        if attempt_id(order.job, order.stage, order.token) != named:
            raise web.HTTPBadRequest(text=f"the order in the body is not {named}")
        try:
            return _packed(self._bench.offer(order))
        except OtherOrder:
            raise web.HTTPConflict(text=f"{named} was sent before with another order") from None

    async def cancel(self, request: web.Request) -> web.Response:
        report = self._bench.cancel(_attempt(request))
        if report is None:
            raise web.HTTPNotFound(text="this attempt is not known here")
        return _packed(report)

    async def forget(self, request: web.Request) -> web.Response:
        named = _attempt(request)
        if not self._bench.forget(named):
            if any(attempt_id(r.job, r.stage, r.token) == named for r in self._bench.attempts()):
                raise web.HTTPConflict(text=f"{named} has not ended; cancel it first")
            raise web.HTTPNotFound(text="this attempt is not known here")
        return web.Response(status=204)

    async def blob(self, request: web.Request) -> web.StreamResponse:
        sha = _sha256(request)
        path = self._bench.find(sha)
        if path is None:
            raise web.HTTPNotFound(text=f"blob {sha} is not here")
        return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})

    async def receive(self, request: web.Request) -> web.Response:
        sha = _sha256(request)
        if request.content_length is not None and request.content_length > MAX_BLOB:
            raise web.HTTPRequestEntityTooLarge(MAX_BLOB, request.content_length)
        try:
            await self._blobs.receive(sha, _chunks(request))
        except WrongContent as fault:
            raise web.HTTPUnprocessableEntity(text=str(fault)) from None
        except OSError as fault:
            raise web.HTTPInsufficientStorage(text=f"the blob could not be written: {why(fault)}") from None
        return web.Response(status=204)

    async def feed(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=4096, heartbeat=20.0)
        await socket.prepare(request)
        await self._feed.serve(socket, lambda: request.transport.abort() if request.transport else None)
        return socket

    async def watched(self, request: web.Request) -> web.Response:
        try:
            self._bench.watched = msgspec.msgpack.decode(await request.read(), type=bool)
        except msgspec.MsgspecError as fault:
            raise web.HTTPBadRequest(text=f"the body is neither true nor false: {fault}") from None
        return web.Response(status=204)

    async def free(self, request: web.Request) -> web.Response:
        try:
            freed = await self._bench.free()
        except BackendTrouble as trouble:
            raise web.HTTPConflict(text=trouble.sentence) from None
        if not freed:
            raise web.HTTPConflict(text="an attempt runs or waits; free when it has ended")
        return web.Response(status=204)

    async def pairing(self, request: web.Request) -> web.Response:
        return web.json_response(self.seat.told()._asdict())

    async def unpair(self, request: web.Request) -> web.Response:
        try:
            if not self.seat.unpair():
                raise web.HTTPConflict(text="this agent is paired with nobody")
        except OSError as fault:
            raise web.HTTPInsufficientStorage(text=f"it could not be unpaired: {why(fault)}") from None
        return web.Response(status=204)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only this user and root, and nothing that unpacks itself."""
    uid = _peer_uid(request)
    if uid is not None and uid not in (0, os.geteuid()):
        raise web.HTTPForbidden(text="this agent serves another user")
    if "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text="send the body as it is, without Content-Encoding")
    return await handler(request)


def _peer_uid(request: web.Request) -> int | None:
    """None where the system does not tell; the socket's mode 0600 stands alone there."""
    if request.transport is None or not hasattr(sockets, "SO_PEERCRED"):
        return None
    peer = request.transport.get_extra_info("socket")
    if peer is None or peer.family != sockets.AF_UNIX:
        return None
    uid: int = struct.unpack("3i", peer.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i")))[1]
    return uid


def _attempt(request: web.Request) -> str:
    text = request.match_info["id"]
    if not _ATTEMPT.fullmatch(text) or text.startswith("."):
        raise web.HTTPNotFound(text="an attempt is named JOB~STAGE~TOKEN")
    return attempt_id(*parse_attempt_id(text))


def _sha256(request: web.Request) -> Sha256:
    text = request.match_info["sha256"]
    if not _SHA256.fullmatch(text):
        raise web.HTTPNotFound(text="a blob is named by 64 lower-case hex digits")
    return Sha256(text)


def _packed(answer: Card | Accepted | AttemptReport | list[AttemptReport]) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(answer), content_type="application/msgpack")


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(256 * 1024):
        yield chunk
