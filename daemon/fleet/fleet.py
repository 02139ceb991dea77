"""Every agent the daemon gives work to: the embedded one and those found on this machine, each as a node.

A further way to reach agents is one more task here that dials, asks `node_of` for the node and serves it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from daemon.core.vitals import Vitals
from daemon.fleet.dispatcher import Books, Patience
from daemon.fleet.link import AgentHangs, LinkLost, OtherProtocol, over_socket
from daemon.fleet.local import LocalAgents
from daemon.fleet.loopback import Loopback
from daemon.fleet.node import Node, Reach
from daemon.fleet.results import Intake
from daemon.ledger.mail import Committed
from schema.errors import Refused
from schema.ids import NodeId, Sha256
from schema.orders import Card

log = logging.getLogger(__name__)

LOOPBACK = NodeId("local")
"""The embedded agent's, whatever its card says: it is found at this place and not by its id."""

LOST_SECONDS = 45.0
"""An embedded agent that lives but answers nothing for this long is killed; one that outlives the daemon and has
not come back for this long after its start has lost its attempts."""

AGAIN_SECONDS = 0.5


class FollowedBooks(Books, Protocol):
    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[Committed]]: ...


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
    ) -> None:
        def node(name: NodeId, reach: Reach) -> Node:
            return Node(name, reach, books, intake, vitals, patience, keep_card)

        self._loopback = loopback
        self._books = books
        self._new = node
        self._embedded = node(LOOPBACK, "loopback")
        self._nodes = {LOOPBACK: self._embedded}
        self._local = LocalAgents(agents, self.node_of)
        self._strange = ""
        """Why the embedded agent that lives now is not used."""
        self.ready = self._embedded.ready
        """The embedded agent may be given work."""

    async def run(self) -> None:
        async with self._books.follow() as batches, asyncio.TaskGroup() as group:
            group.create_task(self._hear(batches))
            for node in await self._with_open_attempts():
                group.create_task(self._expect(node))
            group.create_task(self._live())
            group.create_task(self._local.run())

    @property
    def trouble(self) -> str:
        """Why agents are not there that should be, a sentence of each; empty: none is missing."""
        strange = "" if self.ready.is_set() else self._strange
        return " ".join(filter(None, (self._loopback.trouble or strange, self._local.trouble)))

    async def refresh(self, node: NodeId) -> None:
        """Has the node's backends asked anew what they have. Raises Refused."""
        await self._known(node).refresh()

    async def free(self, node: NodeId) -> None:
        """Has the node unload its models. Raises Refused, also while it is at work."""
        await self._known(node).free()

    def node_of(self, card: Card) -> Node:
        """The node whose agent has this card; a new one where none had it."""
        return self._nodes.get(card.node) or self._nodes.setdefault(card.node, self._new(card.node, "local"))

    def _known(self, node: NodeId) -> Node:
        if (found := self._nodes.get(node)) is None:
            known = ", ".join(name for name, one in self._nodes.items() if one.connected) or "none"
            raise Refused(f"node {node} is not connected.", remedy=f"Connected now: {known}.")
        return found

    async def _hear(self, batches: AsyncIterator[Committed]) -> None:
        async for batch in batches:
            for node in self._nodes.values():
                node.dispatcher.hear(batch)

    # Agents that outlive the daemon -----------------------------------------------------------

    async def _with_open_attempts(self) -> list[Node]:
        """What they were at when the last daemon ended goes on, and is theirs when they are back."""
        briefs = await self._books.ask(lambda state: tuple(state.attempts.values()))
        waited_for = []
        for name in dict.fromkeys(brief.attempt.node for brief in briefs if brief.attempt.node != LOOPBACK):
            node = self._nodes[name] = self._new(name, "local")
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
            await node.admit(link, card)
        except Refused as refused:
            raise LinkLost(refused.told()) from refused
        await node.serve(link, card)
