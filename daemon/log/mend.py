"""Backup, restore and recovery of a log. Nothing is ever deleted: what is replaced stays beside, under another name.

Whoever restores or recovers holds the daemon's lock. Seqs that were promised are never given out twice, for agents know
them as tokens and epochs: in place of what is lost stand `LogLossAccepted` and then `NothingChanged`.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from daemon.disk import sync_folder
from daemon.log import anchor, witness
from daemon.log.appender import Appender
from daemon.log.aside import move_aside, take_back
from daemon.log.chain import ZERO, Head
from daemon.log.check import Verdict, check, check_against
from daemon.log.recovery import Part, Plan, best
from daemon.log.tables import COLUMNS, WIDTH, close_whole, reader, writer
from daemon.log.watched import Along, unseen
from schema.errors import Refused, why
from schema.events import Envelope, Event, LogLossAccepted, NothingChanged
from schema.ids import Seq
from schema.places import Places

_COPIED = 1000
"""Rows per transaction of a copy."""


class Backup(NamedTuple):
    path: Path
    events: int
    head: Head
    bytes: int


class Mended(NamedTuple):
    kept: int
    """Events that are good and stay."""
    lost: int
    head: Head
    beside: Path | None
    """Where the old log now lies; None if there was none."""
    backup: Path | None = None
    """The backup that events were taken from."""


# Backup ------------------------------------------------------------------------------------------


def backup(places: Places, target: Path, along: Along = unseen) -> Backup:
    """A whole, checked copy; the daemon may go on writing. Raises Refused where it would overwrite or is damaged."""
    log = places.log
    if target.exists():
        raise Refused("this file exists already.", where=str(target), remedy="Name a new file.")
    if not log.exists():
        raise Refused("there is no log yet.", where=str(log), remedy="Start stablenew once.")
    if not target.parent.is_dir():
        raise Refused("there is no such folder.", where=str(target.parent), remedy="Make it, or name another.")
    promise, others = anchor.read(places.head), witness.witnesses(places)
    spare = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _copy_whole(log, spare)
        verdict = check_against(spare, promise or ZERO, others, deep=True, along=along)
        if verdict.findings:
            raise Refused(
                f"no copy was made, for the log is damaged: {verdict.findings[0]}.", where=str(log), remedy=_VERIFY
            )
        with spare.open("rb") as file:
            os.fsync(file.fileno())
        size = spare.stat().st_size
        spare.rename(target)
        sync_folder(target.parent)
    finally:
        for ending in ("", "-journal"):
            spare.with_name(spare.name + ending).unlink(missing_ok=True)
    return Backup(target, verdict.events, verdict.head, size)


def _copy_whole(log: Path, spare: Path) -> None:
    try:
        with closing(reader(log)) as db:
            db.execute("PRAGMA query_only=OFF")  # the new file is written; the log itself is open read-only
            db.execute("VACUUM INTO ?", (str(spare),))
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode & 0xFF not in _GROUND:
            raise
        raise Refused(
            f"the copy could not be written: {why(fault)}.", where=str(spare.parent),
            remedy="Make room and see to it that it can be written, or name another folder.",
        ) from fault  # fmt: skip


_VERIFY = "Run `stablenew log verify`."

_GROUND = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""What SQLite says of the disk rather than of what lies on it."""


# Restore and recover -----------------------------------------------------------------------------


def restore(places: Places, source: Path, actor: str, clock: Callable[[], float], along: Along = unseen) -> Mended:
    """Puts a backup in the place of the log. Raises Refused when the file is no whole log."""
    take_back(places.log)
    if not source.exists():
        raise Refused(
            "there is no such file.", where=str(source), remedy="`stablenew log backups` lists what there is."
        )
    verdict = check_against(source, ZERO, deep=True, along=along)
    if verdict.findings:
        raise Refused(
            f"this file is no whole log: {verdict.findings[0]}.", where=str(source), remedy="Take another backup."
        )
    if verdict.events == 0:
        raise Refused("this file holds no events.", where=str(source), remedy="Take another backup.")
    plan = Plan(verdict.head, (Part(source, 0, verdict.head.seq),), None)
    return _replace(places, plan, witness.promised(places), actor, clock)


def recover(
    places: Places, accepted: int | None, actor: str, clock: Callable[[], float], backups: Sequence[Path] = ()
) -> Mended:
    """Keeps what is good of a damaged log, with what a backup still holds of it, if the person accepts to lose exactly
    what is lost.

    Raises Refused for another number, or when nothing is wrong.
    """
    take_back(places.log)
    plan, promised = to_recover(places, accepted, backups)
    return _replace(places, plan, promised, actor, clock)


def to_recover(places: Places, accepted: int | None, backups: Sequence[Path]) -> tuple[Plan, int]:
    """What can be had again, and the newest seq that anybody was told of. Looks only; raises as `recover`."""
    verdict = check(places.log, places.head, deep=True, others=lambda: witness.witnesses(places))
    if not verdict.findings:
        raise Refused("the log is whole; nothing is to be recovered.", where=str(places.log))
    plan = best(places.log, verdict.head, backups)
    lost = max(0, verdict.promised - plan.head.seq)
    if accepted != lost:
        raise Refused(
            _what_is_lost(verdict, plan, lost, accepted),
            where=str(places.log),
            remedy=f"{'If you accept that, run' if lost else 'Run'} `stablenew log recover --accept-loss {lost}`"
            + ("." if plan.backup or not lost else "; a backup may hold them."),
        )
    return plan, verdict.promised


def _what_is_lost(verdict: Verdict, plan: Plan, lost: int, accepted: int | None) -> str:
    instead = "" if accepted is None else f", not {accepted}"
    told = f"{lost} events are lost{instead}: {'; '.join(verdict.findings[:3])}"
    if plan.backup is None:
        return told + "."
    return f"{told}. The events behind {verdict.head.seq}, up to {plan.head.seq}, can be had with {plan.backup}."


def _replace(places: Places, plan: Plan, promised: int, actor: str, clock: Callable[[], float]) -> Mended:
    places.state.mkdir(parents=True, exist_ok=True)
    for left in places.state.glob(f".{places.log.name}.[0-9]*"):  # of one that was killed: the lock is held
        left.unlink()
    spare = places.log.with_name(f".{places.log.name}.{os.getpid()}")
    good = plan.head
    lost = max(0, promised - good.seq)
    try:
        head = _write_anew(plan, lost, spare, actor, clock)
    except BaseException as fault:
        _remove(spare)
        if isinstance(fault, sqlite3.OperationalError) and fault.sqlite_errorcode & 0xFF in _GROUND:
            raise Refused(
                f"the log could not be written anew: {why(fault)}. It is as it was.", where=str(places.state),
                remedy="Make room and see to it that it can be written, then run this again.",
            ) from fault  # fmt: skip
        raise
    beside = move_aside(places.log)
    spare.replace(places.log)
    witness.replace_all(places, head)
    # Made from the old log; made anew from this one.
    _remove(places.views)
    for saved in places.snapshots.glob("*.snapshot"):
        saved.unlink()
    places.log.with_name(places.log.name + ".verified").unlink(missing_ok=True)
    return Mended(good.seq, lost, head, beside, plan.backup)


def _write_anew(plan: Plan, lost: int, spare: Path, actor: str, clock: Callable[[], float]) -> Head:
    """What the plan holds, then what stands for the lost; the newest event of it all. Raises sqlite3.Error."""
    db = writer(spare)
    try:
        for part in plan.parts:
            _copy(part, db)
        appender = Appender(db, plan.head)
        told = _losses(plan.head.seq, lost, _epoch(db), actor, round(clock(), 6))
        while page := list(islice(told, _COPIED)):
            appender.append([page])
    except BaseException:
        db.close()
        raise
    close_whole(db)
    return appender.head


def _copy(part: Part, target: sqlite3.Connection) -> None:
    """Rows with their hashes, as they are."""
    insert = f"INSERT INTO events({COLUMNS}) VALUES({','.join('?' * WIDTH)})"
    with closing(reader(part.path)) as db:
        rows = db.execute(f"SELECT {COLUMNS} FROM events WHERE seq>? AND seq<=? ORDER BY seq", (part.after, part.upto))
        while page := rows.fetchmany(_COPIED):
            target.execute("BEGIN IMMEDIATE")
            target.executemany(insert, page)
            target.execute("COMMIT")


def _epoch(db: sqlite3.Connection) -> Seq:
    """Of the last good event."""
    found = db.execute("SELECT epoch FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return Seq(found[0] if found else 0)


def _losses(after: int, lost: int, epoch: Seq, actor: str, now: float) -> Iterator[Envelope]:
    """One for each lost event; none where none is lost."""
    for seq in range(after + 1, after + lost + 1):
        event: Event = NothingChanged(command="LogLossAccepted")
        if seq == after + 1:
            event = LogLossAccepted(after=Seq(after), lost=lost)
        yield Envelope(seq=Seq(seq), at=now, epoch=epoch, actor=actor, event=event)


def _remove(database: Path) -> None:
    """A disposable database with its side files."""
    for ending in ("", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
