"""The `parameters` text that the WebUI writes for a picture: read into its fields.

See the format's own gotchas: quoted values are JSON strings, unquoted JSON lists occur, values may hold commas.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

_PAIR = re.compile(r'\s*([\w][\w \-/+]*):\s*("(?:\\.|[^\\"])*"|\[[^\]]*\]|\{[^}]*\}|[^,]*)(?:,|$)')
LEAST = 3
"""Pairs that make the last line one of parameters."""


def fields(text: str) -> dict[str, str]:
    """Of the last line that is one of parameters; empty when there is none."""
    for line in reversed(text.strip().splitlines()):
        pairs = _PAIR.findall(line)
        if len(pairs) >= LEAST:
            return {key.strip(): _unquoted(value) for key, value in pairs}
    return {}


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
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
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
