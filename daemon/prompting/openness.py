"""Which settings of a pipeline somebody else may propose values for, within which bounds, and what they are now. Pure.

Not how large a picture is, nor by which model it is made: a person decides those. Not what only their files name.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from daemon.prompting.fields import TABLES, coerce, flat_stage, names
from daemon.prompting.proposed import LORA, check_settings
from daemon.prompting.texts import nearest, told
from schema.errors import Refused
from schema.pipeline import PipelineConfig
from schema.plans import Scalar
from schema.stages import Detail, FaceRestore, Img2Img, Post, Refine, Refiner, Stage, Txt2Img, Upscale

LISTS: Mapping[str, str] = {
    "sampler": "samplers", "scheduler": "schedulers", "upscaler": "upscalers", "upscaler2": "upscalers",
    "hires.upscaler": "upscalers",
}  # fmt: skip
"""Field to the list of a card that its names are from."""

HEAVY = 2.0
"""Weight of a LoRA, either way, beyond which nothing good is known."""

_PAINTING = (Txt2Img, Img2Img, Refiner, Detail, Upscale, FaceRestore, Refine, Post)
_DECIDED = frozenset({"enabled", "width", "height", "factor", "batch", "tile", "overlap", "variation_seed"})
_APART = ("mask", "workflow", "control", "shift", "refiner")


class Open(NamedTuple):
    """One setting that may be proposed."""

    name: str
    """`stage.field` or `lora:NAME`."""
    now: Scalar
    bounds: str
    """In words: `whole number from 1 to 500`."""
    choices: tuple[str, ...] = ()
    """Its names, where they are known."""
    stage: Stage | None = None
    """None: a LoRA."""


def open_settings(
    pipeline: PipelineConfig, offers: Mapping[str, Sequence[str]], loras: Mapping[str, float]
) -> tuple[Open, ...]:
    """Of the stages that run. `offers`: lists of a card, what all have that may make it; `loras`: their weights."""
    found = [one for stage in pipeline.running() if isinstance(stage, _PAINTING) for one in _of(stage, offers)]
    weights = (Open(f"{LORA}{name}", weight, f"number from {-HEAVY:g} to {HEAVY:g}") for name, weight in loras.items())
    return (*found, *weights)


def fitted(settings: Mapping[str, Scalar], among: Iterable[Open]) -> dict[str, Scalar]:
    """What of `settings` is another than it is now, as values of the fields' own types.

    Raises Refused for the first that may not be proposed, or whose value is none of its field.
    """
    there = {one.name: one for one in among}
    changed: dict[str, Scalar] = {}
    for name, value in settings.items():
        one = there.get(name)
        if one is None:
            raise Refused("this is no setting that may be proposed.", where=told(name, 80), remedy=nearest(name, there))
        for key, made in _valued(one, value).items():
            if key not in there or there[key].now != made:
                changed[key] = made
    return changed


def _of(stage: Stage, offers: Mapping[str, Sequence[str]]) -> Iterable[Open]:
    now = flat_stage(stage)
    for field in names(type(stage)):
        if field in _DECIDED or field in TABLES or field.startswith(_APART):
            continue
        if field not in now:  # of a table that is not there: hires is off
            continue
        choices = tuple(offers.get(LISTS.get(field, ""), ()))
        bounds = "one of the names below" if choices else _bounds(_info(type(stage), field))
        if bounds:
            yield Open(f"{stage.id}.{field}", now[field], bounds, choices, stage)


def _valued(one: Open, value: Scalar) -> dict[str, Scalar]:
    where = told(one.name, 80)
    if one.stage is None:
        check_settings({one.name: value})
        if isinstance(value, int | float) and abs(value) > HEAVY:
            raise Refused(f"a weight of {value:g} is too much.", where=where, remedy=f"It is a {one.bounds}.")
        return {one.name: value}
    if one.choices and value not in one.choices:
        raise Refused(f"nobody has a '{told(str(value), 60)}'.", where=where, remedy=nearest(str(value), one.choices))
    if isinstance(value, bool) and one.bounds.startswith(("number", "whole")):
        raise Refused(f"{str(value).lower()} is no number.", where=where, remedy=f"It is a {one.bounds}.")
    field = one.name.removeprefix(f"{one.stage.id}.")
    made = coerce(one.stage, field, value, where)
    return {f"{one.stage.id}.{key}": each for key, each in made.items()}


# Bounds in words ----------------------------------------------------------------------------------


def _info(kind: type[BaseModel], field: str) -> FieldInfo:
    outer, _, inner = field.partition(".")
    return TABLES[outer].model_fields[inner] if inner else kind.model_fields[outer]


def _bounds(info: FieldInfo) -> str:
    """Empty: nothing that has bounds."""
    found = _words(info.annotation, info.metadata)
    may_be_empty = NoneType in get_args(info.annotation)
    return f"{found}, or null" if found and may_be_empty else found


def _words(kind: object, limits: Sequence[object]) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return _words(inner, (*limits, *_spread(more)))
    if origin in (Union, UnionType):
        inner = [each for each in get_args(kind) if each is not NoneType]
        return _words(inner[0], limits) if len(inner) == 1 else ""
    if origin is Literal:
        return "one of " + ", ".join(str(each) for each in get_args(kind))
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return ("whole number" if kind is int else "number") + _limits(limits)
    return ""


def _spread(metadata: Iterable[object]) -> list[object]:
    """Pydantic's `Field(ge=0)` holds its limits within."""
    return [each for one in metadata for each in (one.metadata if isinstance(one, FieldInfo) else (one,))]


def _limits(limits: Sequence[object]) -> str:
    """` from 1 to 500`"""
    words = ""
    for limit in limits:
        match limit:
            case Ge(ge=least):
                words = f" from {least}{words}"
            case Gt(gt=least):
                words = f" above {least}{words}"
            case Le(le=most):
                words = f"{words} to {most}"
            case Lt(lt=most):
                words = f"{words} below {most}"
    return words
