"""JSON that other programs wrote, read warily: NaN, huge numbers, deep nesting and lying types are all in the wild."""

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import TypeVar

from schema.errors import Refused

LARGEST = 16 << 20
"""Characters of a JSON text that are read."""

INTEGER = re.compile(r"-?\d{1,40}")
NUMBER = re.compile(r"-?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?")


def parsed(text: str) -> object:
    """The value; NaN and Infinity, which JSON has not, are null. Raises ValueError with a sentence's end."""
    if len(text) > LARGEST:
        raise ValueError(f"is longer than {LARGEST >> 20} million characters")
    try:
        return json.loads(text, parse_constant=lambda word: None, parse_int=_integer, strict=False)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"is no JSON (line {fault.lineno}, column {fault.colno}: {fault.msg})") from None


def _integer(digits: str) -> int | None:
    """Exact, as seeds may be larger than a float can tell apart; None beyond what anybody means."""
    return int(digits) if len(digits) <= 40 else None


def mapping(text: str | None) -> "Document | None":
    """Of a text that holds a JSON object; None for anything else."""
    if text is None or not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        return document(parsed(text.lstrip("\ufeff")))
    except ValueError:
        return None


def document(value: object) -> "Document | None":
    return Document(value) if isinstance(value, dict) else None


def read(text: str, where: str) -> object:
    """As `parsed`, for a file that a person named. Raises Refused."""
    try:
        return parsed(text)
    except ValueError as fault:
        raise Refused(f"the text {fault}.", where=where, remedy="Save it as JSON, or name another file.") from None


N = TypeVar("N", int, float)


class Document:
    """An object's values as the types that are wanted; what was asked for counts as used."""

    def __init__(self, values: dict[str, object]) -> None:
        self._values = {str(key): value for key, value in values.items()}
        self._used: set[str] = set()
        self._inner: dict[str, tuple[Document, ...]] = {}
        """Objects that were handed out, by key: what nobody asked of them makes their key part of the rest."""

    def fresh(self) -> "Document":
        """The same, of which nothing is used: to look without taking."""
        return Document(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def has(self, *keys: str) -> bool:
        return all(key in self._values for key in keys)

    def any(self, *keys: str) -> bool:
        return any(key in self._values for key in keys)

    def keys(self) -> tuple[str, ...]:
        return tuple(self._values)

    def raw(self, *keys: str) -> object:
        """The value of the first key that has one other than null and the empty text."""
        for key in keys:
            value = self._values.get(key)
            if value is not None and value != "":
                self._used.add(key)
                return value
        self._used.update(key for key in keys if key in self._values)
        return None

    def text(self, *keys: str) -> str | None:
        return words(self.raw(*keys))

    def whole(self, *keys: str) -> int | None:
        return self._of_use(keys, whole(self.raw(*keys)))

    def number(self, *keys: str) -> float | None:
        return self._of_use(keys, number(self.raw(*keys)))

    def _of_use(self, keys: tuple[str, ...], found: N | None) -> N | None:
        """A value that is no number stays among the rest."""
        if found is None:
            self._used.difference_update(keys)
        return found

    def flag(self, *keys: str) -> bool | None:
        value = self.raw(*keys)
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value.lower())
        return value if isinstance(value, bool) else None

    def doc(self, *keys: str) -> "Document | None":
        """The object of the first key that has one; the same one each time."""
        value = self.raw(*keys)
        if not isinstance(value, dict):
            return None
        return self._handed_out(keys, (value,))[0]

    def docs(self, *keys: str) -> tuple["Document", ...]:
        found = tuple(value for value in self.list(*keys) if isinstance(value, dict))
        return self._handed_out(keys, found) if found else ()

    def _handed_out(self, keys: tuple[str, ...], values: tuple[dict[str, object], ...]) -> tuple["Document", ...]:
        key = next(key for key in keys if self._values.get(key) is not None and self._values[key] != "")
        if key not in self._inner:
            self._inner[key] = tuple(Document(value) for value in values)
        return self._inner[key]

    def list(self, *keys: str) -> tuple[object, ...]:
        value = self.raw(*keys)
        return tuple(value) if isinstance(value, list) else ()

    def rest(self, told: Collection[int] = ()) -> Iterator[tuple[str, str]]:
        """What nobody asked for, verbatim and in order; an object whole of which something was not asked.

        `told`: ids of documents that are told by themselves.
        """
        for key, value in self._values.items():
            if value is not None and value != "" and self._is_left(key, told):
                yield key, value if isinstance(value, str) else shown(value)

    def _is_left(self, key: str, told: Collection[int] = ()) -> bool:
        if key not in self._used:
            return True
        inner = (one for one in self._inner.get(key, ()) if id(one) not in told)
        return any(one._is_left(name) for one in inner for name in one.keys())  # noqa: SIM118 - no mapping


def words(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)


def whole(value: object) -> int | None:
    """Of a number without a fraction, or of its digits in a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() and abs(value) < 2**63 else None
    if isinstance(value, str):
        text = value.strip()
        if INTEGER.fullmatch(text):
            return int(text)
        return whole(float(text)) if NUMBER.fullmatch(text) else None
    return None


def number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = float(value) if NUMBER.fullmatch(value.strip()) else None
    if not isinstance(value, int | float) or abs(value) > 1e300 or not math.isfinite(value):
        return None
    return float(value)


def shown(value: object) -> str:
    """As compact JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return "..."
