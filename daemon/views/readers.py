"""Read-only connections to the views. Each is lent to one query at a time, which sees one moment of the file.

WAL lets them read while the fold writes; a query is short, so that no reader holds a checkpoint back for long.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiosqlite

from daemon.views.fold.statement import Value

Found = sqlite3.Row

PATIENCE = 20.0
"""Seconds that a connection waits for another one's lock; on the file of the views it never has to."""


class Reading:
    """One query's look at the views."""

    def __init__(self, db: aiosqlite.Connection, *, shadowed: bool = False) -> None:
        """`shadowed`: tables are unions of two (`daemon.views.shadows`)."""
        self._db = db
        self._shadowed = shadowed

    async def all(self, sql: str, values: Iterable[Value] = ()) -> list[Found]:
        return list(await self._db.execute_fetchall(sql, tuple(values)))

    async def one(self, sql: str, values: Iterable[Value] = ()) -> Found | None:
        rows = await self.all(sql, values)
        return rows[0] if rows else None

    async def number(self, sql: str, values: Iterable[Value] = ()) -> int:
        row = await self.one(sql, values)
        return 0 if row is None else int(row[0])

    async def total(self, key: str, source: str, values: Iterable[Value] = ()) -> int:
        """How many rows; `source`: what stands behind FROM, `key`: a column that is in every index."""
        if self._shadowed:  # the limit keeps SQLite from counting a union by way of all its columns
            return await self.number(f"SELECT count(*) FROM (SELECT {key} FROM {source} LIMIT -1)", values)
        return await self.number(f"SELECT count(*) FROM {source}", values)


def read_only(path: Path) -> str:
    """The URI by which this file is opened for reading."""
    return f"{path.absolute().as_uri()}?mode=ro"


def opened(path: Path) -> sqlite3.Connection:
    """A connection for one thread, in a read transaction: everything it reads is of the same moment. To be closed."""
    db = sqlite3.connect(read_only(path), uri=True, isolation_level=None)
    db.execute("BEGIN")
    return db


class Readers:
    def __init__(self, level: Callable[[aiosqlite.Connection], Awaitable[None]] | None) -> None:
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._all: list[aiosqlite.Connection] = []
        self._level = level

    @classmethod
    async def open(
        cls,
        uri: str,
        count: int = 2,
        *,
        script: str = "",
        level: Callable[[aiosqlite.Connection], Awaitable[None]] | None = None,
    ) -> Self:
        """`script`: run on each connection before it becomes read-only; `level`: first in each transaction."""
        readers = cls(level)
        try:
            for _ in range(count):
                db = await aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)
                readers._all.append(db)
                db.row_factory = sqlite3.Row
                await db.executescript(script)
                await db.execute("PRAGMA query_only=ON")
                await db.execute("PRAGMA cache_size=-16384")
                readers._free.put_nowait(db)
        except BaseException:
            await readers.close()  # their threads would keep the process from ending
            raise
        return readers

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """Everything read inside is of the same moment."""
        db = await self._free.get()
        try:
            await db.execute("BEGIN")
            if self._level is not None:
                await self._level(db)
            yield Reading(db, shadowed=self._level is not None)
        finally:
            # Also after a cancelled query: what was still running on the connection's thread ends first.
            await asyncio.shield(self._give_back(db))

    async def _give_back(self, db: aiosqlite.Connection) -> None:
        await db.rollback()
        self._free.put_nowait(db)

    async def close(self) -> None:
        for db in self._all:
            await db.close()
