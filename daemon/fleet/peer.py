"""One paired node on the network: looked for, served, watched for signs of life, and for a second one of its key.

A connection that breaks is no loss: it is dialled again at once and then every second. Only silence is a loss.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from daemon.core.vitals import Vitals
from daemon.fleet.books import Books
from daemon.fleet.dial import Knock, Reached, Unreached, all_of, first_of
from daemon.fleet.heart import Heart, Timers
from daemon.fleet.node import Node
from daemon.fleet.seam import AgentHangs, HungUp, LinkLost, NotKnown, OtherKey, OtherProtocol, Refusing, apart
from schema.errors import Refused
from schema.nodes import Standing
from schema.observations import NodeDistrusted, NodeMoved

log = logging.getLogger(__name__)

AGAIN_SECONDS, LEAST_SECONDS = 1.0, 0.1
LATER_SECONDS = 3.0
"""Between two calls to one that was lost, or that is not trusted."""

HANG_SECONDS = 30.0
"""Until one that did not do what it was told to is tried again."""

TWIN_SECONDS = 5.0
"""Between two looks at the other addresses, while one of them is not accounted for or two agents have one key."""

ALONE = 2
"""Looks in a row that must find one of two only, before that one is used again."""

TWIN_MOST_SECONDS = 60.0
"""What they become while nothing changes."""

TICK_SECONDS = 0.25
"""At most between two looks at the clock."""


class Twins(LinkLost):
    """Two agents that live at once have one key."""


class Peer:
    """Whoever proves this node's key is it, unless two do so at once."""

    def __init__(
        self,
        node: Node,
        address: str,
        books: Books,
        vitals: Vitals,
        timers: Timers,
        seen: Callable[[str], Sequence[str]],
    ) -> None:
        """`address`: where it last proved its key; `seen`: all candidates, given that one."""
        self.node = node
        self._good = address
        self._books = books
        self._vitals = vitals
        self._timers = timers
        self._seen = seen
        self._heart = Heart(timers, asyncio.get_running_loop().time())
        self._standing: tuple[Standing, str] | None = None
        self._look = asyncio.Event()
        self._gone = False
        self._left = False
        """It hung up in good order: whoever refuses the next call was stopped, and did not break down."""
        self._alone = 0
        """How often in a row only one of two answered."""

    @property
    def address(self) -> str:
        """Where it last proved its key."""
        return self._good

    def heard(self) -> None:
        """A sign of life."""
        if self._heart.beat(asyncio.get_running_loop().time()):
            self._not_silent()
            self._books.pulse()

    def look(self) -> None:
        """There is news of where it may be."""
        self._look.set()

    async def run(self, knock: Knock) -> None:
        """For ever; `knock` makes links that have its key proved."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_time())
                while True:
                    await self._once(knock)
        finally:
            self._not_silent()

    async def leave(self, reason: str) -> None:
        """It is not ours any more: what was sent there is forgotten."""
        await self.node.gone(reason)

    # Found and served -------------------------------------------------------------------------

    async def _once(self, knock: Knock) -> None:
        """From looking for it to losing it, and the pause after that."""
        wait = LATER_SECONDS if self._gone else AGAIN_SECONDS
        if self.node.connected:  # over its socket on this machine
            self.heard()
            await asyncio.sleep(AGAIN_SECONDS)
            return
        try:
            reached = await self._reach(knock)
            async with reached.link:
                await apart(self._serve(reached, knock))
        except Twins as twins:
            await self._distrust("conflicted", str(twins))
            wait = TWIN_SECONDS
        except Unreached as nobody:
            if self._left and isinstance(nobody.faults.get(self._good), Refusing):
                self._miss()
            if await self._judge(nobody):
                wait = LATER_SECONDS
        except AgentHangs as hangs:
            log.error("%s", hangs, extra={"node": self.node.id})
            await self.node.gone(str(hangs))
            wait = HANG_SECONDS
        except OtherProtocol as other:
            await self._distrust("incompatible", f"{other}.")
            wait = LATER_SECONDS
        except Refused as refused:
            if not self.node.connected:  # else it was just found over its socket on this machine
                await self._distrust("incompatible", refused.told())
            wait = LATER_SECONDS
        except LinkLost as lost:
            self._left = isinstance(lost, HungUp)
            log.info("lost the connection: %s", lost, extra={"node": self.node.id})
        await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        """Until it may be tried again; almost at once where it was seen somewhere."""
        await asyncio.sleep(LEAST_SECONDS)  # whoever shouts news without end must not make this dial without end
        try:
            async with asyncio.timeout(seconds - LEAST_SECONDS):
                await self._look.wait()
        except TimeoutError:
            pass

    async def _reach(self, knock: Knock) -> Reached:
        """Raises Unreached; Twins while two still answer."""
        self._look.clear()
        if self._standing is None or self._standing[0] != "conflicted":
            return await first_of(lambda: self._seen(self._good), knock, self._look)
        candidates = self._seen(self._good)
        async with AsyncExitStack() as links:
            found = await all_of(candidates, knock, links)
        if len({each.card.instance for each in found}) > 1:
            self._alone = 0
            raise Twins(_twins(found))
        self._alone += bool(found)
        if self._alone < ALONE:
            raise LinkLost("only one of the two answers, perhaps for a moment")
        return await first_of(lambda: [each.address for each in found], knock, self._look)

    async def _serve(self, reached: Reached, knock: Knock) -> None:
        """Until the link is lost, which is raised as LinkLost. Raises Refused for an agent not to use."""
        card, node = reached.card, self.node
        if card.node != node.id:
            raise Refused(f"the agent at {reached.address} has the key of {node.id} and calls itself another node.")
        await node.admit(reached.link, card, "lan")
        try:
            await self._served(reached, knock)
        finally:
            node.hung_up(reached.link)

    async def _served(self, reached: Reached, knock: Knock) -> None:
        """Of one that was admitted."""
        card, node = reached.card, self.node
        reached.link.alive = self.heard
        self.heard()
        self._gone, self._left, self._standing = False, False, None
        if reached.address != self._good:
            self._good = reached.address
            await self._books.observe(NodeMoved(node=node.id, address=reached.address))
        log.info("connected to %s", reached.address, extra={"node": node.id})
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(node.serve(reached.link, card))
                group.create_task(self._watch_for_twins(reached, knock))
        except* LinkLost as lost:
            twins = lost.subgroup(Twins)
            raise _first(twins or lost) from None

    async def _watch_for_twins(self, reached: Reached, knock: Knock) -> None:
        """Whoever else proves the key is the same process on another way, or the one before it, or a copied disk."""
        ways, wait = {reached.address}, TWIN_SECONDS
        while True:
            self._look.clear()
            others = [address for address in self._seen(self._good) if address not in ways]
            async with AsyncExitStack() as links:
                for other in await all_of(others, knock, links):
                    if other.card.instance != reached.card.instance:
                        await self._both_live(reached, other)
                    else:
                        ways.add(other.address)
            try:
                async with asyncio.timeout(wait if set(others) - ways else None):
                    await self._look.wait()
                wait = TWIN_SECONDS
            except TimeoutError:
                wait = min(wait * 2, TWIN_MOST_SECONDS)

    async def _both_live(self, reached: Reached, other: Reached) -> None:
        """Raises Twins if the agent that is served still answers as itself; LinkLost if only the other does."""
        try:
            async with asyncio.timeout(self._timers.beat):
                again = await reached.link.card()
        except TimeoutError:
            raise LinkLost("it was started again, and answers at another address") from None
        if again.instance == reached.card.instance != other.card.instance:
            raise Twins(_twins((reached, other)))

    # Not found --------------------------------------------------------------------------------

    async def _judge(self, nobody: Unreached) -> bool:
        """Whether something stands in its place, which is told."""
        if isinstance(other := nobody.faults.get(self._good), OtherKey):  # elsewhere it is only a lie about an address
            await self._distrust(
                "untrusted",
                f"at {self._good} somebody answers with {other}: nothing was sent. If the machine was set up anew, "
                "unpair the node and pair it again.",
            )
        elif strange := nobody.of(NotKnown):
            await self._distrust(
                "untrusted",
                f"the agent at {strange[0]} does not know this daemon any more: {strange[1]}. Unpair the node and pair "
                "it again.",
            )
        elif foreign := nobody.of(OtherProtocol):
            await self._distrust("incompatible", f"{foreign[0]}: {foreign[1]}.")
        else:
            return False
        return True

    async def _distrust(self, standing: Standing, reason: str) -> None:
        """It is given nothing until it joins again; what it was at goes elsewhere. Said once."""
        if self._standing == (standing, reason):
            return
        self._standing = (standing, reason)
        log.warning("%s: %s", standing, reason, extra={"node": self.node.id})
        await self._books.observe(NodeDistrusted(node=self.node.id, standing=standing, reason=reason))
        self.node.forget()

    # Signs of life ----------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        loop, node = asyncio.get_running_loop(), self.node.id
        while True:
            now = loop.time()
            turned = self._heart.turned(now)
            if self._heart.pulse(now) == "suspect":
                self._vitals.silent[node] = self._heart.silent(now)
            if turned == "suspect" and node not in self._vitals.stopped:
                log.warning("silent for %.0f seconds", self._heart.silent(now), extra={"node": node})
                self._books.pulse()
            elif turned == "lost":
                await self._lose(f"no sign of life for {self._heart.silent(now):.0f} seconds")
            await asyncio.sleep(min(1.0, max(TICK_SECONDS / 10, min(self._heart.due(now), TICK_SECONDS * 4))))

    def _miss(self) -> None:
        """Its agent was stopped: that is told at once, though what it was at waits for it all the same."""
        if self._heart.doubt():
            log.warning("its agent was stopped", extra={"node": self.node.id})
            self._vitals.stopped.add(self.node.id)
            self._vitals.silent[self.node.id] = self._heart.silent(asyncio.get_running_loop().time())
            self._books.pulse()

    async def _lose(self, reason: str) -> None:
        self._not_silent()
        if not self._gone:
            self._gone = True
            await self.node.gone(reason)

    def _not_silent(self) -> None:
        self._vitals.silent.pop(self.node.id, None)
        self._vitals.stopped.discard(self.node.id)


def _twins(found: Sequence[Reached]) -> str:
    """Names both, and where to look."""
    said = " and ".join(f"{each.address} ({each.card.host or each.card.name})" for each in found[:2])
    return (
        f"two agents that run at once have its key, at {said}: its folder was copied. Nothing is sent to either. "
        "Stop one of them, and remove the folder `keys` of its agent before it is started again."
    )


def _first(lost: BaseExceptionGroup[LinkLost]) -> LinkLost:
    group: BaseException = lost
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    assert isinstance(group, LinkLost)
    return group
