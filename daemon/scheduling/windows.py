"""Overnight windows by local wall time: `22:00-06:30` is open when the clock on the wall says so."""

from collections.abc import Callable

from schema.errors import Refused

Offset = Callable[[float], float]
"""Unix seconds to seconds that local time is ahead of UTC just then."""

DAY = 86_400.0
LOOK_BACK = 3 * 3600.0
"""Longer than any change of the clocks."""


def parse(window: str) -> tuple[float, float]:
    """`HH:MM-HH:MM` as seconds after midnight. Raises Refused."""
    try:
        begin, end = (_seconds(part) for part in window.split("-"))
    except ValueError:
        raise Refused(f"'{window}' is no window.", remedy="Write it as HH:MM-HH:MM, like 22:00-06:30.") from None
    return begin, end


def is_open(window: str, now: float, offset: Offset) -> bool:
    """A window opens when its begin comes on the wall, and once closed stays closed until then.

    So an hour that the clocks repeat in autumn does not open a window again that it had closed, and an
    hour that they leave out in spring does not keep one closed whose begin lay in it.
    """
    begin, end = parse(window)
    if not _within(begin, end, now + offset(now)):
        return False
    if offset(now - LOOK_BACK) <= offset(now):
        return True
    return not _let_in_by_the_clocks(begin, end, now, offset)


def opening(window: str, now: float, offset: Offset) -> float:
    """When it is open: `now`, or the next time that its begin comes on the wall."""
    if is_open(window, now, offset):
        return now
    begin, _ = parse(window)
    at = now + (begin - now - offset(now)) % DAY
    if offset(at) == offset(now):
        return at
    at = next_look(now)  # the clocks are changed before that
    while not is_open(window, at, offset):
        at = next_look(at)
    return at


def between(window: str) -> str:
    """`22:00 and 07:00`, of `22:00-07:00`."""
    return " and ".join(part.strip() for part in window.split("-"))


def next_look(now: float) -> float:
    """The next full minute: windows are looked at once a minute, whatever the clocks do."""
    return (now // 60.0 + 1.0) * 60.0


def _seconds(text: str) -> float:
    hours, minutes = text.strip().split(":")
    if not (0 <= int(hours) <= 24 and 0 <= int(minutes) < 60) or int(hours) * 60 + int(minutes) > 24 * 60:
        raise ValueError(text)
    return int(hours) * 3600.0 + int(minutes) * 60.0


def _within(begin: float, end: float, wall: float) -> bool:
    of_day = wall % DAY
    if begin == end:
        return True
    return begin <= of_day < end if begin < end else of_day >= begin or of_day < end


def _let_in_by_the_clocks(begin: float, end: float, now: float, offset: Offset) -> bool:
    """Whether the last way into the window was the clocks' going back, minute by minute into the past."""
    at = now // 60.0 * 60.0
    while at > now - LOOK_BACK:
        before = at - 60.0
        if not _within(begin, end, before + offset(before)):
            went_back = offset(at) < offset(before)
            return went_back and (at + offset(at)) % DAY != begin
        at = before
    return False
