"""Files of pictures that were deleted for good: unlinked once the log says so, and only where nobody else has them.

Idempotent: a cursor file tells how far all is done, and the rest is gone through at every start and every hour, so
that a crash between the event and the files leaves nothing behind.
"""

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from daemon.artifacts.store import ArtifactStore, Missing
from daemon.artifacts.thumbs import Thumbnails
from daemon.disk import write_whole
from daemon.ledger import Committed
from daemon.log.reading import of_type
from daemon.past import Past
from daemon.views.views import Views
from schema.errors import Refused
from schema.events import PicturesDeleted
from schema.ids import Sha256

log = logging.getLogger(__name__)

PIECE = 2000
"""Files that are looked up at once."""

ROUND_SECONDS = 3600.0

LATER_SECONDS = 3600.0
"""A file that came in again after its picture was made, by an upload, may be about to be named: it waits so long."""

CLOSE = 60.0
"""Seconds between a file's time and its picture's that mean nothing."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Deleting:
    def __init__(
        self,
        past: Past,
        views: Views,
        store: ArtifactStore,
        thumbnails: Thumbnails,
        results_reached: Callable[[int], Awaitable[None]],
        events: Path,
        cursor: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`results_reached`: nobody links the files of earlier events any more; `events`: the log's file; `cursor`: a
        file that tells up to which event all is done.
        """
        self._past = past
        self._views = views
        self._store = store
        self._thumbnails = thumbnails
        self._results_reached = results_reached
        self._events = events
        self._cursor = cursor
        self._clock = clock
        self._left = True
        """Something is to be done later."""
        self._reached = 0
        self._moved = asyncio.Condition()
        self._named = lru_cache(maxsize=1024)(self._names_in)

    async def run(self, batches: AsyncIterator[Committed]) -> None:
        """First what is left of before, then what is committed; never ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rounds())
            async for batch in batches:
                seq = batch.envelopes[-1].seq if batch.envelopes else 0
                deleted = [one.event.files for one in batch.envelopes if isinstance(one.event, PicturesDeleted)]
                if files := [file for some in deleted for file in some]:
                    await self._results_reached(seq)
                    await self._unlink(files)
                    await self._done(seq)
                async with self._moved:
                    self._reached = max(self._reached, seq)
                    self._moved.notify_all()

    async def reached(self, seq: int) -> None:
        """Waits until the files of everything up to `seq` are gone, as far as they can be."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._reached >= seq)

    async def finish(self) -> None:
        """Goes through all that the log says was deleted since everything was done last."""
        self._left, upto = False, await self._past.caught_up()
        after = await asyncio.to_thread(_read_cursor, self._cursor)
        try:
            for files in await asyncio.to_thread(lambda: list(_pieces(self._events, after if after <= upto else 0))):
                if there := await asyncio.to_thread(self._there, files):
                    await self._unlink(there)
            await self._done(upto)
        except sqlite3.Error as fault:
            self._left = True
            log.warning("what was deleted could not be looked through: %s", fault)

    async def _done(self, seq: int) -> None:
        """Everything up to `seq` needs no other look, unless something of it waits."""
        if not self._left:
            with suppress(OSError):  # then it is looked at once more
                await asyncio.to_thread(write_whole, self._cursor, str(seq).encode(), sync=False)

    async def needed(self) -> frozenset[str]:
        """Files that unfinished runs begin from: named in their settings, so that nobody may delete them."""
        bases = await self._views.bases_of_open_runs()
        words = await self._views.overlays_of_open_jobs()

        def find() -> frozenset[str]:
            named = set().union(*(self._named(base) for base in bases))
            return frozenset(named.union(*(_SHA256.findall(one) for one in words)))

        return await asyncio.to_thread(find)

    async def _rounds(self) -> None:
        while True:
            if self._left:
                await self.finish()
            await asyncio.sleep(ROUND_SECONDS)

    async def _unlink(self, files: Sequence[Sha256]) -> None:
        """Those that nobody has or needs at this moment."""
        await self._past.caught_up()
        needed = await self.needed()
        for at in range(0, len(files), PIECE):
            some = files[at : at + PIECE]
            had = await self._views.holders(some)
            stored = await self._views.last_stored(some)
            free = [file for file in some if file not in had]
            self._left |= not needed.isdisjoint(free)
            await asyncio.to_thread(self._drop, [file for file in free if file not in needed], stored)

    def _there(self, files: Sequence[Sha256]) -> list[Sha256]:
        return [file for file in files if self._store.has(file)]

    def _drop(self, files: Sequence[Sha256], stored: dict[str, float]) -> None:
        for file in files:
            try:
                path = self._store.path(file)
                changed = path.stat().st_mtime
                if changed > stored.get(file, 0.0) + CLOSE and self._clock() - changed < LATER_SECONDS:
                    self._left = True
                    continue
                path.unlink()
                self._thumbnails.drop(file)
            except Missing:
                continue
            except OSError as fault:
                log.warning("a deleted picture's file could not be removed: %s; it is tried again", fault)
                self._left = True

    def _names_in(self, base: Sha256) -> frozenset[str]:
        """What a base config names; it never changes under its hash."""
        try:
            return frozenset(_SHA256.findall(self._store.path(base).read_text()))
        except (OSError, Refused, UnicodeDecodeError):
            return frozenset()


def _read_cursor(path: Path) -> int:
    """0 where there is none or it cannot be read: everything is then looked at once more."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _pieces(events: Path, after: int) -> Iterator[list[Sha256]]:
    waiting: list[Sha256] = []
    for envelope in of_type(events, PicturesDeleted.__name__, after):
        if isinstance(envelope.event, PicturesDeleted):
            waiting += envelope.event.files
        if len(waiting) >= PIECE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
