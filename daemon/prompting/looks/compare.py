"""Holds what was seen in a picture against what was asked for: fulfilment, style, and each component on its own.

A caption is a few words of one who looked; what it leaves out need not be missing. So nothing here is a verdict on a
picture: it is a number to learn from, and stars are given by people only.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from daemon.prompting import tokens
from daemon.prompting.looks.goals import Goal, goals_of
from daemon.prompting.looks.vocabulary import KINDS, LOOKERS, MEDIA, media, named
from schema.plans import JobSpec, Pick

SEEN = 0.5
"""From which on a goal counts as seen: what it is about was named, or all else."""

HEAD = 2.0
"""How much more the thing itself counts than what is said of it."""

OF_THE_KIND = 0.5
FAMILY = 0.7
"""Of a style of which only the family was named: `a painting` for a watercolour."""

SAID_LOUDER = "feedback"
"""How `Pick.source` begins for what was not picked but emphasised."""


DRAWN = ("overlay style", "overlay lora", "overlay embedding")
"""Keys of what an overlay drew that stands in the prompt or the job by its own name, and is found there."""


class Seen(NamedTuple):
    fulfilment: float | None
    style: float | None
    seen: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


class Part(NamedTuple):
    """One component of a prompt in one picture."""

    kind: str
    name: str
    value: str
    hit: float
    by: str


def look(spec: JobSpec, caption: str, score: float | None = None, looker: str = "") -> tuple[Seen, tuple[Part, ...]]:
    """What was seen, and every component that the look says something of.

    `looker`: the model that looked, for those that can name but a few things. Components are judged by words of their
    own in the caption, and by the score only where there is no caption.
    """
    if not caption.strip():
        nothing = Seen(None, None)
        if score is None:
            return nothing, ()
        held = round(min(max(score, 0.0), 1.0), 4)
        return nothing, tuple(Part(kind, name, value, held, "score") for kind, name, value, _ in _components(spec))
    names = named(caption)
    whole = _compared(spec, names, looker)
    found: list[Part] = []
    for kind, name, value, text in _components(spec):
        hit = _own(text, names, looker) if text is not None else _either(whole, kind)
        if hit is not None:
            found.append(Part(kind, name, value, round(hit, 4), "caption"))
    return whole, tuple(found)


def _compared(spec: JobSpec, names: frozenset[str], looker: str) -> Seen:
    goals = _nameable(goals_of(spec.prompt), looker)
    hits = [(goal, _hit(goal, names)) for goal in goals if not goal.style]
    unwanted = [goal for goal in _nameable(goals_of(spec.negative), looker) if _hit(goal, names) >= 1.0]
    return Seen(
        fulfilment=_mean((hit, goal.weight) for goal, hit in hits),
        style=_style([*goals_of(spec.style or ""), *goals], names),
        seen=tuple(goal.text for goal, hit in hits if hit >= SEEN),
        missed=tuple(goal.text for goal, hit in hits if hit < SEEN),
        unwanted=tuple(goal.text for goal in unwanted if not goal.style),
    )


def _components(spec: JobSpec) -> Iterator[tuple[str, str, str, str | None]]:
    """Kind, name, value and the words it put into the prompt; None: it put none, the whole picture tells."""
    for pick in spec.picks:
        if pick.value and not said_louder(pick) and not pick.key.startswith(DRAWN) and _asked_for(spec, pick):
            yield *place_of(pick.key), pick.value, pick.value
    for lora in tokens.loras(spec.prompt):
        yield "lora", lora.name, f"{lora.weight:g}", None
    for style in filter(None, (spec.style or "").split(", ")):
        yield "style", style, "", None


def said_louder(pick: Pick) -> bool:
    return pick.source.startswith(SAID_LOUDER)


def _asked_for(spec: JobSpec, pick: Pick) -> bool:
    """Not only forbidden: what stands in the negative prompt alone is no goal."""
    return pick.value in spec.prompt or pick.value not in spec.negative


def place_of(key: str) -> tuple[str, str]:
    """Kind and name of a place to vary by its `Pick.key`: `__sky__#2` is the wildcard `sky`, in whatever it stands."""
    key = _innermost(key)
    if key.startswith("__"):
        return "wildcard", plain_name(key)
    if key.startswith("overlay "):
        return "choice", key.partition("#")[0]
    if key.startswith(("{", "$", "%")):
        return "choice", key.partition("}#")[0] + ("}" if "}#" in key else "")
    return "slot", plain_name(key)


def plain_name(name: str) -> str:
    """Of a wildcard or slot, however it is written: `__~Weather/Sky__#2` and `weather/sky` are the same."""
    bare = _innermost(name).partition("#")[0].strip()
    if bare.startswith("__"):
        bare = bare[2:].removesuffix("__").partition("(")[0].lstrip("~@!")
    return bare.strip().replace("\\", "/").casefold()


def _innermost(key: str) -> str:
    """`__scene__ > __sky__` -> `__sky__`: where values hold places of their own."""
    last = key.rpartition(" > ")[2]
    return last if last.count("{") == last.count("}") else key


def _own(text: str, names: frozenset[str], looker: str) -> float | None:
    """How much of a component's own words was named."""
    goals = _nameable(goals_of(text), looker)
    told = [(_hit(goal, names), goal.weight) for goal in goals if not goal.style]
    style = _style(goals, names)
    return _mean([*told, *([(style, 1.0)] if style is not None else [])])


def _either(whole: Seen, kind: str) -> float | None:
    """A style is judged by the style, a LoRA by both."""
    if kind == "style" and whole.style is not None:
        return whole.style
    return _mean((each, 1.0) for each in (whole.fulfilment, whole.style) if each is not None)


def _nameable(goals: Iterable[Goal], looker: str) -> list[Goal]:
    """For one who can name but a few things, what is left of the goals."""
    able = LOOKERS.get(looker)
    if able is None:
        return list(goals)
    cut = (goal._replace(names=tuple(name for name in goal.names if name in able), style=False) for goal in goals)
    return [goal for goal in cut if goal.names]


def _hit(goal: Goal, names: frozenset[str]) -> float:
    weights = [1.0] * (len(goal.names) - 1) + [HEAD]
    hits = [_named(name, names) for name in goal.names]
    return sum(hit * weight for hit, weight in zip(hits, weights, strict=True)) / sum(weights)


def _named(name: str, names: frozenset[str]) -> float:
    if name in names:
        return 1.0
    return OF_THE_KIND if KINDS.get(name) in names else 0.0


def _style(goals: Iterable[Goal], names: frozenset[str]) -> float | None:
    """None: none was asked for, or who looked does not speak of any."""
    wanted = [name for goal in goals for name in goal.names if name in MEDIA]
    spoken = media(names)
    if not wanted or not spoken:
        return None
    return _mean((1.0 if name in names else FAMILY if MEDIA[name] in spoken else 0.0, 1.0) for name in wanted)


def _mean(told: Iterable[tuple[float, float]]) -> float | None:
    """Of values with weights."""
    pairs = list(told)
    total = sum(weight for _, weight in pairs)
    return round(sum(value * weight for value, weight in pairs) / total, 4) if total > 0 else None
