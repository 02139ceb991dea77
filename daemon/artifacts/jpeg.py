"""JPEG at the level of its segments: checked, and its EXIF replaced; the coded picture is never touched."""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from daemon.artifacts import exif
from daemon.artifacts.png import TEXT_CAP, Malformed, check_size

MAGIC = b"\xff\xd8\xff"
EXIF, ICC = b"Exif\0\0", b"ICC_PROFILE\0"
EOI, SOS, APP0, APP1, APP2, APP14, COM = 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers: they hold height and width."""


class Segment(NamedTuple):
    marker: int
    at: int
    end: int
    """Behind the segment; for a scan, behind its coded bytes."""


def splice(picture: bytes, texts: Mapping[str, str]) -> bytes:
    """The same picture with a new EXIF block; application data not about colours goes. Raises Malformed."""
    turned = exif.orientation_of(exif_of(picture))
    body = EXIF + exif.block(texts, turned)
    fresh = struct.pack(">BBH", 0xFF, APP1, len(body) + 2) + body
    parts, written = [MAGIC[:2]], False
    for segment in segments(picture):
        kept = not APP0 <= segment.marker <= 0xEF or _about_colours(picture, segment)
        if not written and segment.marker != APP0:
            parts.append(fresh)
            written = True
        if kept:
            parts.append(picture[segment.at : segment.end])
    return b"".join(parts)


def check(picture: bytes) -> int:
    """Length of the picture without what trails it. Raises Malformed for structure, size, or more text than the cap."""
    total = end = 0
    for segment in segments(picture):
        end = segment.end
        if APP0 <= segment.marker <= 0xEF or segment.marker == COM:
            total += 0 if _about_colours(picture, segment) else segment.end - segment.at - 4
        if total > TEXT_CAP:
            raise Malformed(f"holds more than {TEXT_CAP // 1024} kB of text")
    return end


def exif_of(picture: bytes) -> bytes:
    """The TIFF block of its EXIF segment; empty without one. Raises Malformed."""
    for segment in segments(picture):
        if segment.marker == APP1 and picture.startswith(EXIF, segment.at + 4):
            return picture[segment.at + 4 + len(EXIF) : segment.end]
    return b""


def segments(picture: bytes) -> Iterator[Segment]:
    """In order behind the start marker, the end marker included. Raises Malformed."""
    if not picture.startswith(MAGIC):
        raise Malformed("is no JPEG")
    at, sized = 2, False
    while True:
        while picture[at + 1 : at + 2] == b"\xff":
            at += 1
        if at + 2 > len(picture) or picture[at] != 0xFF:
            raise Malformed(f"has no marker at byte {at}")
        marker = picture[at + 1]
        if marker == EOI:
            yield Segment(marker, at, at + 2)
            break
        if at + 4 > len(picture):
            raise Malformed(f"ends early, at byte {len(picture)}")
        (length,) = struct.unpack_from(">H", picture, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(picture):
            raise Malformed(f"ends early: a segment at byte {at} claims {length} bytes")
        if marker in SIZES and length >= 8:
            height, width = struct.unpack_from(">HH", picture, at + 5)
            check_size(width, height)
            sized = True
        if marker == SOS:
            end = _scan_end(picture, end)
        yield Segment(marker, at, end)
        at = end
    if not sized:
        raise Malformed("has no frame header")


def _scan_end(picture: bytes, at: int) -> int:
    """Behind the coded bytes: the next marker that is neither a stuffed byte nor a restart."""
    while True:
        at = picture.find(b"\xff", at)
        if at < 0 or at + 1 >= len(picture):
            raise Malformed(f"ends early, at byte {len(picture)}")
        follows = picture[at + 1]
        if follows == 0xFF:
            at += 1
        elif follows == 0 or 0xD0 <= follows <= 0xD7:
            at += 2
        else:
            return at


def _about_colours(picture: bytes, segment: Segment) -> bool:
    return segment.marker in (APP0, APP14) or (segment.marker == APP2 and picture.startswith(ICC, segment.at + 4))
