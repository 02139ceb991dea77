"""One line on stderr that is drawn over itself: how far a long verb is. For a person alone: no terminal, no line.

By a carriage return and blanks, without escape codes: no terminal is too simple for it, and NO_COLOR is obeyed.
"""

import os
import sys
import time
from types import TracebackType
from typing import Self

from tui.cli import output

EVERY = 0.1
"""Seconds at least between two lines."""


class Bar:
    """Drawn where stderr is a terminal; gone when it is left, so that what is told next stands alone."""

    def __init__(self) -> None:
        self._drawn = 0
        self._at = 0.0
        self._seen = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def show(self, line: str) -> None:
        """At most ten times a second: over ssh each costs."""
        now = time.monotonic()
        if self._seen and (not self._drawn or now - self._at >= EVERY):
            line = output.clean(line)[: _columns() - 1]
            sys.stderr.write("\r" + line.ljust(self._drawn))
            sys.stderr.flush()
            self._drawn, self._at = len(line), now

    def end(self) -> None:
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            sys.stderr.flush()
            self._drawn = 0


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
