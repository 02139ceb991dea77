"""Times as people write them on the command line: ISO, `22:30`, an age from now (`2h`), and nightly windows."""

import re
from datetime import datetime, timedelta

from daemon.prompting.texts import told
from schema.errors import Refused

_AGE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)\s*$", re.IGNORECASE)
_CLOCK = re.compile(r"^\s*(\d{1,2}):(\d{2})\s*$")
_WINDOW = re.compile(r"^\s*(\d{1,2}):(\d{2})\s*(?:-|–|to)\s*(\d{1,2}):(\d{2})\s*$")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}

FAR = 10 * 366 * 86_400.0
"""Seconds ahead beyond which a time is a slip of the keyboard."""


def read_time(text: str, flag: str, now: float) -> float:
    """Unix seconds, later than `now`. Without a zone the daemon's local one; `22:30` is the next time it is that."""
    at = _seconds(text, now)
    if at is None:
        raise Refused(
            f"'{told(text, 40)}' is no time.",
            where=flag,
            remedy="Write 2h, 22:30, 2026-12-24T22:30 or 2026-12-24T22:30+01:00.",
        )
    if at < now - 60.0:
        raise Refused(f"'{told(text, 40)}' is in the past.", where=flag, remedy="Give a later time, or leave it out.")
    if at > now + FAR:
        raise Refused(f"'{told(text, 40)}' is more than ten years ahead.", where=flag, remedy="Give an earlier time.")
    return at


def read_window(text: str) -> str:
    """`HH:MM-HH:MM` with leading zeros; it may pass midnight."""
    found = _WINDOW.match(text)
    numbers = [int(part) for part in found.groups()] if found else []
    if not numbers or max(numbers[0], numbers[2]) > 23 or max(numbers[1], numbers[3]) > 59:
        raise Refused(
            f"'{told(text, 40)}' is no window of time.", where="--window", remedy="Write for example 22:00-06:30."
        )
    if numbers[:2] == numbers[2:]:
        raise Refused(
            f"'{told(text, 40)}' begins and ends at the same minute.",
            where="--window",
            remedy="Leave --window out if the run may go on all day.",
        )
    return "{:02}:{:02}-{:02}:{:02}".format(*numbers)


def _seconds(text: str, now: float) -> float | None:
    age = _AGE.match(text)
    if age:
        return now + float(age[1]) * _SECONDS[age[2].lower()]
    clock = _CLOCK.match(text)
    if clock:
        return _next(int(clock[1]), int(clock[2]), now)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _next(hour: int, minute: int, now: float) -> float | None:
    if hour > 23 or minute > 59:
        return None
    today = datetime.fromtimestamp(now).replace(hour=hour, minute=minute, second=0, microsecond=0)
    at = today if today.timestamp() > now else today + timedelta(days=1)
    return at.timestamp()
