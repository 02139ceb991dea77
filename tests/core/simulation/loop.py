"""An event loop whose time is virtual: instead of sleeping it jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class _NoWaiting(selectors.DefaultSelector):
    loop: "SimLoop"

    def select(self, timeout=None):
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError("deadlock: nothing is scheduled any more")
            self.loop.now += timeout
        return events


class SimLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _NoWaiting()
        super().__init__(selector)
        selector.loop = self
        self.now = 1_000.0

    def time(self) -> float:
        return self.now


def run(main: Coroutine[None, None, T]) -> T:
    loop = SimLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.close()
