"""File names from words that came from outside: packs, prompts, models, nodes. The only place that makes them."""

import unicodedata

LIMIT = 120
"""Bytes of UTF-8; leaves room for what others add within the 255 of most file systems."""

RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)
"""Names that are devices on Windows, whatever extension follows."""

ALLOWED = frozenset("-_. ")


def safe_name(words: str, limit: int = LIMIT) -> str:
    """One path component that every file system takes: letters, digits, `-_.` and single spaces, in NFC.

    Anything else becomes `_`; no dot or space begins or ends it; never empty; at most `limit` bytes, cut between
    characters. Idempotent. Different words may give the same name.
    """
    composed = unicodedata.normalize("NFC", words.encode("utf-8", "replace").decode("utf-8"))
    kept = "".join(c if c in ALLOWED or unicodedata.category(c)[0] in "LN" or _mark(c) else "_" for c in composed)
    name = _cut(" ".join(kept.split()).strip(". "), limit)
    if name.partition(".")[0].strip().lower() in RESERVED:
        name = _cut(f"_{name}", limit)
    return name or "unnamed"


def _mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc")


def _cut(name: str, limit: int) -> str:
    """At most `limit` bytes, normalised and trimmed anew, for cutting can leave a dot or a space at the end."""
    return name.encode()[:limit].decode("utf-8", "ignore").strip(". ")
