"""The index of model files on disk: one row a file, so that a start need not open twenty thousand of them.

Disposable: what cannot be read is thrown away and made again from the folders. Everything here blocks.
"""

import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from daemon.library.models.reading import Known

FOLD = 1
"""Raised when readers find more in the same files."""

_TABLES = """
CREATE TABLE files(path TEXT PRIMARY KEY, known BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
FORMAT = zlib.crc32(f"{FOLD}{_TABLES}{msgspec.json.schema(Known)}".encode()) & 0x7FFFFFFF

_DECODER = msgspec.msgpack.Decoder(Known)
_ENCODER = msgspec.msgpack.Encoder()


class Store:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def load(self) -> dict[str, Known] | None:
        """By path; None: there was no index."""
        try:
            db = self._connect()
            if db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
                rows = db.execute("SELECT path, known FROM files")
                return {path: _DECODER.decode(known) for path, known in rows}
        except (sqlite3.DatabaseError, msgspec.DecodeError):
            pass
        self._begin()
        return None

    def save(self, changed: Iterable[Known], gone: Iterable[str]) -> None:
        """One transaction. A full disk costs the next start its time, nothing else."""
        db = self._connect()
        try:
            with db:
                db.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
                rows = [(known.path, _ENCODER.encode(known)) for known in changed]
                db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", rows)
        except sqlite3.OperationalError:
            self._begin()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connect(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, check_same_thread=False)
            self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA trusted_schema=OFF;")
        return self._db

    def _begin(self) -> None:
        self.close()
        for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
            self._path.with_name(name).unlink(missing_ok=True)
        try:
            self._connect().executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
        except sqlite3.OperationalError:
            self.close()
