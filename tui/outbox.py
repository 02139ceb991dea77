"""Verdicts on their way to the daemon: nobody who gives one waits for it, and none is lost without a word.

They are sent one by one, in the order of the keys, each under one idempotency key however often it is tried; what a
silent daemon did not take waits until it speaks again. Knows neither pictures nor screens.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from schema.errors import NoDaemon, Refused
from schema.ids import CommandId
from tui.link.ask import Told

FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Seconds between two tries while nobody answers; doubles from the first to the longest."""


class Sending(Protocol):
    """`Asker.command`."""

    def __call__(self, path: str, body: msgspec.Struct | None, *, key: str) -> Awaitable[Told]: ...


class Wish(NamedTuple):
    path: str
    body: msgspec.Struct | None
    words: str
    """As a command line that would do the same: told of what could not be sent."""


@dataclass(eq=False)
class Parcel:
    """A wish on its way. `refused` says why it will not be done."""

    wish: Wish
    key: str
    on_refused: Callable[["Parcel"], None]
    tried: bool = False
    done: bool = False
    command: CommandId | None = None
    refused: str = ""
    takes_back: "Parcel | None" = None
    instead: "Wish | None" = None
    """Sent where the parcel that it takes back is no longer the last thing that was done."""


class Outbox:
    """`start` runs a coroutine function in the background; `order` is held while one is under way, so that other
    commands do not overtake it; `tell` is called whenever something has changed."""

    def __init__(
        self,
        send: Sending,
        start: Callable[[Callable[[], Awaitable[None]]], object],
        *,
        order: asyncio.Lock,
        fresh_key: Callable[[], str],
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self.tell = tell
        self.silent = ""
        """Why nobody takes them at the moment; empty: they are taken."""
        self._send = send
        self._start = start
        self._order = order
        self._fresh_key = fresh_key
        self._waiting: deque[Parcel] = deque()
        self._running = False

    @property
    def waiting(self) -> tuple[Parcel, ...]:
        """What has not been answered yet, the oldest first."""
        return tuple(self._waiting)

    def put(self, wish: Wish, on_refused: Callable[[Parcel], None] = lambda _: None) -> Parcel:
        return self._put(Parcel(wish, self._fresh_key(), on_refused))

    def take_back(self, parcel: Parcel, instead: Wish | None, on_refused: Callable[[Parcel], None]) -> None:
        """As if it had never been given. One that was never sent is not sent; `instead` makes up for one that is
        done when something else was done since."""
        if parcel in self._waiting and not parcel.tried:
            self._waiting.remove(parcel)
            self.tell()
            return
        undo = Wish("/v1/undo", None, instead.words if instead else "stablenew undo")
        self._put(Parcel(undo, self._fresh_key(), on_refused, takes_back=parcel, instead=instead))

    def _put(self, parcel: Parcel) -> Parcel:
        self._waiting.append(parcel)
        if not self._running:
            self._running = True
            self._start(self._work)
        return parcel

    async def flush(self, patience: float) -> None:
        """One more try of all that waits, when the program ends and nobody works any more."""
        with suppress(TimeoutError, NoDaemon):
            async with asyncio.timeout(patience):
                while self._waiting:
                    await self._deliver(self._waiting[0])
                    if self._waiting[0].refused:
                        return
                    self._waiting.popleft()

    def unsent(self) -> str:
        """What did not arrive, as command lines that would do it; empty: all did."""
        if not self._waiting:
            return ""
        lines = [f"  {parcel.wish.words}" for parcel in self._waiting]
        lines += [f"    {parcel.refused}" for parcel in self._waiting if parcel.refused]
        many = "One verdict has" if len(self._waiting) == 1 else f"{len(self._waiting):,} verdicts have"
        return "\n".join((f"{many} not reached the daemon. This does the same:", *lines))

    async def _work(self) -> None:
        pause = FIRST_WAIT
        try:
            while self._waiting:
                try:
                    async with self._order:
                        if not self._waiting:
                            break  # taken back while other commands went first
                        parcel = self._waiting[0]
                        await self._deliver(parcel)
                except NoDaemon as e:
                    self.silent = str(e) or "the daemon does not answer"
                    self.tell()
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_WAIT)
                    continue
                pause, self.silent = FIRST_WAIT, ""
                self._waiting.remove(parcel)
                if parcel.refused:
                    parcel.on_refused(parcel)
                self.tell()
        finally:
            self._running = False

    async def _deliver(self, parcel: Parcel) -> None:
        """Done or refused afterwards. Raises NoDaemon: it may be done or not, and is to be sent again."""
        first = parcel.takes_back
        if first is not None and first.command is None:
            parcel.done = True  # it was refused itself: there is nothing to take back
            return
        path, body, _ = parcel.wish
        if first is not None:
            path += f"?command={first.command}"
        parcel.tried = True
        try:
            parcel.command = (await self._send(path, body, key=parcel.key)).command
            parcel.done = True
        except Refused as e:
            if first is None or parcel.instead is None:
                parcel.refused = e.told()
                return
            parcel.wish, parcel.takes_back, parcel.key = parcel.instead, None, self._fresh_key()
            await self._deliver(parcel)
