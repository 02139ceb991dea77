"""All texts of an EXIF block that programs are known to write into; the block's own rules are in `exif.py`."""

import struct

from daemon.artifacts import exif

DESCRIPTION, MAKE, MODEL, SOFTWARE, ARTIST = 0x010E, 0x010F, 0x0110, 0x0131, 0x013B
XP_COMMENT, XP_TITLE = 0x9C9C, 0x9C9B
NAMES = {DESCRIPTION: "ImageDescription", SOFTWARE: "Software", ARTIST: "Artist"}
PREFIXES = ("workflow", "prompt", "parameters", "extra_pnginfo")
"""ComfyUI's writers put `prompt:{...}` into whatever tag is free."""


def texts_of(block: bytes) -> dict[str, str]:
    """`parameters`, `prompt`, `workflow`, `stablenew` and the plain tags; nothing from what is damaged."""
    if len(block) < 8:
        return {}
    try:
        found = exif.texts_of(block)
        outer = exif.folder_of(block)
    except struct.error:
        return {}
    if exif.USER_COMMENT in outer:  # Pillow puts it into the outer folder where one does not say otherwise
        found.setdefault("parameters", exif.comment_of(outer[exif.USER_COMMENT], block))
    for tag, raw in outer.items():
        text = _text(tag, raw)
        if not text:
            continue
        key, colon, rest = text.partition(":")
        if colon and key.strip().lower() in PREFIXES:
            found.setdefault(key.strip().lower(), rest.strip())
        elif tag == XP_COMMENT:
            found.setdefault("parameters", text)
        elif tag in NAMES:
            found.setdefault(NAMES[tag], text)
    described = found.get("ImageDescription", "")
    if "parameters" not in found and ("Steps: " in described or described.lstrip().startswith("{")):
        found["parameters"] = described
    return found


def _text(tag: int, raw: bytes) -> str:
    if tag in (XP_COMMENT, XP_TITLE):
        return raw.decode("utf-16-le", "replace").strip("\0")
    if tag in (DESCRIPTION, MAKE, MODEL, SOFTWARE, ARTIST) or tag < 0x0200:
        try:
            return raw.decode("utf-8").strip("\0 ")
        except UnicodeDecodeError:
            return raw.decode("latin-1").strip("\0 ")
    return ""
