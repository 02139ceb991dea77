"""The settings of stages by name: which there are, what each may be, and stages as flat `field: value` tables.

Nested settings are flattened with a dot: `hires.scale`. Lists of names are written `a, b`, other lists as JSON text.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from daemon.prompting.texts import nearest, told
from schema.errors import Refused
from schema.faults import sentence
from schema.parts import Hires, Part, Switch, Workflow
from schema.pipeline import PipelineConfig
from schema.plans import Scalar
from schema.stages import Stage

Flat = dict[str, Scalar]
"""`stage.field` to value."""

UNSETTABLE = ("id", "type")

TABLES: dict[str, type[Part]] = {"hires": Hires, "refiner": Switch, "workflow": Workflow}
"""Fields that are tables of their own or nothing."""

BY_NAME = {"refiner": "model", "workflow": "name"}
"""Of those that one text is enough for, the field it is written to."""


class Setting(NamedTuple):
    """One value for one field of one stage, and who asked for it."""

    stage: str
    field: str
    value: Scalar
    origin: str

    @property
    def key(self) -> str:
        return f"{self.stage}.{self.field}"


def read_assignment(text: str, origin: str) -> Setting:
    """`detail2.denoise=0.3`, as `--set` and a pack's overrides write it. The value stays text here."""
    name, equals, value = text.partition("=")
    stage, dot, field = name.strip().partition(".")
    if not (equals and dot and stage and field):
        raise Refused(
            f"'{told(text, 60)}' is not STAGE.FIELD=VALUE.", where=origin, remedy="Write for example txt2img.steps=30."
        )
    return Setting(stage, field, value.strip(), origin)


def flat(pipeline: PipelineConfig) -> Flat:
    """Every setting of every stage, switched-off ones too."""
    return {f"{stage.id}.{name}": value for stage in pipeline.stages for name, value in flat_stage(stage).items()}


def flat_stage(stage: Stage) -> dict[str, Scalar]:
    """Field to value, without id and type."""
    table: dict[str, Scalar] = {}
    for name, value in stage.model_dump(mode="json").items():
        if name in UNSETTABLE:
            continue
        if isinstance(value, dict):
            table.update({f"{name}.{inner}": item for inner, item in value.items()})
        else:
            table[name] = listed(value) if isinstance(value, list) else value
    return table


def listed(values: Sequence[object]) -> str | None:
    """A list as one text: names joined by commas, anything else as JSON; None where nothing is in it."""
    if not values:
        return None
    names = [value for value in values if isinstance(value, str)]
    if len(names) == len(values):
        return ", ".join(names)
    return msgspec.json.encode(values).decode()


def with_values(pipeline: PipelineConfig, values: Mapping[str, Scalar]) -> PipelineConfig:
    """A new pipeline with the flat `values` put in. Raises pydantic's ValidationError when it makes no sense."""
    if not values:
        return pipeline
    written = pipeline.model_dump(mode="json")
    stages = {str(stage["id"]): stage for stage in written["stages"]}
    for key in sorted(values):
        stage, _, field = key.partition(".")
        _put(stages[stage], field, values[key])
    return PipelineConfig.model_validate(written)


def _put(stage: dict[str, object], field: str, value: Scalar) -> None:
    name, dot, inner = field.partition(".")
    if not dot:
        stage[name] = value
        return
    table = stage.get(name)
    stage[name] = {**(table if isinstance(table, dict) else {}), inner: value}


def settle(pipeline: PipelineConfig, settings: list[Setting]) -> Flat:
    """The settings as flat values of the fields' own types; later ones win. Raises Refused that names the nearest."""
    kinds = {stage.id: stage for stage in pipeline.stages}
    values: Flat = {}
    for setting in settings:
        stage = kinds.get(setting.stage)
        if stage is None:
            raise Refused(
                f"the pipeline has no stage '{told(setting.stage, 40)}'.",
                where=setting.origin,
                remedy=nearest(setting.stage, kinds),
            )
        for field, value in coerce(stage, setting.field, setting.value, setting.origin).items():
            key = f"{stage.id}.{field}"
            values = {other: kept for other, kept in values.items() if not other.startswith(f"{key}.")}
            values[key] = value
    return values


def decided(key: str, by: frozenset[str]) -> bool:
    """Whether `by` holds the key, the table it is in (`txt2img.hires`), or a part of it."""
    return key in by or key.rpartition(".")[0] in by or any(other.startswith(f"{key}.") for other in by)


def coerce(stage: Stage, field: str, value: Scalar, where: str) -> dict[str, Scalar]:
    """One field's value as the type it must have. `null` or nothing empties a field that may be empty.

    More than one field comes back only for `hires=true`, which switches the second pass on as it is by default.
    """
    if field in TABLES and field in type(stage).model_fields:
        return _switched(field, value, where, f"{stage.id}.{field}")
    name, _, inner = field.partition(".")
    if name == "options" and inner and "options" in type(stage).model_fields:
        return {field: _number_or_text(value)}
    if field not in names(type(stage)):
        raise Refused(
            f"{stage.type} ('{stage.id}') has no field '{told(field, 40)}'.",
            where=where,
            remedy=nearest(field, names(type(stage))),
        )
    allowed = _adapter(type(stage), field)
    if allowed.empty and (value is None or (isinstance(value, str) and value.strip().lower() in ("", "null"))):
        return {field: None}
    try:
        made = allowed.type.validate_python(value)
        return {field: listed(allowed.type.dump_python(made, mode="json")) if allowed.many else cast(Scalar, made)}
    except ValidationError as fault:
        key = f"{stage.id}.{field}"
        raise Refused(sentence(fault) if key in where else f"{key}: {sentence(fault)}", where=where) from None


@cache
def names(kind: type[BaseModel]) -> tuple[str, ...]:
    """The settable fields of a stage's class, nested ones with their dot."""
    found: list[str] = []
    for name in kind.model_fields:
        if name in TABLES:
            found += [name, *(f"{name}.{inner}" for inner in TABLES[name].model_fields)]
        elif name not in UNSETTABLE and name != "options":
            found.append(name)
    return tuple(found)


class _Allowed(NamedTuple):
    type: TypeAdapter[object]
    empty: bool
    """None may stand there."""
    many: bool
    """It is a list, written as one text."""


@cache
def _adapter(kind: type[BaseModel], field: str) -> _Allowed:
    outer, _, inner = field.partition(".")
    info: FieldInfo = TABLES[outer].model_fields[inner] if inner else kind.model_fields[outer]
    annotated: Any = Annotated[info.annotation, info] if info.metadata else info.annotation
    config = None if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel) else _NO_INF
    many = get_origin(info.annotation) is tuple
    return _Allowed(TypeAdapter(annotated, config=config), many or type(None) in get_args(info.annotation), many)


_NO_INF: ConfigDict = {"allow_inf_nan": False}


def _switched(field: str, value: Scalar, where: str, name: str) -> dict[str, Scalar]:
    match str(value).strip().lower():
        case "false" | "off" | "no" | "0" | "null" | "none" | "":
            return {field: None}
        case _ if field in BY_NAME:
            return {f"{field}.{BY_NAME[field]}": str(value).strip()}
        case "true" | "on" | "yes" | "1":
            return {f"hires.{inner}": item for inner, item in Hires().model_dump(mode="json").items()}
        case other:
            raise Refused(
                f"{name}: '{told(other, 40)}' is neither true nor false.",
                where=where,
                remedy=f"Set its parts, for example {name}.scale=1.5.",
            )


def _number_or_text(value: Scalar) -> Scalar:
    """Options of a post-processor have no declared types: what looks like a number or a switch is one."""
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
