"""Moments: WHEN to a house as it was then, that reads like the one of now and refuses every wish.

A few are kept while they are asked for, each with its state and its views; the log and the daemon go on meanwhile.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.api.disk import NoDisk
from daemon.api.house import Condition, House, KeptKey, ReadLog
from daemon.api.nobody import nothing_to_wait_for
from daemon.core.forecast import forecast
from daemon.core.rules import Rules
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.log.states import States
from daemon.log.streams import LogPast
from daemon.log.when import seq_of
from daemon.sieve import Found, Part, Sieve
from daemon.still import StillLedger
from daemon.views.then import ViewsThen
from schema.errors import Refused
from schema.events import Envelope
from schema.forecast import Forecast
from schema.ids import CommandId, RunId, Seq
from schema.then import Moment

KEPT = 4

IDLE_SECONDS = 120.0
"""After so long unasked a moment is let go."""

Dress = Callable[[House, State], House]
"""Gives the house of then what else is made from its state and its views: cards of nodes, models, what was learned."""


class Files(NamedTuple):
    log: Path
    snapshots: Path
    views: Path


class _Kept(NamedTuple):
    made: asyncio.Task[House]
    used: float
    """By the loop's clock."""


class Moments:
    def __init__(
        self,
        now: House,
        files: Files,
        *,
        rules: Rules = Rules(),  # noqa: B008 - a constant
        dress: Dress = lambda house, state: house,
    ) -> None:
        """`now`: the house that goes on; its `then` should become this object's."""
        self._now, self._files, self._rules, self._dress = now, files, rules, dress
        self._past = LogPast(files.log)
        self._states = States(files.snapshots, files.log)
        self._making = asyncio.Lock()
        self._kept: dict[int, _Kept] = {}
        """By seq, those used last at the end."""
        self._open: set[weakref.finalize[[Callable[[], Awaitable[None]]], ViewsThen]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def then(self, when: str) -> House:
        """The house behind the last event not after WHEN. Raises Refused where that is none, or still to come."""
        seq = await asyncio.to_thread(seq_of, self._files.log, when, self._now.clock())
        await self._now.views.shown(seq)
        kept = self._kept.pop(seq, None)
        made = kept.made if kept is not None else asyncio.create_task(self._make(seq))
        self._kept[seq] = _Kept(made, asyncio.get_running_loop().time())
        self._let_go()
        try:
            house = await asyncio.shield(made)
        finally:
            if made.done() and (made.cancelled() or made.exception() is not None):
                self._kept.pop(seq, None)
        assert house.moment is not None
        moment = msgspec.structs.replace(house.moment, newest=Seq(max(self._now.ledger.durable, seq)), asked=when)
        return replace(house, moment=moment)

    async def close(self) -> None:
        """Nobody may ask any more."""
        if self._timer is not None:
            self._timer.cancel()
        if under_way := {kept.made for kept in self._kept.values()}:
            await asyncio.wait(under_way)
        self._kept.clear()
        for one in tuple(self._open):
            if (found := one.detach()) is not None:
                await found[0].close()
        self._open.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    def _let_go(self) -> None:
        """Of the oldest; what is still being read stays open until nobody holds it any more."""
        loop = asyncio.get_running_loop()
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)))
        for seq, kept in tuple(self._kept.items()):
            if loop.time() - kept.used >= IDLE_SECONDS and kept.made.done():
                del self._kept[seq]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(IDLE_SECONDS, self._let_go) if self._kept else None

    async def _make(self, seq: int) -> House:
        async with self._making:  # one at a time: it takes a processor
            state = await asyncio.to_thread(self._states.at, seq)
            last = await self._now.log.read(seq - 1, 1) if seq else ()
            at = last[0].at if last else None
            clock = (lambda: self._now.clock()) if at is None else (lambda: at)
            views = await ViewsThen.open(self._files.views, self._past, seq, results=self._now.results, clock=clock)
            self._watch(views)
            ledger = StillLedger(state, clock, partial(_refusal, seq), rules=self._rules)
        return self._dress(_house(self._now, Moment(seq=Seq(seq), at=at, newest=Seq(seq)), ledger, views, clock), state)

    def _watch(self, views: ViewsThen) -> None:
        """Its files are closed when nobody reads it any more, however long an answer takes."""
        loop = asyncio.get_running_loop()
        watching = weakref.finalize(views, lambda close: loop.call_soon_threadsafe(gone, close), views.closing())
        watching.atexit = False
        self._open.add(watching)

        def gone(close: Callable[[], Awaitable[None]]) -> None:
            self._open.discard(watching)
            task = asyncio.ensure_future(close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class LogThen:
    """The log, up to one event."""

    def __init__(self, log: ReadLog, seq: int) -> None:
        self._log = log
        self._seq = seq

    async def find_key(self, actor: str, key: str) -> KeptKey | None:
        return None

    async def events_of(self, command: CommandId) -> tuple[Envelope, ...]:
        return tuple(one for one in await self._log.events_of(command) if one.seq <= self._seq)

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return await self._log.read(after, min(limit, max(0, self._seq - after)))

    async def sift(self, sieve: Sieve, part: Part) -> Found:
        return await self._log.sift(sieve, part._replace(upto=min(part.upto, self._seq)))

    async def hash_at(self, seq: int) -> bytes | None:
        return await self._log.hash_at(seq) if seq <= self._seq else None


def _house(now: House, moment: Moment, ledger: StillLedger, views: ViewsThen, clock: Callable[[], float]) -> House:
    """Files of pictures and the library are those of now; readings of disks and devices are not in the log."""

    def condition() -> Condition:
        return "read-only"

    async def foretold(run: RunId | None) -> Forecast:
        return await asyncio.to_thread(forecast, await ledger.outlook(), run)

    return replace(
        now,
        clock=clock,
        condition=condition,
        trouble=lambda: _refusal(moment.seq).told(),
        concerns=lambda: (),
        ledger=ledger,
        log=LogThen(now.log, moment.seq),
        views=views,
        free_bytes=lambda: None,
        results_reached=nothing_to_wait_for,
        vitals=Vitals(),
        known=lambda: (),
        forecast=foretold,
        disk=NoDisk(),
        moment=moment,
    )


def _refusal(seq: int) -> Refused:
    return Refused(f"this is how it was at event {seq}: nothing can be changed there.", remedy="Wish it without as_of.")
