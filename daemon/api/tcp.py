"""The listener over TCP: off unless settings name an address; the same routes, behind the same guard.

Plain HTTP: beyond this machine it belongs behind SSH, a VPN or a proxy that speaks TLS.
"""

import asyncio
import ipaddress
import logging
import os
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from daemon.api.faults import Elsewhere
from schema.errors import why
from schema.settings import ApiSettings

FIRST_SECONDS = 1.0
"""How long the daemon's start waits for the first attempt to listen."""

AGAIN_SECONDS = 5.0
"""After a failure to listen, until it is tried again."""

BACKLOG = 128

HTTP_PORT = 80
"""The one that a Host header leaves out."""

logger = logging.getLogger(__name__)


class TcpDoor:
    """One listener. `address` is where it listens, `trouble` why it does not although it should."""

    def __init__(self, settings: ApiSettings) -> None:
        self._wanted = settings.listen
        self._names = settings.hosts
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self.address = ""
        self.trouble = ""
        self.hosts: frozenset[str] = frozenset()
        self.connections: Callable[[], int] = lambda: 0
        """How many there are now."""

    @property
    def alone(self) -> bool:
        """Whether only programs on this machine can reach it."""
        host = split(self._wanted)[0] if self._wanted else "127.0.0.1"
        with suppress(ValueError):
            return ipaddress.ip_address(host).is_loopback
        return host == "localhost"

    async def open(self, runner: web.BaseRunner) -> None:
        """Listens, if settings say so. What fails is told in `trouble` and tried again until `close`."""
        if self._wanted:
            self._task = asyncio.create_task(self._until_it_listens(runner))
            with suppress(TimeoutError):  # a name that is looked up for long holds nothing up
                await asyncio.wait_for(self._tried.wait(), FIRST_SECONDS)

    async def close(self) -> None:
        """No further attempts; the listener itself ends with its runner."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def check_host(self, request: web.Request) -> None:
        """Only requests that are meant for us by name. Raises Elsewhere."""
        given = request.headers.getall("Host", [])
        if len(given) != 1 or request.host != given[0] or given[0].lower() not in self.hosts:
            raise Elsewhere(
                f"this is not {', '.join(given)[:200] or 'what you look for'}.", where="Host",
                remedy=f"Here is {self.address}; further names go into `[api] hosts` of the settings.",
            )  # fmt: skip

    async def _until_it_listens(self, runner: web.BaseRunner) -> None:
        while not await self._listens(runner):
            self._tried.set()
            await asyncio.sleep(AGAIN_SECONDS)
        self._tried.set()

    async def _listens(self, runner: web.BaseRunner) -> bool:
        host, port = split(self._wanted)
        site = web.TCPSite(runner, host, port, backlog=BACKLOG)
        try:
            await site.start()
        except (OSError, UnicodeError, OverflowError) as fault:
            await site.stop()  # the runner counts it although it did not start
            sentence = (
                f"the API cannot listen at {self._wanted}: {_reason(fault)}. It tries again;"
                " `[api] listen` of the settings names another address."
            )
            if sentence != self.trouble:
                logger.warning("%s", sentence)
            self.trouble = sentence
            return False
        self.address, self.trouble = f"{_bracketed(host)}:{site.port}", ""
        self.hosts = hosts_of((self.address, *self._names))
        logger.info("the API listens at %s", self.address)
        return True


def split(address: str) -> tuple[str, int]:
    """`HOST:PORT` or `[V6]:PORT`."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def hosts_of(names: tuple[str, ...]) -> frozenset[str]:
    """What a Host header may say: exactly these; of HTTP's own port also without it."""
    found = {name.lower() for name in names}
    return frozenset(found | {name.removesuffix(f":{HTTP_PORT}") for name in found})


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reason(fault: Exception) -> str:
    """asyncio puts its own sentence around the system's."""
    if isinstance(fault, OSError) and fault.errno is not None and fault.errno > 0:
        return why(OSError(fault.errno, os.strerror(fault.errno)))
    return why(fault)


TCP = web.AppKey("tcp", TcpDoor)
