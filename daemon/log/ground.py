"""Does a fault lie in the log or in the ground it stands on: a disk that is full, read-only or away heals by itself.

A failed fsync is neither: Linux forgets that the pages were dirty, so that the next one lies. The process must end.
"""

import os
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from daemon.disk import AWAY, FULL, try_room
from daemon.log.faults import LogBroken, LogFull, LogGone

ROOM: Final = 64 << 10
"""Bytes that must find room where SQLite does not tell why it could not write: as many as its shared index takes."""

_UNFORGIVEN: Final = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})
_UNCLEAR: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""SQLite's words for what may be the folder's fault as well as the file's."""


class Place(NamedTuple):
    """Which file it is, whatever name it has by now."""

    path: Path
    device: int
    inode: int


def places_of(log: Path) -> tuple[Place, ...]:
    """The log's own and, while it is open, its write-ahead file's. Raises OSError where there is no log."""
    wal = log.with_name(log.name + "-wal")
    return tuple(_place(path) for path in (log, wal) if path == log or path.exists())


def _place(path: Path) -> Place:
    found = path.stat()
    return Place(path, found.st_dev, found.st_ino)


def check_places(places: tuple[Place, ...]) -> None:
    """Raises LogGone where a file that is open has no longer its name: what it took now nobody would find."""
    for place in places:
        try:
            here = _place(place.path) == place
        except OSError as fault:
            raise LogGone(f"{place.path} is not there any more ({fault.strerror})") from fault
        if not here:
            raise LogGone(f"{place.path} is another file than the one that was opened")


def meant(fault: BaseException, log: Path) -> LogBroken:
    """What a failed read or write means for the one who has the log open. Looks at the disk."""
    broken = _kind(fault, log)(str(fault))
    broken.__cause__ = fault
    return broken


def _kind(fault: BaseException, log: Path) -> type[LogBroken]:
    match fault:
        case LogBroken():
            return type(fault)
        case OSError():
            return _kind_of_number(fault.errno)
        case sqlite3.Error():
            return _kind_of_sqlite(getattr(fault, "sqlite_errorcode", 0), log)
        case _:
            return LogBroken


def _kind_of_sqlite(code: int, log: Path) -> type[LogBroken]:
    primary = code & 0xFF
    if code in _UNFORGIVEN:
        return LogBroken
    if primary == sqlite3.SQLITE_FULL:
        return LogFull
    if primary not in _UNCLEAR:
        return LogBroken
    try:
        log.stat()
        try_room(log.parent, ROOM)
    except OSError as why:
        return _kind_of_number(why.errno)
    # Not opened to see: closing it again would give up the locks that SQLite holds for this process.
    return LogBroken if os.access(log, os.R_OK | os.W_OK) else LogGone


def _kind_of_number(number: int | None) -> type[LogBroken]:
    return LogFull if number in FULL else LogGone if number in AWAY else LogBroken
