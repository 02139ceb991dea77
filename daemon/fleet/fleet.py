"""Every agent the daemon gives work to: the embedded one and those found on this machine, each as a node.

A further way to reach agents is one more task here that dials, asks `node_of` for the node and serves it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from daemon.core.vitals import Vitals
from daemon.fleet.admission import Admission
from daemon.fleet.books import FollowedBooks
from daemon.fleet.lan import Lan, Network
from daemon.fleet.link import over_socket
from daemon.fleet.local import LocalAgents
from daemon.fleet.loopback import Loopback
from daemon.fleet.node import Node
from daemon.fleet.patience import Patience
from daemon.fleet.probe import Proof, Proofs
from daemon.fleet.results import Intake
from daemon.fleet.seam import AgentHangs, LinkLost, OtherProtocol
from daemon.fleet.shared import Storage
from daemon.ledger.mail import Committed
from schema.errors import Refused
from schema.events import Event, NodeProbed, NodeProbeStarted
from schema.ids import NodeId, Sha256, Token
from schema.nodes import Link
from schema.observations import ProbeWanted
from schema.orders import Card

log = logging.getLogger(__name__)

LOOPBACK = NodeId("local")
"""The embedded agent's, whatever its card says: it is found at this place and not by its id."""

LOST_SECONDS = 45.0
"""An embedded agent that lives but answers nothing for this long is killed; one that outlives the daemon and has
not come back for this long after its start has lost its attempts."""

AGAIN_SECONDS = 0.5
PROBE_SECONDS = 120.0
"""Whoever asks for a probe waits so long."""


class Fleet:
    def __init__(
        self,
        loopback: Loopback,
        books: FollowedBooks,
        intake: Intake,
        vitals: Vitals,
        patience: Patience,
        keep_card: Callable[[Card], Awaitable[Sha256]],
        agents: Path,
        network: Network,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: Unix seconds, for what outlives the process."""

        self._storage = Storage(network.shared)

        def node(name: NodeId, reach: Link) -> Node:
            return Node(name, reach, books, intake, vitals, patience, keep_card, self._storage, self._of_later)

        self._loopback = loopback
        self._books = books
        self._new = node
        self._embedded = node(LOOPBACK, "loopback")
        self._nodes = {LOOPBACK: self._embedded}
        self._local = LocalAgents(agents, self.node_of)
        self._strange = ""
        """Why the embedded agent that lives now is not used."""
        self.lan = Lan(network, books, vitals, self._node)
        self._proofs = Proofs()
        self.admission = Admission(self.lan, books, self._proofs, clock)
        self.ready = self._embedded.ready
        """The embedded agent may be given work."""
        self.later: Callable[[str, int], None] = lambda name, seq: None
        """Told of a paired agent that knows of an event which the log should hold and does not."""

    async def run(self) -> None:
        async with self._books.follow() as batches, asyncio.TaskGroup() as group:
            await self.lan.begin(group)
            for node in await self._with_open_attempts():
                group.create_task(self._expect(node))
            group.create_task(self._hear(batches))
            group.create_task(self.lan.run())
            group.create_task(self._storage.run())
            group.create_task(self.admission.run())
            group.create_task(self._live())
            group.create_task(self._local.run())

    def _of_later(self, name: str, seq: int) -> None:
        self.later(name, seq)

    @property
    def trouble(self) -> str:
        """Why agents are not there that should be, a sentence of each; empty: none is missing."""
        strange = "" if self.ready.is_set() else self._strange
        there = self._loopback.trouble or strange, self._local.trouble, self.lan.trouble, self._storage.trouble
        return " ".join(filter(None, there))

    async def refresh(self, node: NodeId) -> None:
        """Has the node's backends asked anew what they have. Raises Refused."""
        await self._known(node).refresh()

    async def free(self, node: NodeId) -> None:
        """Has the node unload its models. Raises Refused, also while it is at work."""
        await self._known(node).free()

    async def probe(self, node: NodeId) -> Proof:
        """Has the node draw a small picture, and tells what it was like. Raises Refused."""
        if node not in self._nodes or not self._nodes[node].ready.is_set():
            name = await self._books.ask(lambda state: state.nodes[node].name if node in state.nodes else node)
            raise Refused(f"node {name} is not connected.", remedy="Start its agent, and try again.")
        self._proofs.begun(node)
        await self._books.observe(ProbeWanted(node=node))
        proof = await self._proofs.of(node, PROBE_SECONDS)
        if proof is None:
            raise Refused(
                f"the probe has not ended after {PROBE_SECONDS:.0f} seconds.",
                remedy="It goes on; `stablenew node list` shows what comes of it.",
            )
        return proof

    def node_of(self, card: Card) -> Node:
        """The node whose agent has this card; a new one where none had it."""
        return self._node(card.node, "local")

    def _node(self, name: NodeId, reach: Link) -> Node:
        return self._nodes.get(name) or self._nodes.setdefault(name, self._new(name, reach))

    def _known(self, node: NodeId) -> Node:
        if (found := self._nodes.get(node)) is None:
            known = ", ".join(name for name, one in self._nodes.items() if one.connected) or "none"
            raise Refused(f"node {node} is not connected.", remedy=f"Connected now: {known}.")
        return found

    async def _hear(self, batches: AsyncIterator[Committed]) -> None:
        async for batch in batches:
            self.lan.hear(batch)
            for envelope in batch.envelopes:
                self._hear_of_probes(envelope.event, Token(envelope.seq))
            for node in self._nodes.values():
                node.dispatcher.hear(batch)

    def _hear_of_probes(self, event: Event, seq: Token) -> None:
        match event:
            case NodeProbeStarted(node=name):
                if (node := self._nodes.get(name)) is not None:
                    node.prober.begin(seq)
            case NodeProbed():
                self._proofs.ended(event)
            case _:
                pass

    # Agents that outlive the daemon -----------------------------------------------------------

    async def _with_open_attempts(self) -> list[Node]:
        """What they were at when the last daemon ended goes on, and is theirs when they are back."""
        briefs = await self._books.ask(lambda state: tuple(state.attempts.values()))
        waited_for = []
        for name in dict.fromkeys(brief.attempt.node for brief in briefs if brief.attempt.node != LOOPBACK):
            if self.lan.is_paired(name):
                continue
            node = self._node(name, "local")
            node.dispatcher.adopt(brief for brief in briefs if brief.attempt.node == name)
            waited_for.append(node)
        return waited_for

    async def _expect(self, node: Node) -> None:
        """Given up unless its agent is back in time."""
        try:
            async with asyncio.timeout(LOST_SECONDS):
                await node.ready.wait()
        except TimeoutError:
            if not node.connected:
                await node.gone("its agent has not come back since the daemon was started")

    # The embedded agent -----------------------------------------------------------------------

    async def _live(self) -> None:
        async with contextlib.aclosing(self._loopback.lives()) as lives:
            async for path, ended in lives:
                await self._one_life(path, ended)
                await self._embedded.gone("the agent ended")

    async def _one_life(self, path: Path, ended: asyncio.Task[int]) -> None:
        """Connects as often as needed until the process has ended."""
        loop, node = asyncio.get_running_loop(), self._embedded
        began = loop.time()
        while not ended.done():
            serving = asyncio.create_task(_serve(node, path))
            try:
                await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
            finally:
                serving.cancel()
                (fault,) = await asyncio.gather(serving, return_exceptions=True)
            if fault is not None and not isinstance(fault, LinkLost | asyncio.CancelledError):
                raise fault
            if not ended.done():
                log.warning("lost the agent: %s", fault, extra={"node": node.id})
            silent = loop.time() - max(began, node.answered)
            if isinstance(fault, OtherProtocol):  # the release on disk is another one by now
                self._strange = f"The embedded agent: {fault}."
            if isinstance(fault, AgentHangs | OtherProtocol) or silent > LOST_SECONDS:
                await self._loopback.stop()
            await asyncio.sleep(0 if ended.done() else AGAIN_SECONDS)


async def _serve(node: Node, path: Path) -> None:
    """Raises LinkLost."""
    async with over_socket(path) as link:
        card = await link.card()
        try:
            await node.admit(link, card, "loopback")
        except Refused as refused:
            raise LinkLost(refused.told()) from refused
        await node.serve(link, card)
