"""Reading the log through a read-only connection, in short reads: a long one would keep the WAL from being emptied."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

from daemon.log.rows import TOLD, ToldRow, envelopes
from daemon.log.tables import reader
from schema.events import Envelope
from schema.ids import CommandId

_SHA256 = re.compile(rb'"([0-9a-f]{64})"')

_PAGE = 128
"""Events per read: small enough that rows, envelopes and the fold stay in the processor's cache."""


class Kept(NamedTuple):
    """The command that brought an idempotency key, with the digest of its request and its events."""

    command: CommandId
    digest: bytes
    envelopes: tuple[Envelope, ...]


def read(db: sqlite3.Connection, after: int, limit: int) -> tuple[Envelope, ...]:
    """At most `limit` events behind seq `after`, in order."""
    return tuple(envelopes(_rows(db, after, limit)))


def _rows(db: sqlite3.Connection, after: int, limit: int) -> Iterable[ToldRow]:
    # A cursor, not a list: a row that is let go at once is memory for the next.
    return db.execute(f"SELECT {TOLD} FROM events WHERE seq>? ORDER BY seq LIMIT ?", (after, limit))


def events_of(db: sqlite3.Connection, command: CommandId) -> tuple[Envelope, ...]:
    found = db.execute(f"SELECT {TOLD} FROM events WHERE command=? ORDER BY seq", (command,))
    return tuple(envelopes(found))


def find_key(db: sqlite3.Connection, actor: str, key: str) -> Kept | None:
    found = db.execute("SELECT command,digest FROM events WHERE actor=? AND idem=?", (actor, key)).fetchone()
    if found is None:
        return None
    command, digest = cast(tuple[CommandId, bytes], found)
    return Kept(command, digest, events_of(db, command))


def newest(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Seq and hash of the newest event; (0, 32 zero bytes) for an empty log."""
    found = db.execute("SELECT seq,hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return cast(tuple[int, bytes], found) if found else (0, bytes(32))


def hash_at(db: sqlite3.Connection, seq: int) -> bytes | None:
    """None when the log has no such event; 32 zero bytes for seq 0."""
    if seq == 0:
        return bytes(32)
    found = db.execute("SELECT hash FROM events WHERE seq=?", (seq,)).fetchone()
    return cast(bytes, found[0]) if found else None


def hashes_named(path: Path) -> set[str]:
    """Every SHA-256 that an event names, in whichever field; by a connection of its own. Raises sqlite3.Error."""
    found: set[bytes] = set()
    after = 0
    db = reader(path)
    try:
        while rows := db.execute(
            "SELECT seq,data FROM events WHERE seq>? ORDER BY seq LIMIT ?", (after, _PAGE)
        ).fetchall():
            for _, data in rows:
                found.update(_SHA256.findall(data))
            after = rows[-1][0]
    finally:
        db.close()
    return {name.decode() for name in found}


def of_type(path: Path, kind: str, after: int = 0) -> Iterator[Envelope]:
    """The events of one type behind seq `after`, in order; by a connection of its own. Raises sqlite3.Error."""
    db = reader(path)
    sql = f"SELECT {TOLD} FROM events WHERE type=? AND seq>? ORDER BY seq LIMIT ?"
    try:
        while page := envelopes(db.execute(sql, (kind, after, _PAGE))):
            yield from page
            after = page[-1].seq
    finally:
        db.close()


def read_log(path: Path, after: int = 0, upto: int | None = None) -> Iterator[Envelope]:
    """The events behind seq `after`, up to and with `upto`, in order; by a connection of its own.

    Raises LogFromNewer, or sqlite3.Error when the file cannot be read.
    """
    db = reader(path)
    try:
        while page := envelopes(_rows(db, after, _PAGE if upto is None else max(0, min(_PAGE, upto - after)))):
            yield from page
            after = page[-1].seq
    finally:
        db.close()
