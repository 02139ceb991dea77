"""Every minute of 2026 on the walls of five places: is the window open? The oracle has a memory and reads the clock."""

import datetime
import os
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from daemon.scheduling import windows

ZONES = ("Europe/London", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland")
WINDOWS = ("22:00-07:00", "22:00-02:30", "22:00-01:30", "00:00-03:00", "23:30-02:15", "01:15-04:00", "08:00-20:00")
YEAR = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MINUTES = 365 * 24 * 60
TODAY = int(os.environ.get("SEED", datetime.datetime.now(datetime.UTC).toordinal()))


class Wall:
    """A clock on the wall, and somebody who looks at it once a minute and remembers what they saw."""

    def __init__(self, zone: str, window: str) -> None:
        self.zone = ZoneInfo(zone)
        begin, end = (datetime.time.fromisoformat(part) for part in window.split("-"))
        self.begin, self.end = begin, end
        self.before: datetime.datetime | None = None
        self.open = False

    def look(self, minute: datetime.datetime) -> bool:
        wall = minute.astimezone(self.zone).replace(tzinfo=None)
        if not self._says_so(wall.time()):
            self.open = False
        elif not self.open:
            came_in = self.before is None or (self.before < wall and not self._says_so(self.before.time()))
            self.open = came_in or wall.time() == self.begin
        self.before = wall
        return self.open

    def _says_so(self, time: datetime.time) -> bool:
        if self.begin < self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end


def minutes(first: int, last: int) -> Iterator[datetime.datetime]:
    return (YEAR + datetime.timedelta(minutes=minute) for minute in range(first, last))


def compare(zone: str, window: str, first: int, last: int) -> int:
    """The minutes in which it was open. The oracle begins to look two days earlier."""
    place, wall, opened = ZoneInfo(zone), Wall(zone, window), 0

    def offset(now: float) -> float:
        gap = datetime.datetime.fromtimestamp(now, place).utcoffset()
        assert gap is not None
        return gap.total_seconds()

    for minute in minutes(first - 2 * 24 * 60, first):
        wall.look(minute)
    for minute in minutes(first, last):
        expected, said = wall.look(minute), windows.is_open(window, minute.timestamp(), offset)
        assert said == expected, f"{window} in {zone} at {minute:%d %b %H:%M} UTC"
        opened += said
    return opened


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
def test_every_minute_of_the_year(zone, window):
    assert compare(zone, window, 0, MINUTES) > 0


@pytest.mark.parametrize("zone", ZONES)
def test_two_weeks_that_nobody_has_looked_at_yet(zone):
    """Others every day, and another window."""
    day = TODAY * 13 % (365 - 14)
    window = WINDOWS[TODAY % len(WINDOWS)]

    assert compare(zone, window, day * 24 * 60, (day + 14) * 24 * 60) > 0


def changes(zone: str) -> list[int]:
    """Days of the year in which the clocks are changed there."""
    place = ZoneInfo(zone)
    noons = [(YEAR + datetime.timedelta(days=day, hours=12)).astimezone(place).utcoffset() for day in range(365)]
    return [day for day in range(1, 365) if noons[day] != noons[day - 1]]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", WINDOWS)
def test_the_nights_in_which_the_clocks_are_changed(zone, window):
    days = changes(zone)
    assert len(days) == (0 if zone == "Asia/Kathmandu" else 2)
    for day in days:
        compare(zone, window, (day - 1) * 24 * 60, (day + 1) * 24 * 60)


@pytest.mark.parametrize(
    ("zone", "window", "night", "hours"),
    [
        ("Europe/London", "22:00-02:30", (3, 28), 3.5),
        ("Europe/London", "22:00-02:30", (10, 24), 5.5),
        ("Europe/London", "22:00-01:30", (10, 24), 3.5),
        ("Australia/Lord_Howe", "22:00-07:00", (4, 4), 9.5),
        ("Australia/Lord_Howe", "22:00-07:00", (10, 3), 8.5),
        ("America/New_York", "22:00-07:00", (3, 7), 8.0),
        ("America/New_York", "22:00-07:00", (10, 31), 10.0),
        ("Asia/Kathmandu", "22:00-07:00", (3, 28), 9.0),
        ("Pacific/Auckland", "22:00-07:00", (4, 4), 10.0),
        ("Pacific/Auckland", "22:00-07:00", (9, 26), 8.0),
    ],
)
def test_how_long_a_night_is(zone, window, night, hours):
    noon = datetime.datetime(2026, *night, 12, tzinfo=ZoneInfo(zone))
    first = int((noon - YEAR).total_seconds() // 60)

    assert compare(zone, window, first, first + 24 * 60) == hours * 60
