"""Copies by night: which stay, when one is due, what becomes of one that fails, and never a copy of a damaged log."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from daemon import backing_up
from daemon.backing_up import Outcome, before_upgrade, keep_backups
from daemon.concerns import Concerns
from daemon.log import backups
from daemon.log.backups import Copy, Keeping, copies, is_due, last_slot, make, surplus
from daemon.log.store import open_log, read_log
from schema.errors import Refused
from schema.events import DaemonStarted, Envelope, Event, QueuePaused
from schema.ids import Seq
from schema.places import Places, places
from schema.settings import BackupSettings, Settings

DAY = 86_400.0
NOW = datetime(2026, 11, 21, 15, 0).timestamp()
KEPT = Keeping(Path("/copies"), daily=7, weekly=4, monthly=12)


@pytest.fixture
def home(tmp_path: Path) -> Places:
    where = places({"STABLENEW_HOME": str(tmp_path / "home")})
    where.state.mkdir(parents=True, mode=0o700)
    return where


async def append(where: Places, *events: Event, at: float = NOW) -> None:
    log = open_log(where.log, where.head)
    first = log.head.seq + 1
    await log.append([
        Envelope(seq=Seq(seq), at=at, epoch=Seq(seq if isinstance(event, DaemonStarted) else 1), actor="daemon",
                 event=event)
        for seq, event in enumerate(events, first)
    ])  # fmt: skip
    await log.close()


def night(at: float, kind: backups.Kind = "night") -> Copy:
    return Copy(Path(f"/copies/{kind}-{at:.0f}"), at, kind)


def after_nights(nights: int, keeping: Keeping) -> list[datetime]:
    """When the copies were made that are left, newest first, if one was made each night."""
    left: list[Copy] = []
    for number in range(nights):
        made = night((datetime(2025, 1, 1, 4, 30) + timedelta(days=number)).timestamp())
        left = [made, *left]
        gone = surplus(left, keeping)
        assert made not in gone
        left = [copy for copy in left if copy not in gone]
    return [datetime.fromtimestamp(copy.at) for copy in left]


# Which stay ---------------------------------------------------------------------------------------


def test_days_then_weeks_then_months_are_kept() -> None:
    left = after_nights(700, KEPT)
    assert [(left[0] - moment).days for moment in left[:7]] == list(range(7))
    assert len({moment.isocalendar()[:2] for moment in left}) >= 4
    months = [(moment.year, moment.month) for moment in left]
    assert len(set(months)) == 12  # without a hole, and the last night of each
    assert all((moment + timedelta(days=1)).day == 1 for moment in left[11:])
    assert len(left) <= 7 + 4 + 12


def test_only_the_newest_where_that_is_wanted() -> None:
    assert len(after_nights(40, Keeping(Path("/copies"), daily=1, weekly=0, monthly=0))) == 1


def test_weeks_without_a_copy_cost_none_of_the_others() -> None:
    made = [night(NOW - DAY * ago) for ago in (0, 1, 60, 61, 200, 400, 401)]
    assert surplus(made, KEPT) == []


def test_of_one_night_the_newest_stays() -> None:
    made = [night(NOW - 3600.0 * ago) for ago in range(5)]
    assert surplus(made, KEPT) == made[1:]


def test_copies_before_upgrades_are_counted_for_themselves() -> None:
    made = [night(NOW - DAY * ago, "upgrade") for ago in (100, 200, 300, 400)]
    nights = [night(NOW - DAY * ago) for ago in range(7)]
    assert surplus([*made, *nights], KEPT) == [made[3]]


def test_strangers_in_the_folder_are_no_copies(tmp_path: Path) -> None:
    ours = tmp_path / "events-20261121T043000Z.db"
    for name in (ours.name, "events-20261121T043000Z-upgrade.db", "mine.db", "events-20261399T043000Z.db", "events.db"):
        (tmp_path / name).write_text("")
    (tmp_path / "events-20261120T043000Z.db").mkdir()
    assert [(copy.path.name, copy.kind) for copy in sorted(copies(tmp_path), key=lambda one: one.kind)] == [
        (ours.name, "night"), ("events-20261121T043000Z-upgrade.db", "upgrade"),
    ]  # fmt: skip
    assert copies(tmp_path / "nowhere") == []


# When one is due ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "now", "due"),
    [
        (None, datetime(2026, 11, 21, 4, 29), False),  # the log began yesterday at five
        (None, datetime(2026, 11, 21, 4, 30), True),
        (datetime(2026, 11, 20, 4, 31), datetime(2026, 11, 21, 4, 29), False),
        (datetime(2026, 11, 20, 4, 31), datetime(2026, 11, 21, 4, 31), True),
        (datetime(2026, 11, 20, 15, 0), datetime(2026, 11, 21, 3, 0), False),  # made late, as the machine was off
        (datetime(2026, 11, 1, 4, 31), datetime(2026, 11, 21, 2, 0), True),  # the daemon did not run for weeks
        (datetime(2031, 1, 1, 4, 31), datetime(2026, 11, 21, 4, 31), True),  # the clock was wrong then
    ],
)
def test_a_copy_is_due_once_a_night(made: datetime | None, now: datetime, due: bool) -> None:
    found = [night(made.timestamp())] if made else []
    assert is_due(found, "04:30", datetime(2026, 11, 20, 5, 0).timestamp(), now.timestamp()) is due


def test_a_copy_before_an_upgrade_is_none_of_the_night() -> None:
    assert is_due([night(NOW, "upgrade")], "04:30", NOW - 9 * DAY, NOW)


@pytest.fixture
def london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Half past one does not come on one night of the year, and twice on another."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/London")
        time.tzset()
        yield
    time.tzset()


def test_every_day_of_the_year_has_one_time_for_it(london: None) -> None:
    first = datetime(2026, 1, 1, 12, 0)
    slots = [last_slot("01:30", (first + timedelta(days=day)).timestamp()) for day in range(365)]
    assert len(set(slots)) == 365
    assert all(20 * 3600 <= late - early <= 28 * 3600 for early, late in pairwise(slots))


# Making one ---------------------------------------------------------------------------------------


async def test_a_copy_is_the_whole_log_and_the_surplus_goes(home: Places) -> None:
    await append(home, *[QueuePaused()] * 9)
    keeping = Keeping(home.backups, daily=2, weekly=0, monthly=0)
    moments = [NOW + DAY * number for number in range(4)]
    for moment in moments:
        made = make(home, keeping, "night", lambda moment=moment: moment)
    assert made.events == 9
    assert list(read_log(made.path)) == list(read_log(home.log))
    assert [copy.at for copy in copies(home.backups)] == moments[:1:-1]
    assert backups.head_of(made.path) == 9
    assert (home.backups.stat().st_mode & 0o777) == 0o700


async def test_a_log_whose_end_is_lost_replaces_no_copy(home: Places) -> None:
    await append(home, *[QueuePaused()] * 9)
    keeping = Keeping(home.backups, daily=1, weekly=0, monthly=0)
    good = make(home, keeping, "night", lambda: NOW)
    head = home.head.read_bytes()
    await append(home, QueuePaused())
    promised = home.head.read_bytes()
    home.log.write_bytes(good.path.read_bytes())
    for written, words in ((promised, "10 was promised"), (head, "")):
        home.head.write_bytes(written)
        if words:
            with pytest.raises(Refused, match=words):
                make(home, keeping, "night", lambda: NOW + DAY)
        assert [copy.path for copy in copies(home.backups)] == [good.path]
        assert [path.name for path in home.backups.iterdir()] == [good.path.name]


async def test_a_copy_takes_no_room_that_pictures_need(home: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    await append(home, QueuePaused())
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    make(home, Keeping(home.backups, 7, 4, 12, floor=0), "night", lambda: NOW)
    with pytest.raises(Refused, match="kept for pictures"):
        make(home, Keeping(home.backups, 7, 4, 12, floor=10**6), "night", lambda: NOW + DAY)


async def test_what_a_broken_off_copy_left_goes_after_a_day(home: Places) -> None:
    await append(home, QueuePaused())
    home.backups.mkdir(parents=True)
    left = home.backups / ".events-20261120T043000Z.db.4711"
    left.write_text("half")
    keeping = Keeping(home.backups, 7, 4, 12)
    written = left.stat().st_mtime
    make(home, keeping, "night", lambda: written + 60)
    assert left.exists()
    make(home, keeping, "night", lambda: written + 2 * DAY)
    assert not left.exists()


# By itself ----------------------------------------------------------------------------------------


class Nights:
    """A clock that goes on whenever somebody sleeps, and the copies that were asked for."""

    def __init__(self, where: Places, outcomes: Sequence[str]) -> None:
        self.now = NOW
        self.asked: list[tuple[float, backups.Kind]] = []
        self.told: list[tuple[str, ...]] = []
        self._where = where
        self._outcomes = list(outcomes)
        self.concerns = Concerns()

    async def make(self, kind: backups.Kind) -> Outcome:
        self.asked.append((self.now, kind))
        fault = self._outcomes.pop(0)
        if not fault:
            make(self._where, Keeping(self._where.backups, 7, 4, 12), kind, lambda: self.now)
        return Outcome(fault)

    async def sleep(self, seconds: float) -> None:
        self.told.append(self.concerns.sentences())
        if not self._outcomes:
            raise asyncio.CancelledError
        self.now += seconds

    async def run(self, settings: Settings) -> list[datetime]:
        with pytest.raises(asyncio.CancelledError):
            await keep_backups(
                self._where, settings, self.concerns, make=self.make, clock=lambda: self.now, sleep=self.sleep
            )
        return [datetime.fromtimestamp(at) for at, _ in self.asked]


@pytest.fixture(autouse=True)
def _now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the clock are fewer."""
    monkeypatch.setattr(backing_up, "LOOK_SECONDS", 900.0)


def at_night(**more: object) -> Settings:
    return Settings(backup=BackupSettings.model_validate({"at": "04:30", **more}))


async def test_each_night_has_its_copy(home: Places) -> None:
    await append(home, QueuePaused(), at=NOW - 3 * DAY)
    made = await Nights(home, ["", "", ""]).run(at_night())
    assert [(moment.day, moment.hour, moment.minute) for moment in made] == [(21, 15, 15), (22, 4, 30), (23, 4, 30)]


async def test_a_copy_that_fails_is_told_and_tried_again(home: Places) -> None:
    await append(home, QueuePaused(), at=NOW - 3 * DAY)
    nights = Nights(home, ["The disk is full. Make room.", "The disk is full. Make room.", ""])
    made = await nights.run(at_night())
    assert [(later - sooner).total_seconds() for sooner, later in pairwise(made)] == [3600, 3600]
    assert ("The log was not backed up tonight: The disk is full. Make room.",) in nights.told
    assert nights.told[-1] == ()


async def test_a_new_log_waits_for_its_first_night(home: Places) -> None:
    await append(home, QueuePaused(), at=NOW - 60)
    made = await Nights(home, [""]).run(at_night())
    assert (made[0].day, made[0].hour) == (22, 4)


async def test_nobody_copies_where_that_is_not_wanted(home: Places) -> None:
    nights = Nights(home, [])
    await keep_backups(home, at_night(nightly=False), nights.concerns, make=nights.make, sleep=nights.sleep)
    assert nights.asked == []


# Before an upgrade ---------------------------------------------------------------------------------


class Asked(NamedTuple):
    kinds: list[backups.Kind]
    concerns: Concerns


async def begin(home: Places, version: str, *, fault: str = "", settings: Settings | None = None) -> Asked:
    asked = Asked([], Concerns())

    async def copy(kind: backups.Kind) -> Outcome:
        asked.kinds.append(kind)
        return Outcome(fault)

    await before_upgrade(home, settings or at_night(), asked.concerns, version, copy)
    return asked


async def test_another_version_copies_the_log_first(home: Places) -> None:
    assert (await begin(home, "0.2")).kinds == []  # there is no log yet
    await append(home, DaemonStarted(version="0.1", sqlite="3", host="here"), QueuePaused())
    assert (await begin(home, "0.1")).kinds == []
    assert (await begin(home, "0.2")).kinds == ["upgrade"]
    assert (await begin(home, "0.2", settings=at_night(upgrade=False))).kinds == []
    await append(home, DaemonStarted(version="0.2", sqlite="3", host="here"))
    assert (await begin(home, "0.2")).kinds == []
    assert (await begin(home, "0.1")).kinds == ["upgrade"]  # a step back is an upgrade, too


async def test_an_upgrade_goes_on_without_its_copy_and_says_so(home: Places) -> None:
    await append(home, DaemonStarted(version="0.1", sqlite="3", host="here"))
    asked = await begin(home, "0.2", fault="The disk is full. Make room.")
    assert asked.concerns.sentences() == ("The log was not backed up before the upgrade: The disk is full. Make room.",)


@pytest.mark.story
@pytest.mark.damages
@pytest.mark.slow
async def test_a_child_makes_it(home: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABLENEW_HOME", str(home.state.parent))
    monkeypatch.setenv("STABLENEW_DAEMON__FREE_FLOOR_MB", "0")
    await append(home, *[QueuePaused()] * 3)
    assert await backing_up.copy_in_child("upgrade") == Outcome("")
    (copy,) = copies(home.backups)
    assert (copy.kind, backups.head_of(copy.path)) == ("upgrade", 3)
    with closing(sqlite3.connect(home.log)) as db:
        db.execute("DROP TRIGGER ev_noup")
        db.execute("UPDATE events SET actor='other'")
        db.commit()
    outcome = await backing_up.copy_in_child("night")
    assert "no copy was made, for the log is damaged" in outcome.fault and "log verify" in outcome.fault
