"""One daemon per log: the lock, the socket nobody can steal, and the endpoint file that clients read.

Knows files and sockets, nothing of what is served. Only who holds the lock touches the socket.
"""

import errno
import fcntl
import json
import logging
import os
import socket
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from daemon.disk import write_whole
from schema.errors import Refused, why
from schema.places import SPARE_PREFIX, Places, spare_folder

log = logging.getLogger(__name__)

LONGEST_SOCKET_PATH = 107
"""Bytes; Linux refuses more."""

SPARE = "s"
"""The socket's name in its short folder."""

UNSAFE_FILE_SYSTEMS = ("nfs", "cifs", "smb", "fuse", "9p", "afs")
"""Beginnings of the names of file systems on which SQLite's WAL and flock cannot be trusted."""


class Locked(Exception):
    """Another daemon holds the lock. Exit code 75."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"another daemon ({holder}) holds the log. Use it, or stop it with `stablenew daemon stop`.")


class Claim:
    """The right to write one log, held until `release` or the end of the process."""

    def __init__(self, places: Places, lock: int, boot: str) -> None:
        self._places = places
        self._lock = lock
        self._boot = boot
        self._bound: tuple[Path, int, int] | None = None
        self._server: socket.socket | None = None
        self._told = True

    @classmethod
    def take(cls, places: Places, boot: str) -> Self:
        """Raises Locked, or Refused where the state folder cannot be used.

        One that can only be read is taken, too: then nobody can write the log, but what is in it can be shown.
        """
        _private_folder(places.state)
        _check_file_system(places.state)
        return cls(places, _locked(places.lock), boot)

    def renew(self) -> None:
        """After the folder was away: the lock on the file that lies there now. Raises Locked, OSError."""
        if self._is_home():
            return
        old, self._lock = self._lock, _locked(self._places.lock)
        os.close(old)

    def listen(self, env: Mapping[str, str]) -> None:
        """Listens at a Unix socket's final name, with the endpoint file naming it.

        Where the socket's own folder is away or takes nothing, in a short one of ours. Raises Refused, OSError.
        """
        try:
            if not self._is_home():
                raise FileNotFoundError(errno.ENOENT, "the lock is away", str(self._places.lock))
            server, path = _bind(socket_path(self._places, env))
        except (OSError, Refused) as fault:
            if env.get("STABLENEW_SOCKET"):
                raise
            log.warning("the socket does not lie where it should: %s", fault)
            server, path = _bind(short_folder(self._places.state) / SPARE)
        self._take(server, path)
        if not self._told and path.name != SPARE and not env.get("STABLENEW_SOCKET"):
            self._take(*_bind(short_folder(self._places.state) / SPARE))  # where clients look without being told

    def _take(self, server: socket.socket, path: Path) -> None:
        found = path.stat()
        self._leave()
        self._server, self._bound = server, (path, found.st_dev, found.st_ino)
        self._write_endpoint()

    def door(self) -> socket.socket:
        """The listening socket under another number: closing it leaves this one, and who waits there, alone."""
        assert self._server is not None
        return self._server.dup()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        assert self._bound is not None
        return self._bound[0]

    def is_listening(self) -> bool:
        """Whether the socket's file is still ours: logind deletes runtime folders under running programs."""
        if self._bound is None:
            return False
        path, device, inode = self._bound
        try:
            found = path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (device, inode)

    def is_told(self) -> bool:
        """Whether clients can read where it listens. Where they cannot, it is written again if that can be done."""
        if not self._told or not self._places.endpoint.exists():
            self._write_endpoint()
        return self._told

    def release(self) -> None:
        self._leave()
        if self._is_home():
            with suppress(OSError):
                self._places.endpoint.unlink(missing_ok=True)
        os.close(self._lock)

    def _is_home(self) -> bool:
        """Whether what is locked is still what lies there: else the folder is away, or by now another daemon's."""
        held = os.fstat(self._lock)
        try:
            named = self._places.lock.stat()
        except OSError:
            return False
        return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)

    def _leave(self) -> None:
        if self.is_listening() and self._bound:
            with suppress(OSError):
                self._bound[0].unlink(missing_ok=True)
            leave_short_folder(self._bound[0].parent)
        if self._server is not None:
            self._server.close()
        self._server = self._bound = None

    def _write_endpoint(self) -> None:
        """What cannot be written is not missed: clients look in the short folder, too."""
        told = json.dumps({"socket": str(self.socket), "pid": os.getpid(), "boot": self._boot})
        before = self._told
        try:
            if not self._is_home():
                raise FileNotFoundError(errno.ENOENT, "its folder is away")
            write_whole(self._places.endpoint, told.encode(), sync=False)
            self._told = True
        except OSError as fault:
            self._told = False
            if before:
                log.warning("%s could not be written: %s", self._places.endpoint, why(fault))


def _locked(path: Path) -> int:
    """The open file, locked. Raises Locked, or Refused where there is none and none can be made."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        if fault.errno != errno.EROFS or not path.exists():
            raise Refused(
                f"cannot make the lock: {why(fault)}", where=str(path),
                remedy="Free some space there or make it writable, or set STABLENEW_HOME.",
            ) from None  # fmt: skip
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(lock, 200, 0).decode(errors="replace").strip() or "of unknown pid"
        os.close(lock)
        raise Locked(holder) from None
    with suppress(OSError):  # on a disk that takes nothing: it only says who holds the lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"pid {os.getpid()}".encode(), 0)
    return lock


def _bind(path: Path) -> tuple[socket.socket, Path]:
    """Bound beside the name and renamed over it, so that there is no moment without a listener and a stale file is no
    obstacle. Raises OSError.
    """
    beside = path.with_name(f".s.{os.getpid()}")
    beside.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        server.bind(str(beside))
        server.listen(128)
        server.setblocking(False)
        beside.replace(path)
    except OSError:
        server.close()
        raise
    finally:
        os.umask(old)
    return server, path


def socket_path(places: Places, env: Mapping[str, str]) -> Path:
    """Where the socket lies: `STABLENEW_SOCKET`, the runtime folder, or the state folder.

    Raises Refused where none of them can hold it.
    """
    if named := env.get("STABLENEW_SOCKET"):
        path = Path(named).absolute()
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            raise Refused(
                f"{len(os.fsencode(path))} bytes are too long for a socket's path",
                where="STABLENEW_SOCKET",
                remedy=f"Take one of at most {LONGEST_SOCKET_PATH} bytes.",
            )
        _make_folder(path.parent)
        return path
    if places.runtime is not None and _is_private(places.runtime.parent):
        _private_folder(places.runtime)
        path = places.runtime / "api.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
    path = places.state / "api.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    return short_folder(places.state) / SPARE


def short_folder(owner: Path) -> Path:
    """Made sure of: in a folder that all may write to, somebody else may have put it, or a link, there before.

    Raises Refused.
    """
    folder = spare_folder(owner)
    _make_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refused("this is not a folder of yours alone", where=str(folder), remedy="Delete it.")
    return folder


def leave_short_folder(folder: Path) -> None:
    """Removes it where it is one and empty."""
    if folder.name.startswith(SPARE_PREFIX) and folder.parent == Path(tempfile.gettempdir()):
        with suppress(OSError):
            folder.rmdir()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise Refused(
            f"cannot make this folder: {fault.strerror}",
            where=str(folder),
            remedy="Make it writable, or set STABLENEW_HOME to a folder that is.",
        ) from None


def _private_folder(folder: Path) -> None:
    """Makes sure of a folder that is ours and closed to others."""
    _make_folder(folder)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise Refused("this folder belongs to somebody else", where=str(folder), remedy="Give it to yourself.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        try:
            folder.chmod(0o700)
        except OSError as fault:
            raise Refused(
                f"others can open this folder and it cannot be closed: {fault.strerror}",
                where=str(folder),
                remedy="Run chmod 700 on it.",
            ) from None
    if not os.access(folder, os.W_OK | os.X_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise Refused(
            "this folder cannot be written", where=str(folder), remedy="Make it writable, or set STABLENEW_HOME."
        )


def _is_private(folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _check_file_system(folder: Path) -> None:
    kind = file_system_of(folder)
    if kind.startswith(UNSAFE_FILE_SYSTEMS):
        raise Refused(
            f"this folder lies on {kind}, where the log's lock and its write-ahead file are unsafe",
            where=str(folder),
            remedy="Set STABLENEW_HOME to a folder on a local disk.",
        )


def file_system_of(folder: Path) -> str:
    """The type of the file system a folder lies on, as Linux names it; empty where that is not told."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError as fault:
        if fault.errno in (errno.ENOENT, errno.EACCES):
            return ""
        raise
    resolved = folder.resolve()
    best: tuple[int, str] = (-1, "")
    for line in lines:
        mount, _, rest = line.partition(" - ")
        point = Path(mount.split(" ")[4].replace("\\040", " "))
        if resolved.is_relative_to(point):
            best = max(best, (len(point.parts), rest.split(" ")[0]))
    return best[1]
