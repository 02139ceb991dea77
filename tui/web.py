"""The terminal UI in a browser, by textual-serve: a process for every tab, on this machine's own address and no other.

textual-serve asks nobody who they are, and whatever page a browser shows may open a WebSocket to this machine. So the
address carries a secret, once, that becomes a cookie; who has it not, or comes from another page, gets no answer.
"""

import asyncio
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from textual_serve.server import Server, to_int

from schema.errors import Refused, why
from schema.places import places
from tui.preferences import preferences

HOST = "127.0.0.1"
NAMES = (HOST, "localhost", "::1")
"""What the browser may call this machine; any other name was made to lead here (DNS rebinding)."""

PAGE = Path(__file__).with_name("web.html")

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self' ws://{host}; frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere, and nobody puts this page into a frame."""

END_PATIENCE = 2.0
"""Seconds for the tabs' processes to end with us."""


class Tabs(Server):
    """textual-serve with a page of our own that loads nothing from the net."""

    def __init__(self, secret: str) -> None:
        super().__init__(f"exec {shlex.join([sys.executable, '-P', '-m', 'tui'])}", host=HOST, title="stablenew")
        self.secret = secret

    async def app(self) -> web.Application:
        app = await self._make_app()
        app.middlewares.append(guard(self.secret))
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: the address is told once it is known."""

    async def handle_index(self, request: web.Request) -> web.Response:
        """By the name that the browser used: behind `ssh -L` the port is another one."""
        size = to_int(request.query.get("fontsize", "16"), 16)
        words = {"websocket": f"ws://{request.host}/ws", "size": size, "nonce": secrets.token_urlsafe(18)}
        text = Template(PAGE.read_text("utf-8")).substitute(words)
        policy = POLICY.format(host=request.host, nonce=words["nonce"])
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        return web.Response(text=text, content_type="text/html", headers=headers)


def guard(secret: str) -> Middleware:
    """Who may ask at all."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.url.host not in NAMES:
            raise web.HTTPForbidden(text="This is for the browser of this machine only.\n")
        name = f"stablenew-{request.url.port}"
        if request.path == "/" and _same(request.query.get("secret", ""), secret):
            response = web.Response(status=302, headers={"Location": "/"})
            response.set_cookie(name, secret, httponly=True, samesite="Strict")
            return response
        if not _same(request.cookies.get(name, ""), secret):
            raise web.HTTPForbidden(text="Open the address that `stablenew web` printed, with its secret.\n")
        if request.path == "/ws" and request.headers.get("Origin") != f"http://{request.host}":
            raise web.HTTPForbidden(text="Another page may not look in here.\n")
        return await handler(request)

    return guarded


def _same(told: str, secret: str) -> bool:
    return secrets.compare_digest(told.encode(), secret.encode())


def serve(port: int, tell: Callable[[str], None]) -> int:
    """Until Ctrl-C or SIGTERM. `port` 0: any that is free; `tell` is given the address. Raises Refused."""
    _for_browsers()
    return asyncio.run(_serve(port, tell))


async def _serve(port: int, tell: Callable[[str], None]) -> int:
    secret = secrets.token_urlsafe(18)
    runner = web.AppRunner(await Tabs(secret).app(), access_log=None, shutdown_timeout=END_PATIENCE)
    await runner.setup()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await web.TCPSite(runner, HOST, port).start()
        tell(f"http://{HOST}:{runner.addresses[0][1]}/?secret={secret}")
        await ended.wait()
    except OSError as fault:
        raise Refused(
            f"cannot listen on port {port}: {why(fault)}", where="stablenew web", remedy="Name another with --port."
        ) from None
    finally:
        await runner.cleanup()
    return 0


def _for_browsers() -> None:
    """What a tab's process is told: half cells, for this kind of browser's terminal shows no other pictures."""
    if preferences(places(os.environ).settings, os.environ)[0].images != "none":
        os.environ["STABLENEW_UI__IMAGES"] = "half"
    for name in ("TMUX", "LINES"):  # of the terminal we were started in, not of the browser
        os.environ.pop(name, None)
