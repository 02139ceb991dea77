"""The copies of the log in one folder: what they are called, when the next is due, and which are kept.

A copy is `events-20261121T043000Z.db`, made by night or when asked for, or `events-20261121T043000Z-upgrade.db`, made
before another version of the program first wrote to the log. Nothing with another name is ever touched.
"""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple

from daemon.log import mend, reading
from daemon.log.tables import reader
from daemon.log.watched import Along, unseen
from schema.errors import Refused, why
from schema.places import Places
from schema.settings import BackupSettings

Kind = Literal["night", "upgrade"]

UPGRADES_KEPT: Final = 3

_NAME: Final = re.compile(r"events-(\d{8}T\d{6}Z)(-upgrade)?\.db")
_SPARE: Final = re.compile(r"\.events-\d{8}T\d{6}Z(-upgrade)?\.db\.\d+(-journal|-wal|-shm)?")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_DAY_S: Final = 86_400.0


class Keeping(NamedTuple):
    """Where copies lie and how many stay."""

    folder: Path
    daily: int
    weekly: int
    monthly: int
    floor: int = 0
    """Bytes that a copy must leave free on the disk it goes to."""


class Copy(NamedTuple):
    path: Path
    at: float
    """Unix seconds, as its name says."""
    kind: Kind


def keeping_of(places: Places, settings: BackupSettings, floor: int) -> Keeping:
    folder = Path(settings.folder).expanduser().absolute() if settings.folder else places.backups
    return Keeping(folder, settings.daily, settings.weekly, settings.monthly, floor)


def copies(folder: Path) -> list[Copy]:
    """Newest first, checked or not. Raises OSError where the folder cannot be read; none where there is no folder."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if (named := _NAME.fullmatch(path.name)) and path.is_file():
            try:
                at = datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC).timestamp()
            except ValueError:  # a day or an hour that there is not
                continue
            found.append(Copy(path, at, "upgrade" if named[2] else "night"))
    return sorted(found, key=lambda copy: copy.at, reverse=True)


def head_of(copy: Path) -> int | None:
    """The newest event in it; None where it cannot be read."""
    try:
        with closing(reader(copy)) as db:
            return reading.newest(db)[0]
    except sqlite3.Error:
        return None


# Making ------------------------------------------------------------------------------------------


def make(
    places: Places,
    keeping: Keeping,
    kind: Kind,
    clock: Callable[[], float] = time.time,
    along: Along = unseen,
) -> mend.Backup:
    """A copy that was checked from its first to its last event; then those that nobody needs any more go.

    Raises Refused, sqlite3.Error, OSError; then everything is as it was.
    """
    _check_folder(places, keeping.folder)
    _clear(keeping.folder, clock())
    _check_room(places, keeping)
    stamp = datetime.fromtimestamp(clock(), UTC).strftime(_STAMP)
    ending = "-upgrade" if kind == "upgrade" else ""
    made = mend.backup(places, keeping.folder / f"events-{stamp}{ending}.db", along)
    for copy in surplus(copies(keeping.folder), keeping):
        copy.path.unlink(missing_ok=True)
    return made


def _check_folder(places: Places, folder: Path) -> None:
    """Only the program's own is made: one that a person named may lie on a disk that is not there now."""
    try:
        if folder == places.backups:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return
        fault = "there is no such folder" if not folder.exists() else "this folder cannot be written"
    except OSError as error:
        fault = f"this folder cannot be made: {why(error)}"
    remedy = "Mount its disk, make the folder writable, or name another as [backup] folder."
    raise Refused(f"{fault}.", where=str(folder), remedy=remedy)


def _check_room(places: Places, keeping: Keeping) -> None:
    """A copy may not bring the work of the night to a stop."""
    if not places.log.exists():
        return
    needed, free = places.log.stat().st_size, shutil.disk_usage(keeping.folder).free
    shared = {path.stat().st_dev for path in (places.state, places.artifacts) if path.exists()}
    left = keeping.floor if keeping.folder.stat().st_dev in shared else 0
    if free < needed + left:
        raise Refused(
            f"a copy needs {needed >> 20} MB, and {free >> 20} MB are free"
            + (f", of which {left >> 20} are kept for pictures" if left else ""),
            where=str(keeping.folder),
            remedy="Make room, keep fewer copies ([backup] daily, weekly, monthly), or name another [backup] folder.",
        )


def _clear(folder: Path, now: float) -> None:
    """What a copy left that was broken off."""
    for path in folder.iterdir():
        if _SPARE.fullmatch(path.name) and path.stat().st_mtime < now - _DAY_S:
            path.unlink(missing_ok=True)


# Which stay --------------------------------------------------------------------------------------


def surplus(found: Iterable[Copy], keeping: Keeping) -> list[Copy]:
    """Those that may go. Of each of the newest days, weeks and months that have any, the newest copy stays."""
    order = sorted(found, key=lambda copy: copy.at, reverse=True)
    nights = [copy for copy in order if copy.kind == "night"]
    upgrades = [copy for copy in order if copy.kind == "upgrade"]
    kept = {copy.path for copy in upgrades[:UPGRADES_KEPT]}
    for most, period in ((keeping.daily, _day), (keeping.weekly, _week), (keeping.monthly, _month)):
        kept |= {copy.path for copy in _newest_of_each(nights, period)[:most]}
    return [copy for copy in order if copy.path not in kept]


def _newest_of_each(copies: Sequence[Copy], period: Callable[[datetime], tuple[int, ...]]) -> list[Copy]:
    """Of copies in order, newest first: the first of each local day, week or month."""
    firsts: dict[tuple[int, ...], Copy] = {}
    for copy in copies:
        firsts.setdefault(period(datetime.fromtimestamp(copy.at)), copy)
    return list(firsts.values())


def _day(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day


def _week(moment: datetime) -> tuple[int, ...]:
    return moment.isocalendar()[:2]


def _month(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month


# When the next is due ----------------------------------------------------------------------------


def is_due(found: Iterable[Copy], at: str, began: float, now: float) -> bool:
    """Whether the last time of day `at` (local, `HH:MM`) went by without a copy since.

    `began`: when the log's first event was written; what is younger than that time of day has nothing to copy yet.
    A copy from the future, made while the clock was wrong, does not count.
    """
    slot = last_slot(at, now)
    newest = max((copy.at for copy in found if copy.kind == "night" and copy.at <= now + _DAY_S), default=began)
    return newest < slot


def last_slot(at: str, now: float) -> float:
    """When it was last this time of day, in Unix seconds; on a day that leaves it out, as if it were there."""
    hour, minute = map(int, at.split(":"))
    today = datetime.fromtimestamp(now).replace(hour=hour, minute=minute, second=0, microsecond=0)
    slot = today if today.timestamp() <= now else today - timedelta(days=1)
    return slot.timestamp()


def first_at(log: Path) -> float | None:
    """When the log's first event was written, in Unix seconds; None: there is none. Raises sqlite3.Error."""
    if not log.exists():
        return None
    with closing(reader(log)) as db:
        found = db.execute("SELECT ts_us FROM events WHERE seq=1").fetchone()
    return found[0] / 1e6 if found else None


def last_version(log: Path) -> str | None:
    """The version of the program that last began to write to the log; None: none has. Raises sqlite3.Error."""
    if not log.exists():
        return None
    with closing(reader(log)) as db:
        found = db.execute(
            "SELECT json_extract(CAST(data AS TEXT),'$.version') FROM events WHERE type='DaemonStarted'"
            " ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    return str(found[0]) if found else None
