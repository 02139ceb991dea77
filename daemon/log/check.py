"""Is the log what was promised? Everything is read, nothing is changed.

`integrity_check` alone finds few flipped bits and no lost tail; the hash chain finds the bits, the anchor the tail.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from daemon.log import anchor
from daemon.log.chain import ZERO, Head, walk
from daemon.log.faults import LogFromNewer, LogFull, LogGone
from daemon.log.ground import meant
from daemon.log.reading import hash_at, newest
from daemon.log.rows import READER
from daemon.log.tables import COLUMNS, Row, check_format, is_empty, reader
from daemon.log.watched import Along, unseen
from daemon.log.witness import UNKNOWN, Witness

ALWAYS_WHOLE: Final = 50_000
"""Events up to which every start checks the whole chain (a quarter of a second); beyond, only what is new since the
last check, and `log verify` the rest."""


class Verdict(NamedTuple):
    """What a check found. `head` is the last event that is good and read; no findings: all is well."""

    events: int
    head: Head
    promised: int
    findings: tuple[str, ...]


def check(
    path: Path,
    anchor_path: Path,
    *,
    deep: bool = False,
    others: Callable[[], Sequence[Witness]] = lambda: (),
    along: Along = unseen,
) -> Verdict:
    """Checks tables, chain and anchor; with `deep` every event since the first, and that each can be read and decoded.

    `others` know of the log's head, too. Raises LogFromNewer when a newer stablenew wrote it. A file that does not
    exist is an empty log. Raises LogFull and LogGone where its folder keeps it from being looked at. `along` sees every
    row that is checked.
    """
    # What was promised first: whoever appends meanwhile commits before promising.
    return check_against(path, anchor.read(anchor_path), others(), deep=deep, along=along)


def check_against(
    path: Path,
    promise: Head | None,
    others: Sequence[Witness] = (),
    *,
    deep: bool = False,
    along: Along = unseen,
) -> Verdict:
    """As `check`; a promise of seq 0 is kept by every log, so that a backup can be checked without its anchor."""
    promised = max([promise.seq if promise else 0, *(witness.head.seq for witness in others)])
    try:
        if path.exists() and path.stat().st_size > 0:
            with closing(reader(path)) as db:
                db.execute("BEGIN")  # one moment for all reads
                if not is_empty(db):
                    return _check_open(db, path, promise, others, deep, along)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite cites damaged text as it is
        if isinstance(fault := meant(error, path), LogFull | LogGone):
            raise fault from error  # the ground, not the log: nothing is known of it now
        return Verdict(0, ZERO, promised, (f"the log cannot be read: {error}",))
    return Verdict(0, ZERO, promised, tuple(_broken_promises(ZERO, promise, others, None)))


def _check_open(
    db: sqlite3.Connection,
    path: Path,
    promise: Head | None,
    others: Sequence[Witness],
    deep: bool,
    along: Along,
) -> Verdict:
    findings = _told(lambda: check_format(db, path))
    count = _count(db)
    whole = deep or count <= ALWAYS_WHOLE
    start = ZERO if whole else _start(db, path)
    each = _Each()
    rows = along(_rows(db, start.seq), count - start.seq)
    head, broken = walk(each.of(rows) if deep else rows, start)
    if broken:
        findings.append(broken)
    findings += _told(lambda: _structure(db, whole))
    findings += _told(lambda: _broken_promises(head, promise, () if broken else others, db))
    if not findings:
        findings += each.findings()
    told = [promise.seq if promise else 0, *(witness.head.seq for witness in others)]
    promised = max(*told, count if broken else 0)
    return Verdict(head.seq, head, promised, tuple(findings))


def _count(db: sqlite3.Connection) -> int:
    """Events that seem to be there; 0 when the last page cannot be read."""
    try:
        return newest(db)[0]
    except sqlite3.DatabaseError:
        return 0


def _start(db: sqlite3.Connection, path: Path) -> Head:
    """What an earlier check found good, if this is the log it was found in."""
    start = verified(path)
    try:
        return start if hash_at(db, start.seq) == start.hash else ZERO
    except sqlite3.DatabaseError:
        return ZERO


def _rows(db: sqlite3.Connection, after: int) -> Iterator[Row]:
    # A generator, so that whoever walks also meets the error of the first page.
    yield from db.execute(f"SELECT {COLUMNS} FROM events WHERE seq>? ORDER BY seq", (after,))


def _told(look: Callable[[], list[str]]) -> list[str]:
    """What a look finds, or why it could not: a damaged page must not hide how much of the chain is good."""
    try:
        return look()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return [f"the log cannot be read: {error}"]


def _structure(db: sqlite3.Connection, whole: bool) -> list[str]:
    """What SQLite itself finds; `whole` compares the indexes with the table, too."""
    told = db.execute(f"PRAGMA {'integrity' if whole else 'quick'}_check(3)").fetchall()
    return [f"SQLite finds: {line}" for (line,) in told if line != "ok"]


def _broken_promises(
    head: Head, promise: Head | None, others: Sequence[Witness], db: sqlite3.Connection | None
) -> list[str]:
    """Those of the anchor, and where it has nothing to say, of whoever else knows."""
    return _broken_promise(head, promise, db) or [
        told for witness in others if (told := _contradiction(head, witness, db))
    ]


def _contradiction(head: Head, witness: Witness, db: sqlite3.Connection | None) -> str:
    seq, digest = witness.head
    if seq > head.seq:
        return (
            f"{witness.who} knows of event {seq}, but the log ends at {head.seq}: "
            "an older copy of it was put in its place"
        )
    known = db is None or not seq or (_orders(db, seq) if digest == UNKNOWN else hash_at(db, seq) == digest)
    return "" if known else f"{witness.who} knows another event {seq}: this is not the log that was last used here"


def _orders(db: sqlite3.Connection, seq: int) -> bool:
    """Whether agents know such events: all that they tell of one is that its seq was an epoch or a token."""
    found = db.execute("SELECT type FROM events WHERE seq=?", (seq,)).fetchone()
    return found is not None and found[0] in ("DaemonStarted", "StageAssigned", "NodeProbeStarted")


def _broken_promise(head: Head, promise: Head | None, db: sqlite3.Connection | None) -> list[str]:
    if promise is None:
        lost = f"nobody knows whether the log's end is whole: its head anchor is missing (it ends at {head.seq})"
        return [lost] if head.seq else []
    if promise.seq > head.seq:
        return [f"the log ends at {head.seq} but {promise.seq} was promised"]
    if db is not None and hash_at(db, promise.seq) != promise.hash:
        return [f"event {promise.seq} is another one than was promised: this is not the log that was last used here"]
    return []


class _Each:
    """Looks at every event that the chain was found to hold, on the same way through the log."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._gaps: list[str] = []
        self._newer: LogFromNewer | None = None

    def of(self, rows: Iterator[Row]) -> Iterator[Row]:
        versions, read = self._versions, READER.read
        for row in rows:
            yield row  # and comes back only if it belongs there
            seq, stream, sver = row[0], row[3], row[4]
            if sver != versions.get(stream, 0) + 1:
                self._gaps.append(f"event {seq} is number {sver} of {stream}, behind {versions.get(stream, 0)}")
            versions[stream] = sver
            if self._newer is None:
                try:
                    read(seq, row[5], row[6], row[12])
                except LogFromNewer as newer:
                    self._newer = newer

    def findings(self) -> list[str]:
        """Streams with a gap. Raises LogFromNewer for an event that no decoder reads."""
        if self._newer is not None:
            raise self._newer
        return self._gaps


# What was verified before ------------------------------------------------------------------------


def verified(path: Path) -> Head:
    """Up to where an earlier check found the chain whole. Disposable: without it everything is checked."""
    try:
        seq, digest = json.loads(_note(path).read_text())
        return Head(int(seq), bytes.fromhex(digest))
    except (OSError, ValueError, TypeError):
        return ZERO


def note_verified(path: Path, head: Head) -> None:
    """Where it cannot be written, the next check takes longer."""
    spare = path.with_name(path.name + ".verified.new")
    with suppress(OSError):
        with spare.open("w") as file:
            json.dump([head.seq, head.hash.hex()], file)
            file.flush()
            os.fsync(file.fileno())
        spare.replace(_note(path))


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".verified")
