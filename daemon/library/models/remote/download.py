"""One file from the network to the disk: whole, checked and resumed, or not there at all.

What has come is kept in a hidden file beside the target, so that another try goes on from there.
"""

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import aiohttp

from daemon.disk import UNFINISHED, sync_folder, write_whole
from daemon.library.models.header import read_header
from daemon.library.models.remote.door import Door, check
from daemon.library.models.remote.sites import Wanted
from schema.errors import Refused, why

BLOCK = 1 << 20
LOOK = 64 << 20
"""Bytes between two looks at the free disk."""

TRIES = 5
PAUSE = 2.0
"""Seconds before the second try; grows with each."""


class Broken(Exception):
    """The line broke; what came is kept, and may be gone on with."""


class Download:
    """Of one file to one place. `had` and `total` tell how far it is."""

    def __init__(self, door: Door, wanted: Wanted, path: Path, *, largest: int, floor: int) -> None:
        """`largest` of bytes it may have; `floor` of bytes that stay free on the disk."""
        self._door = door
        self._wanted = wanted
        self.path = path
        self._largest = largest
        self._floor = floor
        name = hashlib.sha256(f"{wanted.sha256 or wanted.url}{path.name}".encode()).hexdigest()[:16]
        self._part = path.with_name(f"{UNFINISHED}{name}.part")
        self._mark = self._part.with_suffix(".mark")
        """The server's own name of this very content, so that the rest is of the same."""
        self.had = 0
        self.total = wanted.bytes

    async def run(self) -> None:
        """Returns when the file stands under its name. Raises Refused; what came so far may stay for another try."""
        if await asyncio.to_thread(self._there):
            return
        for number in range(1, TRIES + 1):
            try:
                await self._rest()
                break
            except Broken as fault:
                if number == TRIES:
                    raise Refused(f"the download broke off: {fault}.", remedy="Ask again: it goes on there.") from None
                await asyncio.sleep(PAUSE * number)
        await asyncio.to_thread(self._finish)

    async def _rest(self) -> None:
        self.had = await asyncio.to_thread(_size, self._part)
        mark = await asyncio.to_thread(_text, self._mark)
        headers = {"Accept-Encoding": "identity"}
        if self.had and (mark or self._wanted.sha256):
            headers["Range"] = f"bytes={self.had}-"
            headers |= {"If-Range": mark} if mark else {}
        async with self._door.get(self._wanted.url, headers) as answer:
            if answer.status == 416 and self.had == self.total:
                return
            check(answer, 206, 416)
            if answer.status != 206 or not _goes_on(answer.headers, self.had):
                self.had = 0
            if answer.status == 416:
                await asyncio.to_thread(self._drop)
                raise Broken("the server has less than came so far")
            await self._take(answer)

    async def _take(self, answer: aiohttp.ClientResponse) -> None:
        length = answer.content_length
        if length is not None:
            self.total = self.had + length
            self._check_size(self.total)
        await asyncio.to_thread(self._check_disk, max(0, self.total - self.had))
        await asyncio.to_thread(self._note, answer.headers)
        looked = self.had
        file = await asyncio.to_thread(self._part.open, "r+b" if self.had else "wb")
        try:
            await asyncio.to_thread(_to, file, self.had)
            async for piece in answer.content.iter_chunked(BLOCK):
                self.had += len(piece)
                self._check_size(self.had)
                if self.had - looked >= LOOK:
                    looked = self.had
                    await asyncio.to_thread(self._check_disk, 0)
                await asyncio.to_thread(file.write, piece)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as fault:
            raise Broken(why(fault)) from None
        except OSError as fault:
            raise Refused(f"{self.path.parent}: {why(fault)}.", remedy="Free some space.") from None
        finally:
            await asyncio.to_thread(file.close)
        if length is not None and self.had < self.total:
            raise Broken(f"only {self.had:,} of {self.total:,} bytes came")

    def _there(self) -> bool:
        """Whether this very file is there already. Raises Refused where it cannot come."""
        self._check_size(self._wanted.bytes)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise Refused(f"{self.path.parent}: {why(fault)}.") from None
        if self.path.exists() or self.path.is_symlink():
            if self._wanted.sha256 and self.path.is_file() and _digest(self.path) == self._wanted.sha256:
                self.had = self.total = self.path.stat().st_size
                return True
            raise Refused(
                f"{self.path} is there already.", where="--name", remedy="Give another name, or take it away first."
            )
        return False

    def _finish(self) -> None:
        """Nothing gets a name before its content is what was promised."""
        with self._part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            header = read_header(file, size) if self.path.suffix in (".safetensors", ".sft") else None
            os.fsync(file.fileno())
        wrong = bool(self._wanted.sha256) and found != self._wanted.sha256
        if wrong or (header is not None and header.trouble):
            self._drop()
            said = "its hash is not the one that the site tells" if wrong else (header.trouble if header else "")
            raise Refused(f"what came is not the file: {said}.", remedy="It was thrown away; try again.")
        try:
            os.link(self._part, self.path)  # never over a file that came meanwhile
        except FileExistsError:
            raise Refused(f"{self.path} is there already.", where="--name") from None
        except OSError:
            self._part.rename(self.path)
        self._drop()
        sync_folder(self.path.parent)

    def _drop(self) -> None:
        self._part.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)

    def _note(self, headers: Mapping[str, str]) -> None:
        mark = headers.get("ETag", "")
        if mark and not mark.startswith("W/"):
            self._mark.write_text(mark)

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise Refused(
                f"it is larger than {self._largest >> 20:,} MB.",
                where="[library] largest_mb",
                remedy="Raise the limit if you want it.",
            )

    def _check_disk(self, coming: int) -> None:
        free = shutil.disk_usage(self.path.parent).free
        if free - coming < self._floor:
            raise Refused(
                f"only {free >> 20:,} MB are free for {coming >> 20:,} MB, and {self._floor >> 20:,} MB stay free.",
                where=str(self.path.parent),
                remedy="Free some space.",
            )


def keep_beside(path: Path, text: str) -> Path | None:
    """What the site says of a model, beside it; nothing where a sidecar is there already. Blocks."""
    name = path.with_name(f"{path.stem}.civitai.info")
    if not text or name.exists() or name.is_symlink():
        return None
    json.loads(text)
    write_whole(name, text.encode())
    return name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _goes_on(headers: Mapping[str, str], at: int) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {at}-")


def _to(file: BinaryIO, at: int) -> None:
    file.seek(at)
    file.truncate()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _text(path: Path) -> str:
    try:
        return path.read_text()[:200]
    except (OSError, UnicodeDecodeError):
        return ""
