"""Keys of places (`Pick.key`), and where in a file a place stands. A key depends on the text alone, never on draws."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache

from daemon.prompting.texts import told
from daemon.prompting.variation.parts import Assign, Choice, Part, Parts, Use, Wildcard, Wrap

MAX_KEY = 60

WITHIN = " > "
"""Between the key of a place and that of one in its values: `__sky__ > {dawn|dusk}`."""


class Keys:
    """Gives the places of one text their keys: a second `__sky__` becomes `__sky__#2`."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()

    def of(self, parts: Parts) -> dict[int, str]:
        """By the position of the place. Several texts, one after another, count on."""
        return {part.start: self._numbered(key) for part in walk(parts) if (key := own_key(part))}

    def begin_variables(self) -> None:
        """The negative's first `${x}` is the prompt's first: one place."""
        for key in [key for key in self._counted if key.startswith("$")]:
            del self._counted[key]

    def _numbered(self, key: str) -> str:
        self._counted[key] += 1
        return key if self._counted[key] == 1 else f"{key}#{self._counted[key]}"


def own_key(part: Part) -> str:
    """Without its number; empty for words, and for slots and searches, which are one place wherever they stand."""
    match part:
        case Choice():
            return told(part.text, MAX_KEY)
        case Wildcard():
            return wildcard_key(part)
        case Use():
            return f"${{{part.name}}}"
        case _:
            return ""


def wildcard_key(part: Wildcard) -> str:
    """`__~look(season=winter)__` is `__look__`."""
    inner = part.text[2:-2].removeprefix(part.mark)
    bare = inner.partition("(")[0].rstrip() if part.given else inner
    return f"__{told(bare, MAX_KEY)}__"


def walk(parts: Parts) -> Iterator[Part]:
    """All parts in the order they are written, also those in one another; not what a variable is set to."""
    for part in parts:
        yield part
        match part:
            case Choice():
                for option in part.options:
                    yield from walk(option.parts)
            case Wildcard():
                yield from walk(part.name)
                for _, value in part.given:
                    yield from walk(value)
            case Use():
                yield from walk(part.otherwise or ())
            case Wrap():
                yield from walk(part.around)
                yield from walk(part.inner)
            case _:
                pass


@lru_cache(maxsize=8192)
def keys_of(parts: Parts) -> Mapping[int, str]:
    """Of a text by itself: a wildcard's value."""
    return Keys().of(parts)


def assigned(parts: Parts) -> list[Assign]:
    return [part for part in parts if isinstance(part, Assign)]


class Lines(str):
    """`knights.txt:4`, of a prompt put together from lines that stand elsewhere in the file."""

    begins: tuple[tuple[int, int, int], ...] = ()
    """Of each line where it begins in the prompt, and its line and column in the file."""

    @classmethod
    def of(cls, where: str, begins: tuple[tuple[int, int, int], ...]) -> "Lines":
        made = cls(where)
        made.begins = begins
        return made


def located(where: str, text: str, position: int) -> str:
    """`knights.txt:4` and the position of a fault in the prompt there: `knights.txt:5:12`."""
    if isinstance(where, Lines) and where.begins:
        start, number, first = max((one for one in where.begins if one[0] <= position), default=where.begins[0])
        return f"{where.rpartition(':')[0]}:{number}:{first + position - start}"
    line = text.count("\n", 0, position)
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    found = re.fullmatch(r"(.*):(\d{1,9})", where, re.DOTALL)
    if found:
        return f"{found[1]}:{int(found[2]) + line}:{column}"
    return f"{where}:{line + 1}:{column}" if where else f"{line + 1}:{column}"
