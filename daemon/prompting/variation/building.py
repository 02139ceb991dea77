"""Builds the nodes of one prompt from its parts, and finds out what is one place wherever it stands.

A slot, `${x=!..}` and the words of a rule are shared by all their occurrences, in the prompt and the negative.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from daemon.prompting.texts import MAX_PROMPT, told
from daemon.prompting.tokens import plain_slot
from daemon.prompting.variation import lookups
from daemon.prompting.variation.counting import single, told_number
from daemon.prompting.variation.held import Held, chosen
from daemon.prompting.variation.here import Env, Here, Kept, Memory, Piece, Var
from daemon.prompting.variation.lists import Factor
from daemon.prompting.variation.naming import WITHIN, Keys, assigned, located
from daemon.prompting.variation.parts import (
    Assign,
    Broken,
    Choice,
    Found,
    Part,
    Parts,
    Slot,
    Use,
    Wildcard,
    Words,
    Wrap,
)
from daemon.prompting.variation.places import MAX_AT_ONCE, Place, Several
from daemon.prompting.variation.rows import Again, Cut, Owner, Row, Scope, Wrapped
from daemon.prompting.variation.search import Rule
from daemon.prompting.variation.syntax import read_parts, unescaped
from daemon.prompting.variation.tables import Tables, Value
from daemon.prompting.variation.turns import Method, Node
from schema.errors import Refused

MAX_STEPS = 400_000
"""Parts looked at for one prompt."""


class Top(NamedTuple):
    """A part that stands in no other, and what was made of it."""

    here: Here
    part: Part
    piece: Piece


class Builder:
    """For one prompt. `base`: how places without a mark of their own are gone through."""

    def __init__(
        self,
        tables: Tables,
        slots: Mapping[str, Sequence[str | Value]],
        rules: Sequence[Rule],
        base: Method,
        held: Held,
        factor: Factor | None,
        *,
        marks: bool = True,
    ) -> None:
        """`marks`: whether `~`, `@` and `!` count."""
        self.shared: dict[int, Node] = {}
        """In the order they were finished: a place after those that its values hold."""
        self.warnings: dict[str, None] = {}
        self.keys: dict[str, None] = {}
        """Of all places that were met."""
        self.varied = False
        """Whether anything but words stands in the prompt or its negative."""
        self.tops: list[Top] = []
        """The parts of the prompt, then of the negative, and what was made of each."""
        self.tables, self.rules, self.base, self.held, self.factor = tables, rules, base, held, factor
        self.slots = {
            plain_slot(name): tuple(Value(each, 1.0, "matrix") if isinstance(each, str) else each for each in values)
            for name, values in slots.items()
            if values
        }
        self.slot_names = tuple(slots)
        self.slot_keys: dict[str, str] = {}
        """As it was written first, by plain name."""
        self.env: Env = {}
        """Of the prompt."""
        self.kept: dict[tuple[object, ...], Kept] = {}
        self.memory = Memory.of(tables, base, factor, marks)
        self.own = 0
        """How often something was met that other prompts may see otherwise."""
        self.heights = [0]
        """Of the lists that are being built, outermost first: how deep those in them go."""
        self._ids: dict[tuple[str, object], int] = {}
        self._owned: set[int] = set()
        self._local: set[int] = set()
        self._always: set[int] = set()
        self._building: list[int] = []
        self._vars = 0
        self._steps = MAX_STEPS
        self._marks = marks

    def root(self, wheres: tuple[str, str], text: str, negative: str) -> Scope:
        """Both together: a slot is one place in them. Raises Refused."""
        searched = tuple(rule.search for rule in self.rules)
        keys, places = Keys(), []
        for own, where in zip((text, negative), wheres, strict=True):
            parts = self.read(own, where, searched)
            self.varied = self.varied or any(not isinstance(part, Words) or part.text != own for part in parts)
            self.env = {**self.env, **self._set(parts, where, own, self.env)}
            named = keys.of(parts)
            keys.begin_variables()
            places.append(
                (
                    parts,
                    Here(
                        where,
                        own,
                        named,
                        self.base,
                        self.env,
                        open=self.base != "turn",
                        root=True,
                        top=True,
                        marks=self._marks,
                    ),
                )
            )
        mine = frozenset(one for parts, here in places for one in self._always_in(parts, here))
        self._always |= mine
        rows = [self.row(parts, here._replace(mine=mine) if mine else here) for parts, here in places]
        for pieces, what in zip(rows, ("prompt", "negative prompt"), strict=True):
            self._check_length(
                sum(len(one) if isinstance(one, str) else one.longest for one in pieces), what, wheres[0]
            )
        body = Row([*rows[0], Cut(), *rows[1]])
        shared = [(place, node) for place, node in reversed(self.shared.items()) if place not in self._local]
        free = [(place, node) for place, node in shared if place not in self._owned]
        return Scope(body, free, [place for place, _ in shared])

    def read(self, text: str, where: str, searched: tuple[str, ...] = ()) -> Parts:
        try:
            return read_parts(text, searched)
        except Broken as fault:
            raise self.refused(fault.sentence, where, text, fault.position, fault.remedy) from fault

    def row(self, parts: Parts, here: Here) -> list[Piece]:
        """Words that follow one another are one piece."""
        pieces: list[Piece] = []
        for part in parts:
            piece = self.piece(part, here)
            if here.top:
                self.tops.append(Top(here, part, piece))
                self._tell_remark(part, here)
            if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece
            elif piece != "":
                pieces.append(piece)
        return pieces

    def one(self, parts: Parts, here: Here) -> Piece:
        """Of parts within a place."""
        if len(parts) == 1 and isinstance(parts[0], Words):
            return self.piece(parts[0], here)
        pieces = self.row(parts, here._replace(mine=frozenset(), top=False))
        if len(pieces) > 1 or (pieces and not isinstance(pieces[0], str)):
            return Row(pieces)
        return "".join(piece for piece in pieces if isinstance(piece, str))

    def unit(self, parts: Parts, here: Here) -> Piece:
        """A text with variables of its own: the value of a list."""
        own = self._set(parts, here.where, here.text, here.env)
        if not own:
            return self.one(parts, here)
        self.own += 1
        here = here._replace(env={**here.env, **own})
        local = {self._id("variable", var.serial) for var in own.values() if var.at_once}
        self._local |= local
        mine = frozenset(one for one in self._always_in(parts, here) if one in local)
        self._always |= mine
        pieces = self.row(parts, here._replace(mine=mine))
        shared = [(place, node) for place, node in reversed(self.shared.items()) if place in local]
        return Scope(Row(pieces), [one for one in shared if one[0] not in self._owned], sorted(local))

    def piece(self, part: Part, here: Here) -> Piece:
        self._steps -= 1
        if self._steps < 0 or here.nested > lookups.MAX_NESTED:
            raise self.too_deep(here.where)
        match part:
            case Words():
                return unescaped(part.text)
            case Choice():
                return self.choice(part, here, here.keys[part.start])
            case Wildcard():
                return lookups.wildcard(self, part, here, here.keys[part.start])
            case Slot():
                return lookups.slot(self, part, here)
            case Found():
                return lookups.found(self, part, here)
            case Use():
                return lookups.use(self, part, here)
            case Wrap():
                around, inner = (self.one(parts, here) for parts in (part.around, part.inner))
                return Wrapped(*(Row([one]) if isinstance(one, str) else one for one in (around, inner)))
            case _:
                return ""

    def choice(self, part: Choice, here: Here, key: str, *, within: bool = False) -> Piece:
        """`within`: keys of places in its options begin with its own."""
        full = here.prefix + key
        self.keys[full] = None
        method = here.method_of(part.mark)
        child = here.inside(method, full + WITHIN if within else "")
        whole = lookups.list_within(self, part, child, full)
        if whole is not None:
            return self._several(part, here, key, whole[0], whole[1].ends, method, True)
        each: dict[str, tuple[float, Parts]] = {}
        for option in part.options:
            if option.weight > 0:
                each[option.text] = each.get(option.text, (0.0,))[0] + option.weight, option.parts
        if not each:
            sentence = "every option of this choice has weight 0."
            raise self.refused(sentence, here.where, here.text, part.start, "Give one of them a weight above 0.")
        held = self.held.at(full)
        if held is not None:
            which = chosen(held, tuple(each)) if part.lower == part.upper == 1 else None
            return self.fixed(key, held if which is None else self.one([*each.values()][which][1], child), method)
        options = [self.one(parts, child) for _, parts in each.values()]
        ends = tuple(accumulate(self._weights(full, {text: weight for text, (weight, _) in each.items()})))
        return self._several(part, here, key, options, ends, method, within)

    def _weights(self, key: str, written: Mapping[str, float]) -> Iterable[float]:
        """Of a choice's options: as written, and by what is said of them as of a wildcard's values."""
        if self.factor is None:
            return written.values()
        found = [weight * self.factor(key, text) for text, weight in written.items()]
        return found if any(found) else written.values()

    def fixed(self, key: str, value: Piece, method: Method, source: str = "--lock") -> Place:
        return Place(key, (value,), (1.0,), (source,), method, within=True)

    def share(self, kind: str, what: object, here: Here, make: Callable[[], Node]) -> Node:
        """The place that those words name: itself where it stands first and always, else a mention of it."""
        self.own += 1
        place = self._id(kind, what)
        if place in self._building:
            raise Refused("it leads back to itself.", where=told(here.where), remedy="Take one of the mentions out.")
        if place not in self.shared:
            self._building.append(place)
            node = make()
            self.shared[place] = node
            self._building.pop()
        node = self.shared[place]
        if place in here.mine and place not in self._owned:
            self._owned.add(place)
            return Owner(place, node)
        return Again(place, node, place in self._always or node.counts == single(1))

    def _tell_remark(self, part: Part, here: Here) -> None:
        """Where lines were joined, a remark takes more along than was meant."""
        if isinstance(part, Words) and not part.text and "\n" not in here.text and here.text[part.start] in "#/":
            left = here.text[part.start : part.end].strip()
            if not left.startswith("/*"):
                self.warn(
                    f"'{told(left, 60)}' is a remark and left out; \\# is the sign itself.",
                    here.where,
                    here.text,
                    part.start,
                )

    def warn(self, sentence: str, where: str, text: str, position: int) -> None:
        self.own += 1
        self.warnings[f"{told(located(where, text, position))}: {sentence}"] = None

    def refused(self, sentence: str, where: str, text: str, position: int, remedy: str = "") -> Refused:
        return Refused(sentence, where=told(located(where, text, position)), remedy=remedy)

    def too_deep(self, where: str) -> Refused:
        return Refused(
            "too much stands in one another.", where=told(where), remedy="Check which values name other lists."
        )

    def every(self) -> "Builder":
        """One that goes through all values of the same places, whatever this one does."""
        made = Builder(self.tables, {}, self.rules, "each", self.held, self.factor, marks=False)
        made.slots, made.slot_names, made.env = self.slots, self.slot_names, self.env
        return made

    def outermost(self, here: Here) -> Here:
        """Where the values of places shared by the whole prompt are evaluated."""
        return Here(
            here.where, here.text, {}, self.base, self.env, open=self.base == "each",
            nested=here.nested + 1, marks=here.marks,
        )  # fmt: skip

    def variable(self, part: Assign, where: str, text: str) -> Var:
        self._vars += 1
        return Var(part.name, part.value, where, text, self._vars, part.at_once)

    def parameter(self, name: str, value: Parts, here: Here) -> Var:
        self._vars += 1
        return Var(name, value, here.where, here.text, self._vars, env=here.env, keys=here.keys)

    def _several(
        self, part: Choice, here: Here, key: str, options: Sequence[Piece], ends: Sequence[float], method: Method,
        within: bool,
    ) -> Node:  # fmt: skip
        lower, upper = min(part.lower, len(options)), min(part.upper, len(options))
        if lower == upper == 1:
            return Place(key, options, ends, (), method, within=within)
        if upper > MAX_AT_ONCE:
            sentence = f"up to {upper} options at once are too many."
            raise self.refused(sentence, here.where, here.text, part.start, f"At most {MAX_AT_ONCE} can be.")
        return Several(key, options, ends, (lower, upper), part.separator, method, within=within)

    def _set(self, parts: Parts, where: str, text: str, outer: Env) -> dict[str, Var]:
        """The variables that a text gives a value."""
        own: dict[str, Var] = {}
        for part in assigned(parts):
            if not (part.keep and (part.name in outer or part.name in own)):
                own[part.name] = self.variable(part, where, text)
        return own

    def _always_in(self, parts: Parts, here: Here) -> list[int]:
        """Shared places that stand there in no other place."""
        found = []
        for part in parts:
            match part:
                case Slot():
                    found.append(self._id("slot", plain_slot(part.name)))
                case Found():
                    found.append(self._id("rule", part.rule))
                case Use() if part.name in here.env:
                    var = here.env[part.name]
                    kind, what = ("variable", var.serial) if var.at_once else ("use", here.keys[part.start])
                    found.append(self._id(kind, what))
                case _:
                    pass
        return found

    def _id(self, kind: str, what: object) -> int:
        return self._ids.setdefault((kind, what), len(self._ids))

    def _check_length(self, longest: int, what: str, where: str) -> None:
        if longest > MAX_PROMPT:
            raise Refused(
                f"the {what} could become {told_number(longest)} characters long.",
                where=told(where),
                remedy=f"At most {MAX_PROMPT:,} can be; check which values name other lists.",
            )
