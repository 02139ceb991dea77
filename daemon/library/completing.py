"""What may stand where the cursor is: wildcards, slots and styles of the library, LoRAs and embeddings of the nodes.

Quick enough for every key press with fifty thousand wildcards: names are sorted once, values read of what is shown.
"""

import time
from collections.abc import Callable, Iterable
from threading import Lock

from daemon.library.finding import Finder
from daemon.library.wordbook import ShelfTables
from daemon.prompting import tokens
from daemon.prompting.cursor import Names, Word, word_at
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.prompts import Completion, CompletionKind, Completions

MOST = 500
MAX_TYPED = 20_000
FRESH_SECONDS = 1.0

Parts = Callable[[CompletionKind], Iterable[tuple[str, str]]]
"""Of LoRAs and embeddings: name and what is said of it."""


def _no_parts(kind: CompletionKind) -> tuple[tuple[str, str], ...]:
    return ()


class Completer:
    """`clock` in seconds, of any beginning: while a person types, the folders are looked at once a second."""

    def __init__(self, shelf: Finder, parts: Parts = _no_parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._shelf, self._parts, self._clock = shelf, parts, clock
        self._lock = Lock()
        self._looked: tuple[float, ShelfTables] | None = None
        self._wildcards: tuple[object, Names] = (None, Names(()))

    def complete(self, text: str, at: int, limit: int = 20, kind: CompletionKind | None = None) -> Completions:
        """`at`: characters before the cursor. `kind`: all of `text` is such a name, as in a field of its own."""
        if len(text) > MAX_TYPED:
            raise Refused(
                f"is longer than {MAX_TYPED} characters.", where="text", remedy="Send what is near the cursor."
            )
        word = word_at(text, at) if kind is None else Word(kind, text[:at].strip(), 0, len(text), "")
        if word is None:
            return Completions()
        most = max(1, min(limit, MOST))
        match word.kind:
            case "wildcard":
                return self._of_wildcards(word, most)
            case "slot":
                slots = _made(word, Names(self._slots()), most, lambda name: "slot")
                return slots if slots.items else self._of_wildcards(word, most)
            case "style":
                styles = {style.name: told(style.prompt, 60) for style in self._shelf.styles()}
                return _made(word, Names(styles), most, lambda name: styles[name])
            case _:
                known = dict(self._parts(word.kind))
                return _made(word, Names(known), most, lambda name: known[name])

    def _of_wildcards(self, word: Word, most: int) -> Completions:
        with self._lock:
            now = self._clock()
            if self._looked is None or not 0 <= now - self._looked[0] < FRESH_SECONDS:
                self._looked = (now, self._shelf.tables())
            tables = self._looked[1]
            if self._wildcards[0] is not tables.key:
                self._wildcards = (tables.key, Names(tables.names()))
            names = self._wildcards[1]
        return _made(word, names, most, lambda name: _values(tables, name))

    def _slots(self) -> Iterable[str]:
        """Those that packs have. A wildcard fills a slot of its name too."""
        found: set[str] = set()
        for entry in self._shelf.all("pack"):
            try:
                found.update(name.strip() for name in tokens.slots(self._shelf.read(entry).text))
            except Refused:
                continue
        return found


def _made(word: Word, names: Names, most: int, note: Callable[[str], str]) -> Completions:
    fitting, total = names.fitting(word.typed, most)
    return Completions(
        items=tuple(
            Completion(text=f"{name}{word.closing}", start=word.start, end=word.end, kind=word.kind, note=note(name))
            for name in fitting
        ),
        total=total,
    )


def _values(tables: ShelfTables, name: str) -> str:
    values = tables.values(name)
    first = ", ".join(value.text for value in values[:3])
    return told(f"{len(values)} value{'s' if len(values) != 1 else ''}: {first}" if values else "no values", 60)
