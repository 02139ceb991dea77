"""What lies in a folder of models, as far as it can be read and named. Never fails: what it cannot show it tells.

A person's folder holds anything: folders of other users, names of other times, links in a circle. Knows no backend.
"""

import os
import stat
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from schema.errors import why

DEPTH = 8
MOST = 20_000
"""A folder is searched no deeper, and no more entries of it are looked at."""

NO_TEXT = "its name is no UTF-8; rename it"


class Found(NamedTuple):
    name: str
    """Below the folder that was listed, with slashes."""
    path: str
    folder: bool
    """A folder that counts as one thing."""
    changed: int
    """Nanoseconds."""
    size: int


@dataclass
class Listing:
    found: list[Found] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    """What could not be looked at, each with its reason."""


Whole = Callable[[set[str]], bool]
"""Given the names in a folder: does it count as one thing?"""


def listed(
    top: str | os.PathLike[str],
    endings: tuple[str, ...],
    *,
    whole: Whole = lambda names: False,
    skip: Container[str] = (),
    depth: int = DEPTH,
    most: int = MOST,
) -> Listing:
    """Files with one of these endings (lower case), and whole folders; nothing hidden. By name, folder by folder.

    A folder that is not there has nothing in it. Follows links, into each folder once. `skip` names folders right
    below `top`, in lower case, that are not looked into.
    """
    listing = Listing()
    search = _Search(listing, endings, whole, skip, depth, most)
    listing.found.extend(search.below(os.fspath(top), "", 0))
    return listing


def is_folder(path: Path) -> bool:
    """False also where the way to it may not be gone."""
    try:
        return path.is_dir()
    except OSError:
        return False


def showable(name: str) -> bool:
    """Can it stand in a message? Names of files need not be text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(name: str) -> str:
    """For people, whatever it holds."""
    return name.encode("utf-8", "replace").decode()


class _Search:
    def __init__(
        self, listing: Listing, endings: tuple[str, ...], whole: Whole, skip: Container[str], depth: int, most: int
    ) -> None:
        self._passed = listing.passed
        self._endings = endings
        self._whole = whole
        self._skip = skip
        self._depth = depth
        self._left = most
        self._been: set[tuple[int, int]] = set()

    def below(self, path: str, name: str, level: int) -> Iterator[Found]:
        """`name` is that of `path` itself, below the top; empty for the top."""
        try:
            seen = Path(path).stat()
            with os.scandir(path) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as fault:
            self._passed.append(f"{shown(name) or '.'}: {why(fault)}")
            return
        if name and self._whole({entry.name for entry in inside}):
            yield Found(name, path, True, seen.st_mtime_ns, 0)
            return
        if level > self._depth or (seen.st_dev, seen.st_ino) in self._been:
            return
        self._been.add((seen.st_dev, seen.st_ino))
        for entry in inside:
            if self._left <= 0:
                return
            self._left -= 1
            if not entry.name.startswith("."):
                yield from self._one(entry, f"{name}/{entry.name}" if name else entry.name, level)

    def _one(self, entry: os.DirEntry[str], name: str, level: int) -> Iterator[Found]:
        try:
            folder = entry.is_dir()
            if not folder and not entry.name.lower().endswith(self._endings):
                return
            if not showable(entry.name):
                self._passed.append(f"{shown(name)}: {NO_TEXT}")
            elif folder and (level or entry.name.lower() not in self._skip):
                yield from self.below(entry.path, name, level + 1)
            elif not folder:
                seen = entry.stat()
                if stat.S_ISREG(seen.st_mode):
                    yield Found(name, entry.path, False, seen.st_mtime_ns, seen.st_size)
        except OSError as fault:
            self._passed.append(f"{shown(name)}: {why(fault)}")
