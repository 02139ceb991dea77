"""The paired nodes on the network, one `Peer` each, from what the log says of them; strangers beside them.

What an address or a name on the network claims changes nothing here: a node is whoever proves its key.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from daemon.core.state import Brief, State
from daemon.core.vitals import Stranger, Vitals
from daemon.fleet.books import Books
from daemon.fleet.dial import Knock, knocked
from daemon.fleet.discovery import Discovery
from daemon.fleet.heart import Timers
from daemon.fleet.link import AgentLink, over_network
from daemon.fleet.node import Node
from daemon.fleet.peer import Peer
from daemon.fleet.seam import LinkLost
from daemon.fleet.sightings import Sighting, Sightings
from daemon.fleet.trust.contexts import is_pinned, pinned_context
from daemon.fleet.trust.keys import Keys, kept_keys
from daemon.ledger.mail import Committed
from schema.errors import Refused, why
from schema.events import NodeForgotten, NodeJoined, NodeLost, NodePaired, NodeUnpaired
from schema.ids import NodeId
from schema.nodes import Link
from schema.orders import PROTOCOL

log = logging.getLogger(__name__)

KEYS_SECONDS = 5.0
KEYS_LOST = (
    "The daemon's key cannot be read, so no agent on the network is used: {} "
    "Put its folder back from a backup, or start the daemon again and pair the agents anew."
)
POLITE_SECONDS = 3.0
"""What a node has to hear that it was unpaired."""


class Network(NamedTuple):
    """What the fleet needs of places and settings to go beyond this machine."""

    keys: Path
    """Folder of the daemon's key and certificate."""
    name: str
    """Of this machine."""
    discover: bool
    timers: Timers
    shared: Path | None = None
    """The shared storage, as it is mounted here."""


class Known(NamedTuple):
    """Of a paired node, as the log says."""

    node: NodeId
    certificate: str
    address: str


class Lan:
    """`node_of` gives the node of an id; a new one where there was none."""

    def __init__(self, network: Network, books: Books, vitals: Vitals, node_of: Callable[[NodeId, Link], Node]) -> None:
        self._network = network
        self._books = books
        self._vitals = vitals
        self._node_of = node_of
        self._peers: dict[NodeId, Peer] = {}
        self._tasks: dict[NodeId, asyncio.Task[None]] = {}
        self._certificates: dict[NodeId, str] = {}
        self._leaving: dict[NodeId, asyncio.Task[None]] = {}
        """Of nodes that were paired before: what is new waits until what was is gone."""
        self._group: asyncio.TaskGroup | None = None
        self._trouble = ""
        self.sightings = Sightings()
        self.moved = asyncio.Event()
        """Set whenever strangers have changed; whoever waits for that clears it."""
        self.keys: asyncio.Future[Keys] = asyncio.get_running_loop().create_future()
        """The daemon's own; never done where they cannot be kept."""
        self.discovery = Discovery(self.sightings, self._saw, self._any_missing)

    @property
    def trouble(self) -> str:
        return " ".join(filter(None, (self._trouble, self.discovery.trouble)))

    @property
    def keys_folder(self) -> Path:
        return self._network.keys

    async def own_keys(self) -> Keys:
        """Raises Refused."""
        try:
            async with asyncio.timeout(KEYS_SECONDS):
                return await asyncio.shield(self.keys)
        except TimeoutError:
            raise Refused(self._trouble or "the daemon has just started.", remedy="Try again.") from None

    @property
    def peers(self) -> dict[NodeId, Peer]:
        return self._peers

    async def begin(self, group: asyncio.TaskGroup) -> None:
        """The nodes that the log knows; all that goes on runs in `group`."""
        self._group = group
        known, briefs = await self._books.ask(_paired)
        for each in known:
            self._begin(each, [brief for brief in briefs if brief.attempt.node == each.node])

    async def run(self) -> None:
        """Once begun: the daemon's own key, and then whoever can be seen."""
        try:
            keys = await asyncio.to_thread(kept_keys, self._network.keys, self._network.name)
        except (OSError, Refused) as fault:
            said = fault.told() if isinstance(fault, Refused) else f"{why(fault)}."
            self._trouble = f"The daemon's key cannot be read, so no agent on the network is used: {said}"
            log.error("%s", self._trouble)
            return
        self.keys.set_result(keys)
        if self._network.discover:
            await self.discovery.run()

    def hear(self, batch: Committed) -> None:
        """Every committed batch."""
        for envelope in batch.envelopes:
            match envelope.event:
                case NodePaired(node=node, certificate=certificate, address=address):
                    self._end(node, polite=False)
                    self._begin(Known(node, certificate, address), ())
                case NodeUnpaired(node=node):
                    self._end(node, polite=True)
                case NodeForgotten(node=node):
                    self._end(node, polite=False)
                case NodeJoined() | NodeLost():
                    self._publish()
                case _:
                    pass

    def _is_served(self, node: NodeId) -> bool:
        """One of this machine, over its socket, announces itself too."""
        return node in self._vitals.cards

    def is_paired(self, node: NodeId) -> bool:
        return node in self._peers

    # Paired nodes -----------------------------------------------------------------------------

    def _begin(self, known: Known, briefs: Iterable[Brief]) -> None:
        assert self._group is not None
        node = self._node_of(known.node, "lan")
        node.dispatcher.adopt(briefs)
        peer = Peer(
            node, known.address, self._books, self._vitals, self._network.timers, lambda good: self._seen(node.id, good)
        )
        self._peers[known.node], self._certificates[known.node] = peer, known.certificate
        self._tasks[known.node] = self._group.create_task(self._serve(peer, known.certificate), name=f"node {node.id}")
        self._publish()

    async def _serve(self, peer: Peer, certificate: str) -> None:
        await asyncio.shield(self.keys)
        if (leaving := self._leaving.get(peer.node.id)) is not None:
            await asyncio.wait((leaving,))
        while True:
            try:
                knock = self._knock(certificate)
                break
            except OSError as fault:  # somebody took them away while the daemon ran
                self._trouble = KEYS_LOST.format(why(fault))
                log.error("%s", self._trouble)
                await asyncio.sleep(KEYS_SECONDS)
        self._trouble = ""
        await peer.run(knock)

    def _knock(self, certificate: str) -> Knock:
        """Links to whoever proves this key, and nobody else."""
        context = pinned_context(self.keys.result(), certificate)
        timers = self._network.timers

        def knock(address: str) -> AgentLink:
            return over_network(
                address,
                context,
                lambda transport: is_pinned(transport, certificate),
                beat=timers.beat,
                silence=timers.suspect,
            )

        return knock

    def _end(self, node: NodeId, *, polite: bool) -> None:
        peer, task = self._peers.pop(node, None), self._tasks.pop(node, None)
        certificate = self._certificates.pop(node, "")
        if peer is None or task is None:
            return
        assert self._group is not None
        task.cancel()
        self._leaving[node] = self._group.create_task(self._leave(peer, task, certificate if polite else ""))
        self._publish()

    async def _leave(self, peer: Peer, task: asyncio.Task[None], certificate: str) -> None:
        """Hangs up, and tells the agent that it is free, if it can be told."""
        await asyncio.wait((task,))
        peer.node.forget()
        if not certificate or not self.keys.done():
            return
        try:
            knock = self._knock(certificate)
        except OSError as fault:
            log.warning("an agent was not told that it was unpaired: %s", why(fault))
            return
        for address in self._seen(peer.node.id, peer.address):
            if await _told(address, knock(address)):
                return

    def _seen(self, node: NodeId, good: str) -> tuple[str, ...]:
        """Where to look for it: nowhere, where another node is being served."""
        taken = {peer.address for name, peer in self._peers.items() if name != node and peer.node.connected}
        return tuple(one for one in self.sightings.candidates(node, good) if one not in taken)

    def _any_missing(self) -> bool:
        return any(not peer.node.connected for peer in self._peers.values())

    async def found_at(self, address: str) -> Node | None:
        """The paired node that is not connected and proves its key at this address, which is noted."""
        for peer in self._peers.values():
            if peer.node.connected and peer.address == address:
                return peer.node
        if not self.keys.done():
            return None
        missing = {name: peer for name, peer in self._peers.items() if not peer.node.connected}
        calls = [self._is_at(address, self._certificates[name]) for name in missing]
        for peer, called in zip(missing.values(), await asyncio.gather(*calls), strict=True):
            if called:
                self.strange(
                    Sighting(
                        service=f"at {address}", node=peer.node.id, name=called, addresses=(address,), open=False,
                        protocol=PROTOCOL, named=True,
                    )
                )  # fmt: skip
                peer.look()
                return peer.node
        return None

    async def _is_at(self, address: str, certificate: str) -> str:
        """What whoever proves this key there calls itself; empty: nobody does."""
        try:
            reached = await knocked(address, self._knock(certificate))
        except (LinkLost, OSError):
            return ""
        await reached.link.close()
        return reached.card.name

    # Strangers --------------------------------------------------------------------------------

    def _saw(self) -> None:
        """Something was seen, or is not seen any more."""
        for peer in self._peers.values():
            if not set(self.sightings.addresses(peer.node.id)) <= {peer.address}:
                peer.look()
        self._publish()

    def strange(self, sighting: Sighting) -> None:
        """An agent that a person has named by its address, as it greeted."""
        self.sightings.saw(sighting)
        self._publish()

    def _publish(self) -> None:
        self.sightings.expect(self._peers)
        found = sorted(self.sightings.strangers(), key=lambda one: (one.name, one.node))
        strangers = tuple(_stranger(one) for one in found if not self._is_served(one.node))
        if strangers != self._vitals.strangers:
            self._vitals.strangers = strangers
            self.moved.set()


def _paired(state: State) -> tuple[list[Known], list[Brief]]:
    known = [Known(node.id, node.certificate, node.address) for node in state.nodes.values() if node.certificate]
    return known, list(state.attempts.values())


def _stranger(one: Sighting) -> Stranger:
    state, trouble = "new", ""
    if one.protocol != PROTOCOL:
        state = "incompatible"
        trouble = (
            f"it speaks protocol {one.protocol}, this daemon {PROTOCOL}: run the same release of stablenew on both"
        )
    elif not one.open:
        state = "taken"
        trouble = "it is paired with another daemon, or used by one on its own machine"
    return Stranger(
        node=one.node,
        name=one.name,
        address=one.addresses[0],
        state=state,  # type: ignore[arg-type]
        trouble=trouble,
        version=one.release,
        token=bool(one.join),
    )


async def _told(address: str, link: AgentLink) -> bool:
    """Whether the agent there has heard that it is not ours any more. Who does not answer keeps its pin."""
    try:
        async with link, asyncio.timeout(POLITE_SECONDS):
            await link.unpair()
    except (LinkLost, TimeoutError) as fault:
        log.info("%s was not told that it was unpaired: %s", address, fault)
        return False
    return True
