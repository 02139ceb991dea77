"""A table of a file people wrote, asked field by field: names are forgiving, values are checked, the rest is told.

`Wildcard weights`, `wildcard-weights` and `wildcard_weights` are one name. Every fault names file, line and column.
"""

import re
from collections.abc import Iterator

from daemon.prompting.marked.nodes import Node, place
from daemon.prompting.marked.reading import read
from daemon.prompting.texts import MAX_CONFIG, MAX_PROMPT, cleaned, nearest, told
from schema.errors import Refused

MAX_WORDS = 4_000
"""Characters of one field of words."""


class Table:
    """`warnings` takes what was passed over, in sentences with their place."""

    def __init__(self, file: str, node: Node, what: str, warnings: list[str]) -> None:
        if not isinstance(node.value, dict):
            raise Refused(
                f"{what} is a table of names and values.", where=place(file, node), remedy="Write `name: value`."
            )
        self.file, self.node, self._warnings = file, node, warnings
        self._left = {_plain(name): (name, item) for name, item in node.value.items()}
        self._known: list[str] = []

    def take(self, *names: str) -> Node | None:
        """The first of these that is there and not null."""
        self._known += names
        found = [one for name in names if (one := self._left.pop(_plain(name), None)) is not None]
        for spare, node in found[1:]:
            self.warn(node, f"'{told(spare, 40)}' says the same as '{told(found[0][0], 40)}' and is not used")
        return found[0][1] if found and found[0][1].value is not None else None

    def words(self, *names: str, most: int = MAX_WORDS) -> str:
        """Text, a list of texts (joined by commas), or a table of texts (its values, joined); empty: not there."""
        node = self.take(*names)
        return words(self.file, node, most) if node is not None else ""

    def number(self, *names: str, low: float, high: float) -> float | None:
        node = self.take(*names)
        return number(self.file, node, low, high) if node is not None else None

    def table(self, *names: str) -> "Table | None":
        node = self.take(*names)
        return Table(self.file, node, f"'{names[0]}'", self._warnings) if node is not None else None

    def items(self, *names: str) -> tuple[Node, ...]:
        """Of a list; one value alone is a list of one."""
        node = self.take(*names)
        if node is None:
            return ()
        return tuple(node.value) if isinstance(node.value, list) else (node,)

    def rest(self) -> Iterator[tuple[str, Node]]:
        """What nobody asked for yet, as written; then nothing is left."""
        left, self._left = tuple(self._left.values()), {}
        yield from left

    def tell_rest(self) -> None:
        for name, node in self.rest():
            self.warn(node, f"'{told(name, 40)}' is not understood and not used. {nearest(name, self._known)}".strip())

    def warn(self, node: Node, why: str) -> None:
        end = "" if why.endswith((".", "?")) else "."
        self._warnings.append(f"{place(self.file, node)}: {why}{end}")


def open_table(file: str, text: str, what: str, warnings: list[str]) -> Table:
    """The whole file. Raises Refused."""
    node = read(file, text, MAX_CONFIG)
    if node.value is None:
        raise Refused("is empty.", where=told(file), remedy=f"Write {what} into it, or delete it.")
    return Table(file, node, what, warnings)


def words(file: str, node: Node, most: int = MAX_WORDS) -> str:
    parts = (
        node.value
        if isinstance(node.value, list)
        else list(node.value.values())
        if isinstance(node.value, dict)
        else [node]
    )
    texts: list[str] = []
    for part in parts:
        if isinstance(part.value, list | dict | bool) or part.value is None:
            raise Refused("words must stand here.", where=place(file, part), remedy="Write text, in quotes if need be.")
        texts.append(" ".join(cleaned(str(part.value)).split()))
    text = ", ".join(one.rstrip(",") for one in texts if one)
    if len(text) > min(most, MAX_PROMPT):
        raise Refused(f"is longer than {most} characters.", where=place(file, node), remedy="Shorten it.")
    return text


def number(file: str, node: Node, low: float, high: float) -> float:
    value = node.value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("a number must stand here.", where=place(file, node), remedy=f"From {low:g} to {high:g}.")
    if not low <= value <= high:
        raise Refused(f"{value:g} is not from {low:g} to {high:g}.", where=place(file, node), remedy="Change it.")
    return float(value)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
