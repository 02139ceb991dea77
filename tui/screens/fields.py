"""What each stage can be told, as a form needs it: sort, limits, and which list of names it is chosen from. Pure.

Read from the stages' own models, so that a new field is in the form from the day it can be set.
"""

from collections.abc import Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schema.parts import Control, Hires, Switch, Workflow
from schema.plans import Scalar
from schema.stages import Stage

Sort = Literal["name", "names", "flag", "choice", "number", "text", "picture", "units", "part", "more"]
"""`more`: none of its own, but the line that stands for fields that are not shown."""

LISTS = {
    "model": "models", "vae": "vaes", "sampler": "samplers", "scheduler": "schedulers", "encoders": "encoders",
    "hypernetwork": "hypernetworks", "upscaler": "upscalers", "upscaler2": "upscalers", "detector": "detectors",
    "mask_detector": "detectors", "restorer": "restorers", "processor": "processors", "control": "controls",
    "control_processor": "control_processors",
}  # fmt: skip
"""Field to the list of `schema.orders.BackendCard` that holds its names."""

WORKFLOWS: Final = "workflows"
"""The list that no node has: the library's own workflows."""

OTHER_LISTS = {
    ("interrogate", "model"): "interrogators", ("score", "model"): "scorers",
    ("controls", "model"): "controls", ("controls", "processor"): "control_processors", ("workflow", "name"): WORKFLOWS,
}  # fmt: skip

PARTS: dict[str, type[BaseModel]] = {"hires": Hires, "refiner": Switch, "workflow": Workflow}
"""Fields that are tables of their own, switched on and off as a whole."""

LEFT_OUT = ("id", "type", "enabled", "options", "graph")


class Limits(NamedTuple):
    """What a number may be; None: as far as one likes."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    """`low` itself is too little."""
    whole: bool = False

    def __str__(self) -> str:
        """In words: `1 to 500`; empty where there are none."""
        if self.low is None:
            return ""
        low = f"above {self.low:g}" if self.above else f"{self.low:g}"
        return f"{low} or more" if self.high is None else f"{low} to {self.high:g}"


class Field(NamedTuple):
    name: str
    """`steps`, `hires.scale`; of a ControlNet unit `controls.1.weight`."""
    sort: Sort
    of: str = ""
    """The list its names come from."""
    choices: tuple[str, ...] = ()
    limits: Limits = Limits()
    default: Scalar = None
    empty: bool = False
    """Nothing may stand there: the backend's own choice."""

    @property
    def part(self) -> str:
        """The table it is in; empty: none."""
        return self.name.partition(".")[0] if "." in self.name else ""


@cache
def fields_of(kind: str) -> tuple[Field, ...]:
    """All that a stage of this kind can be told, what is chosen most often first; nothing for an unknown kind."""
    model = _kinds().get(kind)
    return tuple(_fields(model, kind, "")) if model is not None else ()


@cache
def unit_fields(number: int) -> tuple[Field, ...]:
    """Of the ControlNet unit with this number, from 1."""
    return tuple(_fields(Control, "controls", f"controls.{number}."))


def _kinds() -> dict[str, type[BaseModel]]:
    return {str(model.model_fields["type"].default): model for model in get_args(Stage)}


def _fields(model: type[BaseModel], kind: str, prefix: str) -> Iterator[Field]:
    for name, info in sorted(model.model_fields.items(), key=lambda item: _weight(item[0])):
        if name in LEFT_OUT:
            continue
        if name in PARTS and not prefix:
            yield Field(name, "part", empty=True)
            yield from _fields(PARTS[name], name, f"{name}.")
        else:
            yield _field(name, info, kind, prefix)


FIRST = (
    "fps", "seconds", "trim_from", "trim_to", "codec", "upscaler", "factor", "detector", "restorer", "processor",
    "scale", "model", "vae", "sampler", "scheduler", "steps", "cfg", "width", "height", "denoise", "controls",
)  # fmt: skip


def _weight(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _field(name: str, info: FieldInfo, kind: str, prefix: str) -> Field:
    default = info.default if isinstance(info.default, str | int | float | bool) else None
    of = OTHER_LISTS.get((kind, name)) or LISTS.get(name, "")
    told = _told(info.annotation, info.metadata)
    sort: Sort
    if name == "controls":
        sort = "units"
    elif name in ("image", "mask"):
        sort = "picture"
    elif of:
        sort = "names" if tuple in told.kinds else "name"
    elif told.choices:
        sort = "choice"
    elif bool in told.kinds:
        sort = "flag"
    else:
        sort = "number" if told.kinds & {int, float} else "text"
    limits = told.limits._replace(whole=float not in told.kinds)
    return Field(prefix + name, sort, of, told.choices, limits, default, told.empty or tuple in told.kinds)


class _Told(NamedTuple):
    """What an annotation says."""

    kinds: frozenset[type]
    """The plain types in it."""
    empty: bool = False
    """None is among them."""
    limits: Limits = Limits()
    choices: tuple[str, ...] = ()


def _told(annotation: Any, metadata: list[Any]) -> _Told:
    if isinstance(annotation, type):
        return _Told(frozenset({annotation}), annotation is NoneType, _limits(metadata))
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        return _told(inner, [*metadata, *marks])
    if origin is Literal:
        return _Told(frozenset({str}), choices=tuple(str(choice) for choice in get_args(annotation)))
    if origin in (Union, UnionType):
        found = [_told(part, list(metadata)) for part in get_args(annotation)]
        told = [part for part in found if part.kinds != {NoneType}]
        return _Told(
            frozenset(kind for part in told for kind in part.kinds),
            len(told) < len(found),
            next((part.limits for part in told if part.limits != Limits()), Limits()),
            tuple(choice for part in told for choice in part.choices),
        )
    return _Told(frozenset({origin}) if isinstance(origin, type) else frozenset())


def _limits(metadata: list[Any]) -> Limits:
    found = Limits()
    for mark in [inner for outer in metadata for inner in getattr(outer, "metadata", [outer])]:
        match mark:
            case Ge(ge=value) if isinstance(value, int | float):
                found = found._replace(low=value)
            case Gt(gt=value) if isinstance(value, int | float):
                found = found._replace(low=value, above=True)
            case Le(le=value) | Lt(lt=value) if isinstance(value, int | float):
                found = found._replace(high=value)
    return found
