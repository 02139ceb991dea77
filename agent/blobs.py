"""Inputs by the hash of their content: a cache that may be emptied at any time.

Nothing is fsync'd: a file left by an earlier process is hashed again before it is used.
"""

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from schema.ids import Sha256

MAX_BLOB = 256 * 1024 * 1024
"""Bytes of one input: a picture of the largest size accepted, hardly compressed."""


class WrongContent(Exception):
    """The body is not what its name says, or too large. Told to the sender as a sentence."""


class Blobs:
    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._trusted: dict[Sha256, int] = {}
        """Bytes of each; least recently used first."""
        self._pins: Counter[Sha256] = Counter()
        self._took: dict[Sha256, float] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.tmp"):
            left.unlink(missing_ok=True)

    def find(self, sha: Sha256) -> Path | None:
        """The file, if it is here and whole. Marks it as used."""
        path = self._folder / sha
        if sha not in self._trusted and not self._adopt(sha, path):
            return None
        if not path.exists():
            self._trusted.pop(sha, None)
            return None
        self._trusted[sha] = self._trusted.pop(sha)
        return path

    async def receive(self, sha: Sha256, chunks: AsyncIterator[bytes]) -> None:
        """Raises WrongContent when the bytes do not hash to `sha`; nothing is kept then."""
        began = time.monotonic()
        temporary = self._folder / f"{sha}.{os.urandom(4).hex()}.tmp"
        digest, size = hashlib.sha256(), 0
        try:
            with temporary.open("wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MAX_BLOB:
                        raise WrongContent(f"more than {MAX_BLOB} bytes; the limit of one blob")
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != sha:
                raise WrongContent(f"the body hashes to {digest.hexdigest()}, not to {sha}; send it again")
            self._place(sha, temporary, size)
        finally:
            temporary.unlink(missing_ok=True)
        self._took[sha] = time.monotonic() - began

    def link(self, sha: Sha256, file: Path) -> Path:
        """Also knows, from now on, a file that has this content and stays where it is."""
        temporary = self._folder / f"{sha}.{os.urandom(4).hex()}.tmp"
        try:
            temporary.hardlink_to(file)
        except OSError:  # a file system without links
            shutil.copyfile(file, temporary)
        self.take_over(sha, temporary)
        return self._folder / sha

    def take_over(self, sha: Sha256, file: Path) -> None:
        """Moves in a file that is known to have this content: the next stage often runs here too."""
        if file.exists():
            self._place(sha, file, file.stat().st_size)

    def pin(self, shas: Iterable[Sha256]) -> None:
        """Kept whatever the limit says until unpinned: an attempt needs them."""
        self._pins.update(shas)

    def unpin(self, shas: Iterable[Sha256]) -> None:
        self._pins.subtract(shas)
        self._pins += Counter()
        self._shrink()

    def took(self, shas: Iterable[Sha256]) -> float:
        """Seconds it took to receive these, told once."""
        return sum(self._took.pop(sha, 0.0) for sha in shas)

    def _adopt(self, sha: Sha256, path: Path) -> bool:
        """An earlier process left it: believed only once hashed."""
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except FileNotFoundError:
            return False
        if found != sha:
            path.unlink(missing_ok=True)
            return False
        self._trusted[sha] = size
        return True

    def _place(self, sha: Sha256, file: Path, size: int) -> None:
        file.replace(self._folder / sha)
        self._trusted.pop(sha, None)
        self._trusted[sha] = size
        self._shrink(keep=sha)

    def _shrink(self, keep: Sha256 | None = None) -> None:
        """Least recently used first; what an earlier process left counts once it has been asked for."""
        surplus = sum(self._trusted.values()) - self._limit
        for sha in list(self._trusted):
            if surplus <= 0:
                return
            if sha == keep or self._pins[sha]:
                continue
            surplus -= self._trusted.pop(sha)
            (self._folder / sha).unlink(missing_ok=True)
