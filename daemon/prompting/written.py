"""Reads JSON and YAML that people wrote into plain values; every fault is one sentence with its line."""

import json
from collections.abc import Hashable
from itertools import count
from typing import Any, NoReturn, TypeAlias

import yaml

from daemon.prompting.marked.jsontext import JsonText
from daemon.prompting.texts import MAX_CONFIG, MAX_TEXT, suffix, told
from schema.errors import Refused

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

MAX_DEPTH = 32
MAX_ALIASES = 50
MAX_VALUES = 100_000
MAX_MERGED = 5_000
"""YAML lets a few lines stand for gigabytes; nobody needs more references than this in a pipeline."""


def read_json(file: str, text: str) -> Json:
    """Raises Refused with `file:line`. Twice the same key, NaN and deep nesting are refused too."""
    _check_size(file, text, MAX_TEXT)
    try:
        value: Json = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as fault:
        raise Refused(
            f"broken JSON at column {fault.colno}: {fault.msg[:1].lower()}{fault.msg[1:]}.",
            where=f"{told(file)}:{fault.lineno}",
            remedy="Fix it there; a comma too many or too few is the usual cause.",
        ) from None
    except RecursionError:
        raise _too_deep(file) from None
    except ValueError as fault:
        JsonText(file, text).read()  # says the same, and where
        raise Refused(f"broken JSON: {told(str(fault))}.", where=told(file), remedy="Fix it in the file.") from None
    _check_depth(file, value)
    return value


def read_json_or_yaml(file: str, text: str) -> Json:
    """By the name's ending; without one, text that begins like JSON is JSON."""
    ending = suffix(file)
    if ending == ".json" or (ending not in (".yaml", ".yml") and text.lstrip()[:1] in ("{", "[")):
        _check_size(file, text, MAX_CONFIG)
        return read_json(file, text)
    return read_yaml(file, text)


def read_yaml(file: str, text: str) -> Json:
    """YAML's plain values only: no tags, no dates as objects, few aliases."""
    _check_size(file, text, MAX_CONFIG)
    try:
        value = yaml.load(text, Loader=_Careful)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise Refused(
            f"broken YAML: {told(fault.problem or fault.context or 'cannot be read')}.",
            where=f"{told(file)}{line}",
            remedy="Fix it there; indentation and tabs are the usual cause.",
        ) from None
    except (yaml.YAMLError, ValueError) as fault:
        raise Refused(f"broken YAML: {told(str(fault))}.", where=told(file), remedy="Fix it in the file.") from None
    except RecursionError:
        raise _too_deep(file) from None
    return _plain(file, value, 0, count())


class _Careful(yaml.SafeLoader):
    """SafeLoader that counts aliases, refuses a key twice, and leaves dates as text."""

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                raise yaml.MarkedYAMLError(problem=f"more than {MAX_ALIASES} aliases", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key '{told(key.value, 40)}' stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merged maps bring their merged maps along: a few lines of `<<` would become as many pairs as one likes."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_MERGED:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_MERGED} merged keys", problem_mark=node.start_mark)


_Careful.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


_SORTS = {"date": "a date", "datetime": "a time", "bytes": "binary text", "set": "a set", "tuple": "a pair"}
"""What YAML may bring and JSON may not."""


def _plain(file: str, value: object, depth: int, seen: "count[int]") -> Json:
    """Aliases share what they stand for; here it is written out, so it is counted."""
    if depth > MAX_DEPTH:
        raise _too_deep(file)
    if next(seen) > MAX_VALUES:
        raise Refused(f"stands for more than {MAX_VALUES:,} values.", where=told(file), remedy="Write out its aliases.")
    match value:
        case dict():
            return {str(key): _plain(file, item, depth + 1, seen) for key, item in value.items()}
        case list():
            return [_plain(file, item, depth + 1, seen) for item in value]
        case None | str() | int() | float():
            return value
        case _:
            raise Refused(
                f"{_SORTS.get(type(value).__name__, 'this sort of value')} cannot stand here.",
                where=told(file),
                remedy="Use text (in quotes), numbers, true and false, lists and maps only.",
            )


def _check_depth(file: str, value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise _too_deep(file)


def _check_size(file: str, text: str, most: int) -> None:
    if len(text) > most or len(text.encode(errors="replace")) > most:
        raise Refused(
            f"is larger than {most // 1000} kB.",
            where=told(file),
            remedy="Split it, or check that it is the right file.",
        )


def _too_deep(file: str) -> Refused:
    return Refused(
        f"is nested more than {MAX_DEPTH} levels deep.", where=told(file), remedy="Check that it is the right file."
    )


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{told(key, 40)}' stands twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that can be used")
