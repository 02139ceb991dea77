"""Text from outside: what may be kept of it, how it is told to a person, how it becomes a file name."""

import re
import unicodedata

from schema.printable import cleaned as cleaned
from schema.printable import nearest as nearest
from schema.printable import told as told

MAX_PROMPT = 20_000
"""Characters of one prompt."""

MAX_TEXT = 1_000_000
"""Bytes of a pack; other files that people write have `MAX_CONFIG`."""

MAX_CONFIG = 65_536

MAX_WORKFLOW = 500_000
"""Bytes of a ComfyUI workflow: what `schema.parts.Workflow` takes."""

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


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
