"""How much of a damaged log can be had again: its good beginning, or a backup with what is good behind it.

The chain tells which events belong together: an event of the damaged log whose hash follows from the last event of a
backup is the very one that was written then. Everything is read, nothing is changed.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from daemon.log.chain import ZERO, Head, walk
from daemon.log.check import check_against
from daemon.log.faults import LogFromNewer
from daemon.log.reading import hash_at
from daemon.log.tables import COLUMNS, Row, reader
from schema.errors import Refused


class Part(NamedTuple):
    """The events of `path` behind `after`, up to and with `upto`."""

    path: Path
    after: int
    upto: int


class Plan(NamedTuple):
    head: Head
    """The last event that can be had again."""
    parts: tuple[Part, ...]
    backup: Path | None
    """The backup among them; None: the log's own beginning is all there is."""


def best(log: Path, good: Head, backups: Iterable[Path]) -> Plan:
    """`good`: the end of the log's good beginning. `backups`, newest first: the first whole one that adds to it counts.

    A backup of another log adds nothing: where the beginning is known, it must be in the backup.
    """
    for backup in backups:
        try:
            verdict = check_against(backup, ZERO, deep=True)
        except (LogFromNewer, Refused, OSError):
            continue
        if verdict.findings or verdict.head.seq <= good.seq or _hash(backup, good.seq) != good.hash:
            continue
        head = _tail(log, verdict.head)
        parts = (Part(backup, 0, verdict.head.seq), Part(log, verdict.head.seq, head.seq))
        return Plan(head, parts if head.seq > verdict.head.seq else parts[:1], backup)
    return Plan(good, (Part(log, 0, good.seq),) if good.seq else (), None)


def _tail(log: Path, start: Head) -> Head:
    """How far the chain goes on in the damaged log behind an event that it may no longer hold itself."""
    try:
        with closing(reader(log)) as db:
            return walk(_rows(db, start.seq), start).head
    except sqlite3.Error:
        return start


def _rows(db: sqlite3.Connection, after: int) -> Iterator[Row]:
    yield from db.execute(f"SELECT {COLUMNS} FROM events WHERE seq>? ORDER BY seq", (after,))


def _hash(backup: Path, seq: int) -> bytes | None:
    with closing(reader(backup)) as db:
        return hash_at(db, seq)
