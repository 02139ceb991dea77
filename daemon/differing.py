"""The difference between two moments, for the routes: read from the log's file off the loop, one at a time."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from daemon.log.between import difference_between
from daemon.log.faults import Unusable
from schema.errors import Refused, why
from schema.then import Difference


def differing(
    log: Path, snapshots: Path, clock: Callable[[], float]
) -> Callable[[str, str | None], Awaitable[Difference]]:
    """Of two WHENs, None being now. What it returns raises Refused for what is no WHEN."""
    turn = asyncio.Lock()

    async def differ(one: str, other: str | None) -> Difference:
        async with turn:  # two states each, which may be large
            try:
                return await asyncio.to_thread(difference_between, log, snapshots, one, other, clock())
            except (sqlite3.Error, Unusable, msgspec.MsgspecError) as fault:
                raise Refused(
                    f"the log cannot be read between these moments: {why(fault)}.",
                    remedy="Take moments before the damage: `stablenew status` names the last good event.",
                ) from None

    return differ
