"""What names in a prompt stand for: wildcards and globs, slots, variables, words that rules look for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from daemon.prompting.texts import told
from daemon.prompting.tokens import plain_slot
from daemon.prompting.variation.counting import NONE, single
from daemon.prompting.variation.held import chosen
from daemon.prompting.variation.here import Here, Kept, Piece, Var
from daemon.prompting.variation.lists import Ready, ready
from daemon.prompting.variation.naming import WITHIN, keys_of
from daemon.prompting.variation.near import meant
from daemon.prompting.variation.parts import Choice, Found, Parts, Slot, Use, Wildcard, Words
from daemon.prompting.variation.places import HELD, Named, Place
from daemon.prompting.variation.rows import Row, Scope
from daemon.prompting.variation.syntax import unescaped
from daemon.prompting.variation.tables import Value
from daemon.prompting.variation.turns import Method, Node, Turn
from schema.errors import Refused

if TYPE_CHECKING:
    from daemon.prompting.variation.building import Builder

MAX_DEPTH = 20
"""Values of lists within one another."""

MAX_LISTS = 5000
"""Lists that one prompt leads to, by the parameters they are given."""

MAX_NESTED = 60
"""Places within one another, whatever they are."""

MAX_NAMES = 200
"""Lists that one wildcard with a varying name leads to."""


def wildcard(builder: "Builder", part: Wildcard, here: Here, key: str) -> Piece:
    full = here.prefix + key
    builder.keys[full] = None
    method = here.method_of(part.mark)
    name = builder.one(part.name, here.inside(method))
    given = given_to(builder, part, here)
    if isinstance(name, str):
        return _listed(builder, part, name, given, key, method)
    held = builder.held.at(full)
    if held is not None:
        return builder.fixed(key, held, method)
    return _named(builder, part, name, given, key, method)


def _listed(builder: "Builder", part: Wildcard, name: str, here: Here, key: str, method: Method) -> Piece:
    """`here` is where the values are evaluated."""
    full = here.prefix + key
    values = builder.tables.values(name.strip())
    held = builder.held.at(full)
    if not values:
        if held is not None:
            return builder.fixed(key, held, method)
        near = meant(name.strip(), builder.tables.names())
        sentence = f"there is no wildcard '{told(name.strip(), 60)}'; '{told(part.text, 60)}' is left as it is. {near}"
        builder.warn(sentence.strip(), here.where, here.text, part.start)
        return part.text
    return place_of(builder, key, name.strip(), values, here, method, held, part.start)


def place_of(
    builder: "Builder",
    key: str,
    name: str,
    values: tuple[Value, ...],
    here: Here,
    method: Method,
    held: str | None,
    position: int,
    *,
    weighed: bool = True,
) -> Node:
    """One of a list's values. `weighed`: the weights of the caller count too, besides those of the list."""
    made = ready(values, name, builder.factor if weighed else None)
    if not made.texts:
        sentence = f"every value of '{told(name, 60)}' has weight 0."
        raise builder.refused(sentence, here.where, here.text, position, "Give one of them a weight above 0.")
    if held is not None:
        which = chosen(held, made.texts)
        if which is None:
            return builder.fixed(key, held, method)
        made = made.only(which)
        options = options_of(builder, name, made, here, method, here.prefix + key)
        return Place(key, options, made.ends, HELD, method, within=True)
    options = options_of(builder, name, made, here, method, here.prefix + key)
    return Place(
        key, options, made.ends, made.sources, method, within=True,
        varied=bool(made.varied), longest=-1 if made.varied else made.longest,
    )  # fmt: skip


def options_of(builder: "Builder", name: str, made: Ready, here: Here, method: Method, full: str) -> Sequence[Piece]:
    """The values as nodes where they hold places. Built once for all that see the same variables."""
    if not made.varied:
        return made.texts
    prefix = full + WITHIN
    below = here.inside(method, prefix)
    plain = name.lower().replace("\\", "/")
    if plain in {one for one, _ in here.chain}:
        raise _cycle(name, plain, here)
    apart = prefix if builder.held.within(prefix) else None
    key = (id(made), plain, apart, *below.seen())
    kept = builder.kept.get(key) or (builder.memory.get(plain, made, below) if apart is None else None)
    if kept is None:
        if len(here.chain) >= MAX_DEPTH or len(builder.kept) >= MAX_LISTS:
            raise builder.too_deep(here.where)
        builder.heights.append(0)
        own = builder.own
        options: list[Piece] = list(made.texts)
        for number in made.varied:
            options[number] = _value(builder, plain, made, number, below)
        kept = builder.kept[key] = Kept(options, made, builder.heights.pop() + 1, builder.own > own)
        if apart is None and not kept.own:
            builder.memory.keep(plain, kept, below)
    deepest = max((one.deep for one in kept.options if not isinstance(one, str)), default=0)
    if here.nested + deepest > MAX_NESTED or len(here.chain) + kept.height > MAX_DEPTH:
        raise builder.too_deep(here.where)
    builder.heights[-1] = max(builder.heights[-1], kept.height)
    builder.own += kept.own
    return kept.options


def _value(builder: "Builder", name: str, made: Ready, number: int, below: Here) -> Piece:
    text = made.texts[number]
    source = made.sources[number]
    if source.startswith("wildcard "):
        where = source.removeprefix("wildcard ")
    else:
        where = f"{below.where.partition(' (')[0]} ({name})".strip()
    parts = builder.read(text, where)
    inner = below._replace(
        where=where, text=text, keys=keys_of(parts), top=False, chain=(*below.chain, (name, where)), root=False
    )
    return builder.unit(parts, inner)


def _cycle(name: str, plain: str, here: Here) -> Refused:
    names = [one for one, _ in here.chain]
    round_ = here.chain[names.index(plain) :]
    told_of = " -> ".join([*(where for _, where in round_), round_[0][1]][:8])
    return Refused(
        f"'{told(name, 60)}' leads back to itself: {told(told_of, 300)}.",
        where=told(round_[-1][1]),
        remedy="Take one of these mentions out.",
    )


def given_to(builder: "Builder", part: Wildcard, here: Here) -> Here:
    """With the parameters of `__name(season=winter)__`, which are evaluated where they are written."""
    if not part.given:
        return here
    own = {name: builder.parameter(name, value, here) for name, value in part.given}
    return here._replace(env={**here.env, **own})


def list_within(builder: "Builder", part: Choice, child: Here, full: str) -> tuple[Sequence[Piece], Ready] | None:
    """Of `{2$$__sky__}`: the values of that list, of which several are taken."""
    every = [one for option in part.options for one in option.parts]
    inner = [one for one in every if not isinstance(one, Words) or one.text.strip()]
    if part.lower == part.upper == 1 or len(inner) != 1 or not isinstance(inner[0], Wildcard):
        return None
    name = builder.one(inner[0].name, child)
    values = builder.tables.values(name.strip()) if isinstance(name, str) else ()
    if not isinstance(name, str) or not values or builder.held.at(full) is not None:
        return None
    made = ready(values, name.strip(), builder.factor)
    if not made.texts:
        return None
    below = given_to(builder, inner[0], child)
    return options_of(builder, name.strip(), made, below, child.method, full), made


def _named(builder: "Builder", part: Wildcard, name: Node, here: Here, key: str, method: Method) -> Piece:
    """Each name that there can be leads to a list."""
    names = _names(builder, part, here)
    if len(names) > MAX_NAMES:
        sentence = f"'{told(part.text, 60)}' can name more than {MAX_NAMES} lists."
        raise builder.refused(sentence, here.where, here.text, part.start, "Name fewer.")
    ranked = method == "each" and name.counts == single(len(names))
    if method == "each" and not ranked and builder.base == "each":
        sentence = f"the list that '{told(part.text, 60)}' names depends on another place, so its value is drawn."
        builder.warn(sentence, here.where, here.text, part.start)
    lists = {}
    for one in dict.fromkeys(names):
        piece = _listed(builder, part, one, here, key, method if ranked or method == "turn" else "draw")
        lists[one] = Row([piece]) if isinstance(piece, str) else piece
    return Named(name, lists, names if ranked else ())


def _names(builder: "Builder", part: Wildcard, here: Here) -> list[str]:
    """All that the name can be, however it comes about; a few too many are enough to know."""
    shadow = builder.every()
    name = shadow.one(part.name, here._replace(method="each", open=True, root=False, marks=False))
    root = Scope(_node(name), list(reversed(shadow.shared.items())), list(shadow.shared))
    turn = Turn(0, "", 1, {}, shadow.shared, "draw")
    return [turn.written(root, NONE, rank) for rank in range(min(root.counts.get(NONE, 0), MAX_NAMES + 1))]


def slot(builder: "Builder", part: Slot, here: Here) -> Piece:
    plain = plain_slot(part.name)
    key = builder.slot_keys.setdefault(plain, part.name)
    builder.keys[key] = None
    values = builder.slots.get(plain) or builder.tables.values(part.name)
    held = builder.held.at(key)
    if not values and held is None:
        near = meant(part.name, [*builder.slot_names, *builder.tables.names()])
        sentence = f"there are no values for '[[{told(part.name, 60)}]]'; it is left as it is. {near}"
        builder.warn(sentence.strip(), here.where, here.text, part.start)
        return here.text[part.start : part.end]
    top = builder.outermost(here)
    if not values:
        return builder.share("slot", plain, here, lambda: builder.fixed(key, held or "", builder.base))
    own = plain not in builder.slots
    return builder.share(
        "slot", plain, here,
        lambda: place_of(builder, key, part.name, values, top, builder.base, held, part.start, weighed=own),
    )  # fmt: skip


def found(builder: "Builder", part: Found, here: Here) -> Piece:
    rule = builder.rules[part.rule]
    key = rule.search
    builder.keys[key] = None
    held = builder.held.at(key)
    return builder.share(
        "rule", part.rule, here,
        lambda: place_of(
            builder, key, key, rule.replacements, builder.outermost(here), builder.base, held, part.start, weighed=False
        ),
    )  # fmt: skip


def use(builder: "Builder", part: Use, here: Here) -> Piece:
    var = here.env.get(part.name)
    key = here.keys[part.start]
    if var is None:
        if part.otherwise is not None:
            return builder.one(part.otherwise, here)
        near = meant(part.name, here.env)
        sentence = f"'{told(part.name, 60)}' has no value; '{told(part.text, 60)}' is left as it is. {near}"
        builder.warn(sentence.strip(), here.where, here.text, part.start)
        return part.text
    if var.serial in here.busy:
        sentence = f"the variable '{told(part.name, 60)}' leads back to itself."
        raise builder.refused(sentence, here.where, here.text, part.start, "Give it another value.")
    if var.at_once:
        bare = f"${{{part.name}}}"
        outside = here._replace(method=builder.base, open=builder.base == "each", root=False)
        words = _constant(var.parts)
        if words is not None:
            return words
        return builder.share("variable", var.serial, here, lambda: _node(_variable(builder, var, outside, bare)))
    made = _variable(builder, var, here, key)
    if isinstance(made, str) or not here.root:
        return made
    return builder.share("use", key, here, lambda: made)


def _variable(builder: "Builder", var: Var, here: Here, key: str) -> Piece:
    """What stands in a variable's place: its value's only place under the variable's own key, or a group."""
    full = here.prefix + key
    env = here.env if var.env is None else var.env
    inner = Here(
        var.where, var.text, var.keys or keys_of(var.parts), here.method, env, full + WITHIN, here.open,
        here.chain, here.busy | {var.serial}, nested=here.nested + 1, marks=here.marks,
    )  # fmt: skip
    held = builder.held.at(full)
    if held is None and len(var.parts) == 1:
        only = var.parts[0]
        inner = inner._replace(prefix=here.prefix)
        if isinstance(only, Choice):
            return builder.choice(only, inner, key, within=True)
        if isinstance(only, Wildcard):
            return wildcard(builder, only, inner, key)
    made = builder.one(var.parts, inner) if held is None else held
    if isinstance(made, str) and held is None:
        return made
    builder.keys[full] = None
    if held is not None:
        return builder.fixed(key, held, here.method)
    return Place(key, (made,), (1.0,), (), here.method, within=True)


def _constant(parts: Parts) -> str | None:
    words = [unescaped(part.text) for part in parts if isinstance(part, Words)]
    return "".join(words) if len(words) == len(parts) else None


def _node(piece: Piece) -> Node:
    return Row([piece]) if isinstance(piece, str) else piece
