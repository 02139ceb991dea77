"""The daemon's socket: the application with all its routes, served on a socket that is already bound.

The TCP listener, where settings name one, belongs to it: it comes and goes with the socket.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from aiohttp import web

from daemon.api import feed, routes
from daemon.api.callers import CALLERS, Callers
from daemon.api.connections import Runner
from daemon.api.feed import FEED, SOCKETS, Feed
from daemon.api.guard import expects, make_guard
from daemon.api.house import House
from daemon.api.once import ONCE, Once
from daemon.api.openapi import OPENAPI, describe
from daemon.api.route import Route
from daemon.api.tcp import TCP, TcpDoor
from daemon.api.wish import REMEMBERED

BACKLOG = 512

SHUTDOWN_SECONDS = 1.0
"""How long answers may still take when the daemon stops."""

logger = logging.getLogger(__name__)


def make_app(house: House) -> web.Application:
    """All routes of `routes.ALL`, and nothing else."""
    door, callers = TcpDoor(house.settings().api), Callers(house)
    guard = make_guard(house, {(route.method, route.path): route for route in routes.ALL}, door, callers)
    app = web.Application(middlewares=[guard])
    for route in routes.ALL:
        app.router.add_route(route.method, route.path, _answering(house, route), expect_handler=expects)
    app[TCP], app[CALLERS] = door, callers
    app[FEED] = Feed(house)
    app[SOCKETS] = set()
    app[ONCE] = Once()
    app[REMEMBERED] = app[ONCE].digests
    app[OPENAPI] = describe(routes.ALL, house.version)
    app.cleanup_ctx.append(partial(_feeding, house))
    app.on_shutdown.append(feed.close_all)
    return app


async def serve(house: House, sock: socket.socket) -> Runner:
    """Serves on a listening or bound Unix socket until the runner's `cleanup`; more sockets may join it."""
    app, settings = make_app(house), house.settings()
    runner = Runner(
        app, settings.daemon.max_clients, settings.api.max_clients, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    await web.SockSite(runner, sock, backlog=BACKLOG).start()
    app[TCP].connections = lambda: len(runner.over_tcp)
    runner.before_cleanup.append(app[TCP].close)
    await app[TCP].open(runner)
    return runner


def _answering(house: House, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answering(request: web.Request) -> web.StreamResponse:
        return await route.run(house, request)

    return answering


async def _feeding(house: House, app: web.Application) -> AsyncIterator[None]:
    """A feed, or a watch over who may ask, that breaks is a bug: the daemon stops, so that it starts anew."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            logger.error("the feed or the watch over TCP broke", exc_info=fault)
            house.stop()

    tasks = [asyncio.create_task(app[FEED].run()), asyncio.create_task(app[CALLERS].run())]
    for task in tasks:
        task.add_done_callback(ended)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
