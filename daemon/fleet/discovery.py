"""Looks for agents on the local network by mDNS. What it finds are hints; who is missing from it may be there.

The habits here were measured: interfaces that change need a new browser, `Removed` comes at a goodbye from anybody and
never after a crash, and anybody can shout more names than there are machines.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from daemon.fleet.seam import apart
from daemon.fleet.sightings import Sightings, read_service
from schema.errors import why
from schema.pairing import SERVICE

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

log = logging.getLogger(__name__)

POLL_SECONDS = 3.0
"""Between two looks at the machine's network interfaces."""

AFRESH_SECONDS = 300.0
"""Between two new browsers while a paired node is missing: the questions of an old one come ever more seldom."""

RESOLVE_MS = 3000
RESOLVERS = 8
"""At once."""

GOODBYE_SECONDS = 1.2
"""After a goodbye, until its records are gone from the cache: only then it can be asked whether it is true."""

REFRESH_SECONDS = 60.0
"""Between two resolutions of what is kept: the only way to find out who has ended without a goodbye."""

AGAIN_SECONDS = 10.0
"""After mDNS could not be used at all."""


TROUBLE = (
    "Agents on the network are not found by themselves: {}. Name them by their addresses meanwhile: "
    "`stablenew node add HOST:PORT`."
)


class Discovery:
    """Keeps `sightings`, and calls `saw` when they change; `missing`: whether a paired node is not connected."""

    def __init__(self, sightings: Sightings, saw: Callable[[], None], missing: Callable[[], bool]) -> None:
        self._sightings = sightings
        self._saw = saw
        self._missing = missing
        self._due: dict[str, float] = {}
        """Services to resolve, and when, by the loop's clock."""
        self._woken = asyncio.Event()
        self.trouble = ""
        """Why nobody can be found this way; empty: all is well, or nobody looks."""

    async def run(self) -> None:
        """For ever; whatever is wrong with the network never ends the daemon."""
        while True:
            try:
                await apart(self._look())
            except (OSError, RuntimeError) as fault:
                said = why(fault)
            except ImportError as fault:
                said = f"{fault}"
            if self.trouble != (sentence := TROUBLE.format(said)):
                self.trouble = sentence
                log.warning("%s", sentence)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _look(self) -> None:
        """Until it fails. Raises OSError, ImportError."""
        await asyncio.to_thread(_load)
        zeroconf = _open()
        self.trouble = ""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._browse(zeroconf))
                group.create_task(self._resolve_all(zeroconf.zeroconf, group))
                group.create_task(self._refresh())
        except* (OSError, RuntimeError, zeroconf_faults()) as faults:
            raise OSError(None, why(_one(faults))) from None
        finally:
            await asyncio.shield(zeroconf.async_close())

    # Who is there -----------------------------------------------------------------------------

    async def _browse(self, zeroconf: "AsyncZeroconf") -> None:
        loop = asyncio.get_running_loop()
        adapters = await asyncio.to_thread(_adapters)
        browser, born, settling = self._browser(zeroconf), loop.time(), False
        try:
            while True:
                await asyncio.sleep(POLL_SECONDS)
                now = await asyncio.to_thread(_adapters)
                changed, settling = now != adapters or settling, now != adapters
                adapters = now
                if changed:  # once more at the next look: a new address of IPv6 cannot be used for some seconds
                    log.info("the network interfaces have changed")
                    await zeroconf.async_update_interfaces()
                if changed or (loop.time() - born > AFRESH_SECONDS and self._missing()):
                    await browser.async_cancel()
                    browser, born = self._browser(zeroconf), loop.time()
        finally:
            await asyncio.shield(browser.async_cancel())

    def _browser(self, zeroconf: "AsyncZeroconf") -> "AsyncServiceBrowser":
        from zeroconf.asyncio import AsyncServiceBrowser

        return AsyncServiceBrowser(zeroconf.zeroconf, [SERVICE], handlers=[self._heard])

    def _heard(self, zeroconf: "Zeroconf", service_type: str, name: str, state_change: "ServiceStateChange") -> None:
        """Called for every shout, in the loop: must be quick whatever comes."""
        from zeroconf import ServiceStateChange

        now = asyncio.get_running_loop().time()
        if state_change is ServiceStateChange.Removed:
            if name in self._sightings.names():
                self._due[name] = now + GOODBYE_SECONDS
        elif self._sightings.wants(name):
            self._due[name] = now
        self._woken.set()

    # What they say ----------------------------------------------------------------------------

    async def _resolve_all(self, zeroconf: "Zeroconf", group: asyncio.TaskGroup) -> None:
        """Each service at most once at a time, a few at once, in the order in which they are due."""
        loop, busy = asyncio.get_running_loop(), dict[str, asyncio.Task[None]]()
        while True:
            self._woken.clear()
            now = loop.time()
            for name in sorted(self._due, key=self._due.__getitem__):
                if len(busy) >= RESOLVERS or self._due[name] > now:
                    break
                if name not in busy:
                    del self._due[name]
                    busy[name] = task = group.create_task(self._resolve(zeroconf, name))
                    task.add_done_callback(partial(self._resolved, busy, name))
            waits = [due - now for name, due in self._due.items() if name not in busy]
            try:
                async with asyncio.timeout(max(0.01, min(waits)) if waits and len(busy) < RESOLVERS else None):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _resolve(self, zeroconf: "Zeroconf", name: str) -> None:
        from zeroconf import BadTypeInNameException, IPVersion
        from zeroconf.asyncio import AsyncServiceInfo

        sighting = None
        try:
            info = AsyncServiceInfo(SERVICE, name)
            if await info.async_request(zeroconf, RESOLVE_MS):
                hosts = info.parsed_scoped_addresses(IPVersion.All)
                sighting = read_service(name, info.properties, hosts, info.port)
        except (BadTypeInNameException, ValueError, UnicodeError):
            pass  # a name that nobody should have
        if self._sightings.lost(name) if sighting is None else self._sightings.saw(sighting):
            self._saw()

    def _resolved(self, busy: dict[str, asyncio.Task[None]], name: str, _: asyncio.Task[None]) -> None:
        busy.pop(name, None)
        self._woken.set()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            now = asyncio.get_running_loop().time()
            for number, name in enumerate(self._sightings.names()):
                self._due.setdefault(name, now + number * 0.1)
            self._woken.set()


def _load() -> None:
    """Takes a moment, so it is done beside the loop, and only where somebody looks."""
    import ifaddr  # noqa: F401
    import zeroconf.asyncio  # noqa: F401

    logging.getLogger("zeroconf").setLevel(logging.ERROR)  # it warns of every interface that has no multicast


def _open() -> "AsyncZeroconf":
    """On all interfaces, with IPv6 where the machine has it. Raises OSError."""
    from zeroconf import InterfaceChoice, IPVersion
    from zeroconf.asyncio import AsyncZeroconf

    try:
        return AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.All)
    except OSError:
        return AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only)


def _adapters() -> frozenset[tuple[str, str]]:
    import ifaddr

    return frozenset((adapter.name, str(ip.ip)) for adapter in ifaddr.get_adapters() for ip in adapter.ips)


def _one(faults: BaseExceptionGroup[Exception]) -> Exception:
    group: BaseException = faults
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    assert isinstance(group, Exception)
    return group


def zeroconf_faults() -> type[Exception]:
    """Whatever the library says is wrong with a packet, a name or itself."""
    from zeroconf import Error

    return Error
