"""Pictures in results folders that are deleted, or looked for: where each may lie, by its sidecar. All of it blocks."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from daemon.artifacts.formats import EXTENSIONS
from daemon.artifacts.manifest import Sidecar
from daemon.artifacts.results import slots, stem_of
from schema.pages import ImageRow


def take_out(root: Path, rows: Iterable[ImageRow]) -> int:
    """Deletes these pictures and their sidecars below `root`; how many files there were. Raises OSError.

    What a person has painted over in their place is their own work, and stays with its sidecar.
    Where a later attempt's picture lies behind, the sidecar stays and keeps the slot: names of others do not change.
    """
    deleted = 0
    for row in rows:
        for name in [name for name in copies(root, row) if _is_still(name, row)]:
            name.unlink(missing_ok=True)
            deleted += 1
            if not _is_followed(name):
                name.with_suffix(".json").unlink(missing_ok=True)
            if name.parent.name == "stages":
                _drop_empty(name.parent)
    return deleted


def copies(root: Path, row: ImageRow) -> Iterator[Path]:
    """Files in the run's folder that are this picture, by what the sidecar beside them says; linked or copied."""
    for place, stem in _spots(root, row):
        if not place.is_dir():
            continue
        for name in slots(place, stem, EXTENSIONS[row.media]):
            told = _told(name)
            if told == row.id and name.is_file() and not name.is_symlink():
                yield name
            if not told and not os.path.lexists(name):
                break


def _spots(root: Path, row: ImageRow) -> Iterator[tuple[Path, str]]:
    folder, stem, behind = root / row.folder, stem_of(row.name, row.job), f"+{row.index + 1}" if row.index else ""
    if not row.folder or folder.parent != root:
        return
    yield folder / "stages", f"{stem}-{row.stage_number:02d}-{row.stage}{behind}"
    if row.final:
        yield folder, f"{stem}{behind}"


def _is_still(name: Path, row: ImageRow) -> bool:
    """Whether the file is what was stored; a further link to the stored file is, and need not be read."""
    found = name.lstat()
    if found.st_nlink > 1 and found.st_size == row.bytes:
        return True
    with name.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == row.sha256


def _told(name: Path) -> str:
    """The id of the picture that the sidecar of this name speaks of; empty without one."""
    try:
        return msgspec.json.decode(name.with_suffix(".json").read_bytes(), type=Sidecar).image.id
    except (OSError, msgspec.DecodeError):
        return ""


def _is_followed(name: Path) -> bool:
    """Whether the next slot is taken, or kept by a sidecar."""
    head, tilde, number = name.stem.rpartition("~")
    following = f"{head}~{int(number) + 1}" if tilde and number.isdigit() else f"{name.stem}~2"
    return os.path.lexists(name.with_name(following + name.suffix)) or os.path.lexists(
        name.with_name(following + ".json")
    )


def _drop_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # something still lies in it
