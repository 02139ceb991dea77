"""How many there are, exactly, of any size; how large numbers are told."""

from collections.abc import Mapping
from functools import lru_cache
from math import log10

from schema.errors import Refused

Active = frozenset[int]
"""Ids of the shared places (a slot that stands twice) that take part where they do not always do."""

NONE: Active = frozenset()

Counts = Mapping[Active, int]
"""Combinations of a node's own places, by the shared places that take part in them."""

MAX_SETS = 2048

_WIDEST = 4000
"""Digits Python writes in one go; it refuses above 4,300."""


def single(count: int) -> Counts:
    return {NONE: count}


def product(left: Counts, right: Counts) -> Counts:
    if len(left) == 1 and len(right) == 1:
        (one, many), (other, more) = *left.items(), *right.items()
        return {one | other: many * more}
    made: dict[Active, int] = {}
    for one, many in left.items():
        for other, more in right.items():
            made[one | other] = made.get(one | other, 0) + many * more
    return checked(made)


def checked(counts: Counts) -> Counts:
    if len(counts) > MAX_SETS:
        raise Refused(
            "too many slots and variables stand in choices of which only some are taken.",
            remedy="Use fewer of them within braces, or --matrix random.",
        )
    return counts


@lru_cache(maxsize=4096)
def ordered(options: int, taken: int) -> int:
    """Ways to take so many of them in order."""
    ways = 1
    for each in range(options, options - taken, -1):
        ways *= each
    return ways


def nth_ordered(options: int, taken: int, index: int) -> list[int]:
    """The `index`-th of those ways, in the order of a dictionary."""
    left: list[int] | _Rest = list(range(options)) if options <= 4096 else _Rest()
    found = []
    for place in range(taken):
        which, index = divmod(index, ordered(options - place - 1, taken - place - 1))
        found.append(left.pop(which))
    return found


class _Rest:
    """A long row of numbers of which few are taken out."""

    def __init__(self) -> None:
        self._gone: list[int] = []

    def pop(self, index: int) -> int:
        for gone in sorted(self._gone):
            if index >= gone:
                index += 1
        self._gone.append(index)
        return index


def digits(number: int) -> str:
    """All digits of any integer from 0 on."""
    if number.bit_length() < _WIDEST * 3:
        return str(number)
    blocks = []
    while number:
        number, block = divmod(number, 10**_WIDEST)
        blocks.append(str(block).rjust(_WIDEST, "0"))
    return "".join(reversed(blocks)).lstrip("0")


def told_number(number: int) -> str:
    """`1,200`; from a thousand million million on `about 3.4 × 10^18`."""
    if number < 10**15:
        return f"{number:,}"
    shift = max(0, number.bit_length() - 60)
    power, rest = divmod(log10(number >> shift) + shift * log10(2), 1)
    return f"about {10**rest:.1f} × 10^{int(power)}"
