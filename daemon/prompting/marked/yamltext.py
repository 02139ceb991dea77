"""YAML with places, built from its events: no tags, no dates as objects, few aliases.

Anchors are counted wherever they are used, so that no few lines stand for gigabytes.
"""

import math
import re
from collections.abc import Iterator
from typing import NoReturn

import yaml

from daemon.prompting.marked.nodes import MAX_ALIASES, MAX_DEPTH, MAX_NODES, Node, Value
from daemon.prompting.texts import told
from schema.errors import Refused

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}
_TAGS |= {"tag:yaml.org,2002:timestamp": "str", "!": "str"}
_CLOCK = re.compile(r"[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?")
"""`16:9` is a number to YAML 1.1, and to nobody else."""


class YamlText:
    def __init__(self, file: str) -> None:
        self._file = file
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliases = self._nodes = 0
        self._resolver = yaml.resolver.Resolver()

    def read(self, text: str) -> Node:
        try:
            events = iter(yaml.parse(text, Loader=_LOADER))
            first = Node(None, 1, 1)
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if self._nodes:
                        self._refuse("a second document begins ('---')", event, "Keep one document in a file.")
                    first = self._value(next(events), events, 0)
            return first
        except yaml.MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            why = told(fault.problem or fault.context or "cannot be read")
            begun = fault.context_mark if mark is not fault.context_mark else None
            why += f" for what begins at {begun.line + 1}:{begun.column + 1}" if begun else ""
        except (yaml.YAMLError, ValueError) as fault:
            where, why = "", told(str(fault))
        raise Refused(
            f"broken YAML: {why}.",
            where=f"{told(self._file)}{where}",
            remedy="Fix it there; indentation, tabs and a missing quote are the usual causes.",
        )

    def _value(
        self, event: yaml.Event, events: Iterator[yaml.Event], depth: int, key: yaml.Event | None = None
    ) -> Node:
        if depth > MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} levels", event, "Check that it is the right file.")
        mark = (key or event).start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if isinstance(event, yaml.AliasEvent):
            return Node(self._alias(event).value, line, column)
        before = self._nodes
        self._grown(1, event)
        node = Node(self._plain(event, events, depth), line, column)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = (node, self._nodes - before)
        return node

    def _plain(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Value:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if getattr(event, "tag", None) not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._no_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            found: list[Node] = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                found.append(self._value(inner, events, depth + 1))
            return found
        return self._mapping(events, depth)

    def _mapping(self, events: Iterator[yaml.Event], depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._refuse("a key must be one word or text", key, "Write `name: value`; quote braces.")
            node = self._value(next(events), events, depth + 1, key)
            if key.value == "<<" and key.implicit[0]:
                merged = {**self._merge(node, key), **merged}
            elif key.value in found:
                self._refuse(f"the key '{told(key.value, 40)}' stands twice", key, "Keep one of the two.")
            elif self._tag(key) == "str":
                found[key.value] = node
        return {**merged, **found} if merged else found

    def _merge(self, node: Node, key: yaml.Event) -> dict[str, Node]:
        parts = node.value if isinstance(node.value, list) else [node]
        found: dict[str, Node] = {}
        for part in reversed(parts):
            if not isinstance(part.value, dict):
                self._refuse("'<<' takes in a map", key, "Name an anchored map behind it.")
            found.update(part.value)
        return found

    def _scalar(self, event: yaml.ScalarEvent) -> Value:
        kind, text = self._tag(event), event.value
        match kind:
            case "int" | "float" if _CLOCK.fullmatch(text):
                return str(text)
            case "null":
                return None
            case "bool":
                return str(text).lower() in ("yes", "true", "on")
            case "int":
                return self._whole(text, event)
            case "float":
                number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
                if not math.isfinite(number):
                    self._refuse(f"{text} is no number that can be used", event, "Write a number.")
                return number
            case _:
                return str(text)

    def _whole(self, text: str, event: yaml.Event) -> int:
        digits = text.replace("_", "")
        if len(digits) > 40:
            self._refuse("this number is too large", event, "Put it in quotes if it is text.")
        sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
        base = {"0b": 2, "0x": 16}.get(digits[:2].lower(), 8 if digits[:1] == "0" and digits != "0" else 10)
        return sign * int(digits, base)

    def _tag(self, event: yaml.ScalarEvent) -> str:
        tag = event.tag
        if tag is None:
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
        if tag not in _TAGS:
            self._no_tag(event)
        return _TAGS[tag]

    def _alias(self, event: yaml.AliasEvent) -> Node:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._refuse(f"more than {MAX_ALIASES} aliases", event, "Write the values out.")
        if event.anchor not in self._anchors:
            self._refuse(
                f"the alias '*{told(str(event.anchor), 40)}' stands for nothing yet, or for itself",
                event,
                "Write it out.",
            )
        node, size = self._anchors[event.anchor]
        self._grown(size, event)
        return node

    def _grown(self, by: int, event: yaml.Event) -> None:
        self._nodes += by
        if self._nodes > MAX_NODES:
            self._refuse(f"more than {MAX_NODES:,} values", event, "Split the file.")

    def _no_tag(self, event: yaml.Event) -> NoReturn:
        self._refuse(f"the tag {told(str(getattr(event, 'tag', '')), 60)} cannot stand here", event, "Leave it out.")

    def _refuse(self, why: str, event: yaml.Event, remedy: str) -> NoReturn:
        mark = event.start_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise Refused(f"broken YAML: {why}.", where=f"{told(self._file)}{where}", remedy=remedy)
