"""The space of one prompt's variants: how many there are, and any of them, without making the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple

from daemon.prompting.variation.building import Builder
from daemon.prompting.variation.chances import NO_CHANCES, Chances, closed
from daemon.prompting.variation.counting import NONE
from daemon.prompting.variation.evenly import sample
from daemon.prompting.variation.held import Held
from daemon.prompting.variation.rows import Row, Scope
from daemon.prompting.variation.search import Rule
from daemon.prompting.variation.segments import segments
from daemon.prompting.variation.streams import Stream
from daemon.prompting.variation.syntax import unescaped, varies
from daemon.prompting.variation.tables import Tables, Value
from daemon.prompting.variation.turns import Freely, Method, Turn
from schema.errors import Refused
from schema.plans import Matrix, Pick
from schema.prompts import Segment


def as_written(wildcard: str, value: str) -> float:
    """Leaves all weights as they are."""
    return 1.0


class Asked(NamedTuple):
    """How the space of one prompt is gone through."""

    mode: Matrix = "all"
    seed: int = 0
    salt: str = ""
    """The pack's stem and the prompt's number: what sets this prompt's streams apart from other prompts'."""
    variants: int | None = None
    """None: all there are (`all`), one draw (`random`)."""
    number: int = 1
    """Of the prompt, from 1: which combination is its own in `sequential`."""
    locks: Mapping[str, str] = {}
    """Key of a place (`Pick.key`; of a slot also any spelling, of a wildcard also its bare name) to its value."""
    rerolls: Mapping[str, int] = {}
    """Key of a place to how often it was drawn anew."""
    weights: Callable[[str, str], float] = as_written
    """Factor of a wildcard's value, by the wildcard's name and the value's text; 0: never."""
    chances: Chances = NO_CHANCES
    """How likely places are filled at all where they are drawn."""


SIMPLY = Asked()

_BASES: Mapping[Matrix, Method] = {"all": "each", "sequential": "each", "rotate": "turn", "random": "draw"}

WORDS = Scope(Row(()), (), ())
"""Of a prompt with nothing to vary."""


class Variant(NamedTuple):
    number: int
    """From 1, within the prompt."""
    text: str
    negative: str
    picks: tuple[Pick, ...] = ()
    """In the order the places stand, prompt before negative."""


class Space:
    """All variants of a prompt and its negative. Raises Refused on broken grammar, with `file:line:column`."""

    def __init__(
        self,
        text: str,
        negative: str = "",
        *,
        tables: Tables,
        slots: Mapping[str, Sequence[str | Value]],
        search: Sequence[Rule] = (),
        where: str = "",
        negative_where: str = "",
        asked: Asked = SIMPLY,
    ) -> None:
        """`slots`: values of matrix slots by name, a text each or with weight and source.

        `where`: `knights.txt:4`, what errors name, maybe `Lines`; `negative_where`: of the negative, if elsewhere.
        """
        if asked.variants is not None and asked.variants < 1:
            raise Refused(f"{asked.variants} is too small; it must be at least 1.", where="--variants")
        self._written = text, negative, (where, negative_where or where)
        self._tables, self._slots, self._search, self._asked = tables, slots, search, asked
        self._held = Held(asked.locks)
        builder = self._build(_BASES[asked.mode], self._held)
        worth = varies(text) or varies(negative) or any(rule.search in text + negative for rule in search)
        self._root = builder.root(self._written[2], text, negative) if worth else WORDS
        self._shared = builder.shared
        self.varied = builder.varied
        """Whether there is anything to vary; if not, the words stay exactly as they are."""
        self.total = self._total()
        """Variants there are in this mode, exactly."""
        self.keys: tuple[str, ...] = tuple(builder.keys)
        """Of the places that were met (`Pick.key`), also those in values."""
        self.held: frozenset[str] = frozenset(self._held.used)
        """Locks that found their place."""
        self.warnings: tuple[str, ...] = tuple(builder.warnings)

    @cached_property
    def whole(self) -> int:
        """Combinations there are to choose from, whatever the mode."""
        if self._asked.mode in ("all", "sequential") or not self.varied:
            return self._root.counts[NONE]
        text, negative, where = self._written
        return self._build("each", Held(self._asked.locks)).root(where, text, negative).counts[NONE]

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The prompt's, then the negative's, each in the order written."""
        text, negative, where = self._written
        builder = self._build("each", Held({}), marks=False)
        builder.root(where, text, negative)
        return segments(builder, Held(self._asked.locks), text, negative, self._asked.chances)

    def take(self, share: int | None = None) -> Iterator[Variant]:
        """All of them, or an even sample of `share`: each value of each place as equally often as can be."""
        most = self.total if share is None else min(share, self.total)
        for number, rank in enumerate(self._ranks(most), 1):
            yield self._variant(number, rank)

    def _build(self, base: Method, held: Held, *, marks: bool = True) -> Builder:
        factor = None if self._asked.weights is as_written else self._asked.weights
        return Builder(self._tables, self._slots, self._search, base, held, factor, marks=marks)

    def _total(self) -> int:
        combinations = self._root.counts[NONE]
        match self._asked.mode:
            case "all":
                return combinations if self._asked.variants is None else min(self._asked.variants, combinations)
            case "rotate":
                return min(self._root.widest, self._asked.variants or self._root.widest)
            case "sequential":
                return 1
            case "random":
                return combinations * (self._asked.variants or 1)

    def _ranks(self, most: int) -> Iterator[int | None]:
        """Of each variant in its turn the combination; None: none is counted."""
        combinations = self._root.counts[NONE]
        match self._asked.mode:
            case "rotate":
                return repeat(None, most)
            case "sequential":
                return iter([(self._asked.number - 1) % combinations][:most])
            case _:
                whole, rest = divmod(most, combinations)
                return chain.from_iterable([*(range(combinations) for _ in range(whole)), self._sample(rest)])

    def _sample(self, most: int) -> Iterator[int]:
        return sample(self._root, most, self._drawn) if most else iter(())

    def _drawn(self, key: str) -> Stream:
        again = self._asked.rerolls.get(key.partition("/")[0], 0)
        return Stream(self._asked.seed, self._asked.salt, "even", key, again)

    def _variant(self, number: int, rank: int | None) -> Variant:
        if not self.varied:
            text, negative, _ = self._written
            text, negative = (unescaped(one) if varies(one) else one for one in (text, negative))
            return Variant(number, text, negative)
        asked = self._asked
        at = asked.number if asked.mode == "sequential" else number
        freely: Freely = "turn" if asked.mode == "rotate" else "draw"
        turn = Turn(asked.seed, asked.salt, at, asked.rerolls, self._shared, freely, asked.chances)
        if rank is None:
            self._root.free(turn, freely)
        else:
            self._root.every(turn, NONE, rank)
        text, negative = (closed("".join(one)).strip() for one in (turn.out[: turn.cut], turn.out[turn.cut :]))
        return Variant(number, text, negative, tuple(turn.picks))
