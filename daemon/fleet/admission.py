"""Brings agents into the fleet: by the code a person carries over, by a token they were started with, by an address.

Every attempt that comes to nothing is told to the ledger, so that nobody can try in silence.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from daemon.fleet.books import Books
from daemon.fleet.lan import Lan
from daemon.fleet.node import Node
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

INVITE_MOST_SECONDS = 3600.0
"""What they become: each that fails stands in the log, and anybody can announce that he waits with a token."""

MOST_TRIED = 256
LEAST_SECONDS = 0.5

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


class Tried(NamedTuple):
    """An agent that waits with a token."""

    again: float
    """Loop time."""
    times: int


NEVER = Tried(float("-inf"), 0)


class Admission:
    def __init__(self, lan: Lan, books: Books, proofs: Proofs, clock: Callable[[], float]) -> None:
        """`clock`: Unix seconds, as tokens outlive the process."""
        self._lan = lan
        self._books = books
        self._proofs = proofs
        self._clock = clock
        self._invites: Invites | None = None
        self._reading = asyncio.Lock()

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
            return await self._known(known, address)
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

    async def _known(self, node: Node, address: str) -> Paired:
        """One that is paired already is at work again in a moment."""
        ready = True
        try:
            async with asyncio.timeout(SEEN_SECONDS):
                await node.ready.wait()
        except TimeoutError:
            ready = False
        name = await self._books.ask(lambda state: state.nodes[node.id].name if node.id in state.nodes else node.id)
        return Paired(node.id, name, address, True, ready, "it is paired already; its address was noted")

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
            try:
                await asyncio.to_thread(self._invites.spent, secret)
            except OSError as fault:  # it is spent for as long as this daemon runs
                log.error("that a token was used could not be kept: %s", why(fault))
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
        file = self._lan.keys_folder / INVITES
        async with self._reading:  # two that read at once would each forget what the other gave away
            if self._invites is None:
                try:
                    self._invites = await asyncio.to_thread(Invites, file, await self._lan.own_keys(), self._clock)
                except OSError as fault:
                    raise Refused(
                        f"the tokens cannot be read: {why(fault)}.", where=str(file), remedy="Let this user read it."
                    ) from None
        return self._invites

    async def run(self) -> None:
        """For ever: who waits with a token of ours is brought in."""
        mine = short_of((await asyncio.shield(self._lan.keys)).certificate)
        tried: dict[NodeId, Tried] = {}
        loop = asyncio.get_running_loop()
        while True:
            self._lan.moved.clear()
            waiting = [one for one in self._lan.sightings.strangers() if one.open and one.join == mine]
            now = loop.time()
            due = [one for one in waiting if now >= tried.get(one.node, NEVER).again]
            for one in due:
                times = tried.get(one.node, NEVER).times + 1
                tried[one.node] = Tried(now + min(INVITE_SECONDS * 2.0 ** (times - 1), INVITE_MOST_SECONDS), times)
            await asyncio.gather(*(self._try_token(one) for one in due))  # one that says nothing holds up nobody
            there = {one.node for one in waiting}
            tried = {node: each for node, each in tried.items() if node in there or now < each.again}
            while len(tried) > MOST_TRIED:
                tried.pop(next(iter(tried)))
            next_one = min((tried[node].again for node in there), default=None)
            try:
                async with asyncio.timeout(None if next_one is None else max(LEAST_SECONDS, next_one - loop.time())):
                    await self._lan.moved.wait()
                await asyncio.sleep(LEAST_SECONDS if due else 0)
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
