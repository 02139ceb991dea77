"""Turns a validation fault into one sentence in the person's own words: the field, what stands there, what may."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schema.printable import nearest, told
from schema.stages import Stage

KINDS: dict[str, type[BaseModel]] = {
    str(one.model_fields["type"].default): one for one in get_args(Stage) if issubclass(one, BaseModel)
}
"""Stage kinds and their models."""


def sentence(fault: ValidationError, written: object = None, model: type[BaseModel] | None = None) -> str:
    """The first fault, and how many more there are. `written` is what was validated, to name stages by their id;
    `model` names the fields that exist, for `Did you mean`.
    """
    details = _own(fault.errors(include_url=False))
    first = details[0]
    text = f"{path(first['loc'], written)}{_saying(first, model)}"
    others = len(details) - 1
    return f"{text} ({others} more fault{'s' if others > 1 else ''} after this one.)" if others else text


def _own(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that only say that something inside them is wrong."""
    locs = [one["loc"] for one in details]
    return [
        one
        for one in details
        if not any(len(loc) > len(one["loc"]) and loc[: len(one["loc"])] == one["loc"] for loc in locs)
    ]


def path(loc: Sequence[str | int], written: object = None) -> str:
    """`('stages', 1, 'upscale', 'factor')` -> `upscale2.factor: `, by the stage's id where it has one."""
    parts = [part for part in loc if part != "[key]"]
    if len(parts) >= 2 and parts[0] == "stages" and isinstance(parts[1], int):
        kind = [part for part in parts[2:3] if part in KINDS]
        named = _stage_name(written, parts[1]) or f"stage {parts[1] + 1}"
        parts = [named, *parts[2 + len(kind) :]]
    words = ".".join(str(part) for part in parts)
    return f"{told(words)}: " if words else ""


def _stage_name(written: object, position: int) -> str:
    stages = written.get("stages") if isinstance(written, Mapping) else written
    if not isinstance(stages, Sequence) or isinstance(stages, str) or position >= len(stages):
        return ""
    stage = stages[position]
    if not isinstance(stage, Mapping):
        return ""
    return str(stage.get("id") or stage.get("type") or "")


def _saying(fault: ErrorDetails, model: type[BaseModel] | None) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    given = f"'{told(str(fault['input']), 40)}'"
    if kind == "value_error":
        return f"{told(str(context.get('error', fault['msg'])), 300)}."
    if kind == "extra_forbidden":
        return f"there is no such setting. {nearest(str(fault['loc'][-1]), _fields(fault['loc'], model))}".strip()
    if kind == "missing":
        return "is missing."
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = context.get("tag")
        return f"'{told(str(tag), 40)}' is no kind of stage. {nearest(str(tag), KINDS)}" if tag else "has no 'type'."
    told_by = _SAYINGS.get(kind)
    return told_by(given, context) if told_by else f"{given} cannot be used: {told(fault['msg'])}."


def _fields(loc: Sequence[str | int], model: type[BaseModel] | None) -> list[str]:
    """The names that may stand where `loc` ends."""
    if len(loc) > 2 and loc[0] == "stages" and str(loc[2]) in KINDS:
        model, loc = KINDS[str(loc[2])], loc[3:]
    here = model
    for part in loc[:-1]:
        field = here.model_fields.get(str(part)) if here else None
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if _is_model(one)] if field else []
        here = inner[0] if inner else None
    return list(here.model_fields) if here else []


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


_Saying = Callable[[str, Mapping[str, object]], str]


def _bound(words: str, key: str) -> _Saying:
    return lambda given, context: f"{given} is {words} {str(context.get(key)).removesuffix('.0')}."


def _kind(words: str) -> _Saying:
    return lambda given, _: f"{given} is no {words}."


_PATTERNS: dict[object, str] = {
    "^[A-Za-z][A-Za-z0-9_-]{0,39}$": "a letter with up to 39 more letters, digits, _ or -",
    "^[0-9a-f]{64}$": "the SHA-256 of an uploaded picture, 64 hex digits",
    "^[1-9][0-9]*[kKmM]?$": "a bit rate such as 4M or 800k",
    r"^([01]\d|2[0-3]):[0-5]\d$": "a time of day such as 04:30",
    r"^$|^(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):\d{1,5}$": "HOST:PORT, such as 127.0.0.1:7800",
}
_ELSE = "written as it must be"

_SAYINGS: dict[str, _Saying] = {
    "greater_than_equal": _bound("too small; it must be at least", "ge"),
    "greater_than": _bound("too small; it must be above", "gt"),
    "less_than_equal": _bound("too large; it must be at most", "le"),
    "less_than": _bound("too large; it must be below", "lt"),
    "int_parsing": _kind("whole number"),
    "int_type": _kind("whole number"),
    "int_from_float": _kind("whole number"),
    "int_parsing_size": _kind("number that can be used"),
    "float_parsing": _kind("number"),
    "float_type": _kind("number"),
    "finite_number": _kind("number that can be used"),
    "bool_parsing": lambda given, _: f"{given} is neither true nor false.",
    "bool_type": lambda given, _: f"{given} is neither true nor false.",
    "string_type": lambda given, _: f"{given} is no text; put it in quotes.",
    "string_too_long": lambda given, context: f"is longer than {context.get('max_length')} characters.",
    "string_too_short": lambda given, context: "is empty.",
    "string_pattern_mismatch": lambda given, context: f"{given} is not {_PATTERNS.get(context.get('pattern'), _ELSE)}.",
    "literal_error": lambda given, context: f"{given} is not one of {context.get('expected')}.",
    "too_short": lambda given, context: f"needs at least {context.get('min_length')}.",
    "too_long": lambda given, context: f"may have at most {context.get('max_length')}.",
    "list_type": lambda given, _: "must be a list.",
    "tuple_type": lambda given, _: "must be a list.",
    "dict_type": lambda given, _: "must be a table of names and values.",
    "model_type": lambda given, _: "must be a table of names and values.",
    "model_attributes_type": lambda given, _: "must be a table of names and values.",
}
