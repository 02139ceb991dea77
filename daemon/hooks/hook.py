"""One hook: what waits for it, told one after the other, tried again with pauses, given up after so many tries."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from daemon.hooks.cursor import Cursor, Mark
from daemon.hooks.finding import Found
from daemon.hooks.sending import Outcome, send, shown
from schema.hooks import HookRow, HookTried, News
from schema.settings import HookSettings

FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
"""Seconds before it is tried again; doubles each time."""

MOST = 1000
"""News that wait for one hook; beyond it the oldest is given up."""

UNSAVED = 1000
"""Events without news after which the mark is written all the same."""


class Told(Protocol):
    """Where a person is told what became of it (`daemon.concerns.Concerns`)."""

    def tell(self, subject: str, sentence: str) -> None: ...
    def settle(self, subject: str) -> None: ...


Written = Callable[[Found, str], Awaitable[News | None]]
"""The whole news for the hook of this name; None where what it is about is gone."""


class Hook:
    def __init__(
        self, name: str, how: HookSettings, cursor: Cursor, told: Told, written: Written,
        *, clock: Callable[[], float], wait: Callable[[float], Awaitable[None]],
    ) -> None:  # fmt: skip
        self.name, self.how = name, how
        self._cursor, self._told, self._written = cursor, told, written
        self._clock, self._wait = clock, wait
        self._waiting: deque[Found] = deque()
        self._mark = self._saved = Mark(0)
        self._reached = 0
        self._something = asyncio.Event()
        self._last: tuple[float, Outcome] | None = None

    def begin(self, mark: Mark) -> None:
        self._mark = self._saved = mark
        self._reached = mark.seq

    def take(self, found: Found) -> None:
        """What it was told of already, and what it does not want, is passed over."""
        if found.on not in self.how.on or found.id in self._mark.done or 0 < found.seq <= self._mark.seq:
            return
        self._waiting.append(found)
        if len(self._waiting) > MOST:
            self._fail("too much waits for it; the oldest news was given up")
            del self._waiting[1]  # the first is being told just now
        self._something.set()

    def reached(self, seq: int, undecided: int | None) -> None:
        """All events up to `seq` were looked at; of the `undecided` one it is not known yet whether it is news."""
        self._reached = seq if undecided is None else undecided - 1
        if self._reached - self._saved.seq >= UNSAVED:
            self._something.set()

    async def run(self) -> None:
        """Never ends."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await self._tell(self._waiting[0])
                self._waiting.popleft()
                await self._save()
            await self._save()

    async def try_now(self, found: Found) -> HookTried:
        """One try, of something that did not happen."""
        news = await self._written(found, self.name)
        assert news is not None
        clock = asyncio.get_running_loop().time
        begun = clock()
        outcome = await self._send(news)
        if outcome.well:
            self._told.settle(self._subject)
        seconds = round(clock() - begun, 3)
        return HookTried(hook=self.name, id=news.id, well=outcome.well, told=outcome.told, seconds=seconds)

    def row(self) -> HookRow:
        at, outcome = self._last or (None, None)
        return HookRow(
            name=self.name, on=self.how.on, to=shown(self.how), state=self._state(), waiting=len(self._waiting),
            told=outcome.told if outcome else "", at=at,
        )  # fmt: skip

    def _state(self) -> Literal["unused", "well", "waiting", "failing"]:
        if self._last is not None and not self._last[1].well:
            return "failing"
        return "waiting" if self._waiting else "well" if self._last else "unused"

    @property
    def _subject(self) -> str:
        return f"hook {self.name}"

    async def _tell(self, found: Found) -> None:
        news = await self._written(found, self.name)
        if news is None:
            self._note(found)
            return
        if self.how.command:
            # It may end the daemon itself, or switch the machine off: what was begun is not begun again.
            self._note(found)
            await self._save()
        await self._try(news)
        self._note(found)

    async def _try(self, news: News) -> None:
        pause = FIRST_WAIT
        for number in range(1, self.how.tries + 1):
            outcome = await self._send(news)
            if outcome.well:
                self._told.settle(self._subject)
                return
            if not outcome.again or number == self.how.tries:
                tries = f" after {number} tries" if number > 1 else ""
                self._fail(f"{outcome.told}; {news.on} was given up{tries}")
                return
            await self._wait(pause)
            pause = min(pause * 2, LONGEST_WAIT)

    async def _send(self, news: News) -> Outcome:
        outcome = await send(self.how, news)
        self._last = (self._clock(), outcome)
        return outcome

    def _fail(self, what: str) -> None:
        self._told.tell(
            self._subject,
            f"The hook {self.name} ({shown(self.how)}) does not work: {what}. Mend [hooks.{self.name}] in the settings;"
            f" `stablenew hook test {self.name}` tries it.",
        )

    def _note(self, found: Found) -> None:
        """It is told: the mark moves as far as nothing that waits still lies behind it."""
        done = dict.fromkeys((*self._mark.done, *([found.id] if found.seq else ())))
        self._mark = Mark(self._mark.seq, tuple(done))

    async def _save(self) -> None:
        waiting = [found.seq for found in self._waiting if found.seq]
        seq = max(self._mark.seq, min(self._reached, *(each - 1 for each in waiting)) if waiting else self._reached)
        self._mark = Mark(seq, tuple(each for each in self._mark.done if seq_of(each) > seq))
        if self._mark != self._saved:
            self._saved = self._mark
            await asyncio.to_thread(self._cursor.write, self.name, self._mark)


def seq_of(id: str) -> int:
    """The event that news with this id are of."""
    return int(id.rsplit("-", 2)[1])
