"""Storage that agents leave results in, such as a network drive, as it is mounted here: read, and never trusted.

`DIR/.stablenew-storage` holds the storage's own id, written by whoever comes first: daemon and agent see the same one,
or speak of different folders. A place is a label of an agent's: it is opened below the folder, one name at a time,
through no link; what lies there counts only by its hash.
"""

import asyncio
import logging
import os
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from schema.errors import Refused, why
from schema.ids import ALPHABET
from schema.orders import Card, Order

log = logging.getLogger(__name__)

MARK = ".stablenew-storage"
ID_LENGTH = 20
LONGEST_MARK = 100
LONGEST_PLACE, DEEPEST = 500, 8
PIECE = 1 << 20

READ_SECONDS = 20.0
"""For one piece: a drive that hangs must not keep a picture that can be had over the connection."""

AGAIN_SECONDS = 60.0
"""Until one that was not there is looked for again."""

PATIENCE = 10

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="shared")
"""A drive that hangs keeps its threads for ever: these, and none that anything else needs."""

P = ParamSpec("P")
T = TypeVar("T")


class Shared:
    def __init__(self, folder: Path, storage: str) -> None:
        self.id = storage
        """As on cards and in orders."""
        self._folder = folder
        self._again = float("-inf")
        """Loop time until which nothing is asked of it."""

    @classmethod
    def open(cls, folder: Path) -> "Shared":
        """Blocks. Raises Refused for a folder that is not there or cannot be read."""
        try:
            return cls(folder, _marked(folder / MARK))
        except OSError as fault:
            raise Refused(
                f"the shared storage {folder} cannot be used: {why(fault)}.",
                where="fleet.shared",
                remedy="Mount it, and let this user read and write there. Results come over the connections meanwhile.",
            ) from None

    async def pieces(self, place: str, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that an agent says it left there. Raises OSError for anything but a plain one of at most
        so many bytes.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._again:
            raise OSError(None, "it did not answer a moment ago")
        try:
            async for piece in self._read(place, most):
                yield piece
        except TimeoutError:
            self._again = loop.time() + AGAIN_SECONDS
            raise

    async def _read(self, place: str, most: int) -> AsyncIterator[bytes]:
        descriptor = await _in_time_or(os.close, _opened, self._folder, place)
        try:
            if not stat.S_ISREG((kind := os.fstat(descriptor)).st_mode) or kind.st_size > most:
                raise OSError(None, "it is not the file that was announced")
            while piece := await _in_time(os.read, descriptor, PIECE):
                yield piece
        finally:
            os.close(descriptor)


class Storage:
    """The shared storage, as soon as it is mounted; `run` looks for it."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.now: Shared | None = None
        self.trouble = ""
        """Why there is none although one is set; empty: all is well, or none is wanted."""

    async def run(self) -> None:
        while self._folder is not None and self.now is None:
            try:
                self.now = await _in_time(Shared.open, self._folder)
                self.trouble = ""
            except Refused as refused:
                self.trouble = refused.told()
            except TimeoutError:
                self.trouble = f"The shared storage {self._folder} does not answer. Results come over the connections."
            if self.now is None:
                log.warning("%s", self.trouble)
                await asyncio.sleep(AGAIN_SECONDS)

    def wanted(self, order: Order, card: Card | None) -> Order:
        """With the storage in it, where the node that gets it has the same one."""
        if self.now is None or card is None or card.storage != self.now.id:
            return order
        return msgspec.structs.replace(order, storage=self.now.id)


async def _in_time(call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """In a thread of the drive's own. Raises TimeoutError, an OSError, where the drive hangs."""
    return await _in_time_or(lambda _: None, call, *args, **named)


async def _in_time_or(late: Callable[[T], None], call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """`late` gets what comes after nobody waits for it any more."""
    work = _THREADS.submit(call, *args, **named)
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await asyncio.wrap_future(work)
    except BaseException:
        work.add_done_callback(lambda done: None if done.cancelled() or done.exception() else late(done.result()))
        raise


def _opened(folder: Path, place: str) -> int:
    """Raises OSError."""
    names = place.split("/")
    if len(place) > LONGEST_PLACE or len(names) > DEEPEST or any(name in ("", ".", "..") for name in names):
        raise OSError(None, "its place is no path below the storage")
    if "\0" in place:
        raise OSError(None, "its place is no path at all")
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names[:-1]:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        return os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    except UnicodeError:
        raise OSError(None, "its place is no path at all") from None
    finally:
        os.close(at)


def _marked(mark: Path) -> str:
    """The id that is there, or a new one; of two that come at once, one wins. Raises OSError."""
    with suppress(FileExistsError), mark.open("x", encoding="ascii") as file:
        file.write("".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH)) + "\n")
    storage = ""
    for _ in range(PATIENCE):
        storage = mark.read_bytes()[:LONGEST_MARK].decode("ascii", "replace").strip()
        if storage:
            break
        time.sleep(0.1)  # the other one is about to write it
    if not storage.isalnum():
        raise OSError(None, f"{mark.name} holds no id; remove it")
    return storage
