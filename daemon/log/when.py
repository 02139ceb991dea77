"""WHEN as a person writes it: a seq, an ISO time (the local zone if none is given), or an age like `2h` or `3d`."""

import re
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from daemon.log.tables import reader
from schema.errors import Refused

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seq_at(db: sqlite3.Connection, when: str, now: float) -> int:
    """The last event not after `when`; 0 when all are. Raises Refused for what is no WHEN or lies in the future."""
    newest = int(db.execute("SELECT COALESCE(MAX(seq),0) FROM events").fetchone()[0])
    if when.isdecimal():
        if len(when) > 18 or int(when) > newest:
            raise Refused(f"there is no event {when[:30]} yet; the newest is {newest}.", remedy="Give a lower number.")
        return int(when)
    micros = round(_time(when, now) * 1_000_000)
    found = db.execute("SELECT seq FROM events WHERE ts_us<=? ORDER BY seq DESC LIMIT 1", (micros,)).fetchone()
    return int(found[0]) if found else 0


def seq_of(log: Path, when: str, now: float) -> int:
    """As `seq_at`, on a connection of its own."""
    with closing(reader(log)) as db:
        return seq_at(db, when, now)


def _time(when: str, now: float) -> float:
    if age := re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", when.strip()):
        return max(now - float(age[1]) * _UNITS[age[2]], 0.0)  # before all events, however long ago
    try:
        return datetime.fromisoformat(when.strip()).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise Refused(
            f"`{when}` is no point in time.",
            remedy="Give an event's number, a time like 2026-11-20T22:00, or an age like 2h or 3d.",
        ) from None
