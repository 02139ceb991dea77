"""How much lies in our folders, and what is free on their disks. Blocks."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from schema.diskuse import Disk, FolderUse
from schema.places import Places


class Folder(NamedTuple):
    name: str
    path: Path
    without: tuple[Path, ...] = ()
    """Folders and files below it that are counted by themselves."""


def folders_of(places: Places, results: Path, backups: Path) -> tuple[Folder, ...]:
    """Everything of ours; the artifact store first: what results folders only link is counted there."""
    log = tuple(places.log.with_name(places.log.name + end) for end in ("", "-wal", "-shm"))
    views = tuple(places.views.with_name(places.views.name + end) for end in ("", "-wal", "-shm"))
    apart = (*log, *views, places.snapshots, places.logs, places.agent, places.agents)
    return (
        Folder("pictures and other artifacts", places.artifacts),
        Folder("results, beyond links", results),
        Folder("thumbnails", places.thumbnails),
        *(Folder("log", path) for path in log),
        *(Folder("views", path) for path in views),
        Folder("snapshots", places.snapshots),
        Folder("backups", backups),
        Folder("program logs", places.logs),
        Folder("agents here", places.agent),
        Folder("agents here", places.agents),
        Folder("other state", places.state, apart),
        Folder("what people wrote", places.config),
    )


def measured(folders: Sequence[Folder]) -> tuple[FolderUse, ...]:
    """One for each name, in order; a file with several names is counted once."""
    seen: set[tuple[int, int]] = set()
    found: dict[str, FolderUse] = {}
    for folder in folders:
        files = size = 0
        for stat in _files(folder.path, frozenset(map(str, folder.without))):
            if stat.st_nlink > 1:
                if (stat.st_dev, stat.st_ino) in seen:
                    continue
                seen.add((stat.st_dev, stat.st_ino))
            files, size = files + 1, size + stat.st_size
        before = found.get(folder.name)
        found[folder.name] = FolderUse(
            name=folder.name, path=before.path if before else str(folder.path),
            files=files + (before.files if before else 0), bytes=size + (before.bytes if before else 0),
        )  # fmt: skip
    return tuple(found.values())


def disks(folders: Sequence[Folder]) -> tuple[Disk, ...]:
    """The file systems that they lie on, or would."""
    found: dict[int, tuple[Path, list[str]]] = {}
    for folder in folders:
        there = next((path for path in (folder.path, *folder.path.parents) if path.exists()), Path("/"))
        path, names = found.setdefault(there.stat().st_dev, (there, []))
        if folder.name not in names:
            names.append(folder.name)
    told = []
    for path, names in found.values():
        usage = shutil.disk_usage(path)
        told.append(Disk(path=str(path), holds=tuple(names), free=usage.free, total=usage.total))
    return tuple(told)


def _files(path: Path, without: frozenset[str]) -> Iterator[os.stat_result]:
    """Never through links; what goes away meanwhile is left out."""
    try:
        if not path.is_dir():
            if path.is_file():
                yield path.lstat()
            return
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.path in without:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(Path(entry.path), without)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.stat(follow_symlinks=False)
    except OSError:
        return
