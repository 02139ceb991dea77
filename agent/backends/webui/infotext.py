"""The `parameters` text that the WebUI writes for a picture: read into its fields.

See the format's own gotchas: quoted values are JSON strings, unquoted JSON lists occur, values may hold commas.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

LEAST = 3
"""Pairs that make the last line one of parameters."""

LONGEST = 32_768
"""Characters from the end that are read: a foreign picture may carry a megabyte of anything."""

_QUOTED = re.compile(r'"(?:\\.|[^\\"])*"')
_CLOSING = {"[": "]", "{": "}"}


def fields(text: str) -> dict[str, str]:
    """Of the last line that is one of parameters; empty when there is none."""
    for line in reversed(text[-LONGEST:].strip().splitlines()):
        if line.count(":") >= LEAST and len(pairs := list(_pairs(line))) >= LEAST:
            return {key: _unquoted(value) for key, value in pairs}
    return {}


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """`Key: value, Key: "a, b", Key: [1, 2]`, in one go: every character is looked at a few times, whatever it says."""
    at, nearest = 0, dict.fromkeys(_CLOSING, 0)
    while (colon := line.find(":", at)) >= 0:
        key = _key(line, at, colon)
        if not key:
            at = colon + 1
            continue
        begins = colon + 1
        while begins < len(line) and line[begins].isspace():
            begins += 1
        ends = _ends(line, begins, nearest)
        yield key, line[begins:ends]
        at = ends + 1


def _key(line: str, after: int, colon: int) -> str:
    """The words right before the colon; empty: none."""
    begins = colon
    while begins > after and (line[begins - 1].isalnum() or line[begins - 1] in "_ -/+"):
        begins -= 1
    return line[begins:colon].lstrip(" -/+").rstrip()


def _ends(line: str, begins: int, nearest: dict[str, int]) -> int:
    """Where the value ends: at the comma behind it, or with the line. `nearest`: where each bracket closes next."""
    first = line[begins : begins + 1]
    ends = -1
    if first == '"' and (quoted := _QUOTED.match(line, begins)):
        ends = quoted.end()
    elif first in _CLOSING:
        if nearest[first] < begins:
            found = line.find(_CLOSING[first], begins)
            nearest[first] = found if found >= 0 else len(line)
        ends = nearest[first] + 1
    if 0 <= ends <= len(line) and line[ends : ends + 1] in ("", ","):
        return ends
    comma = line.find(",", begins)
    return comma if comma >= 0 else len(line)


def _unquoted(value: str) -> str:
    value = value.strip()
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')


def fields_in(path: Path) -> Mapping[str, str]:
    """Of a picture's file: PNG text, or the EXIF comment of JPEG and WebP. Empty: it has none."""
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.format == "PNG":
                picture.load()
            text = picture.info.get("parameters")
            return fields(text if isinstance(text, str) else _comment(picture))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return {}


def _comment(picture: Image.Image) -> str:
    """EXIF UserComment, of which `UNICODE` is UTF-16 in either order."""
    raw = picture.getexif().get_ifd(0x8769).get(0x9286)
    if not isinstance(raw, bytes):
        return str(raw or "")
    if raw.startswith(b"UNICODE\0"):
        body = raw[8:]
        little = body[1:2] == b"\0" and body[:1] != b"\0"
        return body.decode("utf-16-le" if little else "utf-16-be", "replace")
    return raw.removeprefix(b"ASCII\0\0\0").decode("utf-8", "replace")
