"""The index of model files on disk: one row a file, so that a start need not open twenty thousand of them.

Disposable: what cannot be read is thrown away and made again from the folders. Everything here blocks.
"""

import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import RLock

import msgspec

from daemon.library.models.reading import Known
from schema.models import ModelKey

FOLD = 1
"""Raised when readers find more in the same files."""

_TABLES = """
CREATE TABLE files(path TEXT PRIMARY KEY, known BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE hashes(key TEXT PRIMARY KEY, told BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
FORMAT = zlib.crc32(f"{FOLD}{_TABLES}{msgspec.json.schema(Known)}".encode()) & 0x7FFFFFFF

_DECODER = msgspec.msgpack.Decoder(Known)
_ENCODER = msgspec.msgpack.Encoder()


class Store:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._one = RLock()
        """Hashes are kept from other threads than files."""

    def load(self) -> dict[str, Known] | None:
        """By path; None: there was no index."""
        try:
            db = self._connect()
            if db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
                rows = db.execute("SELECT path, known FROM files")
                return {path: _DECODER.decode(known) for path, known in rows}
        except (sqlite3.Error, OSError, msgspec.DecodeError):
            pass
        self._begin()
        return None

    def save(self, changed: Iterable[Known], gone: Iterable[str]) -> None:
        """One transaction. A full disk costs the next start its time, nothing else."""
        with self._one:
            self._save(changed, gone)

    def _save(self, changed: Iterable[Known], gone: Iterable[str]) -> None:
        try:
            with self._connect() as db:
                db.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
                rows = [(known.path, _ENCODER.encode(known)) for known in changed]
                db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", rows)
        except (sqlite3.Error, OSError):
            self._begin()

    def hashes(self, key: ModelKey) -> dict[str, str]:
        """Of the whole file, as they were computed once; empty: never."""
        try:
            row = self._connect().execute("SELECT told FROM hashes WHERE key = ?", (key,)).fetchone()
            return msgspec.msgpack.decode(row[0], type=dict[str, str]) if row else {}
        except (sqlite3.Error, OSError, msgspec.DecodeError):
            return {}

    def all_hashes(self) -> dict[str, ModelKey]:
        """Every SHA-256 that was computed, to its key."""
        try:
            rows = self._connect().execute("SELECT key, told FROM hashes").fetchall()
            told = [(key, msgspec.msgpack.decode(each, type=dict[str, str])) for key, each in rows]
        except (sqlite3.Error, OSError, msgspec.DecodeError):
            return {}
        return {each["sha256"]: ModelKey(key) for key, each in told if "sha256" in each}

    def keep_hashes(self, key: ModelKey, told: dict[str, str]) -> None:
        with self._one, suppress(sqlite3.Error, OSError), self._connect() as db:
            db.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?)", (key, _ENCODER.encode(told)))

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
        try:
            for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
                self._path.with_name(name).unlink(missing_ok=True)
            self._connect().executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
        except (sqlite3.Error, OSError):
            self.close()
