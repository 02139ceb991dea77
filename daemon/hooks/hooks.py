"""All hooks of the settings: follows what is committed, finds the news in it, and has each hook told in its own time.

The ledger waits for none of this: what cannot be told now waits here, or in the log for the next start.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from daemon.hooks.cursor import Cursor
from daemon.hooks.finding import Finder, Found
from daemon.hooks.hook import Hook, Told
from daemon.hooks.writing import Writer
from schema.errors import Refused
from schema.events import Envelope
from schema.hooks import HookRow, HookTried
from schema.scenes import Scene
from schema.settings import HookSettings

PAGE = 1000

LOOK_SECONDS = 10.0

QUIET_SECONDS = 3600.0
"""How long further trouble of the same kind is no news."""


class Batch(Protocol):
    """What the ledger publishes after each commit."""

    @property
    def envelopes(self) -> tuple[Envelope, ...]: ...


class Past(Protocol):
    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]: ...


class Now(NamedTuple):
    """The live state, as the hooks see it."""

    scene: Callable[[], Scene]
    durable: Callable[[], int]


class Hooks:
    def __init__(
        self, settings: Mapping[str, HookSettings], cursor: Path, told: Told, writer: Writer,
        *, clock: Callable[[], float], wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        quiet: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        """`cursor`: the file that tells how far they are. `quiet`: kind of trouble to when it was told last."""
        self._clock, self._wait = clock, wait
        self._cursor = Cursor(cursor)
        self._hooks = {
            name: Hook(name, how, self._cursor, told, writer.news, clock=clock, wait=wait)
            for name, how in settings.items()
        }
        self._finder = Finder()
        self._quiet = {} if quiet is None else quiet
        self._troubles = 0

    async def run(self, batches: AsyncIterator[Batch], past: Past, now: Now) -> None:
        """Catches up from where each hook was, then follows; never ends."""
        if not self._hooks:
            async for _ in batches:  # else they would pile up
                pass
            return
        head = now.durable()
        marks = await asyncio.to_thread(self._cursor.read, self._hooks, head)
        for name, hook in self._hooks.items():
            hook.begin(marks[name])
        reached = min(mark.seq for mark in marks.values())
        async with asyncio.TaskGroup() as group:
            for hook in self._hooks.values():
                group.create_task(hook.run())
            while reached < head and (page := await past.read(reached, PAGE)):
                reached = self._take(page, None)
            if reached:
                self._take((), now.scene(), reached)
            async for batch in batches:
                news = tuple(envelope for envelope in batch.envelopes if envelope.seq > reached)
                reached = self._take(news, now.scene(), reached)

    async def run_still(self) -> None:
        """While the log can only be read: trouble alone is told."""
        async with asyncio.TaskGroup() as group:
            for hook in self._hooks.values():
                group.create_task(hook.run())

    async def look_out(self, standing: Callable[[], Mapping[str, str]]) -> None:
        """Has trouble told that is there at two looks in a row, what passes by itself is none; never ends.

        `standing`: kind of trouble to its sentence, empty where there is none.
        """
        before: Mapping[str, str] = {}
        while True:
            found = standing()
            for kind, sentence in found.items():
                if sentence and before.get(kind):
                    self.trouble(kind, sentence)
            before = found
            await self._wait(LOOK_SECONDS)

    def trouble(self, subject: str, sentence: str) -> None:
        """Something that a person is warned of. That a hook does not work is told to no hook."""
        now = self._clock()
        if subject.startswith("hook ") or now - self._quiet.get(subject, float("-inf")) < QUIET_SECONDS:
            return
        self._quiet[subject] = now
        self._troubles += 1
        self._give(Found("trouble", f"trouble-{int(now * 1000)}-{self._troubles}", 0, now, subject, sentence))

    def rows(self) -> tuple[HookRow, ...]:
        return tuple(hook.row() for hook in self._hooks.values())

    async def test(self, name: str) -> HookTried:
        """Tells this hook, once, of something that did not happen. Raises Refused where there is none."""
        if name not in self._hooks:
            known = ", ".join(self._hooks)
            raise Refused(
                f"there is no hook '{name}'.", where="name",
                remedy=f"There {'is' if len(self._hooks) == 1 else 'are'} {known}." if known
                else "Write [hooks.NAME] into the settings and start the daemon again.",
            )  # fmt: skip
        hook, now = self._hooks[name], self._clock()
        return await hook.try_now(Found(hook.how.on[0], f"test-{int(now * 1000)}", 0, now))

    def _take(self, envelopes: tuple[Envelope, ...], scene: Scene | None, reached: int = 0) -> int:
        """How far that was."""
        seq = int(envelopes[-1].seq) if envelopes else reached
        for found in self._finder.read(envelopes):
            self._give(found)
        if scene is not None and (rest := self._finder.rest(scene, seq)) is not None:
            self._give(rest)
        for hook in self._hooks.values():
            hook.reached(seq, self._finder.undecided)
        return seq

    def _give(self, found: Found) -> None:
        for hook in self._hooks.values():
            hook.take(found)
