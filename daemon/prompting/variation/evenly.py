"""An even sample of a space of any size: each value of each place as equally often as can be, none of it twice.

Places are axes; the t-th sample takes on each axis a value from t alone. On one axis after another, t and the
values before it say which values are still to come, so that no combination comes again before all have been there;
and any run of samples holds each value of an axis equally often, to one. Memory grows with the sample alone.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import gcd, lcm, prod
from typing import NamedTuple

from daemon.prompting.variation.counting import NONE
from daemon.prompting.variation.places import Place
from daemon.prompting.variation.rows import Owner, Row, Scope
from daemon.prompting.variation.streams import Stream
from daemon.prompting.variation.turns import Node

MAX_PATTERNS = 256

MAX_SHUFFLED = 1024
"""Values of an axis that are shuffled; longer ones are gone through in steps of a golden section."""

Drawn = Callable[[str], Stream]
"""A stream by key."""


class Cell(NamedTuple):
    """Combinations of one place that are a product of axes: all its plain values, or what one value holds."""

    values: int
    """Of the place."""
    sizes: tuple[int, ...]
    rank: Callable[[Sequence[int]], int]


class _Axis(NamedTuple):
    key: str
    size: int
    common: bool
    """In all patterns."""


def fill(most: int, sizes: Sequence[int], weights: Sequence[int] = ()) -> list[int]:
    """Shares `most` out: each as much as the others by its weight, none more than its size. Odd ones to the first."""
    heavy = weights or (1,) * len(sizes)
    shares = [0] * len(sizes)
    left, open_ones = min(most, sum(sizes)), [at for at, size in enumerate(sizes) if size]
    while left and open_ones:
        total = sum(heavy[at] for at in open_ones)
        parts = {at: left * heavy[at] // total for at in open_ones}
        full = [at for at in open_ones if shares[at] + parts[at] >= sizes[at]]
        for at in full:
            left -= sizes[at] - shares[at]
            shares[at] = sizes[at]
        if full:
            open_ones = [at for at in open_ones if at not in set(full)]
            continue
        for at, part in parts.items():
            shares[at] += part
        left -= sum(parts.values())
        for at in open_ones[:left]:
            shares[at] += 1
        left = 0
    return shares


def sample(root: Scope, most: int, drawn: Drawn) -> Iterator[int]:
    """Ranks of `most` combinations of `root`, of which there must be more, in an order that is even all along."""
    places = root.body.places if isinstance(root.body, Row) and not root.conditional else ()
    if not places:
        axis = _Axis("", root.counts[NONE], True)
        column = _column(axis, 0, 1, most, drawn)
        return (column(t) for t in range(most))
    return _of_row(places, most, drawn)


def _of_row(places: Sequence[Node], most: int, drawn: Drawn) -> Iterator[int]:
    cells = [_cells(place) for place in places]
    while prod(map(len, cells)) > MAX_PATTERNS:
        longest = max(range(len(cells)), key=lambda at: len(cells[at]))
        cells[longest] = [_whole(places[longest])]
    patterns = list(product(*cells))
    sizes = [prod(size for cell in pattern for size in cell.sizes) for pattern in patterns]
    shares = fill(most, sizes, [prod(cell.values for cell in pattern) for pattern in patterns])
    order: list[tuple[float, int, int]] = []
    begin = 0
    for number, share in enumerate(shares):
        order += (((t + 0.5) / share, number, begin + t) for t in range(share))
        begin += share
    order.sort()
    common = [len(each) == 1 for each in cells]
    begins = [sum(shares[:number]) for number in range(len(shares))]
    ranked = [
        _ranked(places, pattern, common, begins[number], shares[number], most, drawn) if shares[number] else None
        for number, pattern in enumerate(patterns)
    ]
    return (rank(t) for _, number, t in order if (rank := ranked[number]) is not None)


def _ranked(
    places: Sequence[Node], pattern: Sequence[Cell], common: Sequence[bool], begin: int, share: int, most: int,
    drawn: Drawn,
) -> Callable[[int], int]:  # fmt: skip
    """Rank of the t-th sample, which is one of that pattern."""
    axes = [
        _Axis(f"{_key(places[at])}/{part}", size, common[at])
        for at, cell in enumerate(pattern)
        for part, size in enumerate(cell.sizes)
    ]
    turns = sorted(range(len(axes)), key=lambda at: (not axes[at].common, -axes[at].size if axes[at].common else 0))
    columns: dict[int, Callable[[int], int]] = {}
    before = 1
    for ordinal, at in enumerate(turns):
        columns[at] = _column(axes[at], ordinal, before, most if axes[at].common else share, drawn)
        before *= axes[at].size

    def rank(t: int) -> int:
        digits = [columns[at](t if axes[at].common else t - begin) for at in range(len(axes))]
        index = at = 0
        for place, cell in zip(places, pattern, strict=True):
            width = len(cell.sizes)
            index = index * place.counts[NONE] + cell.rank(digits[at : at + width])
            at += width
        return index

    return rank


def _column(axis: _Axis, ordinal: int, before: int, most: int, drawn: Drawn) -> Callable[[int], int]:
    """The axis' value by t, where the axes before it have `before` combinations together. `ordinal`: from 0."""
    size = axis.size
    value = _shuffle(size, drawn(axis.key))
    if before == 1:
        return lambda t: value(t % size)
    if before < most and before % size:
        turn, whole = lcm(before, size), before * size
        return lambda t: value((t + t % whole // turn) % size)
    blocks: dict[int, Callable[[int], int]] = {}
    period = max(before, most) if before >= most else before
    moved = _rounds(size, drawn)

    def mixed(t: int) -> int:
        block = t % period // size
        if block not in blocks:
            blocks[block] = _block(axis, ordinal, block, drawn)
        return value((blocks[block](t % size) + moved(t // period % size)) % size)

    return mixed


def _block(axis: _Axis, ordinal: int, block: int, drawn: Drawn) -> Callable[[int], int]:
    """The order of all values in one run of them: shifted by steps of its own, so that no two axes go in step."""
    if ordinal >= axis.size or any(gcd(axis.size, steps) > 1 for steps in range(2, ordinal + 1)):
        return _shuffle(axis.size, drawn(f"{axis.key}:{block}"))
    shift = ordinal * _rounds(axis.size, drawn)(block % axis.size)
    if block >= axis.size:
        shift += drawn(f"{axis.key}:{block // axis.size}").below(axis.size)
    return lambda at: at + shift


def _rounds(size: int, drawn: Drawn) -> Callable[[int], int]:
    """How far axes of that size are shifted in one round after another. In order, they would keep step with an axis of
    another size; it is the same for all of one size, so that their pairs come out even."""
    return _shuffle(size, drawn(f"rounds:{size}"))


def _shuffle(size: int, stream: Stream) -> Callable[[int], int]:
    """0 to `size` - 1 in another order."""
    if size <= MAX_SHUFFLED:
        order = stream.shuffled(size)
        return lambda at: order[at]
    step, begin = size * 618_033_988_749 // 10**12, stream.below(size)
    while gcd(step, size) != 1:
        step += 1
    return lambda at: (begin + at * step) % size


def _key(place: Node) -> str:
    node = place.node if isinstance(place, Owner) else place
    key = getattr(node, "key", "")
    return key if isinstance(key, str) else ""


def _cells(place: Node) -> list[Cell]:
    node = place.node if isinstance(place, Owner) else place
    if (
        not isinstance(node, Place)
        or node.method != "each"
        or node.counts.keys() != {NONE}
        or node.counts[NONE] == len(node.options)
    ):
        return [_whole(place)]
    spans = [node.rank_of(option) for option in range(len(node.options))]
    plain = [begin for begin, many in spans if many == 1]
    cells = [Cell(len(plain), (len(plain),), lambda digits: plain[digits[0]])] if plain else []
    for option, (begin, many) in zip(node.options, spans, strict=True):
        if many > 1:
            inner = option.places if isinstance(option, Row) else ()
            sizes = tuple(one.counts[NONE] for one in inner) or (many,)
            cells.append(Cell(1, sizes, _offset(begin, sizes)))
    return cells


def _offset(begin: int, sizes: Sequence[int]) -> Callable[[Sequence[int]], int]:
    def rank(digits: Sequence[int]) -> int:
        index = 0
        for size, digit in zip(sizes, digits, strict=True):
            index = index * size + digit
        return begin + index

    return rank


def _whole(place: Node) -> Cell:
    return Cell(1, (place.counts[NONE],), lambda digits: digits[0])
