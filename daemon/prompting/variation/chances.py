"""How likely a place is filled at all where values are drawn; otherwise it becomes empty words.

Whether it is filled is drawn from a stream of its own: what the place becomes if it is filled does not depend on it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from daemon.prompting.tokens import plain_slot
from daemon.prompting.variation.naming import WITHIN

GAP = "\0"
"""Where words were left out, until it is known what stands around; prompts and values have no such sign in them."""

_COUNTED = re.compile(r"(?<=[_}])#\d+$")


class Chance(NamedTuple):
    probability: float
    """0: never filled; 1: always."""
    source: str
    """Who says so: `--chance`, `profile mira`, `matrix`."""

    @property
    def emptied(self) -> str:
        """The source of a pick that was left empty."""
        return f"left empty, {self.source} {self.probability:g}"


Said = Mapping[str, Chance]
"""By place (`Pick.key`); a slot in any spelling, a wildcard and a variable also by the bare name."""


class Chances:
    """`said`: the first that speaks of a place counts.

    A name without a number is that of every occurrence, and of those within values: `__sky__` is `__sky__#2` and
    `__tree__ > __sky__` too, where nobody names these.
    """

    def __init__(self, *said: Said) -> None:
        self._said = [(each, _bare(each)) for each in said if each]
        self._known: dict[str, Chance | None] = {}

    def __bool__(self) -> bool:
        return bool(self._said)

    def of(self, key: str) -> Chance | None:
        """None: nobody speaks of the place, so it is always filled."""
        if key not in self._known:
            found = ((each, _named(key, each, bare)) for each, bare in self._said)
            self._known[key] = next((each[name] for each, name in found if name is not None), None)
        return self._known[key]


NO_CHANCES = Chances()


def closed(text: str) -> str:
    """The words around each gap moved together: of two commas or spaces that would meet there, one is left."""
    left, gap, right = text.partition(GAP)
    while gap:
        after = right.lstrip(" ")
        if after.startswith(",") and (not left.strip() or left.rstrip(" ").endswith(",")):
            right = after[1:].lstrip(" ")
        if not left.strip():
            right = right.lstrip(" ")
        elif not right.strip():
            left = left.rstrip(" ,")
        elif right.startswith((" ", ",")):
            left = left.rstrip(" ")
        left, gap, right = f"{left}{right}".partition(GAP)
    return left


def spoken_of(said: Said, keys: Iterable[str]) -> set[str]:
    """Which of the names are those of places."""
    bare = _bare(said)
    return {name for key in keys if (name := _named(key, said, bare)) is not None}


def _bare(said: Said) -> dict[str, str]:
    return {plain: key for key in said if key[:1] not in "_{$" and (plain := plain_slot(key))}


def _named(key: str, said: Said, bare: Mapping[str, str]) -> str | None:
    for name in _names(key):
        if name in said:
            return name
        if name.startswith(("__", "${")):
            name = name[2:].removesuffix("__").removesuffix("}")
        if not name.startswith("{") and (found := bare.get(plain_slot(name))) is not None:
            return found
    return None


def _names(key: str) -> Iterator[str]:
    """From the most exact on."""
    for one in (key, key.rpartition(WITHIN)[2]):
        yield one
        yield _COUNTED.sub("", one)
