"""A log that makes place for another gets a second name, with what belongs to it; whoever is killed at that loses none.

The log is two files that only hold together: a write-ahead file under the name of another log would be read as that
one's. So there is a moment in which the log lies without it, and whoever comes next must be able to tell.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_ENDINGS: Final = ("-wal", "-shm")


def move_aside(log: Path) -> Path | None:
    """Gives the log with all that belongs to it a second name, and tells it; None where there is no log."""
    if not log.exists():
        leave_orphans(log)
        return None
    number = 1
    while (beside := _named(log, number)).exists():
        number += 1
    if log.is_dir():  # somebody put a folder there; what belonged to the log is of no use to it
        leave_orphans(log)
        return log.rename(beside)
    os.link(log, beside)  # the name stays taken until the new log replaces it
    for ending in _ENDINGS:  # would be read as the new log's
        part = log.with_name(log.name + ending)
        if part.exists():
            part.rename(beside.with_name(beside.name + ending))
    return beside


def leave_orphans(log: Path) -> None:
    """What belonged to a log that is not there gets another name: it would be read as that of the next one."""
    for ending in _ENDINGS:
        with suppress(FileNotFoundError):
            log.with_name(log.name + ending).rename(log.with_name(f"{log.name}{ending}.orphan"))


def take_back(log: Path) -> None:
    """Undoes what was broken off behind `move_aside`: no other log came in its place. The caller holds the lock.

    Without this the log would lack what was in its write-ahead file, and be told to have lost that.
    """
    if not log.exists():
        return
    number = 1
    while (beside := _named(log, number)).exists():
        if beside.samefile(log):
            for ending in _ENDINGS:
                part = beside.with_name(beside.name + ending)
                if part.exists():
                    part.replace(log.with_name(log.name + ending))
            beside.unlink()
            return
        number += 1


def _named(log: Path, number: int) -> Path:
    return log.with_name(f"{log.stem}.old-{number}{log.suffix}")
