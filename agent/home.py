"""The agent's own folder: closed to others, locked, and watched, as a folder may be deleted under a running program."""

import asyncio
import fcntl
import os
import stat
import time
from pathlib import Path
from typing import Self

from schema.errors import Refused, why
from schema.ids import NodeId

PRIVATE = 0o700


class HomeTaken(Exception):
    """Another agent uses this home."""


class Home:
    """The right to a folder's spool, until `leave` or the end of the process."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock

    @classmethod
    async def take(cls, folder: Path, patience: float) -> Self:
        """Waits `patience` seconds for another agent that may be about to end. Raises HomeTaken, Refused, OSError."""
        close_to_others(folder)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(folder, lock)
            except OSError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise HomeTaken(f"another agent uses {folder}. Stop it first, or choose another name") from None
                await asyncio.sleep(0.05)

    def is_ours(self) -> bool:
        """False once the folder was deleted, moved or replaced: another agent may have its name by now."""
        try:
            return os.path.samestat(os.fstat(self._lock), (self._folder / "lock").stat())
        except OSError:
            return False

    def leave(self) -> None:
        os.close(self._lock)


def close_to_others(folder: Path) -> None:
    """Makes it and what is missing above it, for this user alone. Raises Refused where that cannot be."""
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=PRIVATE, exist_ok=True)
        found = folder.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(PRIVATE)
    except OSError as fault:
        raise Refused(f"{why(fault)}", where=str(folder), remedy="Choose a folder that can be written.") from None
    if found.st_uid != os.geteuid():
        raise Refused("this folder belongs to somebody else", where=str(folder), remedy="Choose another one.")


def fleet_home(home: Path, fleet: NodeId | None) -> Path:
    """Where spool and epoch lie: of a fleet in a folder of its own, so that no other daemon gets its results."""
    return home / "fleets" / fleet if fleet else home
