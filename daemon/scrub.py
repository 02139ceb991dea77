"""Files of the artifact store, read and held against their names: what is damaged or gone is told, and mended where a
good copy lies elsewhere.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemon.artifacts.leaving import copies
from daemon.artifacts.results import relink
from daemon.artifacts.store import EXTENSIONS, ArtifactStore, Missing
from daemon.disk import write_whole
from daemon.ledger import Ledger
from daemon.past import Past
from daemon.views.views import Views
from schema.diskuse import Checked, DamagedFile, MendedFile
from schema.errors import why
from schema.ids import Sha256
from schema.observations import FileChecked
from schema.pages import ImageRow

log = logging.getLogger(__name__)

TELL_EVERY = 200
"""Files between two words on how far it is."""

NOTE = "scrub.json"
"""In the state folder: how far the checks by night have come."""

BY_HAND = "put back by hand"


class Mark(msgspec.Struct, frozen=True):
    """How far the checks by night have come."""

    behind: str = ""
    """The last file that was checked; empty: begin anew."""
    at: float | None = None
    """When, Unix seconds."""


class Seen(NamedTuple):
    fault: str
    bytes: int


class Scrub:
    def __init__(
        self,
        ledger: Ledger,
        past: Past,
        views: Views,
        store: ArtifactStore,
        artifacts: Path,
        results: Path,
        copy: Path,
        note: Path,
        clock: Callable[[], float],
        *,
        links: bool,
    ) -> None:
        """`artifacts`: root of the store; `copy`: where a copy of it may lie; `note`: a file for what is remembered."""
        self._ledger = ledger
        self._past = past
        self._views = views
        self._store = store
        self._root = artifacts
        self._results = results
        self._copy = copy
        self._note = note
        self._clock = clock
        self._links = links
        self._one = asyncio.Lock()

    @property
    def checked(self) -> float | None:
        return read_mark(self._note).at

    async def check(self, percent: float, *, gently: bool = False) -> AsyncIterator[Checked]:
        """Reads so much of the store, what was read longest ago first; how far it is, and at last what it found.

        `gently` takes as long again, for others who read the disk meanwhile.
        """
        async with self._one:
            await self._past.caught_up()
            total = await asyncio.to_thread(self._count)
            most = max(1, round(total * percent / 100.0)) if percent < 100.0 else None
            behind = read_mark(self._note).behind if percent < 100.0 else ""
            found, told = Checked(of=total), 0
            async for file in self._files(behind, most):
                began = asyncio.get_running_loop().time()
                found = await self._one_file(file, found)
                behind = file
                if found.files - told >= TELL_EVERY:
                    told = found.files
                    yield found
                if gently:
                    await asyncio.sleep(asyncio.get_running_loop().time() - began)
            await asyncio.to_thread(self._remember, Mark(behind if percent < 100.0 else "", self._clock()))
            yield found

    async def _files(self, behind: str, most: int | None) -> AsyncIterator[Sha256]:
        """By name, from the one behind the last and round the end: what pictures have, and what lies there."""
        start, given = int(behind[:2] or "0", 16), 0
        for step in range(256 + bool(behind)):
            prefix = f"{(start + step) % 256:02x}"
            there = await asyncio.to_thread(self._lying, prefix)
            named = await self._views.files_between(prefix + "0" * 62, prefix + "f" * 62)
            for file in sorted(named | there):
                if (step == 0 and file <= behind) or (step == 256 and file > behind):
                    continue
                if given == most:
                    return
                given += 1
                yield Sha256(file)

    async def _one_file(self, file: Sha256, found: Checked) -> Checked:
        seen = await asyncio.to_thread(self._look, file)
        found = msgspec.structs.replace(found, files=found.files + 1, bytes=found.bytes + seen.bytes)
        known = file in self._ledger.damaged
        if not seen.fault:
            if not known:
                return found
            await self._ledger.observe(FileChecked(file=file, source=BY_HAND))
            return msgspec.structs.replace(found, mended=(*found.mended, MendedFile(file=file, source=BY_HAND)))
        await self._past.caught_up()
        held = (await self._views.holders([file])).get(file, ())
        gone = not await asyncio.to_thread(self._store.has, file)
        if gone and not held:  # deleted since it was looked up
            return found
        await self._ledger.observe(FileChecked(file=file, fault=seen.fault))
        images, jobs = tuple(one.image for one in held), tuple(dict.fromkeys(one.job for one in held))
        rows = [row for image in images if (row := await self._views.image(image)) is not None]
        source = await asyncio.to_thread(self._mend, file, rows)
        if source:
            await self._ledger.observe(FileChecked(file=file, source=source))
            mended = MendedFile(file=file, source=source, images=images)
            return msgspec.structs.replace(found, mended=(*found.mended, mended))
        path = await asyncio.to_thread(self._place, file)
        damaged = DamagedFile(file=file, fault=seen.fault, path=path, images=images, jobs=jobs)
        return msgspec.structs.replace(found, damaged=(*found.damaged, damaged))

    # Blocking ---------------------------------------------------------------------------------------

    def _look(self, file: Sha256) -> Seen:
        try:
            path = self._store.path(file)
            size, sha256 = _hashed(path)
        except Missing:
            return Seen("it is gone", 0)
        except OSError as fault:
            return Seen(f"it cannot be read: {why(fault)}", 0)
        return Seen("" if sha256 == file else "it holds other bytes than it was stored with", size)

    def _mend(self, file: Sha256, rows: Sequence[ImageRow]) -> str:
        """Where the good copy was that the store has now; empty: there is none."""
        linked = [name for row in rows for name in copies(self._results, row) if self._is_link(file, name)]
        for source, name in self._copies(file, rows):
            with suppress(OSError):
                if name not in linked and _hashed(name)[1] == file and self._store.put_back(file, name):
                    for other in (*linked, *([name] if source == "results" and self._links else ())):
                        relink(self._store.path(file), other, self._links)
                    log.info("%s was mended from %s", file, name)
                    return source
        return ""

    def _copies(self, file: Sha256, rows: Sequence[ImageRow]) -> Iterator[tuple[str, Path]]:
        for row in rows:
            yield from (("results", name) for name in copies(self._results, row))
        for extension in EXTENSIONS:
            yield "backup", self._copy / file[:2] / f"{file}.{extension}"

    def _is_link(self, file: Sha256, name: Path) -> bool:
        try:
            return os.path.samestat(self._store.path(file).stat(), name.stat())
        except (OSError, Missing):
            return False

    def _place(self, file: Sha256) -> str:
        try:
            return str(self._store.path(file))
        except Missing:
            return str(self._root / file[:2] / f"{file}.png")

    def _count(self) -> int:
        return sum(len(self._lying(f"{prefix:02x}")) for prefix in range(256))

    def _lying(self, prefix: str) -> frozenset[str]:
        try:
            with os.scandir(self._root / prefix) as found:
                return frozenset(stem for one in found if len(stem := one.name.partition(".")[0]) == 64)
        except OSError:
            return frozenset()

    def _remember(self, mark: Mark) -> None:
        with suppress(OSError):  # then the same is checked once more
            write_whole(self._note, msgspec.json.encode(mark), sync=False)


def read_mark(note: Path) -> Mark:
    """What is remembered; nothing where it cannot be read."""
    try:
        return msgspec.json.decode(note.read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError):
        return Mark()


def _hashed(path: Path) -> tuple[int, str]:
    """Its length, and the SHA-256 of what is on the disk, not of what the system still has in memory."""
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return os.fstat(file.fileno()).st_size, sha256
