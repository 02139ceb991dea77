"""The log without a thread: same tables, same SQL, run inside the loop. For simulations in virtual time."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from daemon.log import reading
from daemon.log.appender import Appender
from daemon.log.chain import Head
from daemon.log.faults import LogBroken
from daemon.log.reading import Kept
from daemon.log.sifting import Sifter
from daemon.log.tables import writer
from daemon.sieve import Found, Part, Sieve
from schema.events import Envelope
from schema.ids import CommandId

_Waiting = tuple[Sequence[Envelope], asyncio.Future[None]]


class LogInLoop:
    """A log whose commits take `commit_delay()` seconds of the loop's time. Without a path it lives in memory.

    Batches behave as in the file: one commits, those that come meanwhile share the next transaction.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        commit_delay: Callable[[], float] = lambda: 0.0,
        connection: sqlite3.Connection | None = None,
    ) -> None:
        self._db = connection or writer(path or ":memory:", durable=False)
        self._sifter = Sifter(self._db)
        self._appender = Appender(self._db, Head(*reading.newest(self._db)))
        self._delay = commit_delay
        self._waiting: list[_Waiting] = []
        self._committing: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._broken: BaseException | None = None
        self._fault: BaseException | None = None
        self._dead = False
        self.head = self._appender.head

    def append(self, batch: Sequence[Envelope]) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._broken is not None:
            done.set_exception(_broken(self._broken))
        else:
            self._waiting.append((batch, done))
            self._start()
        return done

    def _start(self) -> None:
        if self._committing or not self._waiting:
            return
        self._committing, self._waiting = self._waiting, []
        self._timer = asyncio.get_running_loop().call_later(self._delay(), self._commit)

    def _commit(self) -> None:
        batches, self._committing = self._committing, []
        self._timer = None
        try:
            if self._fault is not None:
                raise self._fault
            self._appender.append([batch for batch, _ in batches])
        except Exception as error:  # as the file's thread does: whoever waits must be told
            self._broken = error
            batches, self._waiting = batches + self._waiting, []
        self.head = self._appender.head
        for _, done in batches:
            if done.done():
                continue
            if self._broken is None:
                done.set_result(None)
            else:
                done.set_exception(_broken(self._broken))
        self._start()

    async def find_key(self, actor: str, key: str) -> Kept | None:
        await asyncio.sleep(0)
        return reading.find_key(self._db, actor, key)

    async def events_of(self, command: CommandId) -> tuple[Envelope, ...]:
        await asyncio.sleep(0)
        return reading.events_of(self._db, command)

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        await asyncio.sleep(0)
        return reading.read(self._db, after, limit)

    async def sift(self, sieve: Sieve, part: Part) -> Found:
        await asyncio.sleep(0)
        return self._sifter.part(sieve, part._replace(upto=min(part.upto, self.head.seq)))

    async def hash_at(self, seq: int) -> bytes | None:
        await asyncio.sleep(0)
        return reading.hash_at(self._db, seq)

    async def close(self) -> None:
        """Waits for all batches. May be called twice."""
        if self._dead:
            return
        pending = [done for _, done in (*self._committing, *self._waiting)]
        if pending:
            await asyncio.wait(pending)
        self._dead = True
        self._broken = self._broken or sqlite3.ProgrammingError("it is closed")
        self._db.close()

    # What tests do to it --------------------------------------------------------------------------

    def crash(self) -> "LogInLoop":
        """What the next process finds: all that was committed, nothing of what waited. This one is dead."""
        if self._timer is not None:
            self._timer.cancel()
        for _, done in (*self._committing, *self._waiting):
            done.cancel()
        self._committing, self._waiting = [], []
        self._dead = True
        self._broken = sqlite3.OperationalError("its process crashed")
        return LogInLoop(connection=self._db, commit_delay=self._delay)

    def fail_next(self, error: BaseException) -> None:
        """The next commit fails as if the disk had told `error` (a sqlite3.Error or OSError)."""
        self._fault = error


def _broken(cause: BaseException) -> LogBroken:
    error = LogBroken(f"the log takes nothing more: {cause}")
    error.__cause__ = cause
    return error
