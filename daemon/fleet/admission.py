"""Brings agents into the fleet: by the code a person carries over, by a token they were started with, by an address.

Every attempt that comes to nothing is told to the ledger, so that nobody can try in silence.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from daemon.fleet.books import Books
from daemon.fleet.lan import Lan
from daemon.fleet.probe import Proofs
from daemon.fleet.sightings import Sighting, label, read_address
from daemon.fleet.trust.invites import Invite, Invites
from daemon.fleet.trust.pairing import Greeting, Pairing, PairRefused, greet, pair
from schema.errors import Refused, why
from schema.ids import NodeId
from schema.observations import NodeBound, PairingFailed
from schema.orders import PROTOCOL
from schema.pairing import Hello
from schema.tokens import short_of

log = logging.getLogger(__name__)

SEEN_SECONDS = 3.0
"""An agent that was just started has to be found."""

PROBE_SECONDS = 120.0
"""Whoever pairs waits so long for the probe; it goes on without them."""

INVITE_SECONDS = 30.0
"""Between two calls to an agent that waits with a token, while they come to nothing."""

INVITES = "invites.json"
"""In the folder of the keys."""


class Paired(NamedTuple):
    """What came of it."""

    node: NodeId
    name: str
    address: str
    paired: bool
    ready: bool
    reason: str


class Admission:
    def __init__(self, lan: Lan, books: Books, proofs: Proofs, clock: Callable[[], float]) -> None:
        """`clock`: Unix seconds, as tokens outlive the process."""
        self._lan = lan
        self._books = books
        self._proofs = proofs
        self._clock = clock
        self._invites: Invites | None = None

    async def pair(self, name: str, code: str) -> Paired:
        """The stranger of this id, name or address; waits for its probe. Raises Refused."""
        one = await self._stranger(name)
        if one is None:
            return await self.add(self._as_address(name), code)
        return await self._proved(await self._by_code(one.addresses, one.name, code, one.node))

    async def add(self, address: str, code: str | None) -> Paired:
        """Whoever answers at `HOST:PORT`; without a code it is only noted, unless it has a token. Raises Refused."""
        try:
            address = read_address(address)
        except ValueError as fault:
            raise Refused(f"{fault}.", remedy="Write HOST:PORT; without a port 7801 is meant.") from None
        if known := await self._lan.found_at(address):
            return Paired(known.id, known.id, address, True, True, "it is paired already; its address was noted")
        if code is not None:
            return await self._proved(await self._by_code((address,), address, code, None))
        hello = (await self._greeted(address)).hello
        name = label(hello.name) or hello.node[:8]
        self._lan.strange(
            Sighting(
                service=f"at {address}", node=hello.node, name=name, addresses=(address,), open=True,
                protocol=PROTOCOL, release=label(hello.release), named=True,
            )
        )  # fmt: skip
        if hello.secret == "token":
            return await self._proved(await self._by_token(address, hello))
        return Paired(hello.node, name, address, False, False, "it waits for the code that it shows")

    async def invite(self) -> tuple[str, float]:
        """A token, and until when it holds (Unix seconds). Raises Refused."""
        invites = await self._kept_invites()
        try:
            return await asyncio.to_thread(invites.new)
        except OSError as fault:
            raise Refused(f"the token could not be kept: {why(fault)}.") from None

    # To a pin ---------------------------------------------------------------------------------

    async def _by_code(self, addresses: Sequence[str], name: str, code: str, node: NodeId | None) -> Pairing:
        """At the first address where somebody answers. Raises Refused."""
        for address in addresses[:-1]:
            try:
                await greet(address)
            except PairRefused as refused:
                if refused.kind == "unreachable":
                    continue
            return await self._pinned(address, name, code, node)
        return await self._pinned(addresses[-1], name, code, node)

    async def _by_token(self, address: str, hello: Hello) -> Pairing:
        """Raises Refused."""
        invites = await self._kept_invites()
        invite = invites.of(hello)
        if invite is None:
            raise Refused(
                f"the agent at {address} waits for the daemon that made its token, or that token is spent.",
                remedy="Start it with a new token: `stablenew node invite`.",
            )
        return await self._pinned(address, hello.name, invite, hello.node)

    async def _pinned(self, address: str, name: str, secret: str | Invite, node: NodeId | None) -> Pairing:
        """Paired, and in the log. Raises Refused."""
        keys = await self._lan.own_keys()
        epoch = int(await self._books.ask(lambda state: state.epoch))
        try:
            pairing = await pair(address, secret if isinstance(secret, str) else secret.secret, keys, epoch, node=node)
        except PairRefused as refused:
            await self._failed(address, name, refused)
            raise
        self._proofs.begun(pairing.node)
        await self._books.observe(
            NodeBound(
                node=pairing.node,
                name=pairing.name,
                certificate=pairing.certificate,
                address=pairing.address,
                by="code" if isinstance(secret, str) else "token",
            )
        )
        log.info("paired with %s at %s", pairing.name, pairing.address, extra={"node": pairing.node})
        if isinstance(secret, Invite) and self._invites is not None:
            await asyncio.to_thread(self._invites.spent, secret)
        return pairing

    async def _proved(self, pairing: Pairing) -> Paired:
        name = pairing.node
        if await self._books.ask(lambda state: name in state.nodes and state.nodes[name].proved):
            return Paired(name, pairing.name, pairing.address, True, True, "it was paired and proved before")
        shown = await self._proofs.of(pairing.node, PROBE_SECONDS)
        reason = shown.reason if shown else f"its probe has not ended after {PROBE_SECONDS:.0f} seconds; it goes on"
        return Paired(pairing.node, pairing.name, pairing.address, True, shown is not None and shown.ok, reason)

    async def _failed(self, address: str, name: str, refused: PairRefused) -> None:
        log.warning("no pairing with %s: %s", address, refused.told())
        await self._books.observe(
            PairingFailed(address=address, name=label(refused.name or name), reason=refused.told(), node=refused.node)
        )

    async def _greeted(self, address: str) -> Greeting:
        """Raises Refused."""
        try:
            return await greet(address)
        except PairRefused as refused:
            await self._failed(address, address, refused)
            raise

    # Who is meant -----------------------------------------------------------------------------

    async def _stranger(self, name: str) -> Sighting | None:
        """Waits a little for one that was only just started. Raises Refused for several, or one that is taken."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SEEN_SECONDS
        while True:
            found = self._meant(name)
            if found or loop.time() > deadline or ":" in name:
                break
            await asyncio.sleep(0.1)
        if len(found) > 1:
            those = ", ".join(f"{one.node[:8]} at {one.addresses[0]}" for one in found)
            raise Refused(f"several agents are called {name}.", remedy=f"Name the one you mean by its id: {those}.")
        if found and not found[0].open:
            raise Refused(
                f"{found[0].name} is paired with another daemon, or used by one on its own machine.",
                remedy="Run `stablenew agent unpair` on its machine, and pair it then.",
            )
        return found[0] if found else None

    def _meant(self, name: str) -> list[Sighting]:
        seen = self._lan.sightings
        waiting = [*seen.strangers(), *seen.let_go()]
        exact = [one for one in waiting if name in (one.node, one.name, *one.addresses)]
        return exact or [one for one in waiting if len(name) >= 4 and one.node.startswith(name)]

    def _as_address(self, name: str) -> str:
        """Raises Refused for what is rather a name that nobody has."""
        if "." in name or ":" in name:
            return name
        seen = ", ".join(one.name for one in self._lan.sightings.strangers()) or "nobody"
        raise Refused(
            f"no agent called {name} waits to be paired.",
            remedy=f"Waiting now: {seen}. On another subnet: `stablenew node add HOST:PORT`.",
        )

    # Tokens -----------------------------------------------------------------------------------

    async def _kept_invites(self) -> Invites:
        """Raises Refused."""
        if self._invites is None:
            file = self._lan.keys_folder / INVITES
            try:
                self._invites = await asyncio.to_thread(Invites, file, await self._lan.own_keys(), self._clock)
            except OSError as fault:
                raise Refused(f"the tokens cannot be read: {why(fault)}.", where=str(file)) from None
        return self._invites

    async def run(self) -> None:
        """For ever: who waits with a token of ours is brought in."""
        mine = short_of((await asyncio.shield(self._lan.keys)).certificate)
        tried: dict[NodeId, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            self._lan.moved.clear()
            waiting = [one for one in self._lan.sightings.strangers() if one.open and one.join == mine]
            for one in waiting:
                if loop.time() - tried.get(one.node, float("-inf")) >= INVITE_SECONDS:
                    tried[one.node] = loop.time()
                    await self._try_token(one)
            tried = {one.node: tried[one.node] for one in waiting}
            try:
                async with asyncio.timeout(INVITE_SECONDS if waiting else None):
                    await self._lan.moved.wait()
            except TimeoutError:
                pass

    async def _try_token(self, one: Sighting) -> None:
        for address in one.addresses:
            try:
                await self._by_token(address, (await greet(address)).hello)
            except Refused as refused:
                log.info("no pairing by token with %s at %s: %s", one.name, address, refused.told())
            else:
                return
