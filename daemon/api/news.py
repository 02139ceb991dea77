"""Hearing of commits: a batch taken at once, so that the ledger's stream never fills up behind a slow client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from daemon.api.house import LedgerDoor
from daemon.ledger.mail import Committed


class News:
    """Whether something was committed since one last looked, and whether the ledger has ended."""

    def __init__(self) -> None:
        self._came = asyncio.Event()
        self.over = False

    def tell(self) -> None:
        self._came.set()

    async def wait(self, seconds: float | None) -> bool:
        """True when there was something; False when the time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return False
        self._came.clear()
        return True


@asynccontextmanager
async def listening(ledger: LedgerDoor, take: Callable[[Committed], None] = lambda batch: None) -> AsyncIterator[News]:
    """Calls `take` with every batch committed from now on. It must not wait for anything."""
    news, begun = News(), asyncio.Event()

    async def listen() -> None:
        try:
            async with ledger.follow() as batches:
                begun.set()
                async for batch in batches:
                    take(batch)
                    news.tell()
        finally:
            news.over = True
            begun.set()
            news.tell()

    task = asyncio.create_task(listen())
    try:
        await begun.wait()
        yield news
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
