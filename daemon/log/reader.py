"""The log as it is read: what is durable, up to a head that is known to be good. Nothing is ever written."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from daemon.log import reading
from daemon.log.chain import Head
from daemon.log.reading import Kept
from daemon.log.sifting import Sifter
from daemon.log.tables import reader
from daemon.sieve import Found, Part, Sieve
from schema.events import Envelope
from schema.ids import CommandId

P = ParamSpec("P")
T = TypeVar("T")


class LogReader:
    """Used from one event loop; reads on a thread of its own. Raises sqlite3.Error where there is no such file."""

    def __init__(self, path: Path, head: Head) -> None:
        self.head = head
        """Nothing behind it is told."""
        self._reader = reader(path)
        self._sifter = Sifter(self._reader)
        self._sifting = asyncio.Lock()
        """One at a time: more at once than are kept would forget one another's seqs."""
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="log-reader")

    async def find_key(self, actor: str, key: str) -> Kept | None:
        return await self._read(reading.find_key, self._reader, actor, key)

    async def events_of(self, command: CommandId) -> tuple[Envelope, ...]:
        return await self._read(reading.events_of, self._reader, command)

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return await self._read(reading.read, self._reader, after, min(limit, max(0, self.head.seq - after)))

    async def sift(self, sieve: Sieve, part: Part) -> Found:
        """A window of the events that fall through; look by look, so that others can read meanwhile."""
        part = part._replace(upto=min(part.upto, self.head.seq))
        async with self._sifting:
            while await self._read(self._sifter.ahead, sieve, part.upto):
                pass
            return await self._read(self._sifter.part, sieve, part)

    async def hash_at(self, seq: int) -> bytes | None:
        """Of the chain up to this event; None: there is none yet."""
        return await self._read(reading.hash_at, self._reader, seq) if seq <= self.head.seq else None

    async def _read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reads, lambda: work(*args, **kwargs))

    async def close(self) -> None:
        await self._read(self._reader.close)
        self._reads.shutdown()
