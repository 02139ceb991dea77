"""Seeded streams of draws, one for each occurrence of a place: no place's draws depend on what another place draws."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence


class Stream:
    """Draws of one occurrence: the same key gives the same draws, on every machine."""

    def __init__(self, *key: str | int) -> None:
        """What sets it apart: seed, pack and prompt, number of the variant, place, how often it was drawn anew."""
        self._key = hashlib.sha256("\x1f".join(map(str, key)).encode(errors="replace"))
        self._drawn = 0

    def bits(self) -> int:
        """256 of them."""
        block = self._key.copy()
        block.update(b"\x1e%d" % self._drawn)
        self._drawn += 1
        return int.from_bytes(block.digest(), "big")

    def below(self, most: int) -> int:
        """From 0 to `most` - 1, each as likely (to one part in 2**128 for any `most` below that)."""
        drawn, width = self.bits(), 256
        while width < most.bit_length() + 128:
            drawn, width = (drawn << 256) | self.bits(), width + 256
        return drawn * most >> width

    def part(self) -> float:
        """From 0 to below 1."""
        return (self.bits() >> 203) / (1 << 53)

    def weighted(self, ends: Sequence[float]) -> int:
        """An index, by weights of which `ends` are the running sums."""
        return min(bisect_right(ends, self.part() * ends[-1]), len(ends) - 1)

    def shuffled(self, count: int) -> list[int]:
        """0 to `count` - 1 in a drawn order."""
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
