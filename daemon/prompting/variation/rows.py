"""Stretches after one another, values that several places share, and wraps: all combinations of what they hold."""

import re
from collections.abc import Sequence

from daemon.prompting.variation.counting import NONE, Active, Counts, checked, product, single
from daemon.prompting.variation.turns import Freely, Node, Ranked, Turn

DOTS = re.compile("[\u1801\u2026\u22ee\u22ef\u22f0\u22f1\ufe19]+|\\.{3,}")
"""Where the inner words of a wrap go: what dynamicprompts takes for an ellipsis."""


class Row:
    """Words and places in the order they stand. Combinations go as an odometer does, the last place quickest."""

    def __init__(self, parts: Sequence[str | Node]) -> None:
        self.parts = tuple(parts)
        self.places = tuple(part for part in self.parts if not isinstance(part, str))
        heads: list[Counts] = [single(1)]
        for place in self.places:
            heads.append(product(heads[-1], place.counts))
        self._heads = heads
        self.counts: Counts = heads[-1]
        self._plain = [place.counts[NONE] for place in self.places if place.counts.keys() == {NONE}]
        self._simple = len(self._plain) == len(self.places)
        self.longest = sum(len(part) if isinstance(part, str) else part.longest for part in self.parts)
        self.widest = max((place.widest for place in self.places), default=1)
        self.deep = max((place.deep for place in self.places), default=0)

    def every(self, turn: Turn, active: Active, index: int) -> None:
        ranks = self.split(active, index)
        for place, rank in zip(self.places, ranks, strict=True):
            if isinstance(place, Owner):
                turn.ranks[place.place] = rank
        at = 0
        for part in self.parts:
            if isinstance(part, str):
                turn.out.append(part)
            else:
                part.every(turn, *ranks[at])
                at += 1

    def free(self, turn: Turn, how: Freely) -> None:
        for part in self.parts:
            if isinstance(part, str):
                turn.out.append(part)
            else:
                part.free(turn, how)

    def split(self, active: Active, index: int) -> list[Ranked]:
        """Which combination of each place that is."""
        ranks: list[Ranked] = []
        if self._simple:
            for count in reversed(self._plain):
                index, own = divmod(index, count)
                ranks.append(Ranked(NONE, own))
        else:
            for head, place in zip(reversed(self._heads[:-1]), reversed(self.places), strict=True):
                active, index, taken = _parted(head, place.counts, active, index)
                ranks.append(taken)
        return ranks[::-1]


def _parted(left: Counts, right: Counts, active: Active, index: int) -> tuple[Active, int, Ranked]:
    """The `index`-th pair of which the shared places together are those."""
    for one, many in left.items():
        for other, more in right.items():
            if one | other == active:
                if index < many * more:
                    before, own = divmod(index, more)
                    return one, before, Ranked(other, own)
                index -= many * more
    raise IndexError(index)


class Cut:
    """Between a prompt and its negative."""

    counts: Counts = single(1)
    longest = 0
    widest = 1
    deep = 0

    def every(self, turn: Turn, active: Active, index: int) -> None:
        turn.cut = len(turn.out)

    def free(self, turn: Turn, how: Freely) -> None:
        turn.cut = len(turn.out)


class Owner:
    """Where a shared place stands first and always takes part: its values are counted here."""

    def __init__(self, place: int, node: Node) -> None:
        self.place, self.node = place, node
        self.counts, self.longest = node.counts, node.longest
        self.widest, self.deep = node.widest, node.deep + 1

    def every(self, turn: Turn, active: Active, index: int) -> None:
        turn.write_shared(self.place)

    def free(self, turn: Turn, how: Freely) -> None:
        turn.write_shared(self.place)


class Again:
    """A shared place where it stands again, or within a choice; `always`: an owner counts its values."""

    def __init__(self, place: int, node: Node, always: bool) -> None:
        self.place = place
        self.counts: Counts = single(1) if always else {frozenset((place,)): 1}
        self.longest, self.widest, self.deep = node.longest, node.widest, node.deep + 1

    def every(self, turn: Turn, active: Active, index: int) -> None:
        turn.write_shared(self.place)

    def free(self, turn: Turn, how: Freely) -> None:
        turn.write_shared(self.place)


class Scope:
    """Where shared places have their values: combinations of a body with those of the places that take part in it.

    `shared`: a place before those that its own values hold. Owned ones among them are counted by their owners.
    """

    def __init__(self, body: Node, shared: Sequence[tuple[int, Node]], all_of_them: Sequence[int]) -> None:
        self.body = body
        self.all_of_them = tuple(all_of_them)
        self._stages: list[tuple[int, Node, Counts]] = []
        counts = body.counts
        for place, node in shared:
            self._stages.append((place, node, counts))
            counts = _without(counts, place, node.counts)
        self.counts: Counts = counts
        self.conditional = any(place in active for place, _, before in self._stages for active in before)
        """Some of them take part only now and then."""
        self.longest, self.widest, self.deep = body.longest, body.widest, body.deep

    def every(self, turn: Turn, active: Active, index: int) -> None:
        turn.enter(self.all_of_them)
        for place, node, counts in reversed(self._stages):
            active, index, own = _taken_in(counts, place, node.counts, active, index)
            if own is not None:
                turn.ranks[place] = own
        self.body.every(turn, active, index)

    def free(self, turn: Turn, how: Freely) -> None:
        turn.enter(self.all_of_them)
        self.body.free(turn, how)


def _without(counts: Counts, place: int, own: Counts) -> Counts:
    made: dict[Active, int] = {}
    for active, many in counts.items():
        if place not in active:
            made[active] = made.get(active, 0) + many
            continue
        for other, more in own.items():
            both = (active - {place}) | other
            made[both] = made.get(both, 0) + many * more
    return checked(made)


def _taken_in(counts: Counts, place: int, own: Counts, wanted: Active, index: int) -> tuple[Active, int, Ranked | None]:
    """The reverse of `_without`: which combination of the body, and which of the place's values."""
    for active, many in counts.items():
        if place not in active:
            if active == wanted:
                if index < many:
                    return active, index, None
                index -= many
            continue
        for other, more in own.items():
            if (active - {place}) | other == wanted:
                if index < many * more:
                    value, rest = divmod(index, many)
                    return active, rest, Ranked(other, value)
                index -= many * more
    raise IndexError(index)


class Wrapped:
    """`%{a ... b$$words}`: `a words b`."""

    def __init__(self, around: Node, inner: Node) -> None:
        self._row = Row((around, inner))
        self.counts, self.longest = self._row.counts, self._row.longest
        self.widest, self.deep = self._row.widest, self._row.deep + 1

    def every(self, turn: Turn, active: Active, index: int) -> None:
        around, inner = self._row.places
        first, second = self._row.split(active, index)
        self._put(turn, turn.written(around, *first), turn.written(inner, *second))

    def free(self, turn: Turn, how: Freely) -> None:
        around, inner = (turn.freely(node, how) for node in self._row.places)
        self._put(turn, around, inner)

    def _put(self, turn: Turn, around: str, inner: str) -> None:
        dots = DOTS.search(around)
        before, after = (around[: dots.start()], around[dots.end() :]) if dots else (around, "")
        turn.out += [before, inner, after]
