"""How far a long verb of the log is: one line on stderr that is drawn over itself, where a person sits before it.

By a carriage return and blanks, without escape codes; nothing is written where stderr is no terminal.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from daemon.log.tables import Row
from schema.bars import so_far

Item = TypeVar("Item")

Along = Callable[[Iterable[Row], int], Iterator[Row]]
"""Hands the rows of a check on, of which there are so many in all."""

EVERY = 0.2
"""Seconds between two lines."""

AT_ONCE = 1024
"""Items between two looks at the clock."""


def unseen(rows: Iterable[Row], total: int) -> Iterator[Row]:
    return iter(rows)


def along(what: str) -> Along:
    """`what` says what is being done, as `checking`."""
    return partial(watched, what)


def watched(what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    """The items as they come, with a line on how far they are."""
    return _shown(what, items, total) if sys.stderr.isatty() else iter(items)


def _shown(what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    told, drawn = time.monotonic(), 0
    try:
        for number, item in enumerate(items):
            if number % AT_ONCE == 0 and time.monotonic() - told >= EVERY:
                part = number / total if total else 0.0
                drawn = _draw(so_far(what, f"{number:,}", f"{total:,} events" if total else "", part), drawn)
                told = time.monotonic()
            yield item
    finally:
        if drawn:
            sys.stderr.write("\r" + " " * drawn + "\r")
            sys.stderr.flush()


def _draw(line: str, drawn: int) -> int:
    """Over the one that was drawn before; how long this one is."""
    try:
        line = line[: max(1, os.get_terminal_size(sys.stderr.fileno()).columns - 1)]
    except OSError:
        line = line[:79]
    sys.stderr.write("\r" + line.ljust(drawn))
    sys.stderr.flush()
    return len(line)
