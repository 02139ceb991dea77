"""The one connection that writes the views, on a thread of its own: one batch, one transaction, one hop.

A whole transaction is one function on that thread, so a cancelled caller cannot leave it half done.
"""

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from daemon.views import sound
from daemon.views.fold import Statement, fold
from daemon.views.fold.touched import touched
from daemon.views.tables import FORMAT, INDICES, connect, create
from schema.events import Envelope

Given = TypeVar("Given")

logger = logging.getLogger(__name__)

UPDATE_MARK = "UPDATE meta SET seq = ?, digest = ?"


class Mark(msgspec.Struct, frozen=True):
    """How far the views are, and by what event one can tell that they are of this log."""

    seq: int
    digest: bytes


def is_full(fault: sqlite3.OperationalError) -> bool:
    """Whether there was no room, on the disk or for this user."""
    code = fault.sqlite_errorcode & 0xFF  # without the extension that tells where it was noticed
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def digest_of(envelope: Envelope) -> bytes:
    return hashlib.sha256(msgspec.json.encode(envelope)).digest()


class ViewWriter:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._db: sqlite3.Connection | None = None
        self.mark = Mark(0, b"")

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Takes up the file if this program wrote it; anything else is thrown away."""
        writer = cls(path)
        await writer._on_thread(writer._open)
        return writer

    async def apply(self, envelopes: Sequence[Envelope]) -> None:
        """One transaction. The envelopes follow `mark.seq` without a gap."""
        self.mark = await self._on_thread(lambda: self._apply(envelopes))

    async def index(self) -> None:
        """Makes what readers need to be quick, where it is not there yet."""
        await self._on_thread(self._index)

    async def empty_wal(self) -> None:
        """Once a reader who kept it has gone: nothing else would, before much more is written."""
        await self._on_thread(self._empty_wal)

    async def restart(self) -> None:
        """Begins again with empty tables. No reader may be open."""
        await self._on_thread(self._create)

    async def close(self) -> None:
        await self._on_thread(self._close_whole)
        self._thread.shutdown()

    async def _on_thread(self, do: Callable[[], Given]) -> Given:
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, do))

    def _open(self) -> None:
        same = sound.sameness(self.path)
        try:
            self._db = connect(self.path)
            row = self._db.execute("SELECT format, seq, digest FROM meta").fetchone()
        except sqlite3.DatabaseError:
            row = None
        if row is None or row[0] != FORMAT:
            self._create()
        elif same == "other" or (same == "unknown" and not self._trusted(row[1])):
            logger.info("the views are %s; they are made again", "damaged" if same == "other" else "of a crash")
            self._create()
        else:
            self.mark = Mark(row[1], row[2])

    def _trusted(self, seq: int) -> bool:
        """Views that nobody closed, of a past so long that folding it again would take its time."""
        assert self._db is not None
        return seq > sound.SHORT and sound.is_structured(self._db)

    def _create(self) -> None:
        self._close()
        self._db, self.mark = create(self.path), Mark(0, b"")

    def _empty_wal(self) -> None:
        assert self._db is not None
        self._db.execute("PRAGMA busy_timeout=0")
        with suppress(sqlite3.OperationalError):  # somebody still reads, or there is no room: another time
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._db.execute("PRAGMA busy_timeout=5000")

    def _index(self) -> None:
        assert self._db is not None
        self._db.executescript(INDICES)

    def _apply(self, envelopes: Sequence[Envelope]) -> Mark:
        assert self._db is not None
        mark = Mark(envelopes[-1].seq, digest_of(envelopes[-1]))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            execute(self._db, statements_of(envelopes))
            self._db.execute(UPDATE_MARK, (mark.seq, mark.digest))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise
        return mark

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _close_whole(self) -> None:
        if self._db is not None:
            sound.close(self._db, self.path)
            self._db = None


def statements_of(envelopes: Sequence[Envelope]) -> list[Statement]:
    """All that these events change in the views, in order."""
    return [*(statement for envelope in envelopes for statement in fold(envelope)), *touched(envelopes)]


def execute(db: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """In order; neighbours with the same SQL go down together."""
    for sql, group in groupby(statements, key=itemgetter(0)):
        db.executemany(sql, [values for _, values in group])
