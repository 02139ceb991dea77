"""Which cells of a grid go with which variants of the words, where not all of them are made: evenly, and as drawn."""

from collections.abc import Iterator

from daemon.prompting.grids import Grid

SMALL = 200_000
"""Cells times what is taken of them, up to which each is chosen with an eye on all others."""


def pair(words: int, grid: Grid, share: int, draw: Iterator[int]) -> list[tuple[int, int]]:
    """`share` of the pairs of `words` variants and the grid's cells, each at most once, sorted.

    With fewer than all, every variant, and about every level of every axis, is in as many of them as any other; what
    goes with what is drawn (`draw`: numbers of 64 bits), so that no place of the words goes in step with an axis.
    """
    cells = grid.size
    if share >= words * cells:
        return [(word, cell) for word in range(words) for cell in range(cells)]
    if share < cells:
        some = _some(grid, share, draw)
        return sorted(zip(_evenly(min(words, share), share, draw), some, strict=True))
    rounds, more = divmod(share, min(words, share))
    deck: list[int] = []
    found: list[tuple[int, int]] = []
    for word in range(min(words, share)):
        taken: set[int] = set()
        for _ in range(rounds + (word < more)):
            if not deck:  # what this word has already comes last, so that it gets nothing twice
                order = _level(grid, cells, draw) if cells * cells <= SMALL else _evenly(cells, cells, draw)
                deck = sorted(order, key=taken.__contains__)[::-1]
            taken.add(deck.pop())
        found += [(word, cell) for cell in sorted(taken)]
    return found


def _some(grid: Grid, count: int, draw: Iterator[int]) -> list[int]:
    """Numbers of `count` different cells, fewer than there are, with each axis' levels about equally often."""
    if grid.size * count <= SMALL:
        return _level(grid, count, draw)
    if 2 * count > grid.size:
        left_out = set(_some(grid, grid.size - count, draw))
        some = (number for number in range(grid.size) if number not in left_out)
        return [number for _, number in sorted((next(draw), number) for number in some)]
    columns = [_evenly(len(axis.levels), count, draw) for axis in grid.axes]
    found: dict[int, None] = {}
    for row in zip(*columns, strict=True):
        number = 0
        for axis, level in zip(grid.axes, row, strict=True):
            number = number * len(axis.levels) + level
        while number in found:
            number = (number + 1) % grid.size
        found[number] = None
    return list(found)


def _level(grid: Grid, count: int, draw: Iterator[int]) -> list[int]:
    """One cell after another, always one whose levels are rarest so far, in a drawn order."""
    sizes = [len(axis.levels) for axis in grid.axes]
    seen = [[0] * size for size in sizes]
    left: dict[int, tuple[int, ...]] = {}
    for _, number in sorted((next(draw), number) for number in range(grid.size)):
        rest, places = number, list[int]()
        for size in reversed(sizes):
            rest, place = divmod(rest, size)
            places.append(place)
        left[number] = tuple(reversed(places))
    found: list[int] = []
    for _ in range(count):
        number = min(left, key=lambda one: sum(at[place] * len(at) for at, place in zip(seen, left[one], strict=True)))
        for at, place in zip(seen, left.pop(number), strict=True):
            at[place] += 1
        found.append(number)
    return found


def _evenly(many: int, count: int, draw: Iterator[int]) -> list[int]:
    """`count` of the numbers below `many`, each as often as any other, in a drawn order; which are oftener is drawn."""
    order = [one for _, one in sorted((next(draw), one) for one in range(many))] if count % many else list(range(many))
    each = [order[at % many] for at in range(count)]
    return [one for _, one in sorted((next(draw), one) for one in each)]
