"""A model's preview, small: of the picture beside it, or of the one within its header. Blocks.

The cache may be deleted at any time; it is named by what the picture was made of.
"""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from daemon.library.models.header import read_header
from daemon.library.models.reading import Known
from daemon.library.models.rows import Row
from schema.errors import Refused

Shrink = Callable[[Path, Path, int], None]
"""Source, name of the WebP to make, most pixels along a side. Raises Refused for what is no picture."""

LARGEST = 64 << 20
"""Bytes of a picture that is opened."""


def preview(one: Row, size: int, cache: Path, shrink: Shrink) -> Path:
    """Path of a WebP that fits into `size` x `size` pixels. Raises Refused."""
    for known in one.files:
        if known.preview:
            source = Path(known.path).with_name(known.preview)
            stamp = next(beside.stamp for beside in known.beside if beside.name == known.preview)
            if stamp[0] > LARGEST:
                raise Refused(f"{source.name} is larger than {LARGEST >> 20} MB.", remedy="Make it smaller.")
            return _made(source, f"{source}{stamp}", size, cache, shrink)
        if known.thumbnail:
            return _made(_unpacked(known, cache), known.key, size, cache, shrink)
    raise Refused(f"{one.row.name} has no preview.", remedy="Put a picture of the same name beside it.")


def _made(source: Path, what: str, size: int, cache: Path, shrink: Shrink) -> Path:
    digest = hashlib.sha256(what.encode("utf-8", "replace")).hexdigest()[:32]
    name = cache / digest[:2] / f"{digest}-{size}.webp"
    if not name.exists():
        shrink(source, name, size)
    return name


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
