"""The read models as of any event, while the log and its views go on: reads like `Views`, never writes to a disk.

Where the views are usable and new enough, they are read through shadows of their tables; where they lag behind, a copy
of them in memory is brought up to the event; where there are none, the log is folded into memory from its beginning.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Protocol, Self

import aiosqlite

from daemon.views.filling import CATCH_UP
from daemon.views.read_views import ReadViews
from daemon.views.readers import PATIENCE, Readers, read_only
from daemon.views.refolded import PastLog, Refolded, connected, memory
from daemon.views.shadows import shadows
from daemon.views.tables import FORMAT, INDICES, TABLES
from daemon.views.writer import UPDATE_MARK, Mark, digest_of, execute, statements_of
from schema.errors import Refused
from schema.events import Envelope

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where a moment's tables are read from."""

    async def readers(self) -> Readers: ...
    def opened(self) -> sqlite3.Connection:
        """As `readers.opened`; blocks."""
        ...

    def close(self) -> None: ...


class ViewsThen(ReadViews):
    def __init__(self, seq: int, source: Source, readers: Readers, results: Path, clock: Callable[[], float]):
        super().__init__(readers, source.opened, results, clock)
        self._seq = seq
        self._source = source

    @classmethod
    async def open(cls, file: Path, log: PastLog, seq: int, *, results: Path, clock: Callable[[], float]) -> Self:
        """`file`: the views, if there are any; `log` holds event `seq` and all before it.

        Raises sqlite3.Error where the log cannot be read up to there.
        """
        source = await asyncio.to_thread(source_of, file, log, seq)
        try:
            return cls(seq, source, await source.readers(), results, clock)
        except BaseException:
            source.close()
            raise

    @property
    def seq(self) -> int:
        return self._seq

    async def reached(self, seq: int) -> None:
        """Raises Refused for a later event: nothing comes any more."""
        if seq > self._seq:
            raise Refused(f"this is the past: it ends with event {self._seq}.", remedy="Ask without as_of.")

    async def shown(self, seq: int) -> None:
        await self.reached(seq)

    async def close(self) -> None:
        await self.closing()()

    def closing(self) -> Callable[[], Awaitable[None]]:
        """What closes it; holds on to what is open alone, and so may outlive it."""
        readers, source = self._readers, self._source

        async def close() -> None:
            await readers.close()
            await asyncio.to_thread(source.close)

        return close


def source_of(file: Path, log: PastLog, seq: int) -> Source:
    """The quickest there is. Blocks; raises sqlite3.Error where the log cannot be read up to `seq`."""
    try:
        mark = usable(file, log, seq)
        if mark is not None and mark.seq >= seq:
            return Shadowed(file, log, seq)
        if mark is not None:
            return InMemory(log, seq, file)
    except sqlite3.DatabaseError as fault:
        logger.warning("the views cannot be used for event %d: %s; they are made anew in memory", seq, fault)
    return InMemory(log, seq, None)


def usable(file: Path, log: PastLog, seq: int) -> Mark | None:
    """How far the views in this file go; None where they are none of this log, or of another version.

    Behind the log's end nothing can be compared; then the newest picture by then must be one that the log tells of.
    """
    if not file.exists():
        return None
    with closing(sqlite3.connect(read_only(file), uri=True, isolation_level=None)) as db:
        form, at, digest = db.execute("SELECT format, seq, digest FROM meta").fetchone()
        if form != FORMAT:
            return None
        last = next(log.read(at - 1, at), None) if at else None
        if last is not None:
            return Mark(at, digest) if digest_of(last) == digest else None
        row = db.execute("SELECT n, id FROM jobs WHERE n <= ? ORDER BY n DESC LIMIT 1", (seq,)).fetchone()
    told = None if row is None else next(log.read(row[0] - 1, row[0]), None)
    if row is not None and (told is None or getattr(told.event, "job", None) != row[1]):
        return None
    return Mark(at, digest)


class Shadowed:
    """The file of now, with what was otherwise then beside it."""

    def __init__(self, file: Path, log: PastLog, seq: int) -> None:
        self._file = file
        last = next(log.read(seq - 1, seq), None) if seq else None
        digest = b"" if last is None else digest_of(last)
        self._past = Refolded(file, log, seq)
        with closing(sqlite3.connect(self._past.uri, uri=True)) as db:
            self._script = shadows(db, self._past.uri, seq, digest)

    async def readers(self) -> Readers:
        return await Readers.open(read_only(self._file), script=self._script, level=self._level)

    async def _level(self, db: aiosqlite.Connection) -> None:
        """This transaction sees the views at some event; what was touched by then must be known."""
        (row,) = await db.execute_fetchall(HEAD)
        if row[0] > self._past.head:
            await asyncio.to_thread(self._past.level, row[0])

    def opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(read_only(self._file), uri=True, isolation_level=None, timeout=PATIENCE)
        try:
            db.executescript(self._script)
            db.execute("BEGIN")
            self._past.level(db.execute(HEAD).fetchone()[0])
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        self._past.close()


class InMemory:
    """All tables as of the event, in memory."""

    def __init__(self, log: PastLog, seq: int, file: Path | None) -> None:
        """`file`: views that are of this log and not newer than the event; None: there are none."""
        self._uri = memory()
        self._db = connected(self._uri)
        try:
            begun = self._begin(file)
            for envelopes in _pages(log.read(begun, seq)):
                self._db.execute("BEGIN")
                execute(self._db, statements_of(envelopes))
                self._db.execute(UPDATE_MARK, (envelopes[-1].seq, digest_of(envelopes[-1])))
                self._db.execute("COMMIT")
            self._db.executescript(INDICES)
        except BaseException:
            self._db.close()
            raise

    def _begin(self, file: Path | None) -> int:
        if file is None:
            self._db.executescript(f"BEGIN;{TABLES} INSERT INTO meta VALUES (1, {FORMAT}, 0, x''); COMMIT;")
            return 0
        with closing(sqlite3.connect(read_only(file), uri=True)) as now:
            now.backup(self._db)
        return int(self._db.execute("SELECT seq FROM meta").fetchone()[0])

    async def readers(self) -> Readers:
        return await Readers.open(self._uri)

    def opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._uri, uri=True, isolation_level=None, timeout=PATIENCE)
        db.execute("BEGIN")
        return db

    def close(self) -> None:
        self._db.close()


HEAD = "SELECT seq FROM main.meta"


def _pages(envelopes: Iterator[Envelope]) -> Iterator[list[Envelope]]:
    while page := list(islice(envelopes, CATCH_UP)):
        yield page
