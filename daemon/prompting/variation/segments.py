"""A prompt cut into the stretches its editor shows: words, and each place with how many values it has."""

from collections.abc import Mapping

from msgspec import structs

from daemon.prompting.tokens import plain_slot
from daemon.prompting.variation.building import Builder, Top
from daemon.prompting.variation.chances import Chances
from daemon.prompting.variation.counting import NONE, digits
from daemon.prompting.variation.held import Held
from daemon.prompting.variation.here import Piece
from daemon.prompting.variation.parts import Assign, Choice, Found, Part, Slot, Use, Wildcard, Wrap
from daemon.prompting.variation.rows import Again, Owner, Scope
from daemon.prompting.variation.turns import Turn
from schema.prompts import Segment, Vary

SHOWN = 20
"""Values of a place that are shown."""

_KINDS: Mapping[type[Part], Vary] = {
    Choice: "choice",
    Wildcard: "wildcard",
    Slot: "slot",
    Found: "search",
    Use: "variable",
    Assign: "variable",
    Wrap: "wrap",
}


def segments(builder: Builder, held: Held, text: str, negative: str, chances: Chances) -> tuple[Segment, ...]:
    """`builder` has built both, with every value and nothing held. `held`: what is, in the prompt as it is made."""
    found: list[Segment] = []
    sides = [own for own in (text, negative) if own]
    side = -1
    for top in builder.tops:
        side += top.part.start == 0
        one = _segment(builder, held, top, sides[side], side == 1 or not text)
        chance = chances.of(one.key) if one.key and one.locked is None else None
        found.append(one if chance is None else structs.replace(one, chance=chance.probability))
    uses = {one.key: one for one in reversed(found) if one.kind == "variable" and one.values}
    return tuple(_like_its_use(one, uses) for one in found)


def _segment(builder: Builder, held: Held, top: Top, text: str, negative: bool) -> Segment:
    part = top.part
    line = text.count("\n", 0, part.start)
    column = part.start - (text.rfind("\n", 0, part.start) + 1) + 1
    kind = _KINDS.get(type(part), "words")
    key = _key(builder, top)
    size, values = _values(builder, top.piece, part)
    return Segment(
        start=part.start, end=part.end, line=line + 1, column=column, kind=kind, key=key, size=digits(size),
        values=values if kind != "words" else (), locked=held.at(key) if key else None, negative=negative,
    )  # fmt: skip


def _key(builder: Builder, top: Top) -> str:
    match top.part:
        case Choice(start) | Wildcard(start) | Use(start):
            return top.here.keys[start]
        case Slot(name=name):
            return builder.slot_keys.get(plain_slot(name), name)
        case Found(rule=rule):
            return builder.rules[rule].search
        case Assign(name=name):
            return f"${{{name}}}"
        case _:
            return ""


def _values(builder: Builder, piece: Piece, part: Part) -> tuple[int, tuple[str, ...]]:
    """How many, and the first of them. A name that there is not has none."""
    if isinstance(piece, str):
        unknown = isinstance(part, Wildcard | Slot) or (isinstance(part, Use) and piece == part.text)
        return (0, ()) if unknown else (1, (piece,) if piece else ())
    node = builder.shared[piece.place] if isinstance(piece, Owner | Again) else piece
    root = Scope(node, list(reversed(builder.shared.items())), list(builder.shared))
    size = root.counts[NONE]
    turn = Turn(0, "", 1, {}, builder.shared, "draw")
    shown = [turn.written(root, NONE, rank).strip() for rank in range(min(size, SHOWN))]
    return size, tuple(dict.fromkeys(shown))


def _like_its_use(one: Segment, uses: Mapping[str, Segment]) -> Segment:
    """Where a variable is set it has the values it has where it is used."""
    if one.kind != "variable" or one.values or one.key not in uses:
        return one
    used = uses[one.key]
    return structs.replace(one, size=used.size, values=used.values)
