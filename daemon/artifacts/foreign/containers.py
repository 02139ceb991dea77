"""The texts that a picture or a film carries, out of its container; pictures themselves are passed over unread.

Everything a file claims is checked against what there is of it. Sources: PNG third edition, JFIF, WebP container
specification, GIF89a, ISO 14496-12, Matroska.
"""

import re
import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO

from daemon.artifacts import webp
from daemon.artifacts.foreign import films, tiff, xmp
from daemon.artifacts.png import MAGIC as PNG_MAGIC
from daemon.artifacts.png import TEXTS as PNG_TEXTS
from daemon.artifacts.png import Malformed

LARGEST_TEXT = 16 << 20
"""Bytes of one text, unpacked."""

ALL_TEXTS = 32 << 20
MOST_CHUNKS = 100_000

Texts = dict[str, str]


class Reader:
    """A file whose every read is checked. `size` is the file's."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.left = ALL_TEXTS

    def take(self, at: int, length: int) -> bytes:
        """Raises Malformed where the file ends before."""
        if at + length > self.size:
            raise Malformed(f"ends early: {length} bytes at byte {at} are claimed, the file has {self.size}")
        self._file.seek(at)
        raw = self._file.read(length)
        if len(raw) < length:
            raise Malformed(f"ends early, at byte {at + len(raw)}")
        return raw

    def text(self, at: int, length: int) -> bytes:
        """The same, within what texts may have. Raises Malformed."""
        if length > LARGEST_TEXT or length > self.left:
            raise Malformed(f"holds more text than the {LARGEST_TEXT >> 20} MB that are read")
        self.left -= length
        return self.take(at, length)


def texts_of(file: BinaryIO, size: int) -> tuple[str, str, Texts] | None:
    """Media type, carrier and texts; None for a file of no kind that is known here. Raises Malformed."""
    reader = Reader(file, size)
    head = reader.take(0, min(size, 32))
    for fits, media, read in KINDS:
        if fits(head):
            carrier, texts = read(reader)
            return media, carrier if texts else "none", texts
    if films.is_boxes(head):
        return films.boxes(reader.size, reader.take, head)
    if head.startswith(films.EBML):
        return films.matroska(reader.size, reader.take)
    return None


# PNG --------------------------------------------------------------------------------------------


def _png(reader: Reader) -> tuple[str, Texts]:
    found: Texts = {}
    block = b""
    at = len(PNG_MAGIC)
    for _ in range(MOST_CHUNKS):
        if at + 12 > reader.size:
            raise Malformed(f"ends early, at byte {reader.size}")
        length, kind = struct.unpack(">I4s", reader.take(at, 8))
        if at + 12 + length > reader.size:
            raise Malformed(f"ends early: its {_shown(kind)} chunk at byte {at} claims {length} bytes")
        if kind in PNG_TEXTS or kind == b"eXIf":
            raw = reader.text(at + 8, length + 4)
            body, (checksum,) = raw[:length], struct.unpack(">I", raw[length:])
            if zlib.crc32(body, zlib.crc32(kind)) != checksum:
                raise Malformed(f"has a wrong checksum in its {_shown(kind)} chunk at byte {at}")
            if kind == b"eXIf":
                block = body
            else:
                key, text = _png_text(kind, body, reader)
                found.setdefault(key, text)
        at += 12 + length
        if kind == b"IEND":
            break
    else:
        raise Malformed(f"has more than {MOST_CHUNKS:,} chunks")
    found = {**xmp.texts_of(found.pop("XML:com.adobe.xmp", "")), **found}
    exif = tiff.texts_of(block)
    return ("png" if found or not exif else "exif"), {**exif, **found}


def _png_text(kind: bytes, body: bytes, reader: Reader) -> tuple[str, str]:
    """Key and text; UTF-8 wherever it is valid, as many programs write it where Latin-1 belongs."""
    name, _, rest = body.partition(b"\0")
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if packed:
        rest = unpacked(rest, reader, _shown(kind))
    try:
        text = rest.decode("utf-8")
    except UnicodeDecodeError:
        text = rest.decode("utf-8", "replace") if kind == b"iTXt" else rest.decode("latin-1")
    return name[:80].decode("latin-1"), text


def unpacked(raw: bytes, reader: Reader, what: str) -> bytes:
    """At most as many bytes as a text may have, however well they were packed. Raises Malformed."""
    most = min(LARGEST_TEXT, reader.left)
    try:
        text = zlib.decompressobj().decompress(raw, most + 1)
    except zlib.error as fault:
        raise Malformed(f"has a {what} chunk that cannot be decompressed") from fault
    if len(text) > most:
        raise Malformed(f"holds a text that unpacks to more than {LARGEST_TEXT >> 20} MB")
    reader.left -= len(text)
    return text


def _shown(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isalpha() else kind.hex()


# JPEG, WebP, GIF ----------------------------------------------------------------------------------


def _jpeg(reader: Reader) -> tuple[str, Texts]:
    """Segments up to the coded picture: what carries text stands before it."""
    blocks: Texts = {}
    scripts = comment = ""
    at = 2
    for _ in range(MOST_CHUNKS):
        marker = reader.take(at, 2)
        while marker == b"\xff\xff":
            at += 1
            marker = reader.take(at, 2)
        if marker[0] != 0xFF:
            raise Malformed(f"has no marker at byte {at}")
        if marker[1] in (0xD9, 0xDA):
            break
        (length,) = struct.unpack(">H", reader.take(at + 2, 2))
        if length < 2:
            raise Malformed(f"has a segment of {length} bytes at byte {at}")
        if marker[1] in (0xE1, 0xFE):
            body = reader.text(at + 4, length - 2)
            if body.startswith(b"Exif\0\0"):
                blocks = {**tiff.texts_of(body[6:]), **blocks}
            elif body.startswith(XMP_NAME):
                scripts += body[len(XMP_NAME) :].decode("utf-8", "replace")
            elif marker[1] == 0xFE:
                comment = comment or decoded(body)
        else:
            reader.take(at + 4, length - 2)
        at += 2 + length
    texts = {**xmp.texts_of(scripts), **blocks}
    if comment and "parameters" not in texts:
        texts["parameters"] = comment
    return ("exif" if blocks or comment else "xmp"), texts


XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"


def _webp(reader: Reader) -> tuple[str, Texts]:
    (claimed,) = struct.unpack("<I", reader.take(4, 4))
    if claimed + 8 > reader.size:
        raise Malformed(f"ends early: its header claims {claimed + 8} bytes, there are {reader.size}")
    at, texts, scripts = 12, Texts(), ""
    for _ in range(MOST_CHUNKS):
        if at + 8 > claimed + 8:
            break
        kind, length = struct.unpack("<4sI", reader.take(at, 8))
        if at + 8 + length > reader.size:
            raise Malformed(f"ends early: a chunk at byte {at} claims {length} bytes")
        if kind == b"EXIF":
            texts = tiff.texts_of(reader.text(at + 8, length).removeprefix(b"Exif\0\0"))
        elif kind == b"XMP ":
            scripts = reader.text(at + 8, length).decode("utf-8", "replace")
        at += 8 + length + length % 2
    return ("exif" if texts else "xmp"), {**xmp.texts_of(scripts), **texts}


def _gif(reader: Reader) -> tuple[str, Texts]:
    """Comment extensions; several are several texts, of which the first is meant."""
    screen = reader.take(6, 7)
    at = 13 + (3 << (screen[4] & 7) + 1 if screen[4] & 0x80 else 0)
    comments: list[str] = []
    for _ in range(MOST_CHUNKS):
        mark = reader.take(at, 1)
        if mark == b"\x3b":
            break
        if mark == b"\x21":
            kind = reader.take(at + 1, 1)
            body, at = _gif_blocks(reader, at + 2, kept=kind == b"\xfe")
            if kind == b"\xfe":
                comments.append(decoded(body))
        elif mark == b"\x2c":
            flags = reader.take(at + 9, 1)[0]
            at += 10 + (3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1
            _, at = _gif_blocks(reader, at, kept=False)
        else:
            raise Malformed(f"has an unknown block at byte {at}")
    return "gif", {"parameters": comments[0]} if comments else {}


def _gif_blocks(reader: Reader, at: int, *, kept: bool) -> tuple[bytes, int]:
    parts: list[bytes] = []
    while size := reader.take(at, 1)[0]:
        if kept:
            parts.append(reader.text(at + 1, size))
        at += 1 + size
    return b"".join(parts), at + 1


def decoded(raw: bytes) -> str:
    """Text of a file or a comment: UTF-8 with or without a mark, UTF-16 with one, else Latin-1."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").strip("\0")
    try:
        return raw.decode("utf-8-sig").strip("\0")
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip("\0")


def is_text(head: bytes) -> bool:
    """Whether the beginning of a file may be a text a person or a program wrote."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    return b"\0" not in head and len(CONTROLS.findall(head)) * 10 <= len(head)


CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1f]")


KINDS: tuple[tuple[Callable[[bytes], bool], str, Callable[[Reader], tuple[str, Texts]]], ...] = (
    (lambda head: head.startswith(PNG_MAGIC), "image/png", _png),
    (lambda head: head.startswith(b"\xff\xd8\xff"), "image/jpeg", _jpeg),
    (lambda head: webp.is_webp(head), "image/webp", _webp),
    (lambda head: head[:6] in (b"GIF87a", b"GIF89a"), "image/gif", _gif),
)
