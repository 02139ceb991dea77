"""Whether a node lives, from when it last gave a sign: pure, so that a simulation may ask it too.

Seconds are those of a clock that only goes forward; the wall clock may jump as it likes.
"""

from typing import Literal, NamedTuple

Pulse = Literal["well", "suspect", "lost"]


class Timers(NamedTuple):
    """Seconds without a sign of life."""

    beat: float = 5.0
    """Between two signs that are asked for."""
    suspect: float = 15.0
    """After these a node gets nothing new."""
    lost: float = 45.0
    """After these what it was at goes elsewhere."""


class Heart:
    """Of one node. Its silence begins with `now`: a daemon that was just started has heard of nobody yet."""

    def __init__(self, timers: Timers, now: float) -> None:
        self._timers = timers
        self._last = now
        self._told: Pulse = "well"
        self._doubted = False

    def beat(self, now: float) -> bool:
        """A sign of life; whether the node was thought to be silent."""
        missed = self._doubted or self._told != "well"
        self._last, self._told, self._doubted = max(self._last, now), "well", False
        return missed

    def doubt(self) -> bool:
        """Suspect until the next sign of life, without waiting for a silence; whether that is new."""
        fresh, self._doubted = self._told == "well" and not self._doubted, True
        return fresh

    def silent(self, now: float) -> float:
        """Seconds."""
        return max(0.0, now - self._last)

    def pulse(self, now: float) -> Pulse:
        silent = self.silent(now)
        if silent >= max(self._timers.lost, self._timers.suspect):
            return "lost"
        return "suspect" if self._doubted or silent >= self._timers.suspect else "well"

    def turned(self, now: float) -> Pulse | None:
        """What it has become since this was last asked; None: nothing else. Nobody is suspect again after lost."""
        pulse = self.pulse(now)
        if pulse == self._told:
            return None
        self._told = pulse
        return pulse

    def due(self, now: float) -> float:
        """Seconds until `turned` may say something else, if no sign comes; infinite for one that is lost."""
        silent, timers = self.silent(now), self._timers
        later = [limit - silent for limit in (timers.suspect, max(timers.lost, timers.suspect)) if limit > silent]
        return min(later, default=float("inf"))
