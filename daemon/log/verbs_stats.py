"""`log stats`: how much of what, how it grows, and how long its disk will hold it."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from daemon.log.backups import Keeping, copies
from daemon.log.documents import Day, Growth, Kind, Statistics, say, write
from daemon.log.fold import CORE
from daemon.log.reading import newest
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from daemon.log.verbs_read import need_log
from schema.errors import Exit
from schema.pages import iso
from schema.places import Places
from schema.sizes import size

DAYS: Final = 30
"""Days with events that are looked at for growth."""

_DAY_S: Final = 86_400.0
_YEAR_DAYS: Final = 365.25
_CENTURY_DAYS: Final = 36_525.0
_SHOWN_DAYS: Final = 7
_SHOWN_KINDS: Final = 12


def stats(places: Places, keeping: Keeping, now: float, *, json: bool) -> int:
    log = need_log(places)
    with closing(reader(log)) as db:
        found = _statistics(db, places, keeping, now)
    write(found) if json else _tell(found)
    return Exit.DONE


def _statistics(db: sqlite3.Connection, places: Places, keeping: Keeping, now: float) -> Statistics:
    log = places.log
    db.execute("BEGIN")  # one moment for all reads
    seq, digest = newest(db)
    streams, commands, first, last = db.execute(
        "SELECT COUNT(DISTINCT stream),COUNT(DISTINCT command),MIN(ts_us),MAX(ts_us) FROM events"
    ).fetchone()
    kinds, whole = _kinds(db, log.stat().st_size), log.stat().st_size
    days, free = _days(db, whole / seq if seq else 0.0), shutil.disk_usage(places.state).free
    saved, kept = Snapshots(places.snapshots, log, CORE).saved(), copies(keeping.folder)
    return Statistics(
        events=seq,
        head=seq,
        hash=digest.hex(),
        bytes=whole,
        wal_bytes=_size(log.with_name(log.name + "-wal")),
        streams=streams,
        commands=commands,
        first=iso(first / 1e6) if first is not None else None,
        last=iso(last / 1e6) if last is not None else None,
        types=dict(sorted(((name, kind.events) for name, kind in kinds.items()), key=lambda one: (-one[1], one[0]))),
        kinds=kinds,
        days=days,
        growth=_growth(days, whole, free, now),
        free_bytes=free,
        snapshots=tuple(one.seq for one in saved),
        snapshot_bytes=sum(_size(one.path) for one in saved),
        view_bytes=_size(places.views) + _size(places.views.with_name(places.views.name + "-wal")),
        backups=len(kept),
        backup_bytes=sum(_size(copy.path) for copy in kept),
        sqlite=sqlite3.sqlite_version,
        path=str(log),
    )


def _kinds(db: sqlite3.Connection, whole: int) -> dict[str, Kind]:
    """What each type takes of the file: its rows' own bytes, and of what is around them the same share."""
    rows = db.execute("SELECT type,COUNT(*),SUM(LENGTH(data)) FROM events GROUP BY type ORDER BY 3 DESC,1").fetchall()
    events = sum(count for _, count, _ in rows)
    around = max(0, whole - sum(own for _, _, own in rows)) / events if events else 0.0
    return {name: Kind(events=count, bytes=own + round(around * count)) for name, count, own in rows}


def _days(db: sqlite3.Connection, bytes_each: float) -> tuple[Day, ...]:
    """The newest days with events, by local date: as many as are looked at for growth.

    Days are found from the newest event backwards, each by one step through the log, for order is by seq and not by
    time; a clock that was set back shortens what is looked at, and no more.
    """
    found: list[Day] = []
    after = int(db.execute("SELECT COALESCE(MAX(seq),0) FROM events").fetchone()[0])
    while after > 0 and len(found) < DAYS:
        micros = db.execute("SELECT ts_us FROM events WHERE seq=?", (after,)).fetchone()[0]
        day = datetime.fromtimestamp(micros / 1e6).replace(hour=0, minute=0, second=0, microsecond=0)
        before = _last_before(db, round(day.timestamp() * 1e6), after)
        events = after - before
        found.append(Day(day=day.date().isoformat(), events=events, bytes=round(events * bytes_each)))
        after = before
    return tuple(found)


def _last_before(db: sqlite3.Connection, micros: int, upto: int) -> int:
    """The last event up to seq `upto` that is older; found by halving."""
    low, high = 0, upto
    while low < high:
        middle = (low + high + 1) // 2
        at = db.execute("SELECT ts_us FROM events WHERE seq=?", (middle,)).fetchone()[0]
        low, high = (middle, high) if at < micros else (low, middle - 1)
    return low


def _growth(days: Sequence[Day], taken: int, free: int, now: float) -> Growth:
    """Per day of the calendar, not per day with events: nights off count."""
    today = datetime.fromtimestamp(now).date().isoformat()
    whole = [day for day in days if day.day != today] or list(days)
    span = _between(whole[-1].day, whole[0].day) if whole else 0.0
    each = sum(day.events for day in whole) / span if span else 0.0
    grows = sum(day.bytes for day in whole) / span if span else 0.0
    left = free / grows if grows else None
    return Growth(
        days=span,
        events_per_day=round(each, 1),
        bytes_per_day=round(grows, 1),
        bytes_in_a_year=taken + round(grows * _YEAR_DAYS),
        full_in_days=round(left, 1) if left is not None and left < _CENTURY_DAYS else None,
    )


def _between(first: str, last: str) -> float:
    """Days from one date to the other, both counted."""
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / _DAY_S + 1.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


# In words ----------------------------------------------------------------------------------------


def _tell(found: Statistics) -> None:
    say(
        f"{found.events} events in {size(found.bytes + found.wal_bytes)} ({size(found.wal_bytes)} of it not yet"
        f" moved into the file), {found.streams} streams, {found.commands} commands"
    )
    say(f"from {found.first} to {found.last}; snapshots at {', '.join(map(str, found.snapshots)) or 'no event yet'}")
    backups = f"{found.backups} backup{'s' * (found.backups != 1)} of {size(found.backup_bytes)}"
    say(
        f"beside it: {size(found.view_bytes)} of views, {size(found.snapshot_bytes)} of snapshots, {backups};"
        f" {size(found.free_bytes)} of its disk are free"
    )
    growth = found.growth
    if growth.days:
        until = f"; its disk is full in {growth.full_in_days:.0f} days" if growth.full_in_days is not None else ""
        days = "1 day" if round(growth.days) == 1 else f"{growth.days:.0f} days"
        say(
            f"over {days}: {growth.events_per_day:.0f} events and {size(growth.bytes_per_day)} a day;"
            f" in a year {size(growth.bytes_in_a_year)}{until}"
        )
    for day in found.days[:_SHOWN_DAYS]:
        say(f"{day.events:>10}  {size(day.bytes):>9}  {day.day}")
    for name, kind in list(found.kinds.items())[:_SHOWN_KINDS]:
        say(f"{kind.events:>10}  {size(kind.bytes):>9}  {name}")
    if rest := list(found.kinds.values())[_SHOWN_KINDS:]:
        taken = sum(kind.bytes for kind in rest)
        say(f"{sum(kind.events for kind in rest):>10}  {size(taken):>9}  of {len(rest)} other types")
