"""What keeps the daemon from working although it runs: one sentence with its remedy, and whether it may be over.

A folder that is full, read-only or away heals by itself; a damaged log, or one of a newer version, waits for a person.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from daemon.disk import AWAY, FULL, try_room
from daemon.ledger.mail import LedgerStopped
from daemon.log.faults import LogBroken, LogDamaged, LogFromNewer, LogFull, LogGone
from daemon.log.ground import check_places, meant, places_of
from schema.errors import why
from schema.places import Places

Kind = Literal["full", "away", "damaged", "newer"]

ROOM_TO_GO_ON: Final = 1 << 20
"""Bytes that must find room before a log that met a full disk is opened again."""

GOES_ON: Final = "the daemon goes on by itself, and what it had acknowledged is safe."
FREE_SPACE: Final = f"Free some space there: {GOES_ON}"
BRING_BACK: Final = f"Bring it back: {GOES_ON}"
MAKE_WRITABLE: Final = f"Make it writable: {GOES_ON}"
LET_IN: Final = "Give yourself its permissions back (`chmod u+rwX`): the daemon goes on by itself."


@dataclass(frozen=True)
class Obstacle:
    kind: Kind
    sentence: str
    remedy: str
    seq: int | None = None
    """Up to which event the log is good and can be read; None: as far as it goes."""

    @property
    def told(self) -> str:
        return f"{self.sentence} {self.remedy}"


def obstacle_of(fault: BaseException, places: Places) -> Obstacle | None:
    """What a fault that ended the work, or kept it from beginning, says of the ground; None: it is another's. Blocks.

    Of several that came together every one must be of that kind, but for those that only say that the ledger ended.
    """
    found: Obstacle | None = None
    for one in _leaves(fault):
        if isinstance(one, LedgerStopped):
            continue
        obstacle = _of_one(one, places)
        if obstacle is None:
            return None
        found = found or obstacle
    return found


def _leaves(fault: BaseException) -> Iterator[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        for one in fault.exceptions:
            yield from _leaves(one)
    else:
        yield fault


def _of_one(fault: BaseException, places: Places) -> Obstacle | None:
    match fault:
        case LogDamaged():
            return Obstacle("damaged", f"The log is damaged: {fault.sentence}", fault.remedy, fault.ends_at)
        case LogFromNewer():
            return Obstacle("newer", _capital(fault.sentence), fault.remedy, fault.readable)
        case LogFull():
            return full(places.state)
        case LogGone():
            return look(places) or Obstacle("away", f"The log cannot be written: {fault}.", BRING_BACK)
        case LogBroken():
            return None
        case sqlite3.Error():
            return None if type(broken := meant(fault, places.log)) is LogBroken else _of_one(broken, places)
        case OSError() if fault.errno in FULL:
            return full(Path(os.fsdecode(fault.filename)) if isinstance(fault.filename, str | bytes) else places.state)
        case PermissionError(filename=str() as file) if Path(file).is_relative_to(places.state) or Path(
            file
        ).is_relative_to(places.artifacts):
            return look(places) or Obstacle("away", f"{file} cannot be used: {why(fault)}.", LET_IN)
        case OSError() if fault.errno in AWAY:
            return look(places)
        case _:
            return None


def full(folder: Path) -> Obstacle:
    return Obstacle("full", f"The disk that holds {folder} is full.", FREE_SPACE)


def look(places: Places) -> Obstacle | None:
    """Whether the folders that the daemon cannot do without are there and can be written. Blocks."""
    for folder in (places.state, places.artifacts):
        try:
            flags = os.statvfs(folder).f_flag
        except OSError as fault:
            return Obstacle("away", f"The folder {folder} cannot be reached: {why(fault)}.", BRING_BACK)
        if flags & os.ST_RDONLY:
            return Obstacle("away", f"The disk that holds {folder} is read-only.", MAKE_WRITABLE)
    return None


class Watched:
    """The ground of a log that is open: looked at while the daemon works."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._opened = places_of(places.log)

    def look(self) -> Obstacle | None:
        """Blocks."""
        if (obstacle := look(self._places)) is not None:
            return obstacle
        try:
            check_places(self._opened)
        except LogGone as gone:
            return Obstacle("away", f"{_capital(str(gone))}.", BRING_BACK)
        return None


def over(obstacle: Obstacle, places: Places, before: tuple[int, ...]) -> bool:
    """Whether it is worth while to open the log again. `before`: its `signature` when it was last found bad. Blocks."""
    if obstacle.kind in ("damaged", "newer"):
        return signature(places) != before
    if look(places) is not None or not places.log.exists():
        return False
    try:
        for folder in (places.state, places.artifacts):
            try_room(folder, ROOM_TO_GO_ON)
    except OSError:
        return False
    return True


def signature(places: Places) -> tuple[int, ...]:
    """By what one sees that somebody has put another log, or another anchor, in place. Blocks."""
    found: list[int] = []
    for path in (places.log, places.log.with_name(places.log.name + "-wal"), places.head):
        try:
            told = path.stat()
        except OSError as fault:
            found.append(-(fault.errno or errno.EIO))
        else:
            found += (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_mode)
    return tuple(found)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
