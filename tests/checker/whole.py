"""An independent checker of a log, with its head anchor and its artifacts: shares no code with the daemon.

    python tests/checker STATE_FOLDER [ARTIFACTS]

What it knows stands in the descriptions of the formats, not in the program: so it finds what the program got wrong
twice in the same way.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from .jobs import Jobs
from .reading import Finding, Form, Row, kept_promise, open_read_only, rows_of
from .rest import Nodes, Pictures, Takings

BUILT_IN = 0x534E4557


def check_log(log: Path, head: Path | None = None, artifacts: Path | None = None) -> list[Finding]:
    """What is wrong with the log in this file. `head`: its anchor; `artifacts`: where the files lie that it names."""
    with closing(open_read_only(log)) as db:
        db.execute("BEGIN")
        found, chained, pictures = _read(db)
    if head is not None:
        found += kept_promise(head, chained, chained[-1][0] if chained else 0)
    if artifacts is not None and pictures is not None:
        found += list(_files(artifacts, pictures))
    return found


def check_connection(db: sqlite3.Connection) -> list[Finding]:
    """Of a log that lives in memory."""
    return _read(db)[0]


def check_rows(rows: Iterable[Row]) -> list[Finding]:
    """Of rows that lie nowhere yet."""
    return _told(rows)[0]


def _read(db: sqlite3.Connection) -> tuple[list[Finding], list[tuple[int, bytes]], Pictures | None]:
    if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return [], [], None
    found: list[Finding] = []
    if db.execute("PRAGMA application_id").fetchone()[0] != BUILT_IN:
        found.append(Finding("tables", 0, "the file does not say whose it is"))
    if [line for (line,) in db.execute("PRAGMA integrity_check")] != ["ok"]:
        found.append(Finding("tables", 0, "SQLite finds damage"))
    told, chained, pictures = _told(rows_of(db))
    return found + told, chained, pictures


def _told(rows: Iterable[Row]) -> tuple[list[Finding], list[tuple[int, bytes]], Pictures | None]:
    form, chained = Form(), []
    history: History | None = None
    for row in rows:
        event = form.read(row)
        chained.append((row.seq, row.hash))
        if row.seq == 1 and not form.invented:
            history = History()
        if history is not None:
            history.read(row, event)
    if history is None:
        return form.found, chained, None
    return form.found + history.found, chained, history.pictures


class History:
    """Everything that must hold of what events tell, over one log from its beginning."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.pictures = Pictures(self.found)
        self._readers = (Jobs(self.found), Nodes(self.found), self.pictures, Takings(self.found))

    def read(self, row: Row, event: dict[str, object]) -> None:
        for reader in self._readers:
            try:
                reader.read(row, event)
            except (KeyError, TypeError, ValueError, AssertionError) as error:
                self.found.append(Finding("fields", row.seq, f"{row.type} lacks what it must say: {error!r}"))


def _files(artifacts: Path, pictures: Pictures) -> Iterator[Finding]:
    """Every file that the log names lies there, whole, under its hash; but for those it says are deleted or damaged."""
    for name, size in pictures.files.items():
        if name in pictures.damaged:
            continue
        there = list((artifacts / name[:2]).glob(f"{name}.*"))
        if len(there) != 1:
            yield Finding("dangling", 0, f"{len(there)} files have the name {name[:12]}")
            continue
        content = there[0].read_bytes()
        if hashlib.sha256(content).hexdigest() != name or size not in (None, len(content)):
            yield Finding("dangling", 0, f"the file {there[0].name[:16]} does not hold what its name says")
