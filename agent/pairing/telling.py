"""What an agent tells its terminal about pairing: every refused attempt, but no more lines than a person can read."""

from collections.abc import Callable

LINES, SECONDS = 20, 60.0
"""At most so many refusals are told one by one within so many seconds; the rest are counted."""


class Telling:
    def __init__(self, clock: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._since = float("-inf")
        self._told = 0
        self._more = 0

    def news(self, sentence: str) -> None:
        self._tell(sentence)

    def refusal(self, caller: str, what: str) -> None:
        now = self._clock()
        if now - self._since >= SECONDS:
            if self._more:
                self._tell(f"{self._more} more attempts to pair were refused.")
            self._since, self._told, self._more = now, 0, 0
        if self._told >= LINES:
            self._more += 1
            return
        self._told += 1
        self._tell(f"Refused an attempt to pair from {caller}: {what}.")
