"""WebP at the level of its RIFF chunks: checked, and its EXIF replaced; the coded picture is never touched.

Source: the WebP container specification and RFC 9649.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from daemon.artifacts import exif
from daemon.artifacts.png import TEXT_CAP, Malformed, check_size

HEAD = 12
EXIF_FLAG, ALPHA_FLAG, ICC_FLAG = 0x08, 0x10, 0x20
PICTURE = (b"VP8 ", b"VP8L")
KEPT = (b"ICCP", b"ALPH", *PICTURE)


class Chunk(NamedTuple):
    kind: bytes
    body: memoryview


def is_webp(picture: bytes) -> bool:
    return picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"


def splice(picture: bytes, texts: Mapping[str, str]) -> bytes:
    """The same picture with a new EXIF chunk, in the extended form that may have one. Raises Malformed."""
    found = list(chunks(picture))
    kept = [chunk for chunk in found if chunk.kind in KEPT]
    coded = next(chunk for chunk in kept if chunk.kind in PICTURE)
    extended = next((chunk for chunk in found if chunk.kind == b"VP8X"), None)
    width, height = _size(extended or coded)
    flags = EXIF_FLAG
    if any(chunk.kind == b"ICCP" for chunk in kept):
        flags |= ICC_FLAG
    if any(chunk.kind == b"ALPH" for chunk in kept) or (coded.kind == b"VP8L" and coded.body[4] & 0x10):
        flags |= ALPHA_FLAG
    head = struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    turned = exif.orientation_of(exif_of(picture))
    body = b"".join(
        (_pack(b"VP8X", head), *(_pack(*chunk) for chunk in kept), _pack(b"EXIF", exif.block(texts, turned)))
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def check(picture: bytes) -> int:
    """Length of the picture without what trails it. Raises Malformed for structure, size, or more text than the cap."""
    total, coded = 0, False
    for chunk in chunks(picture):
        if chunk.kind in (b"ANIM", b"ANMF"):
            raise Malformed("is an animation; one still picture is wanted")
        if chunk.kind == b"VP8X" or chunk.kind in PICTURE:
            check_size(*_size(chunk))
        coded = coded or chunk.kind in PICTURE
        total += 0 if chunk.kind in KEPT else len(chunk.body)
        if total > TEXT_CAP:
            raise Malformed(f"holds more than {TEXT_CAP // 1024} kB of text")
    if not coded:
        raise Malformed("has no image data")
    return _end(picture)


def exif_of(picture: bytes) -> bytes:
    """The TIFF block of its EXIF chunk, which some programs begin as in JPEG; empty without one. Raises Malformed."""
    for chunk in chunks(picture):
        if chunk.kind == b"EXIF":
            return bytes(chunk.body).removeprefix(b"Exif\0\0")
    return b""


def chunks(picture: bytes) -> Iterator[Chunk]:
    """In order. Raises Malformed."""
    if not is_webp(picture):
        raise Malformed("is no WebP")
    view, at, end = memoryview(picture), HEAD, _end(picture)
    while at < end:
        if at + 8 > end:
            raise Malformed(f"ends early, at byte {end}")
        kind, length = struct.unpack_from("<4sI", view, at)
        if at + 8 + length > end:
            raise Malformed(f"ends early: a chunk at byte {at} claims {length} bytes")
        yield Chunk(kind, view[at + 8 : at + 8 + length])
        at += 8 + length + length % 2


def _end(picture: bytes) -> int:
    (claimed,) = struct.unpack_from("<I", picture, 4)
    if claimed + 8 > len(picture):
        raise Malformed(f"ends early: its header claims {claimed + 8} bytes, there are {len(picture)}")
    return int(claimed) + 8


def _size(chunk: Chunk) -> tuple[int, int]:
    body = chunk.body
    if len(body) < 10:
        raise Malformed(f"has a {chunk.kind.decode('ascii', 'replace').strip()} chunk of {len(body)} bytes")
    if chunk.kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk.kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def _pack(kind: bytes, body: bytes | memoryview) -> bytes:
    return kind + struct.pack("<I", len(body)) + bytes(body) + b"\0" * (len(body) % 2)
