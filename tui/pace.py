"""Progress keeps a beat, so that many jobs at work send no more than one does: everything else is drawn at once.

Who sits behind ssh and tmux is not always known, and bytes are cheap for nobody there. Knows no screens.
"""

from collections.abc import Callable

from schema.ids import JobId
from tui.live import Change

EACH = 0.18
"""Seconds of a beat for each job at work: a row that moves on takes some 130 bytes, all rows under 1 kB a second."""


class Pace:
    """`later` calls back after so many seconds; `draw` is given what is to be drawn."""

    def __init__(self, later: Callable[[float, Callable[[], None]], object], draw: Callable[[Change], None]) -> None:
        self._later, self._draw = later, draw
        self._waiting: frozenset[JobId] = frozenset()
        self._beating = False

    def draw(self, change: Change, running: int) -> None:
        """At once, or with the next beat where it is nothing but steps. `running`: how many jobs are at work."""
        if change != Change(steps=change.steps):
            self._draw(change)
            return
        self._waiting |= change.steps
        if not self._beating:
            self._beating = True
            self._later(EACH * max(1, running), self._beat)

    def _beat(self) -> None:
        steps, self._waiting, self._beating = self._waiting, frozenset(), False
        self._draw(Change(steps=steps))
