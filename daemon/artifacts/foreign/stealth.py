"""Text hidden in the lowest bits of a picture's pixels, column by column: `stealth_pnginfo` and its kin.

The picture has to be decoded for it, so this is asked only where nothing else was found.
"""

import zlib
from typing import NamedTuple

from PIL import Image

from daemon.artifacts.foreign.document import mapping
from schema.stages import MAX_MEGAPIXELS

SIGNATURE = 15
"""Bytes; behind it stands the length of the text in bits, as 32 bits."""

LARGEST = 4 << 20


class Mark(NamedTuple):
    text: bytes
    alpha: bool
    packed: bool


MARKS = (
    Mark(b"stealth_pnginfo", True, False),
    Mark(b"stealth_pngcomp", True, True),
    Mark(b"stealth_rgbinfo", False, False),
    Mark(b"stealth_rgbcomp", False, True),
)


def texts_of(picture: Image.Image) -> dict[str, str]:
    """Nothing where no signature stands, or what follows it is damaged."""
    if picture.width * picture.height > MAX_MEGAPIXELS * 1e6 or picture.mode not in ("RGB", "RGBA"):
        return {}
    for mark in MARKS:
        if mark.alpha and picture.mode != "RGBA":
            continue
        if _bytes(picture, mark.alpha, 0, SIGNATURE) == mark.text:
            return _told(picture, mark)
    return {}


def _told(picture: Image.Image, mark: Mark) -> dict[str, str]:
    bits = int.from_bytes(_bytes(picture, mark.alpha, SIGNATURE, 4), "big")
    room = picture.width * picture.height * (1 if mark.alpha else 3) - (SIGNATURE + 4) * 8
    if not 0 < bits <= min(room, LARGEST * 8):
        return {}
    raw = _bytes(picture, mark.alpha, SIGNATURE + 4, bits // 8)
    try:
        if mark.packed:
            raw = zlib.decompressobj(31).decompress(raw, LARGEST)
        text = raw.decode("utf-8")
    except (zlib.error, UnicodeDecodeError):
        return {}
    record = mapping(text)
    if record is not None and record.any("Comment", "Description", "Software"):
        return {key: value for key in record.keys() if (value := record.text(key)) is not None}  # noqa: SIM118
    return {"parameters": text}


def _bytes(picture: Image.Image, alpha: bool, start: int, length: int) -> bytes:
    """`length` bytes from byte `start` of the hidden text: only the columns that hold them are looked at."""
    each = picture.height * (1 if alpha else 3)
    first, last = start * 8 // each, -(-(start + length) * 8 // each)
    columns = picture.crop((first, 0, min(last, picture.width), picture.height))
    part = columns.getchannel("A") if alpha else columns.convert("RGB")
    samples = part.transpose(Image.Transpose.TRANSPOSE).tobytes()
    offset = start * 8 - first * each
    bits = samples[offset : offset + length * 8].translate(LOWEST)
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if len(bits) == length * 8 else b""


LOWEST = bytes(ord("0") + (value & 1) for value in range(256))
