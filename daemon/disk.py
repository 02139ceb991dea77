"""How a file comes to be on disk: whole or not at all, hashed on its way, never through a link.

Knows nothing of what the files are; every edge writes through it. Everything here blocks.
"""

import errno
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
AWAY: Final = frozenset(
    {
        errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN,
        errno.EACCES, errno.EPERM,
    }
)  # fmt: skip
"""Numbers of faults that heal: a disk without room, and one that is read-only or not there."""

UNFINISHED = ".stablenew-"
"""How names of unfinished files begin."""


class Incoming:
    """A file that has no name yet. Leaving the block without `finish` deletes it. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=UNFINISHED, suffix=".part")
        self.path = Path(name)
        self.size = 0
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._seen = hashlib.sha256()
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._finished:
            self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        self._seen.update(data)
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def copy(self, path: Path) -> None:
        with path.open("rb") as source:
            while piece := source.read(1 << 20):
                self.write(piece)

    def replace(self, data: bytes) -> None:
        """Begins anew with other bytes."""
        self._file.seek(0)
        self._file.truncate()
        self._seen = hashlib.sha256()
        self.size = 0
        self.write(data)

    def sha256(self) -> str:
        return self._seen.hexdigest()

    def finish(self, name: Path, *, mode: int = 0o444, sync: bool = True) -> None:
        """Under its name, read-only and synced unless told otherwise; the folder is still to be synced."""
        os.fchmod(self._file.fileno(), mode)
        if sync:
            os.fsync(self._file.fileno())
        self.path.replace(name)
        self._finished = True


def try_room(folder: Path, size: int) -> None:
    """Writes so many bytes and takes them away again. Raises OSError where that does not go."""
    with tempfile.TemporaryFile(dir=folder, prefix=UNFINISHED, buffering=0) as file:
        left = size
        while left > 0:
            left -= file.write(bytes(min(left, 1 << 20)))


def sync_folder(folder: Path) -> None:
    """Makes renames into `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(name: Path, content: bytes, *, sync: bool = True) -> bool:
    """`content` under `name`, whole or not at all; False when it stands there already."""
    with suppress(OSError):
        if name.read_bytes() == content and not name.is_symlink():
            return False
    with Incoming(name.parent) as incoming:
        incoming.write(content)
        incoming.finish(name, mode=0o644, sync=sync)
    return True
