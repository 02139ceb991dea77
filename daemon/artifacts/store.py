"""The content-addressed store: pictures, films and blobs under their SHA-256, verified before they are named.

`root/ab/<sha256>.<ext>`; a file is whole, synced and read-only from the moment it has that name. What agents and
people call a file is never part of a path.
"""

import asyncio
import hashlib
import os
import stat
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.artifacts import film, formats
from daemon.artifacts.decoders import Decoders
from daemon.artifacts.png import Malformed
from daemon.disk import Incoming, sync_folder
from schema.errors import Refused
from schema.ids import Sha256
from schema.plans import Picture

EXTENSIONS = (*formats.EXTENSIONS.values(), "json", "bin")
BLOBS = 1024
"""Whose names are kept at hand."""
TEMPORARY, ORPHANS = ".tmp", ".orphans"
DAY = 86_400.0


class HostilePicture(Refused):
    """A file that is no picture we take. Its sentence says what is wrong with it; the caller says whose it was."""


class Missing(Refused):
    """The store has no file of this name."""


class Limits(NamedTuple):
    bytes: int = 64 << 20
    decode_s: float = 10.0
    decoders: int = 2
    temporary_s: float = DAY
    """Age at which a file that was never finished is deleted."""
    orphan_s: float = 7 * DAY
    """Age at which a file that no event names is put aside."""


DEFAULTS = Limits()


class Swept(NamedTuple):
    deleted: int
    """Unfinished files."""
    orphaned: int
    """Files moved to `.orphans`, for a person to look at."""


class Seen(NamedTuple):
    """What decoding a picture told, for those who write its texts."""

    media: str
    width: int
    height: int
    pixels: str
    flat: str
    """`black` or `of one colour`, where there is nothing to see in it."""


Texts = Mapping[str, str] | Callable[[Seen], Mapping[str, str]]
"""Keys `parameters` and `stablenew` to their text; as a function where the text says how large the picture is."""


class ArtifactStore:
    def __init__(self, root: Path, *, limits: Limits = DEFAULTS, clock: Callable[[], float] = time.time) -> None:
        """`clock` is the wall clock in Unix seconds, which files' times are compared with."""
        self._root = root
        self._limits = limits
        self._clock = clock
        self._decoders = Decoders(limits.decoders, timeout=limits.decode_s)
        self._temporary = root / TEMPORARY
        self._temporary.mkdir(parents=True, exist_ok=True)
        self._blobs: OrderedDict[Sha256, Path] = OrderedDict()
        """Those that were synced last: most runs have the base config of the one before."""

    async def accept(
        self, source: AsyncIterator[bytes] | bytes, *, claim: Sha256 | None = None, texts: Texts | None = None
    ) -> Picture:
        """Streams, verifies and keeps a picture; durable when it returns. `seed` is left to the caller.

        `claim` is the SHA-256 of the bytes that come in. Without `texts` they are kept byte for byte, but for
        anything that trails the picture; with them its metadata is rewritten and its image data is not.
        Raises HostilePicture, and OSError when the disk is full or broken.
        """
        with Incoming(self._temporary) as incoming:
            seen, kind, raw = await self._verified(source, incoming, claim)
            if callable(texts):
                texts = texts(seen)
            return await asyncio.to_thread(self._keep_picture, incoming, raw, kind, seen, texts or {})

    async def examine(self, source: AsyncIterator[bytes], *, claim: Sha256) -> Seen:
        """Verifies a picture as `accept` does, and keeps nothing. Raises HostilePicture, OSError."""
        with Incoming(self._temporary) as incoming:
            return (await self._verified(source, incoming, claim))[0]

    async def seen(self, sha: Sha256) -> Picture:
        """A picture of the store, looked at anew. Raises Missing, HostilePicture where it is none, OSError."""
        path = self.path(sha)
        kind = await asyncio.to_thread(lambda: formats.of(_head(path)))
        verdict = await self._decoders.verdict(path)
        if kind is None or verdict.fault:
            raise HostilePicture(verdict.fault or "is no picture")
        return Picture(
            sha256=sha, pixels=verdict.pixels, media=kind.media, bytes=path.stat().st_size, width=verdict.width,
            height=verdict.height,
        )  # fmt: skip

    async def accept_film(self, path: Path) -> Picture:
        """Copies a finished film into the store. `pixels` is empty. Raises FilmFault when it cannot be read or kept."""
        seen = await film.probe(path)
        extension = "webm" if path.suffix == ".webm" else "mp4"
        try:
            with Incoming(self._temporary) as incoming:
                await asyncio.to_thread(incoming.copy, path)
                sha, size = Sha256(incoming.sha256()), incoming.size
                await asyncio.to_thread(self._name, incoming, sha, extension)
        except OSError as fault:
            raise film.FilmFault(
                f"the film could not be kept: {fault.strerror}.", remedy="Check permissions and free space."
            ) from fault
        media = formats.FILMS[extension]
        return Picture(sha256=sha, pixels="", media=media, bytes=size, width=seen.width, height=seen.height)

    async def put_blob(self, data: bytes) -> Sha256:
        """Keeps bytes that are no picture: base configs, cards; again costs nothing. Raises OSError."""
        known = Sha256(hashlib.sha256(data).hexdigest())
        if (path := self._blobs.get(known)) is not None:
            with suppress(OSError):
                os.utime(path, follow_symlinks=False)  # in use again: the sweep leaves it alone
                return known

        def keep() -> Sha256:
            with Incoming(self._temporary) as incoming:
                incoming.write(data)
                sha = Sha256(incoming.sha256())
                self._name(incoming, sha, "json" if _is_json(data) else "bin")
                return sha

        sha = await asyncio.to_thread(keep)
        self._blobs[sha] = self.path(sha)
        while len(self._blobs) > BLOBS:
            self._blobs.popitem(last=False)
        return sha

    def path(self, sha: Sha256) -> Path:
        """The file of this content; never a link, never outside the root. Raises Missing."""
        return file_in(self._root, sha)

    def has(self, sha: Sha256) -> bool:
        try:
            self.path(sha)
        except Missing:
            return False
        return True

    def put_back(self, sha: Sha256, source: Path) -> bool:
        """Copies a file under its own name again, where `source` still is that content; blocks. Raises OSError."""
        with Incoming(self._temporary) as incoming:
            incoming.copy(source)
            if incoming.sha256() != sha:
                return False
            self._name(incoming, sha, source.suffix[1:])
            return True

    async def sweep(self, known: Callable[[Sha256], Awaitable[bool]]) -> Swept:
        """Deletes unfinished files after a day, and puts files aside that no event named within a week."""
        now = self._clock()
        deleted = await asyncio.to_thread(_delete_older, self._temporary, now - self._limits.temporary_s)
        orphaned = 0
        for path in await asyncio.to_thread(_stored_before, self._root, now - self._limits.orphan_s):
            if not await known(Sha256(path.stem)):
                await asyncio.to_thread(_put_aside, path, self._root / ORPHANS)
                orphaned += 1
        return Swept(deleted, orphaned)

    async def warm(self) -> None:
        """Starts a decoder ahead of the first picture."""
        await self._decoders.warm()

    async def close(self) -> None:
        await self._decoders.close()

    async def _verified(
        self, source: AsyncIterator[bytes] | bytes, incoming: Incoming, claim: Sha256 | None
    ) -> tuple[Seen, formats.Format, bytes]:
        """What it shows, its format, and its bytes without what trails them. Raises HostilePicture, OSError."""
        await self._receive(source, incoming)
        if claim is not None and incoming.sha256() != claim:
            raise HostilePicture(f"is not what was announced: SHA-256 {incoming.sha256()} instead of {claim}")
        kind, raw = await asyncio.to_thread(_look, incoming.path)
        verdict = await self._decoders.verdict(incoming.path)
        if verdict.fault:
            raise HostilePicture(verdict.fault)
        return Seen(kind.media, verdict.width, verdict.height, verdict.pixels, verdict.flat), kind, raw

    async def _receive(self, source: AsyncIterator[bytes] | bytes, incoming: Incoming) -> None:
        """Writes in threads, a megabyte at a time; gives up at the cap, whatever would still come."""
        if isinstance(source, bytes):
            self._check_length(len(source))
            await asyncio.to_thread(incoming.write, source)
            return
        waiting = bytearray()
        async for piece in source:
            self._check_length(incoming.size + len(waiting) + len(piece))
            waiting += piece
            if len(waiting) >= 1 << 20:
                await asyncio.to_thread(incoming.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(incoming.write, bytes(waiting))

    def _check_length(self, length: int) -> None:
        if length > self._limits.bytes:
            raise HostilePicture(f"is larger than {self._limits.bytes / (1 << 20):g} MB")

    def _keep_picture(
        self, incoming: Incoming, raw: bytes, kind: formats.Format, seen: Seen, texts: Mapping[str, str]
    ) -> Picture:
        final = kind.splice(raw, texts) if texts else raw
        if len(final) != incoming.size or texts:
            incoming.replace(final)
        sha = Sha256(incoming.sha256())
        self._name(incoming, sha, kind.extension)
        return Picture(
            sha256=sha,
            pixels=seen.pixels,
            media=kind.media,
            bytes=len(final),
            width=seen.width,
            height=seen.height,
        )

    def _name(self, incoming: Incoming, sha: Sha256, extension: str) -> None:
        """Sync, rename, sync the folder: in this order a power cut leaves the whole file or none."""
        folder = self._root / sha[:2]
        fresh = not folder.is_dir()
        folder.mkdir(exist_ok=True)
        incoming.finish(folder / f"{sha}.{extension}")
        sync_folder(folder)
        if fresh:
            sync_folder(self._root)


def file_in(root: Path, sha: Sha256) -> Path:
    """As `ArtifactStore.path`, of a store that is not open."""
    if len(sha) == 64 and not set(sha) - set("0123456789abcdef"):
        stem = f"{root}/{sha[:2]}/{sha}."
        for extension in EXTENSIONS:
            with suppress(OSError):
                if stat.S_ISREG(os.lstat(stem + extension).st_mode):
                    return Path(stem + extension)
    raise Missing(f"no file '{sha[:80]!s}' is in the artifact store")


def _look(path: Path) -> tuple[formats.Format, bytes]:
    """The format by its first bytes, and the picture without what trails it."""
    raw = path.read_bytes()
    kind = formats.of(raw)
    if kind is None:
        shown = raw[:8].hex(" ") or "nothing"
        raise HostilePicture(f"is neither PNG, JPEG nor WebP: it begins with {shown}")
    try:
        length = kind.check(raw)
    except Malformed as fault:
        raise HostilePicture(str(fault)) from fault
    return kind, raw[:length] if length < len(raw) else raw


def _is_json(data: bytes) -> bool:
    if not data.startswith((b"{", b"[")):
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _delete_older(folder: Path, before: float) -> int:
    deleted = 0
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
                Path(entry.path).unlink()
                deleted += 1
    return deleted


def _stored_before(root: Path, before: float) -> list[Path]:
    return [
        Path(entry.path)
        for folder in os.scandir(root)
        if len(folder.name) == 2 and folder.is_dir(follow_symlinks=False)
        for entry in os.scandir(folder.path)
        if len(Path(entry.name).stem) == 64
        and entry.is_file(follow_symlinks=False)
        and entry.stat(follow_symlinks=False).st_mtime < before
    ]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _put_aside(path: Path, orphans: Path) -> None:
    orphans.mkdir(exist_ok=True)
    path.replace(orphans / path.name)
    sync_folder(orphans)
