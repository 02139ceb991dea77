"""One variant while it is written: its words so far, what each place became, the streams it draws from."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from daemon.prompting.variation.chances import GAP, NO_CHANCES, Chances
from daemon.prompting.variation.counting import Active, Counts
from daemon.prompting.variation.streams import Stream
from schema.plans import Pick

Method = Literal["each", "draw", "turn"]
"""Every value; one drawn by weight; the next one with each variant."""

Freely = Literal["draw", "turn"]


class Node(Protocol):
    """A stretch of a prompt with its places to vary."""

    counts: Counts
    longest: int
    """Characters of its longest words."""
    widest: int
    """Values of the largest of its places."""
    deep: int
    """Places within one another."""

    def every(self, turn: "Turn", active: Active, index: int) -> None:
        """Writes the `index`-th of its combinations in which those shared places take part."""

    def free(self, turn: "Turn", how: Freely) -> None:
        """Writes one of them that no index says."""


class Ranked(NamedTuple):
    active: Active
    rank: int


class Turn:
    """`number`: of the variant, from 1. `rerolls`: by full key of a place."""

    def __init__(
        self,
        seed: int,
        salt: str,
        number: int,
        rerolls: Mapping[str, int],
        shared: Mapping[int, Node],
        how: Freely,
        chances: Chances = NO_CHANCES,
    ) -> None:
        self.number = number
        self.rerolls = rerolls
        self.out: list[str] = []
        self.picks: list[Pick] = []
        self.cut = 0
        """Pieces of `out` before the negative begins."""
        self.prefix = ""
        """Of the keys of places that stand within a wildcard's value."""
        self.ranks: dict[int, Ranked] = {}
        """Of shared places, where an index says what they are."""
        self._seed, self._salt = seed, salt
        self._shared, self._chances = shared, chances
        self._how = how
        self._prefixes: dict[int, str] = {}
        self._texts: dict[int, tuple[str, list[Pick]]] = {}
        self._told: set[int] = set()

    def drawn(self, key: str) -> Stream:
        return Stream(self._seed, self._salt, self.number, key, self.rerolls.get(key, 0))

    def leaves_empty(self, key: str) -> bool:
        """Whether nothing is put in a place that is drawn. Then that is told."""
        chance = self._chances.of(key) if key and self._chances else None
        if chance is None:
            return False
        stream = Stream(self._seed, self._salt, self.number, "chance", key, self.rerolls.get(key, 0))
        if stream.part() < chance.probability:
            return False
        self.out.append(GAP)
        self.picks.append(Pick(key=key, value="", source=chance.emptied))
        return True

    def next_of(self, key: str, size: int) -> int:
        return (self.number - 1 + self.rerolls.get(key, 0)) % size

    def enter(self, shared: tuple[int, ...]) -> None:
        """These places begin anew here: what they were elsewhere does not count."""
        for each in shared:
            self.ranks.pop(each, None)
            self._texts.pop(each, None)
            self._told.discard(each)
            self._prefixes[each] = self.prefix

    def write_shared(self, place: int) -> None:
        """Writes what the place is in this variant; tells its picks the first time."""
        if place not in self._texts:
            before = self.out, self.picks, self.prefix
            self.out, self.picks, self.prefix = [], [], self._prefixes.get(place, "")
            rank = self.ranks.get(place)
            if rank is None:
                self._shared[place].free(self, self._how)
            else:
                self._shared[place].every(self, rank.active, rank.rank)
            self._texts[place] = "".join(self.out), self.picks
            self.out, self.picks, self.prefix = before
        text, picks = self._texts[place]
        self.out.append(text)
        if place not in self._told:
            self._told.add(place)
            self.picks.extend(picks)

    def written(self, node: Node, active: Active, index: int) -> str:
        """What a node writes, apart from the rest."""
        before, self.out = self.out, []
        node.every(self, active, index)
        text = "".join(self.out)
        self.out = before
        return text

    def freely(self, node: Node, how: Freely) -> str:
        before, self.out = self.out, []
        node.free(self, how)
        text = "".join(self.out)
        self.out = before
        return text
