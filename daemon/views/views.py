"""The read models, whole: filled from the log, following the ledger, answering lists and look-ups.

Nothing here is truth. Whoever must see what was just acknowledged waits with `reached` first.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from daemon.views.filling import CATCH_UP, ReadableLog, catch_up, filled
from daemon.views.read_views import ReadViews
from daemon.views.readers import Readers, opened, read_only
from daemon.views.writer import ViewWriter, digest_of, is_full
from schema.errors import Refused
from schema.events import Envelope

logger = logging.getLogger(__name__)


AGAIN_SECONDS = 1.0
"""Between two tries to write on a full disk."""


class Behind(Refused):
    """The views cannot follow the log now."""


class Batch(Protocol):
    """What the ledger publishes after each commit."""

    @property
    def envelopes(self) -> tuple[Envelope, ...]: ...


class Views(ReadViews):
    def __init__(
        self, log: ReadableLog, writer: ViewWriter, readers: Readers, results: Path, clock: Callable[[], float]
    ):
        super().__init__(readers, lambda: opened(writer.path), results, clock)
        self._log = log
        self._writer = writer
        self._waiting: list[_Waiting] = []
        self._stuck = False

    @classmethod
    async def open(cls, path: Path, log: ReadableLog, *, results: Path, clock: Callable[[], float]) -> Self:
        """Everything in the log is folded in when this returns, unless the disk is full.

        `results`: root of the runs' folders.
        """
        writer = await ViewWriter.open(path)
        try:
            mark = writer.mark
            if mark.seq:
                same = await log.read(mark.seq - 1, 1)
                if not same or digest_of(same[0]) != mark.digest:
                    logger.warning("the views are of another log; they are made again")
                    await writer.restart()
            stuck = await filled(log, writer)
            views = cls(log, writer, await Readers.open(read_only(path)), results, clock)
        except BaseException:
            await writer.close()  # its thread would keep the process from ending
            raise
        if stuck:
            views._get_stuck(stuck)
        return views

    @property
    def seq(self) -> int:
        """Of the newest event that is folded in."""
        return self._writer.mark.seq

    async def follow(self, committed: AsyncIterator[Batch]) -> None:
        """Folds what the ledger commits, for as long as it does. Batches that pile up are folded together."""
        arrived: asyncio.Queue[Sequence[Envelope] | None] = asyncio.Queue()

        async def take() -> None:
            async for batch in committed:
                arrived.put_nowait(batch.envelopes)
            arrived.put_nowait(None)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(take())
            while (first := await arrived.get()) is not None:
                envelopes = list(first)
                while not arrived.empty() and len(envelopes) < CATCH_UP:
                    more = arrived.get_nowait()
                    if more is None:
                        arrived.put_nowait(None)
                        break
                    envelopes += more
                await self._fold(envelopes)

    async def reached(self, seq: int) -> None:
        """Returns once the event with this seq is folded in, however long that takes."""
        await self._wait(seq, patient=True)

    async def shown(self, seq: int) -> None:
        """The same for a person who asks: raises Behind where the disk is full and nobody knows how long it takes."""
        await self._wait(seq, patient=False)

    async def empty_wal(self) -> None:
        """Gives back what was written beside the file, where nobody reads it just now."""
        await self._writer.empty_wal()

    async def close(self) -> None:
        await super().close()
        await self._writer.close()

    # Folding -------------------------------------------------------------------------------------

    async def _wait(self, seq: int, *, patient: bool) -> None:
        if self.seq >= seq:
            return
        if self._stuck and not patient:
            raise _behind()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(seq, done, patient))
        await done

    async def _catch_up(self) -> None:
        await catch_up(self._log, self._writer, self._release)

    async def _fold(self, envelopes: Sequence[Envelope]) -> None:
        """Batches may overlap with what was read from the log, or begin after a gap that the log fills.

        A full disk is waited for: the log, not this, decides whether the daemon can go on.
        """
        while True:
            try:
                if envelopes[0].seq > self.seq + 1:
                    await self._catch_up()
                new = [envelope for envelope in envelopes if envelope.seq > self.seq]
                if new:
                    await self._writer.apply(new)
                if self._stuck:
                    await self._writer.index()
                    self._stuck = False
                self._release()
                return
            except sqlite3.OperationalError as fault:
                if not is_full(fault):
                    raise
                self._get_stuck(fault)
                await asyncio.sleep(AGAIN_SECONDS)

    def _get_stuck(self, fault: sqlite3.OperationalError) -> None:
        if not self._stuck:
            logger.warning("the views cannot be written: %s; they go on when there is room", fault)
        self._stuck = True
        for one in self._waiting:
            if not one.patient and not one.done.done():
                one.done.set_exception(_behind())
        self._waiting = [one for one in self._waiting if one.patient]

    def _release(self) -> None:
        for one in self._waiting:
            if one.seq <= self.seq and not one.done.done():
                one.done.set_result(None)
        self._waiting = [one for one in self._waiting if one.seq > self.seq]


class _Waiting(NamedTuple):
    seq: int
    done: asyncio.Future[None]
    patient: bool


def _behind() -> Behind:
    return Behind("lists cannot be answered: the disk is full.", remedy="Free some space; nothing is lost.")
