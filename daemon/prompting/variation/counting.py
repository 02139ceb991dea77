"""How many there are, exactly, of any size; how large numbers are told."""

from collections.abc import Mapping
from math import comb, log10

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


def nth_chosen(options: int, taken: int, index: int) -> list[int]:
    """The `index`-th way to take so many of them, `comb(options, taken)` in all, in the order of a dictionary."""
    found: list[int] = []
    begin = 0
    for left in range(taken, 0, -1):
        whole = comb(options - begin, left)
        low, high = begin, options - left
        while low < high:
            middle = (low + high + 1) // 2
            if whole - comb(options - middle, left) <= index:
                low = middle
            else:
                high = middle - 1
        index -= whole - comb(options - low, left)
        found.append(low)
        begin = low + 1
    return found


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
    shown = min(10**rest, 9.9)
    return f"about {shown:.1f} × 10^{int(power)}"
