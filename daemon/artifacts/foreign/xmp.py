"""The few texts of an XMP packet that matter here, found by their tags: no XML machinery, so none to attack."""

import html
import re

LARGEST = 4 << 20
PLAIN = {"xmp:CreatorTool": "Software"}
TEXTS = {"exif:UserComment": "xmp:UserComment", "dc:description": "Description", "xmp:UserComment": "xmp:UserComment"}


def texts_of(packet: str) -> dict[str, str]:
    """`xmp:UserComment`, `Description` and `Software`, where they are there."""
    found: dict[str, str] = {}
    packet = packet[:LARGEST]
    for tag, key in (*TEXTS.items(), *PLAIN.items()):
        text = _element(packet, tag) or _attribute(packet, tag)
        if text:
            found.setdefault(key, text)
    return found


def _element(packet: str, tag: str) -> str | None:
    """Of `<tag>text</tag>`, or of the first list item within."""
    start = packet.find(f"<{tag}")
    end = packet.find(f"</{tag}>", start)
    opened = packet.find(">", start)
    if start < 0 or end < 0 or not start < opened < end:
        return None
    inner = packet[opened + 1 : end]
    item = inner.find("<rdf:li")
    if item >= 0:
        inner = inner[inner.find(">", item) + 1 :]
        inner = inner[: inner.find("</rdf:li>")] if "</rdf:li>" in inner else inner
    inner = inner.removeprefix("<![CDATA[").removesuffix("]]>")
    return html.unescape(inner).strip() or None


def _attribute(packet: str, tag: str) -> str | None:
    found = re.search(rf'\s{re.escape(tag)}="([^"]*)"', packet)
    return html.unescape(found[1]).strip() or None if found else None
