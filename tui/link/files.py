"""Pictures on this machine's disk that somebody names, and the texts that lie beside them. Blocks: for a thread."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from schema.errors import Refused

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
"""What can be kept; parameters are read of more kinds."""

LARGEST_BESIDE = 1 << 20


def pictures_in(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are named; of a folder all pictures below it, by name. Links out of a folder are not followed.

    Raises Refused where there is none of a name.
    """
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = sorted(each for each in folders if not each.startswith("."))
                for each in sorted(names):
                    found = path.__class__(folder) / each
                    if found.suffix.lower() in PICTURES and not each.startswith(".") and not found.is_symlink():
                        yield found
        elif path.exists():
            yield path
        else:
            raise Refused("there is no such file or folder.", where=str(path), remedy="Check the path.")


def text_beside(path: Path) -> str:
    """Of the `.txt` or `.json` that lies beside a picture; empty where there is none. Raises OSError."""
    for ending in (".txt", ".json"):
        beside = path.with_suffix(ending)
        if beside.is_file() and beside.stat().st_size <= LARGEST_BESIDE:
            return beside.read_bytes().decode("utf-8-sig", "replace")
    return ""
