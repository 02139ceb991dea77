"""Changes one setting in the text of `config.toml`; every other line stays as the person wrote it. Pure.

No library writes it: a statement is found and replaced, and what comes out is read back by the standard library. Where
that is not the old tree with this one change, nothing is changed and the person is told to write it themselves.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from schema.configured import HEAD_LINE, KEY_LINE, Tree, parts
from schema.errors import Refused

Path = tuple[str, ...]
"""`("ui", "keymap", "queue.cancel")`."""

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]


class Statement(NamedTuple):
    """Lines `first` to `last`, from 0, without the last."""

    path: Path
    first: int
    last: int
    head: str
    """Up to the value: `retries = `; empty: these lines are a table's header."""
    value: str
    """The value with what follows it on its last line."""


def put(text: str, path: Path, value: Value) -> str:
    """The text with this setting. Raises Refused where only a person can write it there."""
    wanted = _tree(text)
    here = wanted
    for part in path[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            raise _by_hand(path)
        here = inner
    here[path[-1]] = value
    return _checked(text, path, wanted, _put(_lines(text), path, value))


def drop(text: str, path: Path) -> str:
    """The text without this setting or table, as it was where it is not there. Raises Refused as `put`."""
    wanted = _tree(text)
    here: object = wanted
    for part in path[:-1]:
        here = here.get(part) if isinstance(here, dict) else None
    if not isinstance(here, dict) or path[-1] not in here:
        return text
    del here[path[-1]]
    return _checked(text, path, wanted, _drop(_lines(text), path))


def literal(value: Value) -> str:
    """As TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(value)
        case Mapping():
            return "{" + ", ".join(f"{key_of(name)} = {literal(one)}" for name, one in value.items()) + "}"
        case _:
            return "[" + ", ".join(map(literal, value)) + "]"


def key_of(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else literal(name)


# Finding ----------------------------------------------------------------------------------------


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def statements(lines: Sequence[str]) -> Iterator[Statement]:
    """Headers and settings in their order; a value may go over several lines."""
    section: Path = ()
    at = 0
    while at < len(lines):
        line = lines[at]
        if head := HEAD_LINE.match(line):
            section = parts(head[1])
            yield Statement(section, at, at + 1, "", "")
        elif key := KEY_LINE.match(line):
            last = _end(lines, at, line[key.end() :])
            rest = "\n".join([line[key.end() :], *lines[at + 1 : last]])
            space = rest[: len(rest) - len(rest.lstrip(" \t"))]
            yield Statement(section + parts(key[1]), at, last, key[0] + space, rest[len(space) :])
            at = last - 1
        at += 1


def _end(lines: Sequence[str], first: int, rest: str) -> int:
    """The line behind a value that begins on line `first`."""
    for last in range(first + 1, len(lines) + 1):
        if _value("\n".join([rest, *lines[first + 1 : last]])) is not None:
            return last
    return first + 1


def _value(text: str) -> object | None:
    """None: it is no whole value."""
    try:
        return tomllib.loads(f"x = {text}").get("x")
    except tomllib.TOMLDecodeError:
        return None


def remark(value: str) -> str:
    """What stands behind the value: spaces and a remark."""
    whole = _value(value)
    for found in re.finditer("#", value):
        before = value[: found.start()]
        if "\n" not in value[found.start() :] and _value(before) == whole:
            return value[len(before.rstrip()) :]
    return ""


# Changing ---------------------------------------------------------------------------------------


def _put(lines: list[str], path: Path, value: Value) -> list[str]:
    found = list(statements(lines))
    for one in found:
        if one.head and one.path == path:
            new = one.head + literal(value) + remark(one.value)
            return [*lines[: one.first], new, *lines[one.last :]]
    if any(one.path[: len(path)] == path for one in found):  # a table of its own until now
        return _put(_drop(lines, path), path, value)
    if isinstance(value, Mapping):
        return _appended(lines, path, value)
    own = next((one for one in found if not one.head and one.path == path[:-1]), None)
    if own is None:
        return _appended(lines, path[:-1], {path[-1]: value})
    at = own.last
    for one in found[found.index(own) + 1 :]:
        if not one.head:
            break
        at = one.last
    indent = re.match(r"\s*", lines[at - 1 if at > own.last else own.first])
    return [*lines[:at], f"{indent[0] if indent else ''}{key_of(path[-1])} = {literal(value)}", *lines[at:]]


def _appended(lines: list[str], path: Path, values: Mapping[str, Value]) -> list[str]:
    """A table of its own at the end."""
    before = list(lines)
    while before and not before[-1].strip():
        before.pop()
    header = f"[{'.'.join(map(key_of, path))}]"
    own = [f"{key_of(name)} = {literal(value)}" for name, value in values.items()]
    return [*before, *([""] if before else []), header, *own, ""]


def _drop(lines: list[str], path: Path) -> list[str]:
    """With the header of a table in which nothing is left, not even a remark."""
    gone = {
        number for one in statements(lines) if one.path[: len(path)] == path for number in range(one.first, one.last)
    }
    kept = [line for number, line in enumerate(lines) if number not in gone]
    headers = [one for one in statements(kept) if not one.head]
    ends = [*(one.first for one in headers[1:]), len(kept)]
    for one, end in reversed(list(zip(headers, ends, strict=False))):
        if one.path == path[:-1] and not any(map(str.strip, kept[one.last : end])):
            first = one.first
            while first and not kept[first - 1].strip():
                first -= 1
            kept[first:end] = [""] if first else []
    return kept


# Checking ---------------------------------------------------------------------------------------


def _tree(text: str) -> Tree:
    return tomllib.loads(text)


def _checked(text: str, path: Path, wanted: Tree, lines: list[str]) -> str:
    new = "\n".join(lines)
    if new and not new.endswith("\n"):
        new += "\n"
    try:
        same = _pruned(tomllib.loads(new)) == _pruned(_plain(wanted))
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise _by_hand(path)
    return new.replace("\n", "\r\n") if "\r\n" in text else new


def _plain(value: object) -> object:
    """As TOML gives it back: lists and dicts."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _pruned(value: object) -> object:
    """Without tables that hold nothing."""
    if not isinstance(value, dict):
        return value
    told = {name: _pruned(one) for name, one in value.items()}
    return {name: one for name, one in told.items() if one != {}}


def _by_hand(path: Path) -> Refused:
    return Refused(
        "is written in the file in a way that only you can change.", where=".".join(path), remedy="Open the file."
    )
