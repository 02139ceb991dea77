"""The addresses of routes: path segments and queries, percent-encoded."""

from collections.abc import Mapping

from schema.errors import Refused

Query = Mapping[str, str | int | tuple[str, ...] | None]
"""Absent values are left out; of several each is sent."""


def query_of(query: Query | None) -> str:
    pairs = []
    for name, value in (query or {}).items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                pairs.append(f"{name}={quoted(str(one))}")
    return "?" + "&".join(pairs) if pairs else ""


PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def named(text: str, what: str) -> str:
    """A path segment that says which; an empty one would be another route. Raises Refused."""
    if not text:
        raise Refused(f"{what} is empty", remedy="Write an id, a unique beginning of one, or a name that `list` shows.")
    return quoted(text)


def quoted(text: str) -> str:
    """Percent-encoding (RFC 3986); `urllib.parse` would cost a tenth of a verb's time."""
    return "".join(chr(byte) if byte in PLAIN else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))
