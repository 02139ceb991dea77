"""The variants of each prompt of a run: how many there are, and those that are made of them.

A prompt without a place to vary has one variant, its own words; nothing is looked up for it.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from daemon.prompting import tokens
from daemon.prompting.dealing import pair
from daemon.prompting.grids import Cell, Grid
from daemon.prompting.learned import adopted_by, factor
from daemon.prompting.phrasing import Phrasing
from daemon.prompting.randomization import Block, mode_of
from daemon.prompting.sources import Source, Taken
from daemon.prompting.texts import cleaned, nearest, told
from daemon.prompting.variation.chances import Chance, Chances, Said, spoken_of
from daemon.prompting.variation.naming import Lines
from daemon.prompting.variation.search import Rule, read_rule
from daemon.prompting.variation.tables import Tables, Value
from daemon.prompting.variation.variants import Asked, Space, Variant
from schema.errors import Refused
from schema.plans import Matrix
from schema.prompts import Segment
from schema.requests import RunRequest, keyed

_PLACE = re.compile(r"\[\[|[{}]|__")
"""Without any of these in it a text is what it is."""

AROUND = " with what stands around it"
"""Where a place is counted in the prompt together with its template, its profile's words and its styles."""

_WEIGHED = re.compile(r"\s*(\d+(\.\d*)?|\.\d+)::")


class Worded(NamedTuple):
    """A prompt in its turn, with everything around it, before variation."""

    taken: Taken
    text: str
    negative: str
    space: Space | None
    """None: nothing in it varies."""
    words: int
    """Variants of its words that there are to choose from."""
    grid: Grid
    whole: int
    """Combinations there are to choose from, whatever the mode."""
    uncut: int
    """Variants there would be without a limit on the prompt."""
    drawn: bool = False
    """Values are drawn by their weights, not combined."""

    @property
    def size(self) -> int:
        return self.words * self.grid.size


class Dealt(NamedTuple):
    number: int
    """From 1, within the prompt."""
    variant: Variant
    cell: Cell | None
    draw: int = 0
    """Of an experiment: number of its words, by which all else is drawn too; 0: each variant draws for itself."""


class Spaces:
    """Makes the space of each prompt of a run. `blocks`: stem of a source to the randomization that holds for it."""

    def __init__(
        self,
        request: RunRequest,
        sources: Sequence[Source],
        phrasing: Phrasing,
        grid: Grid,
        tables: Tables,
        blocks: Mapping[str, Block],
        seed: int,
    ) -> None:
        self.locks = read_locks(request.lock)
        self.rerolls = read_rerolls(request.reroll)
        self.chances = read_chances(request.chance)
        chances = {key: Chance(probability, "--chance") for key, probability in self.chances.items()}
        self._request, self._phrasing, self._grid, self._seed = request, phrasing, grid, seed
        self._rules = tuple(read_rule(text, "--search") for text in request.search)
        self._of = {
            source.stem: _Ways(request, source, blocks.get(source.stem, Block()), tables, phrasing, chances)
            for source in sources
        }
        if request.literal and (request.search or request.lock or request.reroll or request.chance):
            raise Refused("expands nothing, so nothing can be held, sought or drawn.", where="--literal")

    def of(self, taken: Taken) -> Worded:
        """Raises Refused with file and line where the prompt's grammar is broken."""
        ways = self._of[taken.source.stem]
        own, unwanted = ways.block.around(taken.prompt.text), _negative(taken)
        text, negative = self._phrasing.around(taken.prompt, own, unwanted)
        drawn = self._request.variants if self._phrasing.draws else None
        if (text, negative) == (own, unwanted):
            space = self._space(taken, text, negative)
        else:
            space = self._wrapped(taken, text, negative)
        if space is None:
            return Worded(taken, text, negative, None, drawn or 1, self._grid, 1, drawn or 1)
        cut = ways.most if self._request.variants is None else None  # what a person asks for goes before the pack
        words = space.total if cut is None else min(space.total, cut)
        by_weight = ways.mode == "random" or "~" in ways.marked(text)
        uncut = space.whole if ways.mode == "all" else space.total
        return Worded(taken, text, negative, space, drawn or words, self._grid, space.whole, uncut, by_weight)

    def segments(self, taken: Taken) -> tuple[Segment, ...]:
        """Of the prompt itself, without what stands around it; one of words where nothing varies."""
        text, negative = self._of[taken.source.stem].block.around(taken.prompt.text), _negative(taken)
        space = self._space(taken, text, negative)
        if space is not None:
            return space.segments
        found = [(text, False), (negative, True)]
        return tuple(
            Segment(start=0, end=len(words), line=1, column=1, kind="words", negative=unwanted)
            for words, unwanted in found
            if words
        )

    def _wrapped(self, taken: Taken, text: str, negative: str) -> Space | None:
        """As `_space`. A fault of the prompt itself, or of what stands around it, is told with its own place."""
        try:
            return self._space(taken, text, negative, AROUND)
        except Refused:
            self.segments(taken)
            self._phrasing.check()
            raise

    def _space(self, taken: Taken, text: str, negative: str, around: str = "") -> Space | None:
        """None where nothing can vary."""
        source, ways = taken.source, self._of[taken.source.stem]
        rules = (*self._rules, *ways.rules)
        if self._request.literal or not (rules or _PLACE.search(text) or _PLACE.search(negative)):
            return None
        prompt = taken.prompt
        where = (source.pack.where(prompt) if source.pack else "--prompt") + around
        own = text == prompt.text and not around
        return Space(
            ways.marked(text),
            ways.marked(negative),
            tables=ways.tables,
            slots=ways.slots,
            search=rules,
            where=Lines.of(where, prompt.lines if own else ()),
            negative_where=Lines.of(where, () if around else prompt.negative_lines),
            asked=self._asked(ways, taken),
        )

    def _asked(self, ways: "_Ways", taken: Taken) -> Asked:
        return Asked(
            mode=ways.mode,
            seed=self._seed if ways.block.seed is None else ways.block.seed,
            salt=f"{taken.source.stem}\n{taken.prompt.number}",
            variants=self._request.variants,
            number=taken.prompt.number,
            locks=self.locks,
            rerolls=self.rerolls,
            weights=ways.weight,
            chances=ways.chances,
        )

    def deal(self, worded: Worded, share: int) -> Iterator[Dealt]:
        """An even sample of `share` of its variants; all of them where it is as large."""
        if not worded.grid.axes:
            for number, variant in enumerate(self._words(worded, share), 1):
                yield Dealt(number, variant, None)
            return
        prompt = worded.taken.prompt.number
        pairs = pair(
            worded.words, worded.grid, share, _numbers(f"{self._seed}\n{worded.taken.source.stem}\n{prompt}\ngrid")
        )
        words = list(self._words(worded, len({word for word, _ in pairs})))
        for number, (word, cell) in enumerate(pairs, 1):
            draw = word + 1 if self._request.experiment else 0
            yield Dealt(number, words[word], worded.grid.cell(cell), draw)

    def some(self, worded: Worded, count: int) -> list[Variant]:
        """So many variants of its words; they come round again where there are fewer."""
        return list(self._words(worded, count))

    def _words(self, worded: Worded, share: int) -> Iterator[Variant]:
        """Goes round where more are wanted than there are: something besides words is drawn for each."""
        if worded.space is None:
            return (Variant(number, worded.text, worded.negative) for number in range(1, share + 1))
        made = worded.space.take(min(share, worded.space.total))
        return made if share <= worded.space.total else itertools.islice(itertools.cycle(list(made)), share)


class _Ways:
    """How the prompts of one source vary."""

    def __init__(
        self, request: RunRequest, source: Source, block: Block, tables: Tables, phrasing: Phrasing, chances: Said
    ) -> None:
        matrix = source.matrix
        self.block = block
        self.slots: dict[str, tuple[str, ...]] = {}
        self.mode: Matrix = request.matrix or block.mode or "all"
        self.most = block.most
        if matrix.enabled:
            self.slots = {slot.name: slot.values for slot in matrix.slots if slot.values}
            self.mode = request.matrix or block.mode or mode_of(matrix.mode)
            self.most = block.most or matrix.limit
        self.slots |= block.slots
        self._phrasing, self._adopted = phrasing, adopted_by(phrasing.lessons, source)
        self.slots = {name: weighed(values, name, self._slot_weight) for name, values in self.slots.items()}
        own = matrix.slots if matrix.enabled else ()
        matrix_chances = {one.name: Chance(one.probability, "matrix") for one in own if one.probability is not None}
        self.chances = Chances(chances, *phrasing.chances, matrix_chances)
        self._mark = "" if request.matrix else block.drawn
        drawn = "" if request.matrix else block.rules
        self.rules = tuple(_rule(search, values, drawn) for search, values in block.search)
        self.tables: Tables = _Both(block.wildcards, tables) if block.wildcards else tables

    def weight(self, wildcard: str, value: str) -> float:
        """Factor of a wildcard's value: what is said of it, what looks suggest, and what verdicts taught."""
        return self._phrasing.weight(wildcard, value) * factor(self._adopted, wildcard, value)

    def _slot_weight(self, slot: str, value: str) -> float:
        learned = factor(self._adopted, slot, value) if self.mode == "random" else 1.0
        return self._phrasing.slot_weight(slot, value) * learned

    def marked(self, text: str) -> str:
        """With the sampler's mark before the names of wildcards, where the block says so."""
        if not self._mark:
            return text
        for name in self.block.wildcards:
            text = text.replace(f"__{name}__", f"__{self._mark}{name}__")
        return text


class _Both:
    """A block's own wildcards before those of the library."""

    def __init__(self, own: Mapping[str, Sequence[str]], library: Tables) -> None:
        self._own = {name: tuple(Value(text, 1.0, "randomization") for text in values) for name, values in own.items()}
        self._library = library

    def values(self, name: str) -> tuple[Value, ...]:
        return self._own.get(name) or self._library.values(name)

    def names(self) -> Iterator[str]:
        yield from self._own
        yield from self._library.names()


def weighed(values: tuple[str, ...], name: str, factor: Callable[[str, str], float]) -> tuple[str, ...]:
    """Values of a slot of which some have a weight, `3::sun`, as one choice; `7::` is nothing, seven times as often.

    `factor`: by the slot's name and a value's text.
    """
    found: list[str] = []
    for value in values:
        given = _WEIGHED.match(value)
        text = value[given.end() :] if given else value
        times = factor(name, text)
        weight = (float(given[1]) if given else 1.0) * times
        found.append(value if times == 1.0 else f"{min(weight, 1e9):.6f}::{text}")
    if not any(_WEIGHED.match(value) for value in found):
        return values
    return (f"{{{'|'.join(found)}}}",)


def read_locks(lock: Sequence[str]) -> dict[str, str]:
    """`PLACE=VALUE`. A choice's own text may hold `=`, its closing brace ends it."""
    locks: dict[str, str] = {}
    for text in lock:
        key, value = keyed(text)
        if not key:
            raise Refused(f"'{told(text, 60)}' is not SLOT=VALUE.", where="--lock", remedy="Write weather=rain.")
        locks[key] = cleaned(value).strip()
    return locks


def read_rerolls(reroll: Sequence[str]) -> dict[str, int]:
    """`PLACE=N`; without a number once."""
    found: dict[str, int] = {}
    for text in reroll:
        key, value = keyed(text if "=" in text else f"{text}=1")
        if not key or not value.strip().isdigit() or len(value.strip()) > 6:
            raise Refused(f"'{told(text, 60)}' is not PLACE=N.", where="--reroll", remedy="Write __sky__=2.")
        found[key] = int(value)
    return found


def read_chances(chance: Sequence[str]) -> dict[str, float]:
    """`PLACE=0.4`."""
    found: dict[str, float] = {}
    for text in chance:
        key, value = keyed(text)
        try:
            probability = float(value)
        except ValueError:
            key = ""
        if not key:
            raise Refused(f"'{told(text, 60)}' is not PLACE=0.4.", where="--chance", remedy="Write weather=0.4.")
        if not 0 <= probability <= 1:
            raise Refused(f"{told(value, 40)} is not from 0 to 1.", where="--chance", remedy="Write weather=0.4.")
        found[key] = probability
    return found


def check_keys(spaces: Spaces, worded: Sequence[Worded], drawn: Sequence[str] = ()) -> None:
    """Raises Refused for a place that is held or drawn anew and that no prompt has. `drawn`: of the overlay."""
    if not spaces.locks and not spaces.rerolls and not spaces.chances:
        return
    made = [each.space for each in worded if each.space]
    keys = {key for space in made for key in space.keys}
    held = {key for space in made for key in space.held}
    plain = {tokens.plain_slot(key) for key in (*keys, *drawn, "overlay")}
    unknown = [("--lock", key) for key in spaces.locks if key not in held]
    unknown += [("--reroll", key) for key in spaces.rerolls if tokens.plain_slot(key) not in plain]
    met = spoken_of({key: Chance(0.0, "") for key in spaces.chances}, keys)
    unknown += [("--chance", key) for key in spaces.chances if key not in met]
    for flag, key in unknown:
        keys |= {one.key for space in made for one in space.segments if one.key}
        raise Refused(
            f"no prompt has a {'place' if key[:1] in '_{$%' else 'slot'} '{told(key, 40)}'.",
            where=flag,
            remedy=nearest(key, (told(one, 80) for one in keys)) or "A slot is written [[weather]].",
        )


def _negative(taken: Taken) -> str:
    source, prompt = taken
    return ", ".join(filter(None, [prompt.negative, source.negative if source.pack else ""]))


def _rule(search: str, values: Sequence[str], mark: str) -> Rule:
    if mark:
        values = (f"{{{mark}{'|'.join(values)}}}",)
    return Rule(search, tuple(Value(text, 1.0, "randomization") for text in values))


def _numbers(salt: str) -> Iterator[int]:
    """A stream of numbers of 64 bits."""
    for block in itertools.count():
        digest = hashlib.sha256(f"{salt}\n{block}".encode(errors="replace")).digest()
        yield from (int.from_bytes(digest[at : at + 8]) for at in range(0, 32, 8))
