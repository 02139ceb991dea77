"""The log as its one writer uses it: batches in, a future per batch, done when durable.

The only read-write connection lives in a thread of its own. The loop hands it one batch by a queue; batches that wait
while one commits share the next transaction; one wake-up tells the loop.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import NamedTuple, Protocol

from daemon.disk import sync_folder
from daemon.log import anchor
from daemon.log.anchor import Anchor
from daemon.log.appender import Appender
from daemon.log.aside import leave_orphans, take_back
from daemon.log.chain import Head
from daemon.log.check import check, note_verified
from daemon.log.faults import LogBroken, LogDamaged, LogFromNewer, LogFull, LogGone
from daemon.log.ground import check_places, meant, places_of
from daemon.log.inloop import LogInLoop
from daemon.log.reader import LogReader
from daemon.log.reading import Kept, read_log
from daemon.log.tables import close_whole, writer
from daemon.log.witness import Witness
from schema.events import Envelope
from schema.ids import CommandId

__all__ = [
    "Head", "Kept", "Log", "LogBroken", "LogDamaged", "LogFile", "LogFromNewer", "LogFull", "LogGone", "LogInLoop",
    "open_log", "read_log",
]  # fmt: skip

SYNC_ANCHOR_S = 1.0
"""How long a written anchor may stay unsynced."""

IDLE_S = 30.0
"""After so long without a batch the WAL is emptied into the database."""

MERGED = 4096
"""Events of waiting batches that share one transaction, at most (one larger batch goes alone)."""


class Log(Protocol):
    """What the ledger and the views need of a log."""

    @property
    def head(self) -> Head:
        """The newest durable event."""
        ...

    def append(self, batch: Sequence[Envelope]) -> asyncio.Future[None]:
        """One transaction; done when durable, in the order of the calls. May be called again before that.

        Fails with LogBroken, of the kind that tells whether it heals; so does every later call. A caller that stops
        waiting does not stop the commit.
        """
        ...

    async def find_key(self, actor: str, key: str) -> Kept | None: ...

    async def events_of(self, command: CommandId) -> tuple[Envelope, ...]: ...

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        """At most `limit` durable events behind `after`, in order."""
        ...

    async def close(self) -> None: ...


def open_log(
    path: Path, anchor_path: Path, *, deep: bool = False, others: Callable[[], Sequence[Witness]] = lambda: ()
) -> "LogFile":
    """Checks the log, then opens it for appending; makes a new one where there is none. The caller holds the lock.

    `others` know of its head besides the anchor. Raises LogDamaged (nothing was changed), LogFromNewer, Refused for a
    too old SQLite, sqlite3.Error or OSError.
    """
    take_back(path)
    verdict = check(path, anchor_path, deep=deep, others=others)
    if verdict.findings:
        raise LogDamaged(verdict.findings, where=str(path), ends_at=verdict.head.seq, promised=verdict.promised)
    path.parent.mkdir(parents=True, exist_ok=True)
    if anchor.read(anchor_path) is None:  # before the log: a log with events and no anchor is damage
        anchor.reset(anchor_path, verdict.head)
    if not path.exists() or path.stat().st_size == 0:
        _create(path)
    db = writer(path)
    note_verified(path, verdict.head)
    return LogFile(path, db, Anchor(anchor_path), verdict.head)


def _create(path: Path) -> None:
    """A log without events, there at once and whole: a half-made one could not be read by anybody."""
    spare = path.with_name(f".{path.name}.new")
    for ending in ("", "-journal", "-wal", "-shm"):
        spare.with_name(spare.name + ending).unlink(missing_ok=True)
    close_whole(writer(spare))
    leave_orphans(path)  # of a log that somebody took away: not of this one
    spare.replace(path)
    sync_folder(path.parent)


class _Batch(NamedTuple):
    envelopes: Sequence[Envelope]
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class LogFile(LogReader):
    """The log in its file. Made by `open_log`; used from one event loop."""

    def __init__(self, path: Path, db: sqlite3.Connection, head_anchor: Anchor, head: Head) -> None:
        super().__init__(path, head)
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._broken: BaseException | None = None
        self._closed = False
        self._in_flight = 0
        """Batches that the thread has not settled."""
        self._moved = monotonic()
        """When one was settled last, or given where none was in flight."""
        self._thread = threading.Thread(
            target=_Writer(path, db, head_anchor, head, self._queue, self._settle).run, name="log-writer", daemon=True
        )
        self._thread.start()

    def append(self, batch: Sequence[Envelope]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if self._broken is not None or self._closed:
            done.set_exception(_broken(self._broken))
        else:
            self._moved = self._moved if self._in_flight else monotonic()
            self._in_flight += 1
            self._queue.put(_Batch(batch, done, loop))
        return done

    def stands(self) -> float:
        """Seconds for which what the writer was given has not moved; infinite where its thread is gone."""
        if not self._closed and not self._thread.is_alive():
            return float("inf")
        return monotonic() - self._moved if self._in_flight else 0.0

    def _settle(self, batches: Sequence[_Batch], head: Head, error: BaseException | None) -> None:
        """In the loop: tells the waiting what became of their batches."""
        self._in_flight -= len(batches)
        self._moved = monotonic()
        if error is None:
            self.head = head
        else:
            self._broken = error
        for batch in batches:
            if batch.done.done():  # its caller has stopped waiting
                continue
            if error is None:
                batch.done.set_result(None)
            else:
                batch.done.set_exception(_broken(error))

    async def close(self) -> None:
        """Waits for all batches, empties the WAL, syncs the anchor. May be called twice."""
        if self._closed:
            return
        self._closed = True
        await super().close()  # before the writer, so that the last to close tidies the files away
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)


def _broken(cause: BaseException | None) -> LogBroken:
    kind = type(cause) if isinstance(cause, LogBroken) else LogBroken
    error = kind(f"the log takes nothing more: {cause}" if cause else "the log is closed")
    error.__cause__ = cause
    return error


class _Writer:
    """The thread. Touches nothing of asyncio but `call_soon_threadsafe`."""

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        head_anchor: Anchor,
        head: Head,
        queue: SimpleQueue[_Batch | None],
        settle: Callable[[Sequence[_Batch], Head, BaseException | None], None],
    ) -> None:
        self._path = path
        self._places = places_of(path)
        self._db = db
        self._anchor = head_anchor
        self._appender = Appender(db, head)
        self._queue = queue
        self._settle = settle
        self._synced = monotonic()
        self._emptied = True
        self._stopping = False

    def run(self) -> None:
        while not self._stopping:
            batches = self._take()
            try:
                self._commit(batches)
            except Exception as error:  # the thread's outermost loop: whoever waits must be told
                self._give_up(batches, meant(error, self._path))
                return
        self._close()

    def _take(self) -> list[_Batch]:
        """Waits for a batch and takes those waiting with it; empty when it is time to tidy up."""
        try:
            batch = self._queue.get(timeout=self._patience())
        except Empty:
            return []
        batches: list[_Batch] = []
        events = 0
        while True:
            if batch is None:
                self._stopping = True
                return batches
            batches.append(batch)
            events += len(batch.envelopes)
            if events >= MERGED or self._queue.empty():
                return batches
            batch = self._queue.get()

    def _patience(self) -> float | None:
        if self._anchor.dirty:
            return max(0.0, self._synced + SYNC_ANCHOR_S - monotonic())
        return None if self._emptied else IDLE_S

    def _commit(self, batches: list[_Batch]) -> None:
        if not batches:
            if self._anchor.dirty:
                self._sync()
            elif not self._stopping:
                self._empty_wal()
            return
        check_places(self._places)
        self._appender.append([batch.envelopes for batch in batches])
        self._emptied = False
        self._anchor.promise(self._appender.head)
        self._tell(batches, None)
        if monotonic() - self._synced > SYNC_ANCHOR_S:
            self._sync()

    def _sync(self) -> None:
        self._anchor.sync()
        self._synced = monotonic()

    def _empty_wal(self) -> None:
        self._db.execute("PRAGMA busy_timeout=0")  # a reader may keep the WAL; batches must not wait for it
        kept = 0
        try:
            (kept, *_) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:  # all is safe in the WAL; when there is room again, then
                raise
        self._db.execute("PRAGMA busy_timeout=5000")
        self._emptied = not kept

    def _tell(self, batches: list[_Batch], error: BaseException | None) -> None:
        try:
            batches[0].loop.call_soon_threadsafe(self._settle, batches, self._appender.head, error)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            self._stopping = True

    def _give_up(self, batches: list[_Batch], error: LogBroken) -> None:
        """Fails what waits, until closed. The connection is left alone: after a failed fsync a second one may lie.

        Where the ground heals, it is closed, for this process will open the log anew.
        """
        while True:
            if batches:
                self._tell(batches, error)
            batch = None if self._stopping else self._queue.get()
            if batch is None:
                break
            batches = [batch]
        if isinstance(error, LogFull | LogGone):
            with suppress(sqlite3.Error):  # a write-ahead file that was deleted is gone with this connection
                self._empty_wal()
            with suppress(sqlite3.Error):
                self._db.close()
            with suppress(OSError):
                self._anchor.close()

    def _close(self) -> None:
        with suppress(sqlite3.Error, OSError):  # what was told is synced in the WAL; the next start empties it
            self._empty_wal()
            self._anchor.sync()
        self._anchor.close()
        self._db.close()
