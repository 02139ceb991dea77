"""Texts of AVIF and HEIF pictures, of MP4 and of WebM films: boxes and elements, walked with every claim checked.

Sources: ISO 14496-12 and 23008-12 for items, QuickTime's `udta` and `mdta` keys, Matroska's `Tags`.
"""

import json
from collections.abc import Callable, Iterator

from daemon.artifacts.foreign import tiff, xmp
from daemon.artifacts.png import Malformed

Take = Callable[[int, int], bytes]
Texts = dict[str, str]
Told = tuple[str, str, Texts]

EBML = b"\x1aE\xdf\xa3"
LARGEST = 16 << 20
MOST_BOXES = 50_000
DEEPEST = 12

PICTURES = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
            b"mif1": "image/heif"}  # fmt: skip
INSIDE = frozenset({b"moov", b"udta", b"trak"})
NAMED = {
    b"\xa9cmt": "comment",
    b"\xa9des": "description",
    b"\xa9nam": "title",
    b"\xa9too": "Software",
    b"desc": "description",
}
KEYS = ("prompt", "workflow", "parameters")


def is_boxes(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def boxes(size: int, take: Take, head: bytes) -> Told:
    media = PICTURES.get(head[8:12], "video/mp4")
    if media.startswith("image/"):
        texts = _items(size, take)
        return media, "exif" if texts else "none", texts
    texts = _told(_tags(size, take))
    return media, "video" if texts else "none", texts


class _Box:
    def __init__(self, kind: bytes, start: int, end: int) -> None:
        self.kind, self.start, self.end = kind, start, end


def _walk(start: int, end: int, take: Take) -> Iterator[_Box]:
    """Boxes one after another. Raises Malformed for one that claims more than there is."""
    at = start
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        raw = take(at, 8)
        length, kind, head = int.from_bytes(raw[:4], "big"), raw[4:], 8
        if length == 1:
            length, head = int.from_bytes(take(at + 8, 8), "big"), 16
        elif length == 0:
            length = end - at
        if length < head or at + length > end:
            raise Malformed(f"ends early: a box at byte {at} claims {length} bytes")
        yield _Box(kind, at + head, at + length)
        at += length


# Pictures ---------------------------------------------------------------------------------------


def _items(size: int, take: Take) -> Texts:
    """EXIF and XMP items of the `meta` box."""
    meta = next((box for box in _walk(0, size, take) if box.kind == b"meta"), None)
    if meta is None:
        return {}
    kinds: dict[int, bytes] = {}
    places: dict[int, tuple[int, int]] = {}
    data = 0
    for box in _walk(meta.start + 4, meta.end, take):
        if box.kind == b"iinf":
            kinds = dict(_kinds(box, take))
        elif box.kind == b"iloc":
            places = dict(_places(_body(box, take)))
        elif box.kind == b"idat":
            data = box.start
    texts: Texts = {}
    for item, kind in kinds.items():
        start, length = places.get(item, (0, 0))
        if length == 0 or kind not in (b"Exif", b"mime"):
            continue
        raw = take(start if start >= 0 else data - start - 1, min(length, LARGEST))
        if kind == b"Exif":
            block = raw[4 + int.from_bytes(raw[:4], "big") :]
            texts = {**tiff.texts_of(block.removeprefix(b"Exif\0\0")), **texts}
        elif b"<x:xmpmeta" in raw or b"rdf:RDF" in raw:
            texts = {**xmp.texts_of(raw.decode("utf-8", "replace")), **texts}
    return texts


def _body(box: _Box, take: Take) -> bytes:
    if box.end - box.start > LARGEST:
        raise Malformed(f"has a {box.kind.decode('latin-1')} box of {box.end - box.start} bytes")
    return take(box.start, box.end - box.start)


def _kinds(box: _Box, take: Take) -> Iterator[tuple[int, bytes]]:
    head = take(box.start, min(8, box.end - box.start))
    start = box.start + (6 if head[:1] == b"\0" else 8)
    for entry in _walk(start, box.end, take):
        if entry.kind != b"infe":
            continue
        raw = _body(entry, take)
        if raw[:1] == b"\2" and len(raw) >= 12:
            yield int.from_bytes(raw[4:6], "big"), raw[8:12]
        elif raw[:1] == b"\3" and len(raw) >= 14:
            yield int.from_bytes(raw[4:8], "big"), raw[10:14]


def _places(raw: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Item to where its first extent lies; below 0: that far (less one) behind the start of `idat`."""
    if len(raw) < 8:
        return
    version, sizes, more = raw[0], raw[4], raw[5]
    widths = (sizes >> 4, sizes & 15, more >> 4, more & 15 if version else 0)
    at, wide = 6, 4 if version == 2 else 2
    count, at = _number(raw, at, wide)
    for _ in range(min(count, MOST_BOXES)):
        item, at = _number(raw, at, wide)
        method, at = _number(raw, at, 2) if version else (0, at)
        _, at = _number(raw, at, 2)
        base, at = _number(raw, at, widths[2])
        extents, at = _number(raw, at, 2)
        for extent in range(min(extents, MOST_BOXES)):
            _, at = _number(raw, at, widths[3])
            offset, at = _number(raw, at, widths[0])
            length, at = _number(raw, at, widths[1])
            if extent == 0:
                place = base + offset
                yield item, (-place - 1 if method & 15 == 1 else place, length)
        if at > len(raw):
            raise Malformed("has an item list that ends early")


def _number(raw: bytes, at: int, size: int) -> tuple[int, int]:
    return int.from_bytes(raw[at : at + size], "big"), at + size


# Films ------------------------------------------------------------------------------------------


def _tags(size: int, take: Take) -> Texts:
    found: Texts = {}
    _into(0, size, take, found, 0)
    return found


def _into(start: int, end: int, take: Take, found: Texts, deep: int) -> None:
    if deep > DEEPEST:
        return
    for box in _walk(start, end, take):
        if box.kind in INSIDE:
            _into(box.start, box.end, take, found, deep + 1)
        elif box.kind == b"meta":
            offset = 0 if take(box.start + 4, 4) == b"hdlr" else 4
            _listed(box.start + offset, box.end, take, found)
        elif box.kind in NAMED and box.end - box.start > 4:
            body = _body(box, take)
            found.setdefault(NAMED[box.kind], body[4:].decode("utf-8", "replace"))


def _listed(start: int, end: int, take: Take, found: Texts) -> None:
    """`ilst`, by iTunes' names or by the keys of `mdta`."""
    keys: list[str] = []
    for box in _walk(start, end, take):
        if box.kind == b"keys":
            keys = [
                _body(key, take).decode("utf-8", "replace") for key in _walk(box.start + 8, box.end, take)
            ]  # fmt: skip
        elif box.kind == b"ilst":
            for entry in _walk(box.start, box.end, take):
                number = int.from_bytes(entry.kind, "big")
                name = NAMED.get(entry.kind) or (keys[number - 1] if 0 < number <= len(keys) else "")
                for data in _walk(entry.start, entry.end, take):
                    if data.kind == b"data" and name:
                        found.setdefault(name, _body(data, take)[8:].decode("utf-8", "replace"))


def _told(tags: Texts) -> Texts:
    """A comment may hold both graphs as JSON, as some of ComfyUI's film nodes write it."""
    found = {key.lower(): text for key, text in tags.items() if key.lower() in KEYS}
    for text in (tags.get("comment"), tags.get("COMMENT"), tags.get("description")):
        if not text:
            continue
        try:
            record = json.loads(text) if text.lstrip().startswith("{") and len(text) <= LARGEST else None
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and ("prompt" in record or "workflow" in record):
            for key in KEYS:
                if key in record:
                    value = record[key]
                    found.setdefault(key, value if isinstance(value, str) else json.dumps(value))
        else:
            found.setdefault("parameters", text)
    return found


# Matroska ---------------------------------------------------------------------------------------

SEGMENT, TAGS, TAG, SIMPLE, NAME, TEXT = 0x18538067, 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487


def matroska(size: int, take: Take) -> Told:
    tags: Texts = {}
    for kind, start, end in _elements(0, size, take):
        if kind == SEGMENT:
            for inner, at, to in _elements(start, end, take):
                if inner == TAGS:
                    _simple(at, to, take, tags, 0)
    texts = _told(tags)
    return "video/webm", "video" if texts else "none", texts


def _simple(start: int, end: int, take: Take, tags: Texts, deep: int) -> None:
    name = text = ""
    for kind, at, to in _elements(start, end, take):
        if kind in (TAG, SIMPLE) and deep < DEEPEST:
            _simple(at, to, take, tags, deep + 1)
        elif kind in (NAME, TEXT) and to - at <= LARGEST:
            value = take(at, to - at).decode("utf-8", "replace")
            name, text = (value, text) if kind == NAME else (name, value)
    if name:
        tags.setdefault(name.lower(), text)


def _elements(start: int, end: int, take: Take) -> Iterator[tuple[int, int, int]]:
    """Id, begin and end of each element; one of unknown length goes on to the end of its parent."""
    at = start
    for _ in range(MOST_BOXES):
        if at + 2 > end:
            return
        first = take(at, 1)[0]
        wide = 9 - first.bit_length() if first else 9
        if wide > 4:
            return
        kind = int.from_bytes(take(at, wide), "big")
        at += wide
        first = take(at, 1)[0]
        wide = 9 - first.bit_length() if first else 9
        if wide > 8:
            return
        length = int.from_bytes(take(at, wide), "big") & ((1 << 7 * wide) - 1)
        at += wide
        if length == (1 << 7 * wide) - 1:
            length = end - at
        if at + length > end:
            raise Malformed(f"ends early: an element at byte {at} claims {length} bytes")
        yield kind, at, at + length
        at += length
