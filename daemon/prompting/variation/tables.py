"""Lists of values that a prompt's `__name__` stands for: by name, by path, by glob."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

MAX_STARS = 8
"""Of a glob: a few more and looking would take for ever."""


class Value(NamedTuple):
    text: str
    """May hold places to vary itself."""
    weight: float = 1.0
    """0: never taken. Others matter where values are drawn."""
    source: str = ""
    """`wildcard sky.txt:4`."""


class Tables(Protocol):
    """What the library keeps of wildcards. The same object gives the same answers for as long as it is used."""

    def values(self, name: str) -> tuple[Value, ...]:
        """Of the list of that name, or of all that a glob names, in the order of their names; empty: unknown."""

    def names(self) -> Iterable[str]: ...


class Names:
    """Which of many names one means: itself, whatever its case, a glob, or the end of a path.

    Names are paths with `/`; the slashes' lean does not matter.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def meant(self, name: str) -> Sequence[str]:
        """In order; empty: none. `sky` finds `weather/sky` where there is no `sky`."""
        asked = re.sub(r"[\\/]+", "/", name).strip("/ ")
        if asked in self._names:
            return (asked,)
        low = asked.lower()
        if any(sign in asked for sign in "*?["):
            wanted = re.compile(_glob(low) if low.count("*") <= MAX_STARS else "(?!)")
            return sorted(each for each in self._names if wanted.fullmatch(each.lower()))
        names = self._folded.get(low) or self._folded.get(low.rpartition("/")[2], [])
        return [one for one in names if one.lower() == low or one.lower().endswith(f"/{low}")]

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        """By the whole name and by its last part, in lower case."""
        found: dict[str, list[str]] = {}
        for name in sorted(self._names):
            low = name.lower()
            for key in {low, low.rpartition("/")[2]}:
                found.setdefault(key, []).append(name)
        return found


class WordTables:
    """Tables in memory."""

    def __init__(self, words: Mapping[str, Sequence[Value]]) -> None:
        self._words = {name.strip().replace("\\", "/").strip("/"): tuple(values) for name, values in words.items()}
        self._names = Names(self._words)
        self._found: dict[str, tuple[Value, ...]] = {}

    def values(self, name: str) -> tuple[Value, ...]:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = once(self._words[each] for each in self._names.meant(name))
        return found

    def names(self) -> Iterable[str]:
        return self._words.keys()


def once(lists: Iterable[Sequence[Value]]) -> tuple[Value, ...]:
    """All lists in one, each text once: the first that has it. One list alone stays as it is."""
    first, *others = (*lists, ())
    if len(others) < 2:
        return tuple(first)
    found: dict[str, Value] = {}
    for values in (first, *others):
        for value in values:
            found.setdefault(value.text, value)
    return tuple(found.values())


def _glob(pattern: str) -> str:
    """`*` and `?` within one folder, `**` through any number of them, `[abc]`."""
    made = ""
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^\[\]/]+\]|.", pattern, re.DOTALL):
        if piece.startswith("**"):
            made += "(?:.*/)?" if piece.endswith("/") else ".*"
        elif piece in "*?":
            made += "[^/]*" if piece == "*" else "[^/]"
        elif len(piece) > 2:
            made += _letters(piece[1:-1])
        else:
            made += re.escape(piece)
    return made


def _letters(inner: str) -> str:
    """`a-f`, `!xyz`; a range that runs backwards holds nothing but its ends."""
    without = "^" if inner[0] in "!^" and len(inner) > 1 else ""
    made = ""
    for one in re.findall(r".-.|.", inner[len(without) :], re.DOTALL):
        made += f"{re.escape(one[0])}-{re.escape(one[2])}" if len(one) == 3 and one[0] <= one[2] else re.escape(one)
    return f"[{without}{made}]"
