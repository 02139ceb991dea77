"""Notices when the event loop does not turn, and writes down where it stands.

A thread of its own, since a loop that stands cannot look at itself. An idle loop is not woken for it: only one that is
found in the middle of something is asked whether it still turns.
"""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Self

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
STALL_SECONDS = 0.2

SPARING_SECONDS = 10.0
"""Between two stacks that are written down."""

WAITING = ("asyncio/runners.py", "asyncio/base_events.py", "selectors.py", "uvloop/__init__.py")
"""Ends of the files whose code is on top while a loop waits for something to do."""


class Stalls:
    """Used as a context in the loop that is watched."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = monotonic) -> None:
        self._loop, self._clock = loop, clock
        self._whom = threading.get_ident()
        self._over = threading.Event()
        self._turned = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stalls", daemon=True)
        self._told = float("-inf")
        self.count = 0
        self.longest = 0.0
        """Seconds."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if not is_waiting(sys._current_frames().get(self._whom)):
                self._ask()

    def _ask(self) -> None:
        """Whether the loop still turns; where it does not, what it is at, and for how long."""
        begun = self._clock()
        self._turned.clear()
        try:
            self._loop.call_soon_threadsafe(self._turned.set)
        except RuntimeError:  # the loop is closed
            return
        if self._turned.wait(STALL_SECONDS):
            return
        told = self._tell(sys._current_frames().get(self._whom))
        while not self._turned.wait(LOOK_SECONDS) and not self._over.is_set():
            pass
        seconds = self._clock() - begun
        self.count += 1
        self.longest = max(self.longest, seconds)
        if told:
            log.warning("the event loop went on after %.2f s", seconds)

    def _tell(self, frame: FrameType | None) -> bool:
        """At once: who stands for ever can still be looked up. Not more often than is of use."""
        now = self._clock()
        if now - self._told < SPARING_SECONDS:
            return False
        self._told = now
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "nobody knows where"
        log.warning("the event loop stands still for more than %.1f s:\n%s", STALL_SECONDS, stack)
        return True


def is_waiting(frame: FrameType | None) -> bool:
    return frame is None or frame.f_code.co_filename.endswith(WAITING)
