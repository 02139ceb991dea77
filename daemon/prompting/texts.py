"""Text from outside: what may be kept of it, how it is told to a person, how it becomes a file name."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

MAX_PROMPT = 20_000
"""Characters of one prompt."""

MAX_TEXT = 1_000_000
"""Bytes of a pack; other files that people write have `MAX_CONFIG`."""

MAX_CONFIG = 65_536

MAX_WORKFLOW = 500_000
"""Bytes of a ComfyUI workflow: what `schema.parts.Workflow` takes."""

_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""C0 and C1 control characters without tab and line ends, and halves of surrogate pairs."""

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def cleaned(text: str) -> str:
    """Without characters that would steer a terminal or cannot be written as UTF-8."""
    return _UNREADABLE.sub("", text)


def told(text: str, most: int = 120) -> str:
    """One line that is safe to print: control characters out, white space folded, long text cut."""
    line = " ".join(cleaned(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def nearest(word: str, among: Iterable[str]) -> str:
    """`Did you mean 'x'?`, or which there are; empty when there are none."""
    names = sorted(set(among))
    if not names:
        return ""
    close = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"There are: {shown}."


def stem(name: str, most: int = 80) -> str:
    """A piece of a file name on any system: letters, digits, `.`, `_`, `-`; at most `most` bytes.

    Results folders take it as it stands: they add what follows a `+` themselves."""
    kept = _NOT_IN_NAMES.sub("-", unicodedata.normalize("NFC", cleaned(name))).strip("-.")
    cut = kept.encode()[:most].decode(errors="ignore").rstrip("-.")
    return cut or "pack"


def file_stem(name: str) -> str:
    """`packs/harbour.txt` -> `harbour`, whichever way the slashes lean."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"\.(txt|tsv|json|ya?ml|prompts)$", "", last, flags=re.IGNORECASE) or last


def suffix(name: str) -> str:
    """`.txt` of `harbour.TXT`; empty when there is none."""
    found = re.search(r"\.[A-Za-z0-9]{1,7}$", name)
    return found.group().lower() if found else ""
