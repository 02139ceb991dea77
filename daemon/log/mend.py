"""Backup, restore and recovery of a log. Nothing is ever deleted: what is replaced stays beside, under another name.

Whoever restores or recovers holds the daemon's lock. Seqs that were promised are never given out twice, for agents know
them as tokens and epochs: in place of what is lost stand `LogLossAccepted` and then `NothingChanged`.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain as flatten
from pathlib import Path
from typing import NamedTuple

from daemon.disk import sync_folder
from daemon.log import witness
from daemon.log.appender import Appender
from daemon.log.chain import ZERO, Head
from daemon.log.check import check, check_against
from daemon.log.tables import COLUMNS, WIDTH, close_whole, reader, writer
from schema.errors import Refused
from schema.events import Envelope, Event, LogLossAccepted, NothingChanged
from schema.ids import Seq
from schema.places import Places

_COPIED = 1000
"""Rows per transaction of a copy."""


class Backup(NamedTuple):
    events: int
    head: Head
    bytes: int


class Mended(NamedTuple):
    kept: int
    """Events that were good and stay."""
    lost: int
    head: Head
    beside: Path | None
    """Where the old log now lies; None if there was none."""


# Backup ------------------------------------------------------------------------------------------


def backup(log: Path, target: Path) -> Backup:
    """A whole, checked copy; the daemon may go on writing. Raises Refused where it would overwrite or is damaged."""
    if target.exists():
        raise Refused("this file exists already.", where=str(target), remedy="Name a new file.")
    if not log.exists():
        raise Refused("there is no log yet.", where=str(log), remedy="Start stablenew once.")
    if not target.parent.is_dir():
        raise Refused("there is no such folder.", where=str(target.parent), remedy="Make it, or name another.")
    spare = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with closing(reader(log)) as db:
            db.execute("PRAGMA query_only=OFF")  # the new file is written; the log itself is open read-only
            db.execute("VACUUM INTO ?", (str(spare),))
        verdict = check_against(spare, ZERO, deep=True)
        if verdict.findings:
            raise Refused(f"the copy is damaged, so the log is: {verdict.findings[0]}.", where=str(log), remedy=_VERIFY)
        with spare.open("rb") as file:
            os.fsync(file.fileno())
        size = spare.stat().st_size
        spare.rename(target)
        sync_folder(target.parent)
    finally:
        spare.unlink(missing_ok=True)
    return Backup(verdict.events, verdict.head, size)


_VERIFY = "Run `stablenew log verify`."


# Restore and recover -----------------------------------------------------------------------------


def restore(places: Places, source: Path, actor: str, clock: Callable[[], float]) -> Mended:
    """Puts a backup in the place of the log. Raises Refused when the file is no whole log."""
    if not source.exists():
        raise Refused("there is no such file.", where=str(source), remedy="Name a file that `log backup` wrote.")
    verdict = check_against(source, ZERO, deep=True)
    if verdict.findings:
        raise Refused(
            f"this file is no whole log: {verdict.findings[0]}.", where=str(source), remedy="Take another backup."
        )
    if verdict.events == 0:
        raise Refused("this file holds no events.", where=str(source), remedy="Take another backup.")
    return _replace(places, source, verdict.head, witness.promised(places), actor, clock)


def recover(places: Places, accepted: int | None, actor: str, clock: Callable[[], float]) -> Mended:
    """Keeps the good beginning of a damaged log, if the person accepts to lose exactly what is lost.

    Raises Refused for another number, or when nothing is wrong.
    """
    verdict = check(places.log, places.head, deep=True, others=lambda: witness.witnesses(places))
    if not verdict.findings:
        raise Refused("the log is whole; nothing is to be recovered.", where=str(places.log))
    lost = max(0, verdict.promised - verdict.head.seq)
    if accepted != lost:
        instead = "" if accepted is None else f", not {accepted}"
        raise Refused(
            f"{lost} events are lost{instead}: {'; '.join(verdict.findings[:3])}.",
            where=str(places.log),
            remedy=f"If you accept that, run `stablenew log recover --accept-loss {lost}`; a backup may hold them.",
        )
    return _replace(places, places.log, verdict.head, verdict.promised, actor, clock)


def _replace(places: Places, source: Path, good: Head, promised: int, actor: str, clock: Callable[[], float]) -> Mended:
    places.state.mkdir(parents=True, exist_ok=True)
    spare = places.log.with_name(f".{places.log.name}.{os.getpid()}")
    _remove(spare)
    db = writer(spare)
    try:
        _copy(source, good, db)
        appender = Appender(db, good)
        lost = max(0, promised - good.seq)
        if lost:
            appender.append([_losses(good.seq, lost, _epoch(db), actor, round(clock(), 6))])
    finally:
        close_whole(db)
    beside = _move_aside(places.log)
    spare.replace(places.log)
    witness.replace_all(places, appender.head)
    # Made from the old log; made anew from this one.
    _remove(places.views)
    for saved in places.snapshots.glob("*.snapshot"):
        saved.unlink()
    places.log.with_name(places.log.name + ".verified").unlink(missing_ok=True)
    return Mended(good.seq, lost, appender.head, beside)


def _copy(source: Path, good: Head, target: sqlite3.Connection) -> None:
    """Rows with their hashes, as they are, up to the last good one."""
    insert = f"INSERT INTO events({COLUMNS}) VALUES({','.join('?' * WIDTH)})"
    if good.seq == 0:
        return
    with closing(reader(source)) as db:
        rows = db.execute(f"SELECT {COLUMNS} FROM events WHERE seq<=? ORDER BY seq", (good.seq,))
        while page := rows.fetchmany(_COPIED):
            target.execute("BEGIN IMMEDIATE")
            target.executemany(insert, page)
            target.execute("COMMIT")


def _epoch(db: sqlite3.Connection) -> Seq:
    """Of the last good event."""
    found = db.execute("SELECT epoch FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return Seq(found[0] if found else 0)


def _losses(after: int, lost: int, epoch: Seq, actor: str, now: float) -> list[Envelope]:
    told: Iterator[Event] = flatten(
        (LogLossAccepted(after=Seq(after), lost=lost),),
        (NothingChanged(command="LogLossAccepted") for _ in range(lost - 1)),
    )
    return [
        Envelope(seq=Seq(seq), at=now, epoch=epoch, actor=actor, event=event)
        for seq, event in enumerate(told, after + 1)
    ]


def _move_aside(log: Path) -> Path | None:
    """Gives the log with all that belongs to it a second name, and tells it."""
    if not log.exists():
        return None
    number = 1
    while (beside := log.with_name(f"{log.stem}.old-{number}{log.suffix}")).exists():
        number += 1
    os.link(log, beside)  # the name stays taken until the new log replaces it
    for ending in ("-wal", "-shm"):  # would be read as the new log's
        part = log.with_name(log.name + ending)
        if part.exists():
            part.rename(beside.with_name(beside.name + ending))
    return beside


def _remove(database: Path) -> None:
    """A disposable database with its side files."""
    for ending in ("", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
