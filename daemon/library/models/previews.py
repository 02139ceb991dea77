"""A model's preview, small: of the picture beside it, or of the one within its header.

The cache may be deleted at any time; it is named by what the picture was made of.
"""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from daemon.disk import write_whole
from daemon.library.models.header import read_header
from daemon.library.models.reading import Known
from daemon.library.models.rows import Row
from schema.errors import Refused

Shrink = Callable[[Path, int], Awaitable[bytes]]
"""Of a picture nobody has verified, and most pixels along a side, a WebP. Raises Refused for what is no picture."""

LARGEST = 64 << 20
"""Bytes of a picture that is opened."""


async def preview(one: Row, size: int, cache: Path, shrink: Shrink) -> Path:
    """Path of a WebP that fits into `size` x `size` pixels. Raises Refused."""
    source, what = await asyncio.to_thread(_source, one, cache)
    digest = hashlib.sha256(what.encode("utf-8", "replace")).hexdigest()[:32]
    name = cache / digest[:2] / f"{digest}-{size}.webp"
    if not await asyncio.to_thread(name.exists):
        webp = await shrink(source, size)
        await asyncio.to_thread(_keep, name, webp)
    return name


def _keep(name: Path, webp: bytes) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    write_whole(name, webp, sync=False)


def _source(one: Row, cache: Path) -> tuple[Path, str]:
    """A picture, and what tells it from others. Raises Refused."""
    for known in one.files:
        if known.preview:
            source = Path(known.path).with_name(known.preview)
            stamp = next(beside.stamp for beside in known.beside if beside.name == known.preview)
            if stamp[0] > LARGEST:
                raise Refused(f"{source.name} is larger than {LARGEST >> 20} MB.", remedy="Make it smaller.")
            return source, f"{source}{stamp}"
        if known.thumbnail:
            return _unpacked(known, cache), known.key
    raise Refused(f"{one.row.name} has no preview.", remedy="Put a picture of the same name beside it.")


def _unpacked(known: Known, cache: Path) -> Path:
    """The header's picture as a file. Raises Refused."""
    name = cache / f"{known.key}.thumbnail"
    if not name.exists():
        try:
            with Path(known.path).open("rb") as file:
                text = read_header(file, known.stamp[0]).metadata.get("modelspec.thumbnail", "")
            data = base64.b64decode(text.partition(",")[2], validate=True)
            cache.mkdir(parents=True, exist_ok=True)
            name.write_bytes(data)
        except (OSError, ValueError):
            raise Refused(f"the preview in {known.name} cannot be read.") from None
    return name
