"""Overnight windows by the clock on the wall, also in the nights when that clock is changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.scheduling import windows
from schema.errors import Refused


def offset_of(zone: str):
    place = ZoneInfo(zone)
    return lambda now: datetime.fromtimestamp(now, place).utcoffset().total_seconds()


def open_minutes(window: str, zone: str, day: datetime) -> list[datetime]:
    """From noon to noon, in UTC."""
    offset = offset_of(zone)
    minutes = (day + timedelta(hours=12, minutes=minute) for minute in range(24 * 60))
    return [minute for minute in minutes if windows.is_open(window, minute.timestamp(), offset)]


@pytest.mark.parametrize(
    ("window", "day", "hours"),
    [
        ("22:00-02:30", datetime(2026, 3, 28, tzinfo=UTC), 3.5),
        ("22:00-02:30", datetime(2026, 10, 24, tzinfo=UTC), 5.5),
        ("22:00-06:00", datetime(2026, 6, 1, tzinfo=UTC), 8.0),
        ("23:00-23:00", datetime(2026, 6, 1, tzinfo=UTC), 24.0),
    ],
)
def test_a_window_lasts_as_long_as_the_clock_on_the_wall_says(window, day, hours):
    assert len(open_minutes(window, "Europe/London", day)) == hours * 60


def test_an_hour_that_the_clocks_repeat_does_not_open_a_window_that_had_closed():
    minutes = open_minutes("22:00-01:30", "Europe/London", datetime(2026, 10, 24, tzinfo=UTC))

    assert minutes[-1] == datetime(2026, 10, 25, 0, 29, tzinfo=UTC)
    assert len(minutes) == 3.5 * 60


def test_a_window_whose_begin_the_clocks_leave_out_opens_after_the_gap():
    minutes = open_minutes("01:15-04:00", "Europe/London", datetime(2026, 3, 28, tzinfo=UTC))

    assert minutes[0] == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert len(minutes) == 2 * 60


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("window", ["22:00-01:30", "01:15-01:45", "00:00-03:00", "23:30-02:15"])
def test_walking_through_the_nights_of_the_changes_says_the_same(zone, window):
    """The oracle walks minute by minute and remembers: opened by its begin or by a gap, closed by its end."""
    offset = offset_of(zone)
    begin, end = windows.parse(window)
    noons = [datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() + day * 86_400.0 for day in range(365)]
    changes = [noon for noon in noons if offset(noon) != offset(noon + 86_400.0)]
    assert len(changes) == 2
    for noon in changes:
        was_open = False
        for minute in range(-36 * 60, 48 * 60):
            now = noon + minute * 60.0
            of_day = (now + offset(now)) % 86_400
            inside = begin <= of_day < end if begin < end else of_day >= begin or of_day < end
            gap = offset(now) > offset(now - 60.0)
            was_open = inside and (was_open or of_day == begin or gap)
            if minute > -12 * 60:  # by now it has closed once
                assert windows.is_open(window, now, offset) is was_open, datetime.fromtimestamp(now, UTC)


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)]
)
@pytest.mark.parametrize("window", ["22:00-01:30", "01:15-01:45", "00:00-03:00", "13:00-14:00", "11:00-12:30"])
def test_a_shut_window_tells_when_it_opens(window, day):
    offset = offset_of("Europe/London")
    noon = (day + timedelta(hours=12)).timestamp()
    nights = (open_minutes(window, "Europe/London", day + timedelta(days=n)) for n in range(2))

    assert windows.opening(window, noon, offset) == min(minute.timestamp() for night in nights for minute in night)


@pytest.mark.parametrize("written", ["22-6", "22:00", "25:00-06:00", "22:00-06:61", "abc-def", "22:00-06:00-07:00"])
def test_what_is_no_window_is_refused(written):
    with pytest.raises(Refused, match="is no window"):
        windows.parse(written)
