"""JSON with places. A descent of our own, since Python's reader does not say where a value stood."""

import json
import math
import re
from bisect import bisect_right
from typing import NoReturn

from daemon.prompting.marked.nodes import MAX_DEPTH, Node, Value
from daemon.prompting.texts import told
from schema.errors import Refused


class JsonText:
    """Twice the same key, NaN, deep nesting and half files are refused with their place."""

    _SPACE = re.compile(r"[ \t\n\r]*")

    def __init__(self, file: str, text: str) -> None:
        self._file, self._text = file, text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._scalars = json.JSONDecoder(parse_constant=self._constant)

    def read(self) -> Node:
        node = self._value(self._skip(0), 0, None)
        end = self._skip(node.end)
        if end < len(self._text):
            self._broken("something stands behind the end", end)
        return node

    def _value(self, at: int, depth: int, key: int | None) -> Node:
        if depth > MAX_DEPTH:
            self._broken(f"more than {MAX_DEPTH} levels of brackets", at)
        sign = self._text[at : at + 1]
        value: Value
        if sign == "{":
            value, end = self._object(at, depth)
        elif sign == "[":
            value, end = self._list(at, depth)
        else:
            value, end = self._scalar(at)
        line, column = self._place(at if key is None else key)
        return Node(value, line, column, at, end)

    def _scalar(self, at: int) -> tuple[Value, int]:
        try:
            value, end = self._scalars.raw_decode(self._text, at)
        except json.JSONDecodeError as fault:
            self._broken(f"{fault.msg[:1].lower()}{fault.msg[1:]}", fault.pos)
        except ValueError as fault:
            self._broken(str(fault), at)
        if isinstance(value, float) and not math.isfinite(value):
            self._broken("this number is too large", at)
        assert value is None or isinstance(value, str | int | float)
        return value, end

    def _object(self, at: int, depth: int) -> tuple[dict[str, Node], int]:
        found: dict[str, Node] = {}
        at = self._skip(at + 1)
        if self._text[at : at + 1] == "}":
            return found, at + 1
        while True:
            if self._text[at : at + 1] != '"':
                self._broken("a key in double quotes must stand here", at)
            key, end = self._scalar(at)
            if not isinstance(key, str) or key in found:
                self._broken(f"the key '{told(str(key), 40)}' stands twice in one object", at)
            end = self._skip(end)
            if self._text[end : end + 1] != ":":
                self._broken("':' must stand here", end)
            found[key] = node = self._value(self._skip(end + 1), depth + 1, at)
            at = self._skip(node.end)
            if self._text[at : at + 1] == "}":
                return found, at + 1
            at = self._comma(at, "}")

    def _list(self, at: int, depth: int) -> tuple[list[Node], int]:
        found: list[Node] = []
        at = self._skip(at + 1)
        if self._text[at : at + 1] == "]":
            return found, at + 1
        while True:
            found.append(self._value(at, depth + 1, None))
            at = self._skip(found[-1].end)
            if self._text[at : at + 1] == "]":
                return found, at + 1
            at = self._comma(at, "]")

    def _comma(self, at: int, closing: str) -> int:
        if self._text[at : at + 1] != ",":
            self._broken(f"',' or '{closing}' must stand here", at)
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        found = self._SPACE.match(self._text, at)
        return found.end() if found else at

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def _constant(self, name: str) -> NoReturn:
        raise ValueError(f"{name} is no number that can be used")

    def _broken(self, why: str, at: int) -> NoReturn:
        line, column = self._place(at)
        ended = " (the file ends too early)" if at >= len(self._text) else ""
        raise Refused(
            f"broken JSON: {told(why)}{ended}.",
            where=f"{told(self._file)}:{line}:{column}",
            remedy="Fix it there; a comma too many or too few is the usual cause.",
        )
