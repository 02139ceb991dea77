"""The daemon's socket: the application with all its routes, served on a socket that is already bound."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from aiohttp import web

from daemon.api import feed, routes
from daemon.api.connections import Runner
from daemon.api.feed import FEED, SOCKETS, Feed
from daemon.api.guard import make_guard
from daemon.api.house import House
from daemon.api.once import ONCE, Once
from daemon.api.openapi import OPENAPI, describe
from daemon.api.route import Route

BACKLOG = 512

SHUTDOWN_SECONDS = 3.0
"""How long answers may still take when the daemon stops."""

logger = logging.getLogger(__name__)


def make_app(house: House) -> web.Application:
    """All routes of `routes.ALL`, and nothing else."""
    app = web.Application(middlewares=[make_guard(house, {(route.method, route.path): route for route in routes.ALL})])
    for route in routes.ALL:
        app.router.add_route(route.method, route.path, _answering(house, route))
    app[FEED] = Feed(house)
    app[SOCKETS] = set()
    app[ONCE] = Once()
    app[OPENAPI] = describe(routes.ALL, house.version)
    app.cleanup_ctx.append(partial(_feeding, house))
    app.on_shutdown.append(feed.close_all)
    return app


async def serve(house: House, sock: socket.socket) -> Runner:
    """Serves on a listening or bound Unix socket until the runner's `cleanup`; more sockets may join it."""
    runner = Runner(
        make_app(house), house.settings().daemon.max_clients, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    await web.SockSite(runner, sock, backlog=BACKLOG).start()
    return runner


def _answering(house: House, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answering(request: web.Request) -> web.StreamResponse:
        return await route.run(house, request)

    return answering


async def _feeding(house: House, app: web.Application) -> AsyncIterator[None]:
    """A feed that breaks is a bug: the daemon stops, so that it starts anew."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            logger.error("the feed broke", exc_info=fault)
            house.stop()

    task = asyncio.create_task(app[FEED].run())
    task.add_done_callback(ended)
    yield
    task.cancel()
    await asyncio.wait((task,))
