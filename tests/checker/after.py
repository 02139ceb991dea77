"""Whatever a test did: the logs that it leaves behind below its folder hold."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from .whole import check_log

DEPTH = 4
"""Folders below a test's own in which its logs lie: `home/state`, and a few more where it has many homes."""


def findings_below(folder: Path) -> list[str]:
    """One sentence for each thing that is wrong with one of them."""
    return [f"{log.relative_to(folder)}: {finding}" for log in sorted(_logs(folder)) for finding in _found(log)]


def _logs(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        if "events.db" in names:
            yield Path(root) / "events.db"
        if len(Path(root).relative_to(folder).parts) >= DEPTH or root.endswith(("art", "results", "thumbs")):
            folders.clear()


def _found(log: Path) -> list[str]:
    if log.stat().st_size == 0:
        return []
    head, home = log.with_name("events.head"), log.parents[1]
    artifacts = home / "data" / "art"
    whole = log.parent.name == "state" and artifacts.is_dir()
    try:
        found = check_log(log, head if head.exists() else None, artifacts if whole else None)
    except sqlite3.DatabaseError as error:
        return [f"cannot be read: {error}"]
    return [str(finding) for finding in found]
