"""What the fold gives out: SQL with its values. JSON in the views is written and read here."""

from collections.abc import Iterable

import msgspec

Value = str | int | float | bytes | None
Statement = tuple[str, tuple[Value, ...]]


def json(value: object) -> bytes:
    """For BLOB columns that hold a struct."""
    return msgspec.json.encode(value)


def json_list(values: Iterable[str]) -> str:
    """For TEXT columns that SQL itself looks into."""
    return msgspec.json.encode(list(values)).decode()
