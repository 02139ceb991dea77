"""Files of wildcards: what `__name__` stands for. Lines of text, or maps in YAML and JSON.

`.txt`: one value a line, `#` lines are comments; the file's path is the name. `.yaml`, `.json`: the path of keys
is the name, below the file's folder; the file's own name is no part of it. A list alone is called as its file.
"""

import math
import re

from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.marked.reading import read
from daemon.prompting.texts import cleaned, suffix, told
from daemon.prompting.variation.tables import Value
from schema.errors import Refused

MAX_WILDCARDS = 8_000_000
"""Bytes of one file."""

MAX_VALUE = 4_000
"""Characters of one value."""

_SLASHES = re.compile(r"[\\/]+")


def read_wildcards(file: str, text: str, told_to: list[str] | None = None) -> dict[str, tuple[Value, ...]]:
    """Name to values. `file` is its path below the folder of wildcards; `told_to` takes what was passed over.

    Raises Refused with `file:line:column`.
    """
    warnings = [] if told_to is None else told_to
    folder, name, ending = names_of(file)
    if ending not in (".yaml", ".yml", ".json"):
        return {folder + name: _lines(file, text, warnings)}
    tree = read(file, text, MAX_WILDCARDS)
    found: dict[str, tuple[Value, ...]] = {}
    if isinstance(tree.value, list):
        found[folder + name] = _values(file, tree.value, warnings)
    elif isinstance(tree.value, dict):
        _walk(file, folder, tree.value, found, warnings)
    else:
        raise Refused(
            "holds no wildcards.", where=told(file), remedy="Write `name: [value, value]`, or a list of values alone."
        )
    return found


def names_of(file: str) -> tuple[str, str, str]:
    """`artists/dutch.txt` -> `artists/`, `dutch`, `.txt`."""
    ending = suffix(file) if suffix(file) in (".txt", ".yaml", ".yml", ".json") else ""
    folder, _, name = _SLASHES.sub("/", file).rpartition("/")
    return f"{folder}/" if folder else "", name[: len(name) - len(ending)] if ending else name, ending


def _lines(file: str, text: str, warnings: list[str]) -> tuple[Value, ...]:
    body = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(body) > MAX_WILDCARDS:
        raise Refused(f"is larger than {MAX_WILDCARDS // 1_000_000} MB.", where=told(file), remedy="Split it.")
    if "\0" in body:
        at = body.index("\0")
        where = f"{told(file)}:{body.count(chr(10), 0, at) + 1}:{at - body.rfind(chr(10), 0, at)}"
        raise Refused(
            "is no text: a zero stands there; perhaps it was only half written.", where=where, remedy="Save it again."
        )
    shown, found = told(file), list[Value]()
    for number, line in enumerate(body.split("\n"), 1):
        value = line.strip()
        if not value or value.startswith("#"):
            continue
        if len(value) > MAX_VALUE:
            warnings.append(f"{shown}:{number}:1: a value of more than {MAX_VALUE} characters is left out.")
            continue
        found.append(Value(cleaned(value), 1.0, f"wildcard {shown}:{number}"))
    if not found:
        warnings.append(f"{shown}: holds no value.")
    return tuple(found)


def _walk(
    file: str, prefix: str, tree: dict[str, Node], found: dict[str, tuple[Value, ...]], warnings: list[str]
) -> None:
    for key, node in tree.items():
        name = prefix + _SLASHES.sub("/", cleaned(key)).strip("/ ")
        match node.value:
            case dict():
                _walk(file, f"{name}/", node.value, found, warnings)
            case list():
                found[name] = _values(file, node.value, warnings)
            case str() if node.value:
                found[name] = _values(file, [node], warnings)
            case None | "":
                warnings.append(f"{place(file, node)}: '{told(key, 40)}' holds no value.")
            case _:
                warnings.append(f"{place(file, node)}: '{told(key, 40)}' is no list of texts; it was left out.")


def _values(file: str, items: list[Node], warnings: list[str]) -> tuple[Value, ...]:
    return tuple(value for item in items if (value := _value(file, item, warnings)) is not None)


def _value(file: str, node: Node, warnings: list[str]) -> Value | None:
    """A text, `3::text`, or `{text, weight}`. Anything else is told and left out."""
    source, item = f"wildcard {told(file)}:{node.line}", node.value
    if isinstance(item, dict):
        return _weighed(file, node, item, warnings)
    if not isinstance(item, str):
        if item is not None:
            sort = "a list" if isinstance(item, list) else "no text"
            warnings.append(f"{place(file, node)}: {sort} among the values is left out; put it in quotes to use it.")
        return None
    text, weight = item.strip(), 1.0
    if text[:1].isdigit() and "::" in text:
        before, _, after = text.rpartition("::")
        weight = _number(before)
        text, weight = (after.strip(), weight) if weight >= 0 else (text, 1.0)
    if len(text) > MAX_VALUE:
        warnings.append(f"{place(file, node)}: a value of more than {MAX_VALUE} characters is left out.")
        return None
    return Value(cleaned(text), weight, source) if text else None


def _weighed(file: str, node: Node, item: dict[str, Node], warnings: list[str]) -> Value | None:
    text = next((one.value for name in ("text", "content") if (one := item.get(name)) and one.value), None)
    given = item.get("weight")
    weight = 1.0 if given is None else _number(str(given.value))
    if not isinstance(text, str) or len(text) > MAX_VALUE:
        warnings.append(f"{place(file, node)}: a value without a text is left out; write {{text: red, weight: 3}}.")
        return None
    if weight < 0:
        raise Refused("a weight is a number from 0.", where=place(file, given or node), remedy="Write weight: 3.")
    return Value(cleaned(text.strip()), weight, f"wildcard {told(file)}:{node.line}")


def _number(text: str) -> float:
    """-1 where it is no weight."""
    try:
        weight = float(text)
    except ValueError:
        return -1.0
    return weight if math.isfinite(weight) and 0 <= weight <= 1e9 else -1.0
