"""The socket that an agent is found by: for this user alone, at the name that was asked for, gone when it ends."""

import os
import socket
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

LONGEST_PATH = 90
"""Bytes of a socket's path, some less than a system takes: its name is longer while it is bound."""

SHORT = "stablenew-"
"""How folders for sockets begin whose own place has too long a path."""


class Listening:
    """Bound beside its name and renamed, so no stale file is in the way.

    Where the path is too long for a socket, `path` is a link to one with a short path. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._real = path if len(os.fsencode(path)) <= LONGEST_PATH else short_folder(path) / "a"
        if _is_short(self._real.parent):
            private(self._real.parent)
        self.socket = _bound(self._real)
        self._known = self._real.stat()
        if self._real != path:
            path.unlink(missing_ok=True)
            path.symlink_to(self._real)

    def is_ours(self) -> bool:
        """False once its name was deleted, or leads to another agent."""
        try:
            return os.path.samestat(self._path.stat(), self._known)
        except OSError:
            return False

    def forget(self) -> None:
        """Its names, and a folder that was made for it alone; what is another agent's stays."""
        with suppress(OSError):
            if self.is_ours():
                self._path.unlink()
            if os.path.samestat(self._real.stat(), self._known):
                self._real.unlink()
        if _is_short(self._real.parent):
            with suppress(OSError):
                self._real.parent.rmdir()


def short_folder(path: Path) -> Path:
    """Where a socket lies whose own path is too long."""
    name = f"{SHORT}{os.geteuid()}-{sha256(os.fsencode(path)).hexdigest()[:12]}"
    return Path(tempfile.gettempdir()) / name


def private(folder: Path) -> None:
    """Makes sure of a folder that nobody else can have put there: a link might lead anywhere. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone; delete it")


def _is_short(folder: Path) -> bool:
    return folder.name.startswith(SHORT) and folder.parent == Path(tempfile.gettempdir())


def _bound(path: Path) -> socket.socket:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(beside))
    finally:
        os.umask(mask)
    listener.listen(64)
    listener.setblocking(False)
    beside.replace(path)
    return listener
