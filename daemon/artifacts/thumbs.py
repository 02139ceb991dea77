"""Small WebP pictures for lists and the terminal: made once per content and size, in threads, and made anew if damaged.

The cache may be deleted at any time.
"""

import asyncio
import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from PIL import Image

from daemon.artifacts.verifier import FORMATS
from daemon.disk import write_whole
from schema.errors import Refused
from schema.ids import Sha256
from schema.stages import MAX_MEGAPIXELS

Size = Literal[256, 1024]

EFFORT = 2
"""WebP's method, 0 to 6: above it a thumbnail takes longer than decoding its picture, for a few bytes less."""

QUALITY = 80

Image.MAX_IMAGE_PIXELS = int(MAX_MEGAPIXELS * 1e6)


class Thumbnails:
    def __init__(self, root: Path, path_of: Callable[[Sha256], Path], *, threads: int = 2) -> None:
        """`path_of` names the file of a verified picture, or raises Refused."""
        self._root = root
        self._path_of = path_of
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="thumbnail")
        self._making: dict[Path, asyncio.Future[Path]] = {}
        self._lock = threading.Lock()
        self._spare: tempfile.TemporaryDirectory[str] | None = None
        """Where they lie for as long as the process runs if their own folder takes none."""

    async def of(self, sha: Sha256, size: Size) -> Path:
        """A WebP that fits into `size` x `size` pixels; never larger than the picture. Raises Refused."""
        name = self._name(sha, size)
        if _whole(name):
            return name
        source = self._path_of(sha)
        making = self._making.get(name)
        if making is None:
            loop = asyncio.get_running_loop()
            making = loop.run_in_executor(self._threads, self._make, source, name, size)
            self._making[name] = making
            making.add_done_callback(lambda done: self._made(name, done))
        return await asyncio.shield(making)

    def drop(self, sha: Sha256) -> None:
        """Of a picture that is gone. Blocks. Raises OSError."""
        for size in get_args(Size):
            self._name(sha, size).unlink(missing_ok=True)

    def shrink(self, most: int) -> int:
        """Deletes what was looked at longest ago until at most so many bytes are left; how many files. Blocks."""
        found = [(max(stat.st_atime, stat.st_mtime), stat.st_size, path) for path, stat in _files(self._root)]
        total, deleted = sum(size for _, size, _ in found), 0
        for _, size, path in sorted(found):
            if total <= most:
                break
            path.unlink(missing_ok=True)
            total, deleted = total - size, deleted + 1
        return deleted

    def _name(self, sha: Sha256, size: Size) -> Path:
        return self._root / sha[:2] / f"{sha}-{size}.webp"

    def _make(self, source: Path, name: Path, size: int) -> Path:
        """Where it lies. On a disk that is full or read-only pictures are looked at, too."""
        try:
            make(source, name, size)
        except OSError:
            with self._lock:
                if self._spare is None:
                    self._spare = tempfile.TemporaryDirectory(prefix="stablenew-thumbs-")
            name = Path(self._spare.name) / name.name
            if not _whole(name):
                make(source, name, size)
        return name

    def _made(self, name: Path, done: asyncio.Future[Path]) -> None:
        self._making.pop(name, None)
        if not done.cancelled():
            done.exception()

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._spare is not None:
            self._spare.cleanup()


def make(source: Path, name: Path, size: int) -> None:
    """Blocks. BICUBIC on what the decoder could already shrink; transparency is kept. Raises Refused."""
    if source.suffix in (".mp4", ".webm"):
        raise Refused(f"{source.name} is a film; only pictures have thumbnails.")
    packed = small_of(source, size)
    name.parent.mkdir(parents=True, exist_ok=True)
    write_whole(name, packed, sync=False)


def small_of(source: Path | str, size: int) -> bytes:
    """The same as the bytes of a WebP. Raises Refused."""
    try:
        with Image.open(source, formats=FORMATS) as picture:
            small: Image.Image = picture
            small.thumbnail((size, size), Image.Resampling.BICUBIC)
            if small.mode not in ("RGB", "RGBA"):
                small = small.convert("RGBA" if small.has_transparency_data else "RGB")
            packed = io.BytesIO()
            small.save(packed, "WEBP", quality=QUALITY, method=EFFORT)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise Refused(f"no thumbnail can be made of {Path(source).name}: it is damaged or no picture.") from fault
    return packed.getvalue()


def _files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, _, names in os.walk(root):
        for name in names:
            with suppress(OSError):
                path = Path(folder, name)
                yield path, path.lstat()


def _whole(name: Path) -> bool:
    """As long as its own header says: what a power cut or a full disk left half is made again."""
    try:
        with name.open("rb") as file:
            head = file.read(12)
            length = file.seek(0, 2)
    except OSError:
        return False
    return head[:4] == b"RIFF" and head[8:] == b"WEBP" and int.from_bytes(head[4:8], "little") + 8 == length


def size_of(path: Path) -> tuple[int, int]:
    """Pixels of a verified picture, by its header. Raises OSError."""
    with Image.open(path, formats=FORMATS) as picture:
        return picture.size
