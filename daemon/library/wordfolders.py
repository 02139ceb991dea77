"""Looks through the folders of wildcards, and again only where a folder's time changed. Follows no link out."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from daemon.library.folders import leads_out
from daemon.prompting.texts import told
from schema.errors import why

SETTLED_NS = 50_000_000
"""A folder that changed so shortly before it was looked at may have changed once more within the clock's tick."""

MAX_FOLDERS = 16
"""One within another."""

LINES = ".txt"
ENDINGS = (LINES, ".yaml", ".json")


class Place(NamedTuple):
    """Where a wildcard stands."""

    path: str
    file: str
    """Its path below the folder of wildcards."""
    builtin: bool


class Folder(NamedTuple):
    stamp: int
    files: tuple[str, ...]
    """All that count; the same object as long as nothing changed."""
    maps: tuple[str, ...]
    """Those among them that hold several."""
    folders: tuple[str, ...]
    troubles: tuple[str, ...]


class Found(NamedTuple):
    path: str
    prefix: str
    builtin: bool
    folder: Folder

    def places(self, files: Iterable[str]) -> Iterator[Place]:
        return (Place(f"{self.path}/{name}", self.prefix + name, self.builtin) for name in files)


class Folders:
    def __init__(self, roots: Iterable[tuple[Path, bool]]) -> None:
        self._roots = tuple((str(path), builtin) for path, builtin in roots)
        self._known: dict[str, Folder] = {}

    def look(self) -> Iterator[Found]:
        """Every folder, those of earlier roots first."""
        for root, builtin in self._roots:
            yield from self._walk(root, root, "", builtin, 0)

    def _walk(self, root: str, path: str, prefix: str, builtin: bool, depth: int) -> Iterator[Found]:
        try:
            stamp = os.stat(path).st_mtime_ns  # noqa: PTH116 - a thousand folders at each key press
        except OSError:
            self._known.pop(path, None)
            return
        known = self._known.get(path)
        if known is None or known.stamp != stamp:
            fresh = _scan(root, path)
            known = fresh._replace(stamp=stamp if time.time_ns() - stamp > SETTLED_NS else -1)
            self._known[path] = known
        yield Found(path, prefix, builtin, known)
        for name in known.folders if depth < MAX_FOLDERS else ():
            yield from self._walk(root, f"{path}/{name}", f"{prefix}{name}/", builtin, depth + 1)


def _scan(root: str, folder: str) -> Folder:
    files, folders, troubles = list[str](), list[str](), list[str]()
    try:
        with os.scandir(folder) as found:
            for one in found:
                name = one.name
                if name.startswith("."):
                    continue
                if one.is_symlink() and (trouble := leads_out(Path(one.path), Path(root))):
                    troubles.append(trouble)
                elif name.lower().endswith(ENDINGS) and one.is_file():
                    if name.isprintable():
                        files.append(name)
                    else:
                        where = told(one.path, 200)
                        troubles.append(f"{where}: the name holds control characters. Rename the file.")
                elif name.lower().endswith(".yml"):
                    where = told(one.path, 200)
                    troubles.append(f"{where}: no program reads wildcards from .yml. Call it .yaml.")
                elif one.is_dir() and not one.is_symlink():
                    folders.append(name)
    except OSError as fault:
        troubles.append(f"{told(folder, 200)}: cannot be read: {why(fault)}.")
    maps = sorted(name for name in files if not name.lower().endswith(LINES))
    return Folder(0, tuple(sorted(files)), tuple(maps), tuple(sorted(folders)), tuple(troubles))
