"""The appender: batches of envelopes into one durable transaction. Synchronous; one thread at a time."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache

import msgspec

from daemon.log.chain import Head, link
from daemon.log.rows import Draft, draft
from daemon.log.tables import COLUMNS, WIDTH
from schema.events import Envelope

_REMEMBERED = 100_000
"""Streams whose versions are kept in memory, about 15 MB; the others are looked up."""

_LOOK_UP = "SELECT stream,MAX(sver) FROM events WHERE stream IN (SELECT value FROM json_each(?)) GROUP BY stream"


Column = int | str | bytes | None


class Appender:
    """Gives rows their stream versions and hashes and commits them. After an error it must not be used again."""

    def __init__(self, db: sqlite3.Connection, head: Head) -> None:
        self._db = db
        self.head = head
        """Of what is committed."""
        self._versions: dict[str, int] = {}

    def append(self, batches: Iterable[Sequence[Envelope]]) -> None:
        """Commits all batches as one transaction. Raises sqlite3.Error or ValueError; then nothing was written."""
        drafts = [draft(envelope) for batch in batches for envelope in batch]
        if not drafts:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            values, digest = self._finish(drafts)
            self._insert(values)
        except BaseException:
            with suppress(sqlite3.Error):  # what broke is told, not that undoing it broke too
                self._db.rollback()
            raise
        self._db.execute("COMMIT")
        self.head = Head(drafts[-1][0], digest)

    def _finish(self, drafts: Sequence[Draft]) -> tuple[list[Column], bytes]:
        """The columns of all rows, one after the other, and the last row's hash."""
        versions = self._versions
        if len(versions) > _REMEMBERED:
            versions.clear()
        self._look_up({row[3] for row in drafts} - versions.keys())
        values: list[Column] = []
        previous = self.head.hash
        for seq, micros, epoch, stream, name, v, actor, cause, command, key, digest, data in drafts:
            versions[stream] = sver = versions[stream] + 1
            row = (seq, micros, epoch, stream, sver, name, v, actor, cause, command, key, digest, data)
            previous = link(previous, row)
            values += row
            values.append(previous)
        return values, previous

    def _look_up(self, streams: set[str]) -> None:
        if not streams:
            return
        self._versions.update(dict.fromkeys(streams, 0))
        for stream, sver in self._db.execute(_LOOK_UP, (msgspec.json.encode(sorted(streams)).decode(),)):
            self._versions[stream] = sver

    def _insert(self, values: Sequence[Column]) -> None:
        # Many rows per statement: each step of a statement gives the interpreter lock away and must win it back.
        start = 0
        while rest := (len(values) - start) // WIDTH:
            size = min(128, 1 << (rest.bit_length() - 1))
            self._db.execute(_insert_sql(size), values[start : start + size * WIDTH])
            start += size * WIDTH


@cache
def _insert_sql(size: int) -> str:
    row = f"({','.join('?' * WIDTH)})"
    return f"INSERT INTO events({COLUMNS}) VALUES {','.join([row] * size)}"
