"""What was deleted from the library lies aside for a while, under a hidden folder, and can be brought back.

    config/.deleted/wildcards/1763676800123456789/sky/high.txt

The folder of nanoseconds says when; below it a file lies as it lay in the folder of its kind.
"""

import errno
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daemon.disk import sync_folder
from daemon.library.finding import Finder
from daemon.library.kinds import ENDINGS, Entry, Kind, split
from daemon.prompting.styles import Style
from daemon.prompting.styletext import written
from daemon.prompting.texts import suffix, told
from schema.errors import Refused, why

MOST = 200
"""Files of one kind that lie aside; the oldest go first."""

_FORBIDDEN = re.compile(r'^\.|[\x00-\x1f/\\:*?"<>|]')
_WHEN = re.compile(r"\d{1,20}")


class Aside(NamedTuple):
    when: int
    path: Path
    inside: Path
    """Its path below the folder of its kind."""


def put_aside(finder: Finder, kind: Kind, path: Path) -> None:
    """The file itself, byte for byte. Raises Refused; then it is where it was."""
    there = _place(finder, kind, path.relative_to(finder.folders[kind]))
    try:
        there.parent.mkdir(parents=True, exist_ok=True)
        _move(path, there)
        sync_folder(there.parent)
        sync_folder(path.parent)
    except OSError as fault:
        raise _unwritable(path, fault) from None
    _thin(finder, kind)


def keep_style(finder: Finder, style: Style) -> None:
    """One that stands in a file with others: as a file of its own. Raises Refused."""
    there = _place(finder, "style", Path(f"{_called(style.name)}.csv"))
    try:
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(written((style,)), encoding="utf-8", newline="")
    except OSError as fault:
        raise _unwritable(there, fault) from None
    _thin(finder, "style")


def bring_back(finder: Finder, kind: Kind, name: str) -> Entry:
    """The last one of this name that was deleted, as it was. Raises Refused where none is, or the name is taken."""
    stem, ending = split(name, kind)
    wanted = (_called(stem) if kind == "style" else stem).casefold()
    for aside in _all(finder, kind):
        file = aside.inside.as_posix()
        ours = suffix(file)
        if ours in ENDINGS[kind] and file[: -len(ours)].casefold() == wanted and ending in ("", ours):
            return _moved(finder, kind, aside)
    raise Refused(
        f"no {kind} '{told(name, 60)}' was deleted lately.", where=kind, remedy=f"The last {MOST} of a kind are kept."
    )


def _moved(finder: Finder, kind: Kind, aside: Aside) -> Entry:
    path = finder.folders[kind] / aside.inside
    if path.exists():
        raise Refused(
            f"there is a {kind} '{told(aside.inside.stem, 60)}' again.",
            where=kind,
            remedy=f"Rename it first; what was deleted lies in {told(str(aside.path), 200)}.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _move(aside.path, path)
        sync_folder(path.parent)
        stat = path.stat()
    except OSError as fault:
        raise _unwritable(path, fault) from None
    shutil.rmtree(_root(finder, kind) / str(aside.when), ignore_errors=True)
    name = aside.inside.as_posix()
    return Entry(name[: -len(suffix(name))], kind, path, builtin=False, bytes=stat.st_size, modified=stat.st_mtime)


def _move(path: Path, to: Path) -> None:
    """Also onto another disk: a folder of the library may be a link to one. Raises OSError; then it is still there."""
    try:
        path.rename(to)
    except OSError as fault:
        if fault.errno != errno.EXDEV:
            raise
        part = to.with_name(f".{to.name}.part")
        try:
            shutil.copy2(path, part)
            part.rename(to)
        finally:
            part.unlink(missing_ok=True)
        path.unlink()


def _called(style: str) -> str:
    """A file's name of a style's, which may hold any sign."""
    return _FORBIDDEN.sub("_", style).strip()[:40] or "_"


def _root(finder: Finder, kind: Kind) -> Path:
    return finder.folders[kind].parent / ".deleted" / f"{kind}s"


def _place(finder: Finder, kind: Kind, inside: Path) -> Path:
    """A folder of its own, later than all others."""
    newest = max((aside.when for aside in _all(finder, kind)), default=0)
    return _root(finder, kind) / str(max(time.time_ns(), newest + 1)) / inside


def _all(finder: Finder, kind: Kind) -> Iterator[Aside]:
    """Newest first."""
    root = _root(finder, kind)
    try:
        whens = sorted((int(one.name) for one in root.iterdir() if _WHEN.fullmatch(one.name)), reverse=True)
    except OSError:
        return
    for when in whens:
        folder = root / str(when)
        yield from (Aside(when, path, path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _thin(finder: Finder, kind: Kind) -> None:
    for aside in list(_all(finder, kind))[MOST:]:
        shutil.rmtree(_root(finder, kind) / str(aside.when), ignore_errors=True)


def _unwritable(path: Path, fault: OSError) -> Refused:
    return Refused(
        f"cannot be changed: {why(fault)}.", where=told(str(path), 200), remedy="Check permissions and free space."
    )
