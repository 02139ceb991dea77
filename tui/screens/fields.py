"""What each stage can be told, as a form needs it: sort, limits, and which list of names it is chosen from. Pure.

Read from the stages' own models, so that a new field is in the form from the day it can be set.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, Literal, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schema.parts import Control, Hires, Switch, Workflow
from schema.plans import Scalar
from schema.stages import Stage
from tui.link.annotations import Limits, told

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
    said = told(info.annotation, info.metadata)
    sort: Sort
    if name == "controls":
        sort = "units"
    elif name in ("image", "mask"):
        sort = "picture"
    elif of:
        sort = "names" if tuple in said.kinds else "name"
    elif said.choices:
        sort = "choice"
    elif bool in said.kinds:
        sort = "flag"
    else:
        sort = "number" if said.kinds & {int, float} else "text"
    limits = said.limits._replace(whole=float not in said.kinds)
    return Field(prefix + name, sort, of, said.choices, limits, default, said.empty or tuple in said.kinds)
