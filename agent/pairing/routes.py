"""The only routes that answer somebody who is not pinned: three, with small bodies, in little time."""

import asyncio

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent.pairing.desk import Declined, Desk
from schema.pairing import (
    LARGEST,
    PAIRING,
    Bound,
    Closing,
    Denied,
    Hello,
    Opening,
    Reason,
    Reply,
    read_message,
    version_of,
)

BODY_SECONDS = 5.0
"""For a body to come; ours has a few hundred bytes."""

MEDIA = "application/msgpack"

_STATUS: dict[Reason, int] = {
    "content": 400, "version": 400, "locked": 429, "busy": 409, "taken": 409, "paired": 409, "token": 403,
    "nothing": 409, "wrong": 403, "disk": 507,
}  # fmt: skip


def pairing_app(desk: Desk) -> web.Application:
    routes = _Routes(desk)
    app = web.Application(middlewares=[_guard(desk)], client_max_size=LARGEST)
    app.router.add_get("/pair/0", routes.hello, allow_head=False)
    app.router.add_post("/pair/1", routes.open)
    app.router.add_post("/pair/2", routes.close)
    return app


class _Routes:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def hello(self, request: web.Request) -> web.Response:
        return _packed(self._desk.hello())

    async def open(self, request: web.Request) -> web.Response:
        body = await _body(request)
        caller = _caller(request)
        try:
            opening = read_message(body, Opening)
        except ValueError:
            if (version := version_of(body)) not in (None, PAIRING):
                raise self._desk.declined("version", caller, f"it pairs by version {version}") from None
            raise self._desk.declined("content", caller, "its message was none of a pairing") from None
        return _packed(self._desk.open(opening, caller))

    async def close(self, request: web.Request) -> web.StreamResponse:
        """The daemon has its answer before the listener changes under it."""
        body = await _body(request)
        caller = _caller(request)
        try:
            closing = read_message(body, Closing)
        except ValueError:
            raise self._desk.declined("content", caller, "its message was none of a pairing") from None
        answer = _packed(self._desk.close(closing, caller))
        try:
            await answer.prepare(request)
            await answer.write_eof()
        finally:
            self._desk.bound()
        return answer


def _guard(desk: Desk) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing that unpacks itself, nothing of a browser, no connection that stays."""
        try:
            refused = _foreign(request)
            if refused:
                raise desk.declined("content", _caller(request), refused)
            answer = await handler(request)
        except Declined as declined:
            answer = _packed(declined.denied, _STATUS[declined.denied.reason])
        except (TimeoutError, web.HTTPRequestEntityTooLarge):
            told = desk.declined("content", _caller(request), "its message was too long, or did not come")
            answer = _packed(told.denied, 413)
        if not answer.prepared:
            answer.force_close()
        return answer

    return guard


def _foreign(request: web.Request) -> str:
    if "Content-Encoding" in request.headers or "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        return "its request was not one of a daemon"
    if request.method == "POST" and request.content_type != MEDIA:
        return "its message was none of a pairing"
    return ""


async def _body(request: web.Request) -> bytes:
    async with asyncio.timeout(BODY_SECONDS):
        return await request.read()


def _caller(request: web.Request) -> str:
    return (request.remote or "an unknown address").removeprefix("::ffff:")  # IPv4 on a socket of both


def _packed(message: Hello | Reply | Bound | Denied, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.msgpack.encode(message), content_type=MEDIA)
