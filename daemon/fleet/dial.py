"""Finds a paired agent among the addresses where it may be: the first that proves its key is it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from daemon.fleet.link import AgentLink
from daemon.fleet.seam import LinkLost, NotKnown, NotThere
from schema.orders import Card

APART_SECONDS = 1.0
"""Between two candidates that are tried; the second begins at once where the first has failed."""

MOST_TRIED = 24
"""In one go, however much news there is."""

DIAL_SECONDS = 5.0
"""For a connection, the proof of the key, and the card."""


class Reached(NamedTuple):
    address: str
    link: AgentLink
    card: Card


class Unreached(LinkLost):
    """Nobody proved the key; what was found instead, by address."""

    def __init__(self, faults: dict[str, LinkLost]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{address}: {fault}" for address, fault in faults.items()) or "no address is known")

    def of(self, kind: type[LinkLost]) -> tuple[str, LinkLost] | None:
        """The first address where it was this."""
        return next(((address, fault) for address, fault in self.faults.items() if isinstance(fault, kind)), None)


Knock = Callable[[str], AgentLink]
"""A link that will prove the key at this address; dials with its first call."""


async def knocked(address: str, knock: Knock) -> Reached:
    """Raises LinkLost: OtherKey, NotKnown, OtherProtocol, or that nobody answers."""
    link = knock(address)
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            return Reached(address, link, await link.card())
    except BaseException as fault:
        await link.close()
        if isinstance(fault, TimeoutError):
            raise LinkLost(f"no answer for {DIAL_SECONDS:g} seconds") from fault
        if isinstance(fault, NotThere):  # its key is right: it waits to be paired, by anybody
            raise NotKnown("it is not paired any more") from fault
        raise


async def first_of(seen: Callable[[], Sequence[str]], knock: Knock, news: asyncio.Event) -> Reached:
    """The first candidate that answers with the right key. Raises Unreached.

    `seen` is asked again whenever there is `news`, so that an address that is dead holds up no new one.
    """
    faults: dict[str, LinkLost] = {}
    trying: dict[asyncio.Task[Reached], str] = {}
    waiting = list(seen())
    tried = set(waiting)
    told = asyncio.create_task(news.wait())
    try:
        while waiting or trying:
            if waiting:
                address = waiting.pop(0)
                trying[asyncio.create_task(knocked(address, knock))] = address
            done, _ = await asyncio.wait(
                {told, *trying}, timeout=APART_SECONDS if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            if told in done:
                news.clear()
                told = asyncio.create_task(news.wait())
                fresh = [address for address in seen() if address not in tried][: MOST_TRIED - len(tried)]
                waiting, tried = [*fresh, *waiting], tried.union(fresh)
            for task in [task for task in trying if task.done()]:
                address = trying.pop(task)
                try:
                    return task.result()
                except LinkLost as fault:
                    faults[address] = fault
    finally:
        told.cancel()
        await hung_up(trying)
    raise Unreached(faults)


async def all_of(addresses: Sequence[str], knock: Knock, links: AsyncExitStack) -> tuple[Reached, ...]:
    """Everybody who proves the key, each at its own address. Their links end with `links`."""
    trying = [asyncio.create_task(knocked(address, knock)) for address in addresses]
    try:
        answers = await asyncio.gather(*trying, return_exceptions=True)
    except BaseException:
        await hung_up(trying)
        raise
    for fault in answers:
        if isinstance(fault, BaseException) and not isinstance(fault, LinkLost):
            raise fault
    found = tuple(answer for answer in answers if isinstance(answer, Reached))
    for each in found:
        links.push_async_callback(each.link.close)
    return found


async def hung_up(trying: Iterable[asyncio.Task[Reached]]) -> None:
    """Nobody waits for these any more; one that came through meanwhile is closed."""
    for task in trying:
        task.cancel()
    if tasks := set(trying):
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and task.exception() is None:
            await task.result().link.close()
