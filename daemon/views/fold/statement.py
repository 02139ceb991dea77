"""What the fold gives out: SQL with its values. JSON in the views is written and read here."""

from collections.abc import Iterable, Sequence

import msgspec

from schema.plans import PICTURELESS, StageStep

Value = str | int | float | bytes | None
Statement = tuple[str, tuple[Value, ...]]


def last_maker(steps: Sequence[StageStep]) -> str:
    """The id of the last stage that makes pictures; those behind it only look."""
    return next((step.id for step in reversed(steps) if step.kind not in PICTURELESS), "")


def json(value: object) -> bytes:
    """For BLOB columns that hold a struct."""
    return msgspec.json.encode(value)


def json_list(values: Iterable[str]) -> str:
    """For TEXT columns that SQL itself looks into."""
    return msgspec.json.encode(list(values)).decode()
