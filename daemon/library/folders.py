"""Looks through the library's folders: which files count, and which are passed over and why. Follows no link out."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daemon.library.kinds import ENDINGS, Entry, Kind
from daemon.prompting.texts import cleaned, suffix, told

MOST = 200_000
"""Files of one kind: what a person would never keep is not looked through."""


class Look(NamedTuple):
    entries: list[Entry]
    troubles: list[str]
    """Sentences with the path of what was passed over."""


def look(kind: Kind, folder: Path, builtin: bool) -> Look:
    """Every file that counts, endings in their order, then by name; folders within only for wildcards."""
    entries: list[Entry] = []
    troubles: list[str] = []
    for path, name in _paths(folder, folder, "", kind == "wildcard", troubles):
        ending = suffix(path.name)
        if ending not in ENDINGS[kind]:
            continue
        if path.name != cleaned(path.name):
            troubles.append(f"{told(str(path), 200)}: the name holds control characters. Rename the file.")
            continue
        try:
            found = path.stat()
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            continue
        entries.append(Entry(name[: -len(ending)], kind, path, builtin, found.st_size, found.st_mtime))
        if len(entries) > MOST:
            troubles.append(f"{told(str(folder), 200)}: holds more than {MOST:,} files; the rest is not looked at.")
            break
    order = ENDINGS[kind]
    entries.sort(key=lambda entry: (order.index(suffix(entry.path.name)) if entry.path else 0, entry.name))
    return Look(entries, troubles)


def _paths(root: Path, folder: Path, prefix: str, deep: bool, troubles: list[str]) -> Iterator[tuple[Path, str]]:
    """Each with its path below the folder, slashes forward."""
    try:
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError:
        return
    for one in found:
        if one.name.startswith("."):
            continue
        path = Path(one.path)
        if one.is_symlink() and (trouble := leads_out(path, root)):
            troubles.append(trouble)
        elif one.is_dir():
            if deep and not one.is_symlink() and prefix.count("/") < 16:
                yield from _paths(root, path, f"{prefix}{one.name}/", deep, troubles)
        else:
            yield path, f"{prefix}{one.name}"


def leads_out(path: Path, folder: Path) -> str:
    """Why this link is not followed, in a sentence; empty: it may be."""
    try:
        if path.resolve(strict=True).is_relative_to(folder.resolve()):
            return ""
        why = "is a link that leads out of the library's folder, and is not followed. Put the file itself there."
    except (OSError, RuntimeError):
        why = "is a link that leads nowhere. Delete it."
    return f"{told(str(path), 200)}: {why}"
