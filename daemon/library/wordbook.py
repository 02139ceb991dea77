"""The library's wildcards, for plans and for typing: names at once, values when they are asked for.

Names of `.txt` files are known without reading them, so fifty thousand cost a look at their folders. A folder is looked
through again when its time changed, a map of wildcards when its own did.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from daemon.library.files import read_text
from daemon.library.folders import leads_out
from daemon.prompting.texts import cleaned, suffix, told
from daemon.prompting.variation.tables import Names, Value, once
from daemon.prompting.wildcards import MAX_WILDCARDS, read_wildcards
from schema.errors import Refused, why

SETTLED_NS = 50_000_000
"""A folder that changed so shortly before it was looked at may have changed once more within the clock's tick."""

MAX_FOLDERS = 16
"""One within another."""


class Place(NamedTuple):
    """Where a wildcard stands."""

    path: Path
    file: str
    """Its path below the folder of wildcards."""
    builtin: bool


class _Folder(NamedTuple):
    stamp: int
    files: tuple[str, ...]
    """All that count; the same object as long as nothing changed."""
    maps: tuple[str, ...]
    """Those among them that hold several."""
    folders: tuple[str, ...]
    troubles: tuple[str, ...]


class _Found(NamedTuple):
    path: Path
    prefix: str
    builtin: bool
    folder: _Folder

    def places(self, files: Iterable[str]) -> Iterator[Place]:
        return (Place(self.path / name, self.prefix + name, self.builtin) for name in files)


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
        self._roots = tuple(roots)
        self._lock = Lock()
        self._folders: dict[Path, _Folder] = {}
        self._read: dict[Path, _Read] = {}
        self._seen: object = None
        self._book = Book({}, Names(()), ())

    def tables(self) -> "ShelfTables":
        """As it is now."""
        return ShelfTables(self, self.book())

    def book(self) -> Book:
        with self._lock:
            found = [one for root, builtin in self._roots for one in self._walk(root, root, "", builtin, 0)]
            maps = {place: self._words(place) for one in found for place in one.places(one.folder.maps)}
            seen = tuple((one.path, one.folder.files) for one in found), tuple(read.stamp for read in maps.values())
            if seen != self._seen:
                self._seen, self._book = seen, _book(found, maps)
            return self._book

    def check(self, most: int) -> tuple[str, ...]:
        """What is broken or left out. Files of lines that nobody read yet are read if there are at most so many."""
        book = self.book()
        lines = {place for place in book.places.values() if suffix(place.file) == ".txt"}
        with self._lock:
            asked = lines if len(lines) <= most else {place for place in lines if place.path in self._read}
            return (*book.troubles, *(told for place in sorted(asked) for told in self._words(place).troubles))

    def words(self, place: Place, name: str) -> tuple[Value, ...]:
        """Empty where the file is broken or gone."""
        with self._lock:
            return self._words(place).words.get(name, ())

    def _walk(self, root: Path, path: Path, prefix: str, builtin: bool, depth: int) -> Iterator["_Found"]:
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            self._folders.pop(path, None)
            return
        known = self._folders.get(path)
        if known is None or known.stamp != stamp:
            fresh = _scan(root, path)
            known = fresh._replace(stamp=stamp if time.time_ns() - stamp > SETTLED_NS else -1)
            self._folders[path] = known
        yield _Found(path, prefix, builtin, known)
        for name in known.folders if depth < MAX_FOLDERS else ():
            yield from self._walk(root, path / name, f"{prefix}{name}/", builtin, depth + 1)

    def _words(self, place: Place) -> _Read:
        try:
            found = place.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._read.get(place.path)
            if known is not None and known.stamp == stamp:
                return known
            warnings: list[str] = []
            words = read_wildcards(place.file, read_text(place.path, MAX_WILDCARDS), warnings)
        except Refused as refused:
            words, warnings = {}, [refused.told()]
        except OSError as fault:
            return _Read((0, 0, 0), {}, (f"{told(str(place.path), 200)}: cannot be read: {why(fault)}.",))
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

    def place(self, name: str) -> Place | None:
        """Of the first that is meant."""
        meant = self._book.names.meant(name)
        return self._book.places[meant[0]] if meant else None

    def _one(self, name: str) -> tuple[Value, ...]:
        found = self._single.get(name)
        if found is None:
            found = self._single[name] = self._wordbook.words(self._book.places[name], name)
        return found


def _scan(root: Path, folder: Path) -> _Folder:
    files, folders, troubles = list[str](), list[str](), list[str]()
    try:
        with os.scandir(folder) as found:
            for one in found:
                if one.name.startswith("."):
                    continue
                if one.is_symlink() and (trouble := leads_out(Path(one.path), root)):
                    troubles.append(trouble)
                elif one.is_dir():
                    folders += [] if one.is_symlink() else [one.name]
                elif suffix(one.name) in (".txt", ".yaml", ".json") and one.is_file() and one.name == cleaned(one.name):
                    files.append(one.name)
    except OSError as fault:
        troubles.append(f"{told(str(folder), 200)}: cannot be read: {why(fault)}.")
    maps = sorted(name for name in files if suffix(name) != ".txt")
    return _Folder(0, tuple(sorted(files)), tuple(maps), tuple(sorted(folders)), tuple(troubles))


def _book(found: Sequence[_Found], maps: dict[Place, _Read]) -> Book:
    """A person's before the program's, lines of text before maps; what stands twice is told, and the first counts."""
    places: dict[str, Place] = {}
    troubles = [trouble for one in found for trouble in one.folder.troubles]
    for builtin in (False, True):
        for one in found:
            for place in one.places(one.folder.files) if one.builtin is builtin else ():
                if suffix(place.file) == ".txt":
                    places.setdefault(place.file[: -len(".txt")], place)
        for place, read in maps.items():
            troubles += read.troubles if place.builtin is builtin else ()
            for name in read.words if place.builtin is builtin else ():
                first = places.setdefault(name, place)
                if first != place and not builtin:
                    where = f"{told(place.file)}: '{told(name, 60)}' stands in {told(first.file)} too"
                    troubles.append(f"{where}, which is the one that counts.")
    return Book(places, Names(places), tuple(troubles))
