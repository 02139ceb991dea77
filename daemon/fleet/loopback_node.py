"""The loopback agent as a node: up, connected, lost, and up again, told to the ledger each time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from daemon.core.vitals import Vitals
from daemon.fleet.dispatcher import Books, Dispatcher, Intake, Patience
from daemon.fleet.link import AgentHangs, AgentLink, LinkLost
from daemon.fleet.loopback import Loopback
from daemon.ledger.mail import Committed
from schema.errors import why
from schema.events import NodeJoined
from schema.ids import NodeId, Sha256
from schema.observations import NodeGone, NodeSeen
from schema.orders import PROTOCOL, Card

log = logging.getLogger(__name__)

LOST_SECONDS = 45.0
"""An agent that lives but answers nothing for this long is killed."""

AGAIN_SECONDS = 0.5


class FollowedBooks(Books, Protocol):
    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[Committed]]: ...


class LoopbackNode:
    def __init__(
        self,
        loopback: Loopback,
        node: NodeId,
        books: FollowedBooks,
        intake: Intake,
        vitals: Vitals,
        patience: Patience,
        keep_card: Callable[[Card], Awaitable[Sha256]],
    ) -> None:
        self._loopback = loopback
        self._node = node
        self._books = books
        self._dispatcher = Dispatcher(node, books, intake, vitals, patience)
        self._keep_card = keep_card
        self.ready = asyncio.Event()
        """Its card is known and it may be given work."""

    async def run(self) -> None:
        async with self._books.follow() as batches, asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.hear(batches))
            async with contextlib.aclosing(self._loopback.lives()) as lives:
                async for path, ended in lives:
                    await self._live(path, ended)
                    self.ready.clear()
                    await self._books.observe(NodeGone(node=self._node, reason="the agent ended"))
                    self._dispatcher.forget_all()

    async def _live(self, path: Path, ended: asyncio.Task[int]) -> None:
        """One life of the agent: connects as often as needed until its process has ended."""
        loop = asyncio.get_running_loop()
        answered = loop.time()
        while not ended.done():
            async with AgentLink(path) as link:
                serving = asyncio.create_task(self._serve(link))
                try:
                    await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    serving.cancel()
                    (fault,) = await asyncio.gather(serving, return_exceptions=True)
            if fault is not None and not isinstance(fault, LinkLost | asyncio.CancelledError):
                raise fault
            if not ended.done():
                log.warning("lost the agent: %s", fault, extra={"node": self._node})
            if self.ready.is_set():
                answered = loop.time()
                self.ready.clear()
            if isinstance(fault, AgentHangs) or loop.time() - answered > LOST_SECONDS:
                await self._loopback.stop()
            await asyncio.sleep(0 if ended.done() else AGAIN_SECONDS)

    async def _serve(self, link: AgentLink) -> None:
        card = await link.card()
        if card.protocol != PROTOCOL:
            raise LinkLost(f"the agent speaks protocol {card.protocol}, this daemon {PROTOCOL}")
        try:
            kept = await self._keep_card(card)
        except OSError as fault:
            raise LinkLost(f"its card could not be kept: {why(fault)}") from fault
        joined = _joined(card, self._node, kept)

        async def seen() -> None:
            await self._books.observe(NodeSeen(joined=joined))
            self.ready.set()

        await self._dispatcher.serve(link, seen)


def _joined(card: Card, node: NodeId, kept: Sha256) -> NodeJoined:
    kinds = dict.fromkeys(kind for backend in card.backends for kind in backend.kinds)
    return NodeJoined(
        node=node,
        name=card.name,
        instance=card.instance,
        link="loopback",
        backends=tuple(backend.kind for backend in card.backends),
        kinds=tuple(kinds),
        vram_gb=card.vram_gb,
        speed=card.speed,
        card=kept,
        protocol=card.protocol,
        version=card.version,
    )
