"""The difference between two moments, for the routes: read from the log's file off the loop, one at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from daemon.log.between import difference_between
from schema.then import Difference


def differing(log: Path, snapshots: Path, clock: Callable[[], float]) -> Callable[[str, str], Awaitable[Difference]]:
    """Of two WHENs. What it returns raises Refused for what is no WHEN."""
    turn = asyncio.Lock()

    async def differ(one: str, other: str) -> Difference:
        async with turn:  # two states each, which may be large
            return await asyncio.to_thread(difference_between, log, snapshots, one, other, clock())

    return differ
