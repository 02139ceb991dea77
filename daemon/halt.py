"""Why a phase of the daemon ends: it was told to stop, or an obstacle came up or went. One for the whole process."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TypeVar

from daemon.obstacle import Obstacle

T = TypeVar("T")

log = logging.getLogger(__name__)


class Halt:
    def __init__(self, on_ask: Callable[[], None] = lambda: None) -> None:
        """`on_ask` is called once, when the daemon is told to stop."""
        self.asked = False
        """To stop for good."""
        self.obstacle: Obstacle | None = None
        """What the daemon cannot work for now."""
        self.left = False
        """Something was begun that goes on in a thread and that nobody waits for any more."""
        self._on_ask = on_ask
        self._over = asyncio.Event()

    def ask(self) -> None:
        """From a person or the system: the process ends in order."""
        if not self.asked:
            self.asked = True
            self._on_ask()
        self._over.set()

    def meet(self, obstacle: Obstacle) -> None:
        """The first one counts: others follow from it."""
        if self.obstacle is None:
            log.error("%s", obstacle.told, extra={"seq": obstacle.seq})
            self.obstacle = obstacle
        self._over.set()

    def end(self) -> None:
        """Of this phase alone."""
        self._over.set()

    def begin(self) -> None:
        """A phase of work: nothing is known to be in the way."""
        self.obstacle = None
        self.stand()

    def stand(self) -> None:
        """A phase without work: what is in the way stays."""
        if not self.asked:
            self._over.clear()

    async def wait(self) -> None:
        await self._over.wait()

    async def unless(self, doing: Coroutine[object, object, T]) -> T | None:
        """What comes of it; None where the phase ended before."""
        task, over = asyncio.create_task(doing), asyncio.create_task(self.wait())
        try:
            await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
            self.left = self.left or not task.done()
            return await task if task.done() else None
        finally:
            for one in (task, over):
                one.cancel()
                await asyncio.wait((one,))
