"""The library's wildcards, for plans and for typing: names at once, values when they are asked for.

Names of `.txt` files are known without reading them, so fifty thousand cost a look at their folders. A folder is looked
through again when its time changed, a map of wildcards when its own did.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from daemon.library.files import read_text
from daemon.library.wordfolders import LINES, Folders, Found, Place
from daemon.prompting.texts import told
from daemon.prompting.variation.tables import Names, Value, once
from daemon.prompting.wildcards import MAX_WILDCARDS, read_wildcards
from schema.errors import Refused, why


class _Read(NamedTuple):
    stamp: tuple[int, int, int]
    words: dict[str, tuple[Value, ...]]
    troubles: tuple[str, ...]


class Book(NamedTuple):
    """What there is, at one moment."""

    places: dict[str, Place]
    names: Names
    troubles: tuple[str, ...]


class Wordbook:
    """`roots`: folders, and whether they come with the program; earlier ones win. May be asked by several threads."""

    def __init__(self, roots: Iterable[tuple[Path, bool]]) -> None:
        self._look = Folders(roots)
        self._lock = Lock()
        self._read: dict[str, _Read] = {}
        self._seen: object = None
        self._book = Book({}, Names(()), ())

    def tables(self) -> "ShelfTables":
        """As it is now."""
        return ShelfTables(self, self.book())

    def book(self) -> Book:
        with self._lock:
            found = list(self._look.look())
            maps = {place: self._words(place) for one in found for place in one.places(one.folder.maps)}
            seen = tuple((one.path, one.folder.files) for one in found), tuple(read.stamp for read in maps.values())
            if seen != self._seen:
                self._seen, self._book = seen, _book(found, maps)
            return self._book

    def check(self, most: int) -> tuple[str, ...]:
        """What is broken or left out. Files of lines that nobody read yet are read if there are at most so many."""
        book = self.book()
        lines = {place for place in book.places.values() if place.file.lower().endswith(LINES)}
        with self._lock:
            asked = lines if len(lines) <= most else {place for place in lines if place.path in self._read}
            return (*book.troubles, *(told for place in sorted(asked) for told in self._words(place).troubles))

    def words(self, place: Place, name: str) -> tuple[Value, ...]:
        """Empty where the file is broken or gone."""
        with self._lock:
            return self._words(place).words.get(name, ())

    def _words(self, place: Place) -> _Read:
        try:
            found = os.stat(place.path)  # noqa: PTH116
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._read.get(place.path)
            if known is not None and known.stamp == stamp:
                return known
            warnings: list[str] = []
            words = read_wildcards(place.file, read_text(Path(place.path), MAX_WILDCARDS), warnings)
        except Refused as refused:
            words, warnings = {}, [refused.told()]
        except OSError as fault:
            return _Read((0, 0, 0), {}, (f"{told(place.path, 200)}: cannot be read: {why(fault)}.",))
        read = self._read[place.path] = _Read(stamp, words, tuple(warnings))
        return read


class ShelfTables:
    """Tables of the library: what was looked up once stays, so that a plan is made of one state of the files."""

    def __init__(self, wordbook: Wordbook, book: Book) -> None:
        self._wordbook, self._book = wordbook, book
        self._found: dict[str, tuple[Value, ...]] = {}
        self._single: dict[str, tuple[Value, ...]] = {}

    def values(self, name: str) -> tuple[Value, ...]:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = once(self._one(each) for each in self._book.names.meant(name))
        return found

    def names(self) -> Iterable[str]:
        return [name for name in self._book.places if self._single.get(name) != ()]

    @property
    def key(self) -> object:
        """The same object as long as the names are the same."""
        return self._book.names

    def meant(self, name: str) -> Sequence[str]:
        """The wildcards that `__name__` stands for, in order."""
        return self._book.names.meant(name)

    def place(self, name: str) -> Place | None:
        """Of the first that is meant."""
        meant = self._book.names.meant(name)
        return self._book.places[meant[0]] if meant else None

    def _one(self, name: str) -> tuple[Value, ...]:
        found = self._single.get(name)
        if found is None:
            found = self._single[name] = self._wordbook.words(self._book.places[name], name)
        return found


def _book(found: Sequence[Found], maps: dict[Place, _Read]) -> Book:
    """A person's before the program's, lines of text before maps; what stands twice is told, and the first counts."""
    places: dict[str, Place] = {}
    troubles = [trouble for one in found for trouble in one.folder.troubles]
    for builtin in (False, True):
        for one in found:
            for place in one.places(one.folder.files) if one.builtin is builtin else ():
                if place.file.lower().endswith(LINES):
                    places.setdefault(place.file[: -len(LINES)], place)
        for place, read in maps.items():
            troubles += read.troubles if place.builtin is builtin else ()
            for name in read.words if place.builtin is builtin else ():
                first = places.setdefault(name, place)
                if first != place and not builtin:
                    where = f"{told(place.file)}: '{told(name, 60)}' stands in {told(first.file)} too"
                    troubles.append(f"{where}, which is the one that counts.")
    return Book(places, Names(places), tuple(troubles))
