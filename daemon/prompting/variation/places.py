"""Places to vary: one of several values, several of them at once, a list whose name varies."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import comb

from daemon.prompting.variation.chances import GAP, closed
from daemon.prompting.variation.counting import NONE, Active, Counts, checked, nth_chosen, product, single
from daemon.prompting.variation.turns import Freely, Method, Node, Turn
from schema.plans import Pick

MAX_AT_ONCE = 200

HELD = ("--lock",)
"""Sources of a place that a person holds: it is always filled."""


class Place:
    """One of its options. `sources` says of each where it comes from; empty: nowhere worth telling."""

    def __init__(
        self,
        key: str,
        options: Sequence[str | Node],
        ends: Sequence[float],
        sources: Sequence[str],
        method: Method,
        *,
        within: bool = False,
        varied: bool = True,
        longest: int = -1,
    ) -> None:
        """`ends`: running sums of the weights; `within`: keys of places in its values begin with its own.

        `varied`: whether there can be nodes among the options; `longest`: of the options, if the caller knows.
        """
        self.key, self.options, self.method = key, options, method
        self._ends, self._sources, self._within = ends, sources, within
        nodes = [one for one in options if not isinstance(one, str)] if varied else []
        self._plain = not nodes
        self.longest = longest if longest >= 0 else max((_length(one) for one in options), default=0)
        self.widest = max([len(options), *(node.widest for node in nodes)]) if method != "draw" else 1
        self.deep = 1 + max((node.deep for node in nodes), default=0)
        self._starts: dict[Active, list[int]] = {}
        self._owners: dict[Active, list[int]] = {}
        self.counts: Counts = single(len(options)) if self._plain and method == "each" else self._counted()

    def every(self, turn: Turn, active: Active, index: int) -> None:
        if self.method != "each":
            self.free(turn, self.method)
        elif self._plain:
            self._put(turn, index, NONE, 0)
        else:
            which, rest = self.option_at(active, index)
            self._put(turn, which, active, rest)

    def free(self, turn: Turn, how: Freely) -> None:
        freely = how if self.method == "each" else self.method
        key = turn.prefix + self.key
        if freely == "draw" and self.key and self._sources != HELD and turn.leaves_empty(key):
            return
        which = turn.drawn(key).weighted(self._ends) if freely == "draw" else turn.next_of(key, len(self.options))
        self._put(turn, which, NONE, None, freely)

    def option_at(self, active: Active, index: int) -> tuple[int, int]:
        """The option, and which of its own combinations."""
        starts = self._starts[active]
        at = bisect_right(starts, index) - 1
        return self._owners[active][at], index - starts[at]

    def rank_of(self, option: int) -> tuple[int, int]:
        """Where the combinations of an option begin, and how many there are, if no shared place takes part."""
        if self._plain:
            return option, 1
        starts, at = self._starts[NONE], self._owners[NONE].index(option)
        following = starts[at + 1] if at + 1 < len(starts) else self.counts[NONE]
        return starts[at], following - starts[at]

    def _counted(self) -> Counts:
        if self.method != "each":
            return single(1)
        totals: dict[Active, int] = {}
        for number, option in enumerate(self.options):
            for active, many in (single(1) if isinstance(option, str) else option.counts).items():
                self._starts.setdefault(active, []).append(totals.get(active, 0))
                self._owners.setdefault(active, []).append(number)
                totals[active] = totals.get(active, 0) + many
        return checked(totals)

    def _put(self, turn: Turn, which: int, active: Active, index: int | None, how: Freely = "draw") -> None:
        option = self.options[which]
        at, key = len(turn.picks), turn.prefix + self.key
        if isinstance(option, str):
            text = option
        else:
            before = turn.prefix
            turn.prefix = f"{key} > " if self._within else before
            text = turn.freely(option, how) if index is None else turn.written(option, active, index)
            turn.prefix = before
        turn.out.append(text)
        if self.key:
            source = self._sources[which] if self._sources else ""
            turn.picks.insert(at, Pick(key=key, value=closed(text).strip(), source=source))


class Several:
    """Between `lower` and `upper` of its options, each at most once.

    Every combination is one, its options in the order written: dynamicprompts makes every order of them. Drawn ones
    stand in the order in which they were drawn.
    """

    def __init__(
        self,
        key: str,
        options: Sequence[str | Node],
        ends: Sequence[float],
        bounds: tuple[int, int],
        separator: str,
        method: Method,
        *,
        within: bool = False,
    ) -> None:
        self.key, self.options, self.method = key, options, method
        self._ends, self._separator, self._within = ends, separator, within
        self._bounds = bounds
        nodes = [one for one in options if not isinstance(one, str)]
        lengths = sorted((_length(one) for one in options), reverse=True)[: bounds[1]]
        self.longest = sum(lengths) + len(separator) * max(0, len(lengths) - 1)
        self._sizes = [comb(len(options), taken) for taken in range(bounds[0], bounds[1] + 1)]
        self.widest = max([sum(self._sizes), *(node.widest for node in nodes)]) if method != "draw" else 1
        self.deep = 1 + max((node.deep for node in nodes), default=0)
        self._nested = any(node.counts != single(1) for node in nodes) and method == "each"
        self._tails = self._tabled() if self._nested else []
        self.counts: Counts = single(1)
        if method == "each":
            self.counts = self._counted() if self._nested else single(sum(self._sizes))

    def every(self, turn: Turn, active: Active, index: int) -> None:
        if self.method != "each":
            self.free(turn, self.method)
        elif self._nested:
            self._put(turn, self._unranked(active, index), "draw")
        else:
            self._put(turn, [(one, NONE, 0) for one in self._nth(index)], "draw")

    def free(self, turn: Turn, how: Freely) -> None:
        freely = how if self.method == "each" else self.method
        key = turn.prefix + self.key
        if freely == "draw" and self.key and turn.leaves_empty(key):
            return
        chosen = self._drawn(turn, key) if freely == "draw" else self._nth(turn.next_of(key, sum(self._sizes)))
        self._put(turn, [(one, NONE, None) for one in chosen], freely)

    def _drawn(self, turn: Turn, key: str) -> list[int]:
        """One after another by weight, without putting back; as many as are drawn first."""
        stream = turn.drawn(key)
        lower, upper = self._bounds
        count = lower + stream.below(upper - lower + 1)
        chosen: list[int] = []
        while len(chosen) < count:
            which = stream.weighted(self._ends)
            if which in chosen and len(self.options) <= 4 * count:
                left = [one for one in range(len(self.options)) if one not in chosen]
                which = left[stream.weighted(list(accumulate(self._weight(one) for one in left)))]
            if which not in chosen:
                chosen.append(which)
        return chosen

    def _weight(self, option: int) -> float:
        """Above 0 also where a sum is too large to tell."""
        before = self._ends[option - 1] if option else 0.0
        return max(self._ends[option] - before, 1e-9)

    def _nth(self, index: int) -> list[int]:
        for taken, size in enumerate(self._sizes, self._bounds[0]):
            if index < size:
                return nth_chosen(len(self.options), taken, index)
            index -= size
        raise IndexError(index)

    def _tabled(self) -> list[list[Counts]]:
        """Of the options from each on: combinations of so many of them, whatever their order."""
        most = self._bounds[1]
        tails: list[list[Counts]] = [[single(1), *({} for _ in range(most))]]
        for option in reversed(self.options):
            own = single(1) if isinstance(option, str) else option.counts
            after = tails[-1]
            tails.append([after[0], *(_sum(after[n], product(own, after[n - 1])) for n in range(1, most + 1))])
        return tails[::-1]

    def _counted(self) -> Counts:
        made: Counts = {}
        for taken in range(self._bounds[0], self._bounds[1] + 1):
            made = _sum(made, self._tails[0][taken])
        return checked(made)

    def _unranked(self, active: Active, index: int) -> list[tuple[int, Active, int | None]]:
        for taken in range(self._bounds[0], self._bounds[1] + 1):
            many = self._tails[0][taken].get(active, 0)
            if index < many:
                return self._chosen(taken, active, index)
            index -= many
        raise IndexError(index)

    def _chosen(self, taken: int, active: Active, index: int) -> list[tuple[int, Active, int | None]]:
        """Walks the options: each is taken with one of its own combinations, or passed over."""
        chosen: list[tuple[int, Active, int | None]] = []
        for number, option in enumerate(self.options):
            if taken == 0:
                break
            after = self._tails[number + 1][taken - 1]
            own = single(1) if isinstance(option, str) else option.counts
            for one, other in ((one, other) for one in own for other in after if one | other == active):
                if index < own[one] * after[other]:
                    mine, index = divmod(index, after[other])
                    chosen.append((number, one, mine))
                    active, taken = other, taken - 1
                    break
                index -= own[one] * after[other]
        return chosen

    def _put(self, turn: Turn, chosen: Sequence[tuple[int, Active, int | None]], how: Freely) -> None:
        at, key, texts, before = len(turn.picks), turn.prefix + self.key, [], turn.prefix
        for which, active, index in chosen:
            option = self.options[which]
            if isinstance(option, str):
                texts.append(option)
                continue
            turn.prefix = f"{key} > {which + 1} > " if self._within else before
            texts.append(turn.freely(option, how) if index is None else turn.written(option, active, index))
        turn.prefix = before
        text = self._separator.join(texts)
        turn.out.append(text)
        turn.picks.insert(at, Pick(key=key, value=closed(text).strip()))


class Named:
    """A wildcard whose name varies: each name leads to a list of its own."""

    def __init__(self, name: Node, lists: Mapping[str, Node], names: Sequence[str]) -> None:
        """`names`: of each combination of the name in order; empty where the name is known only when it is written."""
        self._name, self._lists, self._names = name, lists, names
        self._starts: list[tuple[Active, int, int]] = []
        totals: dict[Active, int] = {}
        for number, one in enumerate(names):
            for active, many in lists[one].counts.items():
                self._starts.append((active, many, number))
                totals[active] = totals.get(active, 0) + many
        self.counts: Counts = checked(totals) if names else single(1)
        self.longest = max(node.longest for node in lists.values())
        self.widest = max([name.widest, *(node.widest for node in lists.values())])
        self.deep = 1 + max([name.deep, *(node.deep for node in lists.values())])

    def every(self, turn: Turn, active: Active, index: int) -> None:
        if not self._names:
            self.free(turn, "draw")
            return
        for own, many, number in self._starts:
            if own == active:
                if index < many:
                    turn.written(self._name, NONE, number)
                    self._lists[self._names[number]].every(turn, active, index)
                    return
                index -= many

    def free(self, turn: Turn, how: Freely) -> None:
        found = self._lists.get(turn.freely(self._name, how).replace(GAP, ""))
        if found is None:  # of the name that is left where a part of it was left empty
            turn.out.append(GAP)
        else:
            found.free(turn, how)


def _length(option: str | Node) -> int:
    return len(option) if isinstance(option, str) else option.longest


def _sum(left: Counts, right: Counts) -> Counts:
    made = dict(left)
    for active, many in right.items():
        made[active] = made.get(active, 0) + many
    return made
