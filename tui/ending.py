"""How the program ends when it is told to: by a signal, or because the terminal itself is gone. No textual here.

The terminal is given back as after `q`, verdicts on their way get their last try, and the exit code says which signal
it was. A terminal that takes nothing any more (the line is dead, tmux was killed) holds nobody up for ever.
"""

import asyncio
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

TYPED = (signal.SIGINT, signal.SIGQUIT)
"""What ctrl+c and ctrl+\\ send where they are no keys."""

SIGNALS = (signal.SIGTERM, signal.SIGHUP, *TYPED)
"""SIGHUP: the window was closed, ssh has lost its line, tmux was killed."""

PATIENCE = 6.0
"""Seconds to end in; longer than the last try of what is on its way."""


def obey(leave: Callable[[int], None], recall: Callable[[], None]) -> None:
    """From now on each of the signals calls `recall` at once, which asks whoever has the terminal to give it back, and
    `leave` in the running loop, with the exit code.

    By `signal.signal` and not by the loop: while a write waits for a terminal that is stuck, the loop waits too, and
    what it was to do about a signal would never be done. Such a process ends when its patience does.
    """
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        code = 128 + number
        at_last = threading.Timer(PATIENCE, os._exit, (code,))
        at_last.daemon = True
        at_last.start()
        recall()
        with suppress(RuntimeError):  # it has ended meanwhile
            loop.call_soon_threadsafe(leave, code)

    def told(number: int, frame: FrameType | None) -> None:
        if number not in TYPED or not _lent():
            end(number)

    for number in SIGNALS:
        signal.signal(number, told)
    if os.isatty(0):
        threading.Thread(target=_hung_up, args=(lambda: end(signal.SIGHUP),), daemon=True).start()


def _hung_up(then: Callable[[], None]) -> None:
    """Waits until the terminal is gone: the kernel tells only the one whose controlling terminal it is, and who reads
    from it would find its end again and again, for ever."""
    watch = select.poll()
    watch.register(0, 0)  # nothing is read; that it is gone is always told
    watch.poll()
    then()


def _lent() -> bool:
    """Whether somebody else has the terminal now, an editor say: while it is ours, ctrl+c is a key and no signal."""
    try:
        return sys.__stdin__ is not None and bool(termios.tcgetattr(sys.__stdin__)[3] & termios.ISIG)
    except (termios.error, OSError, ValueError):
        return False
