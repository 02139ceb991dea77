"""Whether the views' file holds what was written into it: SQLite notices damaged structure, hardly ever damaged rows.

Closed in order, the file's size and CRC-32 are noted beside it, and compared when it is opened next; the note is gone
while the views are open. After a crash there is no note: then a short past is folded again, which takes a second, and
of a long one the structure is checked. What does not fit is thrown away and made again from the log.
"""

import json
import sqlite3
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

LARGEST: Final = 4 << 30
"""Bytes; of a larger file no note is made, for reading it would hold up start and stop."""

SHORT: Final = 20_000
"""Events that are folded again in about a second."""

_PIECE: Final = 1 << 20

Sameness = Literal["same", "other", "unknown"]


def sameness(path: Path) -> Sameness:
    """Of the file now and when it was closed. Not yet opened; takes the note away. Raises OSError."""
    noted, note = None, _note(path)
    with suppress(FileNotFoundError, ValueError, TypeError):
        size, digest = json.loads(note.read_bytes())
        noted = int(size), int(digest)
    note.unlink(missing_ok=True)
    if noted is None or _has_tail(path) or not path.exists():
        return "unknown"
    fits = path.stat().st_size == noted[0] and digest_of_file(path) == noted[1]
    return "same" if fits else "other"


def is_structured(db: sqlite3.Connection) -> bool:
    """Whether SQLite finds nothing wrong. Takes about a second for each million of events."""
    try:
        return [row[0] for row in db.execute("PRAGMA quick_check(1)")] == ["ok"]
    except sqlite3.DatabaseError:
        return False


def close(db: sqlite3.Connection, path: Path) -> None:
    """The writer's connection, and notes what is in the file; not where somebody else still has it open."""
    try:
        db.execute("PRAGMA busy_timeout=0")  # nobody waits for a stranger who reads
        busy = bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
    except sqlite3.Error:  # a full disk: nothing is lost, and nothing noted
        busy = True
    db.close()
    with suppress(OSError):
        if not busy and not _has_tail(path) and (size := path.stat().st_size) <= LARGEST:
            spare = _note(path).with_name(_note(path).name + ".new")
            spare.write_text(json.dumps([size, digest_of_file(path)]))
            spare.replace(_note(path))


def digest_of_file(path: Path) -> int:
    digest, piece = 0, bytearray(_PIECE)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(piece):
            digest = zlib.crc32(memoryview(piece)[:size], digest)
    return digest


def _has_tail(path: Path) -> bool:
    """Whether some of it is still in its write-ahead log."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".closed")
