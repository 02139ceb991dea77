"""The agent's name on the network, by mDNS: where it listens, which node it is, whether it may be paired.

What is told here is a hint for whoever looks, never a proof. That it cannot be told stops nobody: a daemon also takes
an address. zeroconf's ways were measured: interfaces are looked at every three seconds, as nobody tells of changes.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

import zeroconf
from zeroconf import IPVersion
from zeroconf._dns import DNSAddress, DNSService
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from agent.adapters import Adapter, Look, adapters, published
from schema.errors import why
from schema.ids import NodeId
from schema.orders import PROTOCOL
from schema.pairing import SERVICE

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Between two looks at this machine's interfaces."""

LONGEST_NAME = 48
"""Characters; a label has 63 at most, and the id's beginning follows."""

Faults = (OSError, zeroconf.Error, RuntimeError, TimeoutError)
"""What zeroconf raises where a machine has no multicast, no free port 5353, or no interface."""


class Said(NamedTuple):
    """What the TXT record holds beside the id and the version."""

    pair: bool = False
    """It takes a pairing now."""
    join: str = ""
    """First characters of the fleet that it waits for with a token."""


class Advertiser:
    """`say` whenever it changes, `run` for ever, `stop` at the end: a goodbye reaches others in milliseconds."""

    def __init__(
        self,
        node: NodeId,
        name: str,
        instance: str,
        port: int,
        tell: Callable[[str], None],
        *,
        look: Look = adapters,
        make: Callable[[], AsyncZeroconf] = lambda: AsyncZeroconf(ip_version=IPVersion.All),
    ) -> None:
        """`tell` is given a sentence for a person, once for each trouble."""
        self.port = port
        self.addresses: tuple[str, ...] = ()
        self.trouble = ""
        """Why nobody can find it by its name now."""
        self._node = node
        self._instance = instance
        self._tell = tell
        self._called = label(name)
        self._look = look
        self._make = make
        self._said = self._told = Said()
        self._changed = asyncio.Event()
        self._zeroconf: AsyncZeroconf | None = None
        self._telling: Awaitable[None] | None = None
        """What was told last is repeated a few times; something newer must come behind it."""
        self._known: tuple[Adapter, ...] = ()
        self._ever: set[bytes] = set()
        """All addresses that were told, as packets hold them."""
        self._aside = False
        """It has left its name to another one that has the same key."""

    @property
    def name(self) -> str:
        """How others see it: of the service, which is the host's name too, without what makes it unique."""
        return self._called

    @property
    def service(self) -> str:
        """Unique without asking anybody, as the second part follows from the agent's key."""
        return f"{self._called}-{self._node[:8]}"

    @property
    def is_announced(self) -> bool:
        return self._zeroconf is not None and not self.trouble

    def say(self, said: Said) -> None:
        if said != self._said:
            self._said = said
            self._changed.set()

    async def run(self) -> None:
        """For ever; trouble is told once and tried again at every look."""
        while True:
            self._changed.clear()
            try:
                await self._keep_up()
                self.trouble = ""
            except Faults as fault:
                await self._failed(fault)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()

    async def stop(self) -> None:
        """With a goodbye. Takes a quarter of a second."""
        known, self._zeroconf, self._telling = self._zeroconf, None, None
        if known is not None:
            with suppress(*Faults):
                await known.async_close()

    async def _keep_up(self) -> None:
        """Tells what is new since the last time: of the interfaces, or of what is said."""
        found, said = await asyncio.to_thread(self._look), self._said
        moved, known = found != self._known, self.addresses
        self.addresses = published(found)
        self._ever.update(ip_address(each).packed for each in self.addresses)
        if not self.addresses:
            return  # a machine without network; the next look may find one
        if self._zeroconf is None:
            await self._begin(said)
        else:
            if moved:
                await self._zeroconf.async_update_interfaces()
            if self.addresses != known or said != self._told:
                await self._has_told()
                self._telling = await self._zeroconf.async_update_service(self._as(said))
            if not self._aside and self._is_shared():
                await self._step_aside(said)
        self._known, self._told = found, said

    async def _begin(self, said: Said) -> None:
        """Under a name that follows from the key, so nobody is asked first whose it is: that takes over a second."""
        self._zeroconf = self._make()
        self._telling = await self._zeroconf.async_register_service(self._as(said), cooperating_responders=True)
        log.info("announced as %s at %s, port %d", self.service, ", ".join(self.addresses), self.port)

    async def _has_told(self) -> None:
        telling, self._telling = self._telling, None
        if telling is not None:
            await telling

    async def _step_aside(self, told: Said) -> None:
        """From a name that somebody else announces too: both are shown then, and a daemon tells them apart."""
        assert self._zeroconf is not None
        await self._has_told()
        await self._zeroconf.async_unregister_service(self._as(told))
        self._called, self._aside = f"{self._called}-{self._instance[:4]}", True
        self._telling = await self._zeroconf.async_register_service(self._as(told), cooperating_responders=True)
        log.warning("another agent has this one's key, a copied folder perhaps: announced as %s", self.service)

    def _is_shared(self) -> bool:
        """Whether the name was heard with a place that was never this agent's."""
        assert self._zeroconf is not None
        cache = self._zeroconf.zeroconf.cache
        hosts = [each for each in cache.entries_with_name(f"{self.service}.local.") if isinstance(each, DNSAddress)]
        ports = [each for each in cache.entries_with_name(f"{self.service}.{SERVICE}") if isinstance(each, DNSService)]
        return any(each.ttl > 1 and each.address not in self._ever for each in hosts) or any(
            each.ttl > 1 and each.port != self.port for each in ports
        )

    def _as(self, said: Said) -> AsyncServiceInfo:
        """A new object every time: zeroconf compares it with the one it holds."""
        properties = {"id": self._node, "v": str(PROTOCOL), "pair": "1" if said.pair else "0"}
        if said.join:
            properties["join"] = said.join
        return AsyncServiceInfo(
            SERVICE,
            f"{self.service}.{SERVICE}",
            port=self.port,
            properties=properties,
            server=f"{self.service}.local.",
            parsed_addresses=list(self.addresses),
        )

    async def _failed(self, fault: Exception) -> None:
        sentence = why(fault)
        log.warning("it cannot be announced on the network: %s", sentence)
        if not self.trouble:
            where = f"{self.addresses[0]}:{self.port}" if self.addresses else f"HOST:{self.port}"
            self._tell(
                f"Nobody can find this agent by its name, as this machine takes no mDNS ({sentence}). "
                f"Name its address to the daemon instead: `stablenew node add {where}`."
            )
        self.trouble = sentence
        self._known = ()
        await self.stop()


def label(name: str) -> str:
    """As it can be part of a host's name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:LONGEST_NAME].strip("-")
    return plain or "agent"
