"""One node, however its agent is reached: seen, served, lost, and seen again, told to the ledger each time."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from daemon.core.vitals import Vitals
from daemon.fleet.books import Books
from daemon.fleet.dispatcher import Dispatcher
from daemon.fleet.patience import Patience
from daemon.fleet.probe import Prober
from daemon.fleet.results import Intake
from daemon.fleet.seam import AgentDoor, Declined, LinkLost, worst
from daemon.fleet.shared import Storage
from schema.errors import Refused, why
from schema.events import NodeJoined
from schema.ids import NodeId, Sha256
from schema.nodes import Link
from schema.observations import NodeGone, NodeSeen
from schema.orders import PROTOCOL, Card

log = logging.getLogger(__name__)

MOST_CARDS, CARDS_SECONDS = 30, 600.0
"""Changed cards that are kept within so many seconds; what is placed there follows the newest in any case."""


class Node:
    """Of one id, for as long as the daemon runs; `serve` once per connection, by whoever dials."""

    def __init__(
        self,
        node: NodeId,
        reach: Link,
        books: Books,
        intake: Intake,
        vitals: Vitals,
        patience: Patience,
        keep_card: Callable[[Card], Awaitable[Sha256]],
        storage: Storage,
        later: Callable[[str, int], None] = lambda name, seq: None,
    ) -> None:
        """`later` is told of a paired agent, by name, that knows of an event which the log should hold and does not."""
        self.id = node
        self.reach: Link = reach
        """How it is reached now, or was last."""
        self._books = books
        self._vitals = vitals
        self._keep_card = keep_card
        self._later = later
        self.prober = Prober(node, books, intake, vitals)
        self.dispatcher = Dispatcher(node, books, intake, vitals, patience, self._card_came, self.prober.came, storage)
        self.ready = asyncio.Event()
        """Its card is known and it may be given work."""
        self.answered = float("-inf")
        """Loop time when it was last lost after it had been ready."""
        self._link: AgentDoor | None = None
        self._news = asyncio.Event()
        """Its card may not be what was told."""
        self._told: NodeJoined | None = None
        self._lasting: Card | None = None
        """The card that is kept."""
        self._kept = deque[float](maxlen=MOST_CARDS)
        """Loop times of the last that were."""

    @property
    def connected(self) -> bool:
        return self._link is not None

    @property
    def instance(self) -> str:
        """The process that is connected now, or was last."""
        return self._vitals.cards[self.id].instance if self.id in self._vitals.cards else ""

    async def admit(self, link: AgentDoor, card: Card, reach: Link) -> None:
        """Before `serve`, with the card that was read over this link. Raises Refused for an agent not to use."""
        if self._link is not None:
            raise Refused(
                f"agent {card.name} has the id {self.id} of one that is connected already.",
                remedy="Its folder was copied: remove the folder `keys` in one of the two, and start that agent again.",
            )
        self._link, self.reach = link, reach
        try:
            await self._check(card, reach)
        except BaseException:  # also where nobody wants it any more meanwhile
            self._link = None
            raise

    def hung_up(self, link: AgentDoor) -> None:
        """Whoever was admitted is not served, or not any more."""
        if self._link is link:
            self._link = None

    async def serve(self, link: AgentDoor, card: Card) -> None:
        """Until the link is lost, which is raised as LinkLost or AgentHangs."""
        try:
            await self._first(card)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_cards())
                group.create_task(self.prober.serve(link, self.ready))
                group.create_task(self.dispatcher.serve(link, self._seen))
        except* LinkLost as lost:
            raise worst(lost) from None
        finally:
            self._link = None
            if self.ready.is_set():
                self.answered = asyncio.get_running_loop().time()
                self.ready.clear()

    async def gone(self, reason: str) -> None:
        """Its agent has ended, or was silent for too long."""
        await self._books.observe(NodeGone(node=self.id, reason=reason))
        self.forget()

    def forget(self) -> None:
        """What it was at is another's, as the ledger has been told."""
        self.dispatcher.forget_all()
        self._vitals.cards.pop(self.id, None)
        self._told = None

    async def refresh(self) -> None:
        """Its backends' lists are read anew. Raises Refused."""
        try:
            self._card_came(await self._reached().refresh())
        except LinkLost as lost:
            raise Refused(f"the agent did not answer: {lost}", remedy="Look at its log.") from None

    async def free(self) -> None:
        """Its models are unloaded. Raises Refused."""
        try:
            await self._reached().free()
        except Declined as declined:
            raise Refused(f"the node frees nothing now: {declined}") from None
        except LinkLost as lost:
            raise Refused(f"the agent did not answer: {lost}", remedy="Look at its log.") from None

    def _reached(self) -> AgentDoor:
        if self._link is None:
            raise Refused(f"node {self.id} is not connected.", remedy="Start its agent, and try again.")
        return self._link

    # Its card ---------------------------------------------------------------------------------

    async def _check(self, card: Card, reach: Link) -> None:
        if card.protocol != PROTOCOL:
            raise Refused(
                f"agent {card.name} speaks protocol {card.protocol}, this daemon {PROTOCOL}.",
                remedy=f"Install a newer stablenew {'here' if card.protocol > PROTOCOL else 'on its machine'}.",
            )
        epoch, head = await self._books.ask(lambda state: (state.epoch, state.seq))
        if reach == "lan" and (card.epoch > epoch or card.seen > head):
            # It obeys the key of this daemon alone, and took orders of it that the log here does not know.
            self._later(card.name, max(card.epoch, card.seen))
            raise Refused(f"agent {card.name} knows of event {max(card.epoch, card.seen)}, and the log ends at {head}.")
        if card.epoch > epoch:
            raise Refused(
                f"agent {card.name} has worked for another daemon, or for one with a newer log "
                f"(epoch {card.epoch}, here {epoch}).",
                remedy="If that log is gone, remove the file `epoch` in the agent's folder and start it again.",
            )

    async def _first(self, card: Card) -> None:
        """Raises LinkLost where the disk does not take the card: tried again with the next connection."""
        lasting = _lasting(card)
        if lasting != self._lasting:
            if (early := self._too_early()) > 0:
                raise LinkLost(f"its card is another one too often; it is looked at again in {early:.0f} s")
            self._kept.append(asyncio.get_running_loop().time())
        self._vitals.cards[self.id] = card
        try:
            self._lasting = lasting
            self._told = _joined(card, self.id, self.reach, await self._keep_card(self._lasting))
        except OSError as fault:
            raise LinkLost(f"its card could not be kept: {why(fault)}") from fault

    async def _seen(self) -> None:
        assert self._told is not None
        await self._books.observe(NodeSeen(joined=self._told))
        self.ready.set()
        self._news.set()  # it may have changed before anybody was to be told

    def _card_came(self, card: Card) -> None:
        """What may be placed there follows it at once; the log hears of it when more than a server's state changed."""
        if card != self._vitals.cards.get(self.id):
            self._vitals.cards[self.id] = card
            self._books.pulse()
            self._news.set()

    async def _keep_cards(self) -> None:
        """No more of them than an agent of ours ever has to tell: each stays on disk, and in the log."""
        while True:
            await self._news.wait()
            if (early := self._too_early()) > 0:
                await asyncio.sleep(early)
            self._news.clear()
            card = self._vitals.cards.get(self.id)
            if card is None or self._told is None or not self.ready.is_set():
                continue
            lasting = _lasting(card)
            if lasting == self._lasting:
                continue
            self._kept.append(asyncio.get_running_loop().time())
            try:
                joined = _joined(card, self.id, self.reach, await self._keep_card(lasting))
            except OSError as fault:
                log.error("a card could not be kept: %s", why(fault), extra={"node": self.id})
                continue
            self._lasting = lasting
            if joined != self._told and self.ready.is_set():
                self._told = joined
                await self._books.observe(NodeSeen(joined=joined))

    def _too_early(self) -> float:
        """Seconds until one more may be kept."""
        if len(self._kept) < MOST_CARDS:
            return 0.0
        return self._kept[0] + CARDS_SECONDS - asyncio.get_running_loop().time()


def _lasting(card: Card) -> Card:
    """Without what comes and goes: a server or an agent that is restarted keeps the card it had."""
    backends = tuple(msgspec.structs.replace(one, state="ready", trouble="") for one in card.backends)
    return msgspec.structs.replace(card, instance="", boot="", backends=backends, epoch=0, seen=0)


def _joined(card: Card, node: NodeId, reach: Link, kept: Sha256) -> NodeJoined:
    kinds = dict.fromkeys(kind for backend in card.backends for kind in backend.kinds)
    return NodeJoined(
        node=node,
        name=card.name,
        instance=card.instance,
        link=reach,
        backends=tuple(backend.kind for backend in card.backends),
        kinds=tuple(kinds),
        vram_gb=card.vram_gb,
        speed=card.speed,
        card=kept,
        protocol=card.protocol,
        version=card.version,
    )
