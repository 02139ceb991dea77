"""A damaged log is put together again from what is good of it and from its backups; an older copy raises the alarm."""

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.backing_up import heard_of_later
from daemon.concerns import Concerns
from daemon.log import anchor, mend, witness
from daemon.log.aside import move_aside
from daemon.log.chain import ZERO, Head
from daemon.log.check import check
from daemon.log.store import LogDamaged, open_log, read_log
from daemon.log.tables import writer
from daemon.log.witness import witnesses
from daemon.parts import open_parts
from schema.errors import Refused
from schema.events import DaemonStarted, Envelope, Event, JobHeld, LogLossAccepted, NothingChanged, QueuePaused
from schema.ids import JobId, Seq
from schema.places import Places, places
from schema.settings import Settings

pytestmark = pytest.mark.damages


@pytest.fixture
def home(tmp_path: Path) -> Places:
    return new_home(tmp_path / "home")


def new_home(folder: Path) -> Places:
    where = places({"STABLENEW_HOME": str(folder)})
    where.state.mkdir(parents=True, mode=0o700)
    where.artifacts.mkdir(parents=True)
    return where


async def append(where: Places, count: int, *, job: str = "a.1", begins: bool = False) -> None:
    """As a daemon does: checked by all that know of the head, which is noted beside the pictures at the end."""
    log = open_log(where.log, where.head, others=lambda: witnesses(where))
    first = log.head.seq + 1
    events: list[Event] = [QueuePaused() if seq % 3 else JobHeld(job=JobId(job)) for seq in range(count)]
    if begins:
        events[0] = DaemonStarted(version="0.1", sqlite="3", host="here")
    await log.append([
        Envelope(seq=Seq(seq), at=1.0, epoch=Seq(1), actor="daemon", event=event)
        for seq, event in enumerate(events, first)
    ])  # fmt: skip
    await log.close()
    witness.note(where, log.head)


def findings(where: Places) -> tuple[str, ...]:
    return check(where.log, where.head, deep=True, others=lambda: witnesses(where)).findings


def damage(log: Path, seq: int) -> None:
    """One event is not what it was; the rest stays."""
    with closing(sqlite3.connect(log, isolation_level=None)) as db:
        triggers = db.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE events SET actor='other' WHERE seq=?", (seq,))
        for _, statement in triggers:
            db.execute(statement)


def recover(where: Places, accepted: int | None, backups: Sequence[Path] = ()) -> mend.Mended:
    return mend.recover(where, accepted, "uid:1000", lambda: 2.0, backups)


# Put together again -------------------------------------------------------------------------------


async def test_a_backup_and_what_is_good_behind_it_are_the_whole_log(home: Places, tmp_path: Path) -> None:
    await append(home, 40)
    copy = mend.backup(home, tmp_path / "copy.db").path
    await append(home, 25)
    whole = list(read_log(home.log))
    damage(home.log, 31)
    with pytest.raises(Refused, match=r"^.*35 events are lost: event 31 was changed"):
        recover(home, None)
    with pytest.raises(Refused, match=r"0 events are lost.*The events behind 30, up to 65, can be had with"):
        recover(home, None, [copy])
    mended = recover(home, 0, [copy])
    assert (mended.kept, mended.lost, mended.head.seq, mended.backup) == (65, 0, 65, copy)
    assert list(read_log(home.log)) == whole
    assert findings(home) == ()
    await append(home, 1)


@pytest.mark.long
async def test_what_is_damaged_behind_the_backup_is_lost_by_its_number(home: Places, tmp_path: Path) -> None:
    await append(home, 40)
    copy = mend.backup(home, tmp_path / "copy.db").path
    await append(home, 25)
    whole = list(read_log(home.log))
    for seq in (31, 52):
        damage(home.log, seq)
    with pytest.raises(Refused, match="14 events are lost, not 0"):
        recover(home, 0, [copy])
    mended = recover(home, 14, [copy])
    assert (mended.kept, mended.lost, mended.head.seq) == (51, 14, 65)
    assert list(read_log(home.log, 0, 51)) == whole[:51]
    assert next(iter(read_log(home.log, 51))).event == LogLossAccepted(after=Seq(51), lost=14)
    assert findings(home) == ()


@pytest.mark.long
async def test_a_log_that_cannot_be_opened_at_all_comes_back_from_its_backup(home: Places, tmp_path: Path) -> None:
    await append(home, 40)
    copy = mend.backup(home, tmp_path / "copy.db").path
    await append(home, 5)
    home.log.write_bytes(b"\0" * home.log.stat().st_size)
    mended = recover(home, 5, [copy])
    assert (mended.kept, mended.lost, mended.head.seq) == (40, 5, 45)
    assert findings(home) == ()


async def test_backups_that_do_not_help_are_passed_over(home: Places, tmp_path: Path) -> None:
    await append(home, 20)
    older = mend.backup(home, tmp_path / "older.db").path
    await append(home, 20)
    good, spoilt = mend.backup(home, tmp_path / "good.db").path, tmp_path / "spoilt.db"
    shutil.copy(good, spoilt)
    damage(spoilt, 12)
    elsewhere = new_home(tmp_path / "elsewhere")
    await append(elsewhere, 90, job="b.1")
    stranger = mend.backup(elsewhere, tmp_path / "stranger.db").path
    await append(home, 10)
    damage(home.log, 25)
    mended = recover(home, 0, [stranger, spoilt, tmp_path / "gone.db", good, older])
    assert (mended.kept, mended.backup) == (50, good)


@pytest.mark.long
async def test_an_older_backup_adds_nothing(home: Places, tmp_path: Path) -> None:
    await append(home, 20)
    copy = mend.backup(home, tmp_path / "copy.db").path
    await append(home, 20)
    damage(home.log, 31)
    mended = recover(home, 10, [copy])
    assert (mended.kept, mended.lost, mended.backup) == (30, 10, None)


@pytest.mark.long
@settings(deadline=None)
@given(st.data())
async def test_whatever_is_damaged_all_that_can_be_had_is_had(data: st.DataObject) -> None:
    draw = data.draw
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    home = new_home(folder / "home")
    sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=4))
    copies: list[tuple[int, Path]] = []
    for number, size in enumerate(sizes):
        await append(home, size)
        if draw(st.booleans()):
            made = mend.backup(home, folder / f"{number}.db")
            copies.insert(0, (made.events, made.path))
    head = sum(sizes)
    whole = list(read_log(home.log))
    bad = draw(st.sets(st.integers(1, head), min_size=1, max_size=4))
    for seq in bad:
        damage(home.log, seq)
    beginning = min(bad) - 1
    kept = beginning
    for events, _ in copies[:1]:
        if events > beginning:
            kept = min([seq - 1 for seq in bad if seq > events], default=head)
    mended = recover(home, head - kept, [path for _, path in copies])
    assert (mended.kept, mended.lost, mended.head.seq) == (kept, head - kept, head)
    assert list(read_log(home.log, 0, kept)) == whole[:kept]
    assert findings(home) == ()
    shutil.rmtree(folder)


# An older copy in its place -------------------------------------------------------------------------


async def test_a_restored_state_folder_raises_the_alarm(tmp_path: Path) -> None:
    await drills(tmp_path, range(2))


@pytest.mark.long
async def test_every_restored_state_folder_raises_the_alarm(tmp_path: Path) -> None:
    await drills(tmp_path, range(20))


async def drills(tmp_path: Path, seeds: range) -> None:
    """Each with its own anchor, so that the folder agrees with itself; before anything could be appended."""
    for drill in seeds:
        draw, home = Random(drill), new_home(tmp_path / f"home-{drill}")
        await append(home, draw.randrange(1, 40), begins=True)
        shutil.copytree(home.state, tmp_path / f"old-{drill}")
        before = anchor.read(home.head)
        await append(home, draw.randrange(1, 40), begins=draw.random() < 0.5)
        after = anchor.read(home.head)
        shutil.rmtree(home.state)
        shutil.copytree(tmp_path / f"old-{drill}", home.state)
        assert before is not None and after is not None
        assert check(home.log, home.head).findings == ()  # by itself it is whole
        with pytest.raises(LogDamaged) as alarm:
            open_log(home.log, home.head, others=lambda home=home: witnesses(home))
        lost = after.seq - before.seq
        assert (alarm.value.ends_at, alarm.value.promised, alarm.value.lost) == (before.seq, after.seq, lost)
        assert f"knows of event {after.seq}, but the log ends at {before.seq}" in alarm.value.sentence
        assert f"--accept-loss {lost}" in alarm.value.remedy
        mended = recover(home, lost)
        assert (mended.kept, mended.lost, mended.head.seq) == (before.seq, lost, after.seq)
        await append(home, 1)


@pytest.mark.long
async def test_a_log_that_went_on_elsewhere_is_another_log(home: Places, tmp_path: Path) -> None:
    await append(home, 10)
    shutil.copytree(home.state, tmp_path / "old")
    await append(home, 5)
    told = home.witness.read_bytes()
    shutil.rmtree(home.state)
    shutil.copytree(tmp_path / "old", home.state)
    home.witness.unlink()
    await append(home, 9, job="b.1")
    home.witness.write_bytes(told)
    assert "knows another event 15: this is not the log that was last used here" in findings(home)[0]
    recover(home, 0)
    assert findings(home) == ()


async def test_a_daemon_asks_them_before_it_opens_anything_else(home: Places, tmp_path: Path) -> None:
    await append(home, 5)
    shutil.copytree(home.state, tmp_path / "old")
    await append(home, 5)
    shutil.rmtree(home.state)
    shutil.copytree(tmp_path / "old", home.state)
    async with AsyncExitStack() as stack:
        with pytest.raises(LogDamaged, match="knows of event 10, but the log ends at 5"):
            await open_parts(home, Settings(), stack, print)
    assert not home.views.exists()


async def test_a_state_folder_that_is_gone_is_noticed(home: Places) -> None:
    await append(home, 12)
    shutil.rmtree(home.state)
    with pytest.raises(LogDamaged, match="knows of event 12, but the log ends at 0"):
        open_log(home.log, home.head, others=lambda: witnesses(home))


@pytest.mark.long
async def test_older_pictures_are_no_alarm(home: Places) -> None:
    await append(home, 12)
    told = home.witness.read_bytes()
    await append(home, 12)
    for content in (told, b"", b"x" * 128):
        home.witness.write_bytes(content)
        assert findings(home) == ()
    home.witness.unlink()
    assert findings(home) == ()


@pytest.mark.long
async def test_restoring_on_purpose_is_no_alarm(home: Places, tmp_path: Path) -> None:
    await append(home, 12)
    copy = mend.backup(home, tmp_path / "copy.db").path
    await append(home, 12)
    mended = mend.restore(home, copy, "uid:1000", lambda: 2.0)
    assert (mended.kept, mended.lost, mended.head.seq) == (12, 12, 24)
    assert findings(home) == ()
    await append(home, 1)


# What an agent knows --------------------------------------------------------------------------------


def hear(home: Places, epoch: int) -> tuple[list[LogDamaged], Concerns]:
    met: list[LogDamaged] = []
    concerns = Concerns()
    head = anchor.read(home.head) or ZERO
    heard_of_later(home, head.seq, concerns, met.append, "rig2", epoch)
    return met, concerns


async def test_an_agent_of_a_later_daemon_raises_the_alarm(home: Places) -> None:
    await append(home, 12, begins=True)
    (met,), concerns = hear(home, 19)
    assert (met.ends_at, met.promised, met.lost) == (12, 19, 7)
    assert "agent rig2 had orders of this daemon up to event 19, but the log ends at 12" in met.sentence
    assert concerns.sentences() == ()
    assert findings(home) == (
        "an agent that had orders of this daemon knows of event 19, but the log ends at 12: "
        "an older copy of it was put in its place",
    )
    mended = recover(home, 7)
    assert (mended.kept, mended.lost, mended.head.seq) == (12, 7, 19)
    assert findings(home) == () and not home.heard.exists()


@pytest.mark.long
async def test_it_stays_an_alarm_where_the_log_has_gone_on(home: Places) -> None:
    await append(home, 12, begins=True)
    hear(home, 9)
    assert "knows another event 9" in findings(home)[0]
    recover(home, 0)
    assert findings(home) == ()


@pytest.mark.long
async def test_the_newer_log_put_back_is_no_alarm(home: Places, tmp_path: Path) -> None:
    await append(home, 12, begins=True)
    older = tmp_path / "old"
    shutil.copytree(home.state, older)
    await append(home, 6, begins=True)
    newer = {path: path.read_bytes() for path in (home.log, home.head)}
    shutil.rmtree(home.state)
    shutil.copytree(older, home.state)
    hear(home, 13)
    assert findings(home) != ()
    for path, content in newer.items():
        path.write_bytes(content)
    assert findings(home) == ()


async def test_what_cannot_be_noted_is_told(home: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    await append(home, 12)

    def full(path: Path, head: Head) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(anchor, "reset", full)
    met, concerns = hear(home, 19)
    assert met == []
    assert "rig2" in concerns.sentences()[0] and "no space left" in concerns.sentences()[0]


@pytest.mark.long
async def test_losses_without_number_are_written_in_pages(home: Places) -> None:
    await append(home, 3, begins=True)
    hear(home, 4003)
    mended = recover(home, 4000)
    assert mended.head.seq == 4003
    events = [envelope.event for envelope in read_log(home.log, 3)]
    assert events[0] == LogLossAccepted(after=Seq(3), lost=4000)
    assert set(events[1:]) == {NothingChanged(command="LogLossAccepted")}


async def killed_with_a_tail(home: Places, tmp_path: Path) -> Places:
    """Twelve events, the last six of them in the write-ahead file only, as a daemon leaves them that was killed."""
    await append(home, 6, begins=True)
    with closing(sqlite3.connect(home.log)) as reading:  # keeps the write-ahead file from being emptied
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM events").fetchone()
        await append(home, 6)
        shutil.copytree(tmp_path / "home", tmp_path / "killed")
    where = places({"STABLENEW_HOME": str(tmp_path / "killed")})
    assert where.log.with_name("events.db-wal").stat().st_size > 0
    return where


@pytest.mark.long
@pytest.mark.parametrize("how", ["start", "recover", "restore"])
async def test_a_log_that_was_half_moved_aside_is_taken_back(home: Places, tmp_path: Path, how: str) -> None:
    saved = tmp_path / "saved.db"
    where = await killed_with_a_tail(home, tmp_path)
    mend.backup(where, saved)
    beside = move_aside(where.log)  # and then the power goes
    assert beside is not None and check(where.log, where.head).head.seq == 6
    (where.state / ".events.db.4711").write_bytes(b"half a copy")
    match how:
        case "start":
            await append(where, 1)
            assert check(where.log, where.head).head.seq == 13 and not beside.exists()
        case "recover":
            with pytest.raises(Refused, match="whole"):
                recover(where, None)
            assert findings(where) == ()
        case _:
            mended = mend.restore(where, saved, "uid:0", lambda: 2.0)
            assert (mended.kept, mended.lost) == (12, 0) and findings(where) == ()
            assert mended.beside == beside and check(beside, tmp_path / "no").head.seq == 12
            assert not list(where.state.glob(".events.db.*"))


@pytest.mark.long
@pytest.mark.parametrize("how", ["recover", "restore"])
async def test_a_full_disk_leaves_the_log_as_it_was_and_says_so(
    home: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    await append(home, 400, begins=True)
    saved = tmp_path / "saved.db"
    mend.backup(home, saved)
    home.head.unlink()
    before = home.log.read_bytes()

    def act() -> mend.Mended:
        return recover(home, 0) if how == "recover" else mend.restore(home, saved, "uid:0", lambda: 2.0)

    def on_a_full_disk(path: Path) -> sqlite3.Connection:
        db = writer(path)
        db.execute("PRAGMA max_page_count=12")
        return db

    monkeypatch.setattr(mend, "writer", on_a_full_disk)
    with pytest.raises(Refused, match="could not be written anew") as told:
        act()
    assert "Make room" in told.value.remedy
    assert home.log.read_bytes() == before and not list(home.state.glob(".events.db.*"))
    monkeypatch.undo()
    assert (act().kept, findings(home)) == (400, ())


@pytest.mark.long
async def test_folders_in_place_of_what_knows_the_head_say_nothing_and_make_room(home: Places) -> None:
    await append(home, 12, begins=True)
    for path in (home.head, home.witness, home.heard):
        path.unlink(missing_ok=True)
        path.mkdir()
        (path / "what somebody put there").touch()
    assert "its head anchor is missing" in findings(home)[0]
    with pytest.raises(LogDamaged):
        open_log(home.log, home.head)
    assert recover(home, 0).kept == 12
    assert findings(home) == () and anchor.read(home.witness) == anchor.read(home.head) is not None
    assert len(list(home.state.glob("events.head.was-*/what*"))) == 1  # nothing is deleted
    await append(home, 1)


@pytest.mark.long
async def test_what_is_left_of_a_log_that_is_gone_is_not_read_into_the_next(home: Places, tmp_path: Path) -> None:
    saved = tmp_path / "saved.db"
    await append(home, 3, begins=True)
    mend.backup(home, saved)
    where = await killed_with_a_tail(home, tmp_path)
    where.log.unlink()
    with pytest.raises(LogDamaged):
        open_log(where.log, where.head)
    mended = mend.restore(where, saved, "uid:0", lambda: 2.0)
    assert (mended.kept, mended.lost, mended.beside) == (3, 12, None)
    assert findings(where) == () and where.log.with_name("events.db-wal.orphan").exists()
    await append(where, 1)


@pytest.mark.long
async def test_a_folder_in_place_of_the_log_stays_beside(home: Places, tmp_path: Path) -> None:
    await append(home, 3, begins=True)
    mend.backup(home, tmp_path / "saved.db")
    home.log.unlink()
    home.log.mkdir()
    mended = mend.restore(home, tmp_path / "saved.db", "uid:0", lambda: 2.0)
    assert (mended.kept, mended.lost) == (3, 0) and mended.beside is not None and mended.beside.is_dir()
    assert findings(home) == ()
