"""What any way to reach an agent offers to the dispatcher, and how it fails: HTTP over a socket or TLS now, and room
for a broker between the two.

`tests/wire/test_fleet_conformance.py` is what each must hold. Every call may raise LinkLost: the agent may be gone at
any moment, and whoever called is told by the next connection what became of it.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Protocol, TypeVar

from schema.ids import Sha256
from schema.orders import Accepted, AgentNews, AttemptReport, Card, Order

T = TypeVar("T")

USED_BEFORE, NO_ROOM = 409, 507
"""What an agent may answer to an order: its id was another one's, the agent's disk is full."""


class AgentDoor(Protocol):
    """One agent, for as long as it can be reached this way."""

    async def card(self) -> Card:
        """At most some seconds old."""
        ...

    async def refresh(self) -> Card:
        """Every backend asked anew."""
        ...

    async def free(self) -> None:
        """Unloads models. Raises Declined while something runs."""
        ...

    async def watch(self, watched: bool) -> None:
        """Whether unfinished pictures are looked at now."""
        ...

    async def attempts(self) -> list[AttemptReport]:
        """All it knows, those that have ended until they are forgotten."""
        ...

    async def start(self, attempt: str, order: Order) -> Accepted:
        """The same attempt again is the same answer and no second run. Raises Unwilling for what it cannot read."""
        ...

    async def cancel(self, attempt: str) -> bool:
        """Whether the agent knows the attempt; its end is told as news."""
        ...

    async def forget(self, attempt: str) -> None:
        """What came of it is on disk here."""
        ...

    async def has_blob(self, sha256: Sha256) -> bool: ...

    async def send_blob(self, sha256: Sha256, path: Path) -> None: ...

    def blob(self, sha256: Sha256, size: int = 0) -> AsyncIterator[bytes]:
        """The bytes of a product, as they come; the caller checks their hash and their number."""
        ...

    def feed(self, listening: asyncio.Event) -> AsyncIterator[AgentNews]:
        """News until the link is lost, which is raised. `listening` is set once nothing can be missed."""
        ...


class LinkLost(Exception):
    """The agent did not answer, or not in this protocol."""


class HungUp(LinkLost):
    """It said goodbye: it was stopped, or changes hands."""


class Refusing(LinkLost):
    """The machine is there, and nobody listens at that port."""


class AgentHangs(LinkLost):
    """It answers, but does not do what it was asked to: only a new process helps."""


class OtherKey(LinkLost):
    """Whoever answers there has not the key that was paired. Nothing was sent."""


class NotKnown(LinkLost):
    """It has the right key and does not know this daemon, or not any more."""


class OtherProtocol(LinkLost):
    """It answers, but in words that are not ours: another release of it, or no agent at all."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(
            f"it speaks another protocol than this daemon ({fault}). "
            "Start it again with the daemon's release of stablenew"
        )


class Unwilling(LinkLost):
    """It is there and does not do this, for a reason it has told."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


class NotThere(Unwilling):
    """What was asked for is not there."""


class Declined(Unwilling):
    """It does not do this now."""


def worst(lost: BaseExceptionGroup[LinkLost]) -> LinkLost:
    """Of several that were raised at once, the one that asks for most: each follows from the same fault."""
    for kind in (AgentHangs, OtherProtocol, HungUp, LinkLost):
        group: BaseException | None = lost.subgroup(kind)
        while isinstance(group, BaseExceptionGroup):
            group = group.exceptions[0]
        if isinstance(group, LinkLost):
            return group
    raise lost


async def apart(work: Coroutine[None, None, T]) -> T:
    """Its outcome, found in a task of its own: before Python 3.13 a task whose group breaks while it is cancelled tells
    of the break alone, and whoever goes on after a lost link would go on for ever.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # nobody asks any more
        raise
    return task.result()
