"""PNG at the level of its chunks: checked, their texts read, replaced and written; image data is never touched.

Knows the PNG specification (third edition) and nothing of pictures' meaning.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schema.stages import MAX_MEGAPIXELS, MAX_SIDE

MAGIC = b"\x89PNG\r\n\x1a\n"

TEXT_CAP = 256 * 1024
"""Bytes that all texts of a picture may have together, decompressed; more is refused."""

CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
KEPT = CRITICAL | TEXTS | {
    b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST", b"tRNS", b"pHYs",
    b"sPLT", b"tIME", b"eXIf",
}  # fmt: skip
"""Chunks that survive when metadata is rewritten. Others say nothing that a still picture needs."""


class Malformed(Exception):
    """The file breaks its format, or a limit; the message says where, as the end of a sentence."""


class Chunk(NamedTuple):
    kind: bytes
    body: memoryview


def splice(picture: bytes, texts: Mapping[str, str]) -> bytes:
    """The same picture with `texts` before its image data; earlier texts of the same keys and unknown chunks go.

    `parameters` is written as A1111 does it through Pillow: tEXt where Latin-1 can hold it, else iTXt. Every
    other key is iTXt. What is not dropped is copied byte for byte, in its order. Raises Malformed.
    """
    parts = [MAGIC]
    written = False
    for chunk in chunks(picture):
        if chunk.kind not in KEPT or (chunk.kind in TEXTS and _key(chunk) in texts):
            continue
        if chunk.kind == b"IDAT" and not written:
            parts += [_pack(*_text_chunk(key, value)) for key, value in texts.items()]
            written = True
        parts.append(_pack(chunk.kind, chunk.body))
    return b"".join(parts)


def check(picture: bytes) -> int:
    """Length of the picture without what trails it. Raises Malformed for structure, size, or more text than the cap."""
    end = len(MAGIC)
    total = 0
    for chunk in chunks(picture):
        end += 12 + len(chunk.body)
        if chunk.kind in TEXTS:
            total += len(_text_bytes(chunk, TEXT_CAP - total))
            if total > TEXT_CAP:
                raise Malformed(f"holds more than {TEXT_CAP // 1024} kB of text")
    return end


def coded(picture: bytes) -> bytes:
    """All IDAT bodies in order: what must be equal before and after metadata was rewritten."""
    return b"".join(chunk.body for chunk in chunks(picture) if chunk.kind == b"IDAT")


def texts(picture: bytes) -> dict[str, str]:
    """Key to text of all text chunks; of a repeated key the first. Undecodable ones are left out. Raises Malformed."""
    found: dict[str, str] = {}
    for chunk in chunks(picture):
        if chunk.kind in TEXTS:
            raw = _text_bytes(chunk, TEXT_CAP)
            if len(raw) <= TEXT_CAP:
                found.setdefault(_key(chunk), _decode(raw, utf8=chunk.kind == b"iTXt"))
    return found


def chunks(picture: bytes) -> Iterable[Chunk]:
    """In order up to and with IEND, each with a right checksum. Raises Malformed."""
    if not picture.startswith(MAGIC):
        raise Malformed("is no PNG")
    view = memoryview(picture)
    at = len(MAGIC)
    seen_data = False
    while True:
        if at + 12 > len(view):
            raise Malformed(f"ends early, at byte {len(view)}")
        length, kind = struct.unpack_from(">I4s", view, at)
        if at + 12 + length > len(view):
            raise Malformed(f"ends early: its {_shown(kind)} chunk at byte {at} claims {length} bytes")
        body = view[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", view, at + 8 + length)
        if zlib.crc32(view[at + 4 : at + 8 + length]) != checksum:
            raise Malformed(f"has a wrong checksum in its {_shown(kind)} chunk at byte {at}")
        if (at == len(MAGIC)) != (kind == b"IHDR"):
            raise Malformed(f"has a {_shown(kind)} chunk at byte {at}, where the specification forbids it")
        if kind == b"IHDR":
            _check_header(body)
        elif not kind[0] & 0x20 and kind not in CRITICAL:
            raise Malformed(f"has an unknown critical chunk {_shown(kind)}")
        seen_data = seen_data or kind == b"IDAT"
        yield Chunk(kind, body)
        at += 12 + length
        if kind == b"IEND":
            break
    if not seen_data:
        raise Malformed("has no image data")


def _check_header(body: memoryview) -> None:
    if len(body) != 13:
        raise Malformed(f"has a header of {len(body)} bytes instead of 13")
    check_size(*struct.unpack_from(">II", body))


def check_size(width: int, height: int) -> None:
    """Raises Malformed above what any stage may make (`schema.stages`)."""
    if not 0 < width <= MAX_SIDE * 4 or not 0 < height <= MAX_SIDE * 4 or width * height > MAX_MEGAPIXELS * 1e6:
        raise Malformed(f"claims to be {width}x{height}; the limit is {MAX_MEGAPIXELS:.0f} megapixels")


def _text_chunk(key: str, value: str) -> tuple[bytes, bytes]:
    value = value.replace("\0", "")
    name = key.encode("latin-1", "replace")[:79]
    if key == "parameters":
        try:
            return b"tEXt", name + b"\0" + value.encode("latin-1")
        except UnicodeEncodeError:
            pass
    return b"iTXt", name + b"\0\0\0\0\0" + value.encode("utf-8", "replace")


def _pack(kind: bytes, body: bytes | memoryview) -> bytes:
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))))


def _key(chunk: Chunk) -> str:
    return bytes(chunk.body[:80]).partition(b"\0")[0].decode("latin-1")


def _text_bytes(chunk: Chunk, cap: int) -> bytes:
    """The text's bytes, at most one more than `cap` of them however well they were compressed."""
    _, _, rest = bytes(chunk.body).partition(b"\0")
    packed = chunk.kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif chunk.kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not packed:
        return rest[: cap + 1]
    try:
        return zlib.decompressobj().decompress(rest, cap + 1)
    except zlib.error as fault:
        raise Malformed(f"has a {_shown(chunk.kind)} chunk that cannot be decompressed") from fault


def _decode(raw: bytes, utf8: bool) -> str:
    """tEXt is Latin-1 by the specification, yet many programs put UTF-8 there: what is valid UTF-8 is taken as such."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace") if utf8 else raw.decode("latin-1")


def _shown(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isalpha() else kind.hex()
