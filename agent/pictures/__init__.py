"""Pictures as bytes and as pixels: opened for a stage, encoded after it, and looked at without decoding.

Knows formats and their faults; no stage and no server.
"""

import io
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from agent.backends import BackendTrouble
from schema.stages import MAX_MEGAPIXELS

FORMATS = ("PNG", "JPEG", "WEBP")
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_FAULTS = (OSError, ValueError, SyntaxError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error)

warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
"""Too many pixels are a fault that is told, not a warning on the terminal."""

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class Seen(NamedTuple):
    """What the header says."""

    media: str
    """`image/png`, `image/jpeg` or `image/webp`."""
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


def opened(path: Path) -> Image.Image:
    """As RGB, upright, transparent parts over white. Raises BackendTrouble for what is no still picture."""
    return _flattened(_decoded(path), (255, 255, 255)).convert("RGB")


def opened_mask(path: Path) -> Image.Image:
    """As L; what is transparent is not masked. Raises BackendTrouble as `opened`."""
    return _flattened(_decoded(path), (0, 0, 0)).convert("L")


def encoded(picture: Image.Image, format: str = "png", quality: int = 90) -> bytes:
    """`format` is png, jpeg or webp. Loses nothing as png."""
    content = io.BytesIO()
    match format:
        case "jpeg":
            picture.save(content, "JPEG", quality=quality)
        case "webp":
            picture.save(content, "WEBP", quality=quality, method=4)
        case _:
            picture.save(content, "PNG", compress_level=1)
    return content.getvalue()


def seen(content: bytes, whose: str = "the server") -> Seen:
    """What a backend's server answered, by its header, never decoded. Raises BackendTrouble for what is no whole
    still picture. `whose` begins the sentence.
    """
    head = content[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html", b"<?xml")):
        raise BackendTrouble("backend", f"{whose} answered a web page instead of a picture")
    kind = _kind(content)
    if kind is not None and not _is_whole(kind, content):
        raise BackendTrouble("backend", f"{whose} answered a truncated picture of {len(content)} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            size, frames = picture.size, getattr(picture, "n_frames", 1)
    except _BOMBS:
        raise BackendTrouble(
            "backend", f"{whose} answered a picture that unpacks to more than {MAX_MEGAPIXELS:g} megapixels"
        ) from None
    except (UnidentifiedImageError, *_FAULTS):
        kind = None
    if kind is None:
        raise BackendTrouble("backend", f"{whose} answered {len(content)} bytes that are no picture")
    if frames > 1:
        raise BackendTrouble("backend", f"{whose} answered an animation instead of one picture")
    if size[0] * size[1] > MAX_MEGAPIXELS * 1e6:
        raise BackendTrouble(
            "backend", f"{whose} answered a picture that unpacks to more than {MAX_MEGAPIXELS:g} megapixels"
        )
    return Seen(MEDIA[kind], *size)


def edges(picture: Image.Image) -> Image.Image:
    """Where the brightness jumps, L; black along the rim, where the filter has no neighbours to compare with."""
    found = Image.new("L", picture.size)
    inner = picture.convert("L").filter(ImageFilter.FIND_EDGES)
    found.paste(inner.crop((1, 1, picture.width - 1, picture.height - 1)), (1, 1))
    return found


def _decoded(path: Path) -> Image.Image:
    """Upright, eight bits a channel, in whatever mode it has."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_MEGAPIXELS * 1e6:
                raise _bad(path, f"unpacks to more than {MAX_MEGAPIXELS:g} megapixels")
            if getattr(picture, "n_frames", 1) > 1:
                raise _bad(path, "is an animation; give one still picture")
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            return _eight_bits(upright)
    except _BOMBS:
        raise _bad(path, f"unpacks to more than {MAX_MEGAPIXELS:g} megapixels") from None
    except (MemoryError, UnidentifiedImageError, *_FAULTS):
        raise _bad(path, "is no picture that can be read") from None


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen-bit grey is scaled; a plain conversion would cut it off at white."""
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 257).convert("L")
    return picture


def _flattened(picture: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    clear = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, (*ground, 255)), clear).convert("RGB")


def _bad(path: Path, what: str) -> BackendTrouble:
    return BackendTrouble("bad-request", f"input {path.name} {what}")


def _kind(content: bytes) -> str | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    return "WEBP" if content.startswith(b"RIFF") and content[8:12] == b"WEBP" else None


def _is_whole(kind: str, content: bytes) -> bool:
    """By the format's own end: a decoder would notice a missing end only after all its work."""
    match kind:
        case "PNG":
            return _png_ends(content)
        case "WEBP":
            return len(content) >= 8 + int.from_bytes(content[4:8], "little")
        case _:
            return content.rstrip(b"\0\r\n").endswith(b"\xff\xd9")


def _png_ends(content: bytes) -> bool:
    """Chunk by chunk to IEND: length, name, body, checksum."""
    at = 8
    while at + 12 <= len(content):
        length, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        at += 12 + length
        if name == b"IEND":
            return at <= len(content)
    return False
