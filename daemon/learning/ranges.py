"""Which knobs and levels make sense to try for a pack, where nobody names them.

What its pictures were made with so far, and around what it is made with now: ranges of the stages' own fields that
people use, and of names (samplers, schedulers, upscalers) those that every node has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from daemon.learning.beliefs import is_number, key_of
from daemon.learning.design import BLOCK
from schema.plans import Scalar

Config = Mapping[str, Mapping[str, Scalar]]
"""Stage id to its fields, `type` among them."""

MOST_LEVELS = BLOCK
"""Of one knob: as many as a block has pictures."""

MOST_SEEN = 8
"""Of a knob whose levels are those of the past."""

_USUAL: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("txt2img", "steps"): (12, 20, 28, 36),
    ("txt2img", "cfg"): (4.0, 5.5, 7.0, 8.5, 10.0),
    ("img2img", "denoise"): (0.25, 0.4, 0.55, 0.7),
    ("img2img", "steps"): (12, 20, 28, 36),
    ("refiner", "switch_at"): (0.6, 0.7, 0.8, 0.9),
    ("detail", "denoise"): (0.2, 0.3, 0.4, 0.5),
    ("upscale", "denoise"): (0.0, 0.15, 0.3),
    ("face_restore", "strength"): (0.25, 0.5, 0.75, 1.0),
    ("face_restore", "fidelity"): (0.25, 0.5, 0.75),
    ("refine", "denoise"): (0.0, 0.2, 0.4),
    ("refine", "sharpen"): (0.0, 0.5, 1.0),
}
"""Kind of stage and field to levels around what is usual."""

_NAMED: Mapping[tuple[str, str], str] = {
    ("txt2img", "sampler"): "samplers",
    ("txt2img", "scheduler"): "schedulers",
    ("upscale", "upscaler"): "upscalers",
}
"""Kind of stage and field to the list of a card that it is from."""

_WHOLE = frozenset({"steps"})

_CHOSEN = frozenset({"model", "vae", "width", "height", "factor", "batch", "format", "quality", "tile", "overlap"})
"""Fields that a person decides: how large a picture is, and by which model. They vary where they are named."""

_DISTILLED = 3.0
"""Models that want less guidance than this are of another kind: what is usual elsewhere ruins their pictures."""


def space_for(
    config: Config,
    offers: Mapping[str, Sequence[str]],
    seen: Iterable[Mapping[str, Scalar]],
    held: frozenset[str] = frozenset(),
) -> dict[str, tuple[Scalar, ...]]:
    """Knobs with at least two levels. `config`: what the pack is made with now; `offers`: lists of a card, what all
    nodes that may make it have in common; `seen`: params of its pictures so far; `held`: knobs that stay."""
    past = _past(seen)
    space: dict[str, tuple[Scalar, ...]] = {}
    for stage, fields in config.items():
        kind = str(fields.get("type", ""))
        for field, now in fields.items():
            name = f"{stage}.{field}"
            levels = _levels(kind, field, now, offers, past.get(name, ()))
            if name not in held and len(levels) > 1:
                space[name] = levels
    for name, values in past.items():
        if name not in held and (name == "style" or name.startswith("lora:")):
            levels = _chosen(values)
            if len(levels) > 1:
                space[name] = levels
    return space


def _past(seen: Iterable[Mapping[str, Scalar]]) -> dict[str, tuple[Scalar, ...]]:
    """Each knob's values so far, those used most first; None for a LoRA or style that a picture was made without."""
    rows = tuple(seen)
    counts: dict[str, Counter[Scalar]] = {}
    for params in rows:
        for name, value in params.items():
            counts.setdefault(name, Counter())[value] += 1
    for name, values in counts.items():
        if (name == "style" or name.startswith("lora:")) and values.total() < len(rows):
            values[None] = len(rows) - values.total()
    return {name: tuple(value for value, _ in values.most_common()) for name, values in counts.items()}


def _levels(
    kind: str, field: str, now: Scalar, offers: Mapping[str, Sequence[str]], past: Sequence[Scalar]
) -> tuple[Scalar, ...]:
    """What it is now, what it was before, and what is usual; nothing for a field that nobody tries out."""
    listed = _NAMED.get((kind, field))
    if listed is not None:
        there = tuple(offers.get(listed, ()))
        known = [value for value in (now, *past) if isinstance(value, str) and (value in there or not there)]
        return _distinct([*known, *there])[:MOST_LEVELS]
    usual = _USUAL.get((kind, field))
    if usual is None:
        open_ = field not in _CHOSEN and not field.startswith("hires.") and len(past) > 1
        return _chosen(past) if open_ and _settable(past) else ()
    if len(past) >= MOST_LEVELS:
        return _chosen(past)
    return _around(field, now, usual, past)


def _around(field: str, now: Scalar, usual: Sequence[float], past: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """Numbers around what is set now: the usual ones, or steps from it where it lies elsewhere."""
    base = float(now) if isinstance(now, int | float) and not isinstance(now, bool) else None
    known = [value for value in ([] if base is None else [now]) + list(past) if is_number(value)]
    if base is not None and (base > 1.5 * max(usual) or (min(usual) > 0 and base < 0.75 * min(usual))):
        usual = tuple(base * factor for factor in (0.6, 0.8, 1.25, 1.6))
    elif field == "cfg" and base is not None and base < _DISTILLED:
        usual = tuple(base * factor for factor in (0.7, 1.3, 1.6))
    fresh: list[Scalar] = [max(1, round(value)) if field in _WHOLE else round(value, 2) for value in usual]
    kept = _distinct(known)[:MOST_LEVELS]
    for value in fresh:
        if len(kept) < MOST_LEVELS and not any(_near(field, value, other) for other in kept):
            kept = (*kept, value)
    return tuple(sorted(kept, key=lambda value: float(value or 0)))


def _near(field: str, one: Scalar, other: Scalar) -> bool:
    """So close that nobody could tell the pictures apart."""
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return False
    return abs(one - other) <= abs(other) * 0.1 if field in _WHOLE else abs(one - other) <= 0.05 + 0.04 * abs(other)


def _chosen(values: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """The ones used most, numbers in order."""
    some = _distinct(values)[:MOST_SEEN]
    return tuple(sorted(some, key=lambda value: (not is_number(value), float(value) if is_number(value) else 0.0)))  # type: ignore[arg-type]


def _settable(values: Sequence[Scalar]) -> bool:
    return all(isinstance(value, str | int | float) for value in values)


def _distinct(values: Iterable[Scalar]) -> tuple[Scalar, ...]:
    return tuple({key_of(value): value for value in values}.values())
