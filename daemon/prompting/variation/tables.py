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


class WordTables:
    """Tables in memory. Names are paths with `/`; case and the slashes' lean do not matter."""

    def __init__(self, words: Mapping[str, Sequence[Value]]) -> None:
        self._words = {name.strip().replace("\\", "/").strip("/"): tuple(values) for name, values in words.items()}
        self._found: dict[str, tuple[Value, ...]] = {}

    def values(self, name: str) -> tuple[Value, ...]:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._look(name)
        return found

    def names(self) -> Iterable[str]:
        return self._words.keys()

    def _look(self, name: str) -> tuple[Value, ...]:
        """The name itself, whatever its case, a glob, or the end of a path: `sky` finds `weather/sky`."""
        asked = re.sub(r"[\\/]+", "/", name).strip("/ ")
        if asked in self._words:
            return self._words[asked]
        low = asked.lower()
        if any(sign in asked for sign in "*?["):
            wanted = re.compile(_glob(low) if low.count("*") <= MAX_STARS else "(?!)")
            names = sorted(each for each in self._words if wanted.fullmatch(each.lower()))
        else:
            names = self._folded.get(low) or self._folded.get(low.rpartition("/")[2], [])
            names = [one for one in names if one.lower() == low or one.lower().endswith(f"/{low}")]
        each_once = {value.text: value for each in reversed(names) for value in reversed(self._words[each])}
        return tuple(reversed(each_once.values()))

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        """By the whole name and by its last part, in lower case."""
        found: dict[str, list[str]] = {}
        for name in sorted(self._words):
            low = name.lower()
            for key in {low, low.rpartition("/")[2]}:
                found.setdefault(key, []).append(name)
        return found


def _glob(pattern: str) -> str:
    """`*` and `?` within one folder, `**` through any number of them, `[abc]`."""
    made = ""
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^\[\]/]+\]|.", pattern, re.DOTALL):
        if piece.startswith("**"):
            made += "(?:.*/)?" if piece.endswith("/") else ".*"
        elif piece in "*?":
            made += "[^/]*" if piece == "*" else "[^/]"
        elif len(piece) > 2:
            without = "^" if piece[1] in "!^" and len(piece) > 3 else ""
            made += f"[{without}{re.escape(piece[1 + len(without) : -1]).replace(chr(92) + '-', '-')}]"
        else:
            made += re.escape(piece)
    return made
