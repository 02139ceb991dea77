"""JSON of strangers, field by field: what is missing or of another type is as if it were not said. Pure."""

import json
from collections.abc import Iterable, Mapping

MOST_TEXT = 20_000
MOST_ITEMS = 200


def loads(text: str | bytes) -> object:
    """Any JSON, also with a byte order mark and the NaN that Python writes. Raises ValueError."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


class Loose:
    def __init__(self, value: object) -> None:
        self._fields: Mapping[str, object] = value if isinstance(value, dict) else {}

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __bool__(self) -> bool:
        return bool(self._fields)

    def as_json(self) -> str:
        """Nothing where it is nested too deep to be written."""
        try:
            return json.dumps(self._fields, indent=2)
        except RecursionError:
            return ""

    def names(self) -> Iterable[str]:
        return map(storable, self._fields)

    def text(self, *names: str) -> str:
        """The first of these fields that says something; numbers as text."""
        for name in names:
            value = self._fields.get(name)
            if isinstance(value, str) and value.strip():
                return storable(value.strip()[:MOST_TEXT])
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
                return str(value)
        return ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text is split at its commas."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return phrases(value)
        return tuple(
            storable(each.strip().strip(",").strip()[:300])
            for each in (value if isinstance(value, list) else [])[:MOST_ITEMS]
            if isinstance(each, str) and each.strip(" ,")
        )

    def number(self, name: str) -> float | None:
        """Also one that is written as text; None where it is none, or no use as a weight."""
        value = self._fields.get(name)
        try:
            found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            return None
        return found if found is not None and -1e15 < found < 1e15 else None

    def flag(self, name: str) -> bool:
        return self._fields.get(name) is True

    def inner(self, name: str) -> "Loose":
        """Also one that is JSON within a text."""
        value = self._fields.get(name)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                value = loads(value)
            except ValueError:
                value = None
        return Loose(value)

    def each(self, name: str) -> list["Loose"]:
        value = self._fields.get(name)
        return [Loose(item) for item in (value if isinstance(value, list) else [])[:MOST_ITEMS]]

    def counts(self) -> dict[str, int]:
        """Its fields that are whole numbers."""
        return {
            storable(name): value
            for name, value in self._fields.items()
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53
        }


def storable(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can spell and nothing can store."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def phrases(text: str) -> tuple[str, ...]:
    """`sea haze, dusk` as two."""
    return tuple(part.strip()[:300] for part in storable(text).replace("\n", ",").split(",") if part.strip())[
        :MOST_ITEMS
    ]
