"""The tables of the log and the two ways to open them. The only place that knows SQL of the schema.

One read-write connection per process, ever (SQLite before 3.51.3 may corrupt a WAL with two); all others are `mode=ro`.
"""

import sqlite3
from pathlib import Path
from typing import Final

from daemon.log.faults import LogFromNewer
from schema.errors import Refused
from schema.ids import CommandId, Seq

FORMAT: Final = 1
"""Of tables and hash chain. A log of a higher format is refused."""

APPLICATION_ID: Final = 0x534E4557
"""`SNEW` in the file's header."""

OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables."""

COLUMNS: Final = "seq,ts_us,epoch,stream,sver,type,v,actor,cause,command,idem,digest,data,hash"
WIDTH: Final = 14

Row = tuple[
    Seq, int, Seq, str, int, str, int, str, Seq | None, CommandId | None, str | None, bytes | None, bytes, bytes
]  # fmt: skip
"""One row of `events`, in the order of `COLUMNS`."""

SCHEMA: Final = (
    f"PRAGMA application_id={APPLICATION_ID}",
    """CREATE TABLE events(
  seq     INTEGER PRIMARY KEY,             -- last+1, without gaps; also what tokens and epochs are drawn from
  ts_us   INTEGER NOT NULL,                -- wall clock in microseconds; told to people, never used for order
  epoch   INTEGER NOT NULL,                -- seq of the DaemonStarted of that process
  stream  TEXT NOT NULL,                   -- 'job:ID', 'run:ID', 'image:ID', 'node:ID' or 'sys'
  sver    INTEGER NOT NULL,                -- from 1 within the stream
  type    TEXT NOT NULL,
  v       INTEGER NOT NULL,                -- version of the type
  actor   TEXT NOT NULL,                   -- 'uid:1000', 'api:NAME', 'node:ID', 'daemon'
  cause   INTEGER,                         -- seq that led to this
  command TEXT,                            -- id of the command that brought it
  idem    TEXT,                            -- idempotency key, on the first event of its command
  digest  BLOB,                            -- SHA-256 of the request that came with the key
  data    BLOB NOT NULL,                   -- the event as JSON: CAST(data AS TEXT)
  hash    BLOB NOT NULL CHECK(length(hash)=32),   -- see daemon/log/chain.py
  UNIQUE(stream,sver)) STRICT""",
    "CREATE UNIQUE INDEX ev_idem ON events(actor,idem) WHERE idem IS NOT NULL",
    "CREATE INDEX ev_command ON events(command) WHERE command IS NOT NULL",
    "CREATE INDEX ev_type ON events(type,seq)",
    """CREATE TRIGGER ev_noup BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT,'append-only'); END""",
    """CREATE TRIGGER ev_nodel BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT,'append-only'); END""",
    """CREATE TRIGGER ev_gapless BEFORE INSERT ON events
  WHEN NEW.seq <> (SELECT COALESCE(MAX(seq),0)+1 FROM events) BEGIN SELECT RAISE(ABORT,'gap'); END""",
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID",
    f"INSERT INTO meta(k,v) VALUES('format','{FORMAT}')",
)


def writer(path: Path | str, *, durable: bool = True) -> sqlite3.Connection:
    """The read-write connection; makes the tables in a new file. May be handed to one other thread.

    `durable=False` is for simulations only: it leaves out every fsync.
    """
    check_sqlite()
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        _prepare(db, durable)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, durable: bool) -> None:
    db.execute("PRAGMA journal_mode=WAL")
    db.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
    db.execute("PRAGMA fullfsync=ON")  # means something on macOS only, where fsync alone does not reach the disk
    for pragma in ("foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("PRAGMA journal_size_limit=67108864")
    if is_empty(db):
        db.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            db.execute(statement)
        db.execute("COMMIT")


def close_whole(db: sqlite3.Connection) -> None:
    """Closes a database that is to be renamed: all of it is in the one file, synced. Raises sqlite3.Error if not.

    Closing alone does not tell when its checkpoint fails.
    """
    try:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise sqlite3.OperationalError("somebody else reads the new database")
    finally:
        db.close()


def reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; never writes, never checkpoints. Raises sqlite3.Error when there is no such file."""
    try:
        return _read_only(path, "mode=ro")
    except sqlite3.OperationalError as fault:
        # Beside a log that was closed in order SQLite makes its shared index anew, for which a full disk has no room
        # and a read-only one no place. All of the log is in its one file then, and nobody can write it.
        if fault.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) or _has_wal(path):
            raise
        return _read_only(path, "mode=ro&immutable=1")


def _read_only(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
    )
    try:
        db.execute("PRAGMA cell_size_check=ON")
        db.execute("PRAGMA query_only=ON")
        db.execute("PRAGMA schema_version").fetchone()  # the first that touches the file
    except BaseException:
        db.close()
        raise
    return db


def _has_wal(path: Path) -> bool:
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def check_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise Refused(
            f"this Python brings SQLite {sqlite3.sqlite_version}, the log needs {oldest}.", remedy="Use a newer Python."
        )


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether the tables are still to be made."""
    return not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


def check_format(db: sqlite3.Connection, path: Path) -> list[str]:
    """What is wrong with the tables themselves. Raises LogFromNewer for a format this version does not read."""
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return ["this file does not say that it is a log of stablenew"]
    found = db.execute("SELECT v FROM meta WHERE k='format'").fetchone()
    if found and found[0].isdecimal() and int(found[0]) > FORMAT:
        raise LogFromNewer(f"the log has format {found[0]}; this version reads up to {FORMAT}.", where=str(path))
    tables = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
    if not found or found[0] != str(FORMAT) or tables != {sql for sql in SCHEMA if sql.startswith("CREATE")}:
        return ["its tables or triggers were changed"]
    return []
