"""What is being typed at a place of a prompt: a wildcard, a LoRA, a slot; and which names fit it best. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from schema.prompts import CompletionKind


class Word(NamedTuple):
    kind: CompletionKind
    typed: str
    start: int
    """Where the name begins; it ends at `end`."""
    end: int
    closing: str
    """What must stand behind the name and does not yet."""


_OPEN: tuple[tuple[CompletionKind, re.Pattern[str], re.Pattern[str], str], ...] = (
    ("lora", re.compile(r"<(?:lora|lyco):([^:<>\n]*)\Z", re.IGNORECASE), re.compile(r"[^:<>,\n]*(?=[:>])"), ":1>"),
    ("embedding", re.compile(r"<embedding:([^:<>\n]*)\Z", re.IGNORECASE), re.compile(r"[^:<>,\n]*(?=>)"), ">"),
    ("embedding", re.compile(r"(?<![\w<])embedding:([\w./\\-]*)\Z", re.IGNORECASE), re.compile(r"[\w./\\-]*"), ""),
    ("slot", re.compile(r"\[\[([^\[\]\n]*)\Z"), re.compile(r"[^\[\]\n]*(?=\]\])"), "]]"),
)
"""Kind, what stands before the cursor, what of the name stands behind it, and how it ends."""

_WILDCARD = re.compile(r"__[~@!]?((?:(?!__)[\w/*?.\\ -])*)\Z")
_REST = re.compile(r"((?:(?!__)[\w/*?.\\ -])*)__")


def word_at(text: str, at: int) -> Word | None:
    """None: nothing is open there."""
    at = max(0, min(at, len(text)))
    before = text[max(0, at - 400) : at]
    for kind, opening, rest, closing in _OPEN:
        if found := opening.search(before):
            inside = rest.match(text, at)
            end = inside.end() if inside else at
            ended = bool(inside) if closing else True
            return Word(kind, found[1], at - len(found[1]), end, "" if ended else closing)
    line = before[before.rfind("\n") + 1 :]
    found = _WILDCARD.search(line)
    if found is None or line[: found.start()].count("__") % 2:
        return None
    inside = _REST.match(text, at)
    return Word("wildcard", found[1], at - len(found[1]), at + len(inside[1]) if inside else at, "" if inside else "__")


class Names:
    """Many names, ready to be looked through at every key press."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names), key=str.casefold)
        self._low = [name.casefold() for name in self._names]

    def fitting(self, typed: str, most: int) -> tuple[Sequence[str], int]:
        """The best first, and how many there are: beginnings before beginnings of parts before anything inside."""
        low = typed.casefold().replace("\\", "/").strip()
        if not low:
            return self._names[:most], len(self._names)
        inside = [at for at, name in enumerate(self._low) if low in name]
        if not inside and len(low) > 1:
            pattern = re.compile(".{0,40}?".join(map(re.escape, low[:12])))
            inside = [at for at, name in enumerate(self._low) if pattern.search(name)]
        return [self._names[at] for at in islice(self._ranked(inside, low), most)], len(inside)

    def _ranked(self, inside: Sequence[int], low: str) -> Iterator[int]:
        """Found as they are asked for: among very many, the first rank is enough."""
        part = re.compile(rf"[_. -]{re.escape(low)}")
        rest: list[int] = []
        for at in inside:
            if self._low[at].startswith(low):
                yield at
            else:
                rest.append(at)
        ranks: tuple[Callable[[str], object], ...] = (lambda name: f"/{low}" in name, part.search, lambda name: True)
        for rank in ranks:
            left: list[int] = []
            for at in rest:
                if rank(self._low[at]):
                    yield at
                else:
                    left.append(at)
            rest = left
