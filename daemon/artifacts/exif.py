"""The EXIF block that carries a picture's texts in JPEG and WebP: a TIFF of two small folders.

`parameters` is the UserComment as A1111 has it (`UNICODE`, UTF-16 big endian, by piexif); the program's own
record is the MakerNote, `stablenew` and UTF-8. Source: EXIF 2.32; reading also takes what other programs write there.
"""

import codecs
import struct
from collections.abc import Mapping
from contextlib import suppress

ORIENTATION, EXIF_FOLDER, MAKER_NOTE, USER_COMMENT = 0x0112, 0x8769, 0x927C, 0x9286
OWN = b"stablenew\0"
SHORT, LONG, UNDEFINED = 3, 4, 7

LIMIT = 65_000
"""Bytes a JPEG segment has room for; above it the record stays out (the sidecar has it), then the parameters."""


def block(texts: Mapping[str, str], orientation: int | None = None) -> bytes:
    """A TIFF block with `parameters` and `stablenew` of `texts`, at most LIMIT bytes."""
    comment, note = texts.get("parameters"), texts.get("stablenew")
    fields: dict[int, bytes] = {}
    if comment is not None:
        fields[USER_COMMENT] = b"UNICODE\0" + comment.encode("utf-16-be", "replace")
    if note is not None:
        fields[MAKER_NOTE] = OWN + note.encode("utf-8", "replace")
    for tag in (MAKER_NOTE, USER_COMMENT):
        if sum(map(len, fields.values())) > LIMIT - 200:
            fields.pop(tag, None)
    return _tiff(fields, orientation)


def texts_of(tiff: bytes) -> dict[str, str]:
    """`parameters` and `stablenew` where the block has them; nothing from what is damaged."""
    found: dict[str, str] = {}
    order = _order(tiff)
    if order is None:
        return found
    pointer = _folder(tiff, order, _u32(tiff, order, 4)).get(EXIF_FOLDER)
    if pointer is None:
        return found
    inner = _folder(tiff, order, _u32(pointer, order, 0))
    if USER_COMMENT in inner:
        found["parameters"] = _comment(inner[USER_COMMENT], order)
    if inner.get(MAKER_NOTE, b"").startswith(OWN):
        found["stablenew"] = inner[MAKER_NOTE][len(OWN) :].decode("utf-8", "replace")
    return found


def folder_of(tiff: bytes) -> dict[int, bytes]:
    """Tag to raw value of the first folder."""
    order = _order(tiff)
    return {} if order is None else _folder(tiff, order, _u32(tiff, order, 4))


def comment_of(raw: bytes, tiff: bytes) -> str:
    """The text of a UserComment's value in this block."""
    return _comment(raw, _order(tiff) or ">")


def orientation_of(tiff: bytes) -> int | None:
    """1 to 8: how a viewer turns the picture; the one foreign field that is carried over."""
    order = _order(tiff)
    if order is None:
        return None
    value = _folder(tiff, order, _u32(tiff, order, 4)).get(ORIENTATION, b"")
    turned: int = struct.unpack_from(order + "H", value)[0] if len(value) >= 2 else 0
    return turned if 1 <= turned <= 8 else None


def _tiff(fields: Mapping[int, bytes], orientation: int | None) -> bytes:
    first = [(ORIENTATION, SHORT, 1, struct.pack(">HH", orientation, 0))] if orientation else []
    inner_at = 8 + 2 + 12 * (len(first) + 1) + 4
    first.append((EXIF_FOLDER, LONG, 1, struct.pack(">I", inner_at)))
    at = inner_at + 2 + 12 * len(fields) + 4
    inner, bodies = [], b""
    for tag in sorted(fields):
        body = fields[tag] + b"\0" * (len(fields[tag]) % 2)
        inner.append((tag, UNDEFINED, len(fields[tag]), struct.pack(">I", at + len(bodies))))
        bodies += body
    return b"MM\0\x2a" + struct.pack(">I", 8) + _pack(first) + _pack(inner) + bodies


def _pack(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    packed = b"".join(struct.pack(">HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return struct.pack(">H", len(entries)) + packed + b"\0\0\0\0"


def _order(tiff: bytes) -> str | None:
    return {b"MM\0\x2a": ">", b"II\x2a\0": "<"}.get(tiff[:4])


def _u32(data: bytes, order: str, at: int) -> int:
    value: int = struct.unpack_from(order + "I", data, at)[0] if at + 4 <= len(data) else 0
    return value


def _folder(tiff: bytes, order: str, at: int) -> dict[int, bytes]:
    """Tag to raw value of one folder; entries that point outside are left out."""
    if not 8 <= at <= len(tiff) - 2:
        return {}
    values: dict[int, bytes] = {}
    (count,) = struct.unpack_from(order + "H", tiff, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", tiff, entry)
        size = number * {1: 1, 2: 1, SHORT: 2, LONG: 4, 5: 8, UNDEFINED: 1, 9: 4, 10: 8}.get(kind, 0)
        start = entry + 8 if size <= 4 else _u32(tiff, order, entry + 8)
        if size and start + size <= len(tiff):
            values[tag] = tiff[start : start + size]
    return values


def _comment(raw: bytes, order: str) -> str:
    """EXIF's eight-byte character code, then text; UTF-16 of either order, for programs disagree about it."""
    code, body = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        return _unicode(body, order).strip("\0\ufeff")
    if code in (b"ASCII\0\0\0", b"\0" * 8):
        return body.decode("utf-8", "replace").strip("\0")
    return raw.decode("utf-8", "replace").strip("\0\ufeff")


def _unicode(body: bytes, order: str) -> str:
    """UTF-16; some programs write UTF-8 under that name, which in ASCII has no zero bytes and reads as words."""
    if b"\0" not in body.rstrip(b"\0") and body[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        with suppress(UnicodeDecodeError):
            text = body.decode("utf-8-sig")
            if any(letter.isascii() and letter.isalpha() for letter in text):
                return text
    return body.decode(_utf16(body, order), "replace")


def _utf16(body: bytes, order: str) -> str:
    """A byte order mark says it; else, where most characters are ASCII, the zero bytes; else the block's own order."""
    if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16-be" if body[:2] == codecs.BOM_UTF16_BE else "utf-16-le"
    high, low = body[0::2].count(0), body[1::2].count(0)
    if high != low:
        return "utf-16-be" if high > low else "utf-16-le"
    return "utf-16-be" if order == ">" else "utf-16-le"
