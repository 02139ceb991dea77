"""No damage goes unseen: flipped bits, a lost tail, a lost anchor, another log in its place, a log from the future."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.log import anchor
from daemon.log.anchor import Anchor
from daemon.log.chain import Head
from daemon.log.check import check, note_verified, verified
from daemon.log.store import LogDamaged, LogFromNewer, open_log, read_log
from daemon.log.tables import writer
from schema.events import Envelope, JobHeld, JobReleased, QueuePaused
from schema.ids import JobId, Seq

pytestmark = pytest.mark.damages

EVENTS = 400
IMAGES = ("events.db", "events.db-wal", "events.head")


def batch(first: int, last: int) -> list[Envelope]:
    return [
        Envelope(
            seq=Seq(seq), at=1_790_000_000.5, epoch=Seq(1), actor="daemon",
            event=QueuePaused() if seq % 9 == 0 else JobHeld(job=JobId(f"run.{seq % 40}")),
        )
        for seq in range(first, last + 1)
    ]  # fmt: skip


@pytest.fixture
async def closed(tmp_path: Path) -> Path:
    """A whole log whose WAL was emptied into the database."""
    log = open_log(tmp_path / "events.db", tmp_path / "events.head")
    for first in range(1, EVENTS, 100):
        await log.append(batch(first, first + 99))
    await log.close()
    return tmp_path / "events.db"


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """What lies on disk when the process is killed: everything is still in the WAL."""
    (tmp_path / "live").mkdir()
    log = open_log(tmp_path / "live" / "events.db", tmp_path / "live" / "events.head")
    for first in range(1, EVENTS, 100):
        await log.append(batch(first, first + 99))
    for name in IMAGES:
        shutil.copy(tmp_path / "live" / name, tmp_path / name)
    await log.close()
    return tmp_path / "events.db"


def head_of(path: Path) -> Path:
    return path.with_name("events.head")


def findings(path: Path) -> tuple[str, ...]:
    """What opening it tells; none: it opens."""
    verdict = check(path, head_of(path))
    if verdict.findings:
        with pytest.raises(LogDamaged):
            open_log(path, head_of(path))
    return verdict.findings


def test_a_whole_log_has_no_findings(closed: Path) -> None:
    assert check(closed, head_of(closed), deep=True).findings == ()
    assert check(closed, head_of(closed)).head.seq == EVENTS


def test_a_killed_process_leaves_a_whole_log(crashed: Path) -> None:
    assert check(crashed, head_of(crashed), deep=True).findings == ()
    assert sum(1 for _ in read_log(crashed)) == EVENTS


# Flipped bits -------------------------------------------------------------------------------------


def flip(path: Path, draw: random.Random) -> str:
    content = bytearray(path.read_bytes())
    at, bit = draw.randrange(len(content)), draw.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} in {path.name}"


def flips(path: Path, folder: Path, seeds: range) -> int:
    """How many of the flips were found; each other one must have hit bytes that hold nothing."""
    whole = list(read_log(path))
    found = 0
    for seed in seeds:
        place = folder / f"flip-{seed}"
        place.mkdir()
        for name in IMAGES:
            if path.with_name(name).exists():
                shutil.copy(path.with_name(name), place / name)
        what = flip(place / "events.db", random.Random(seed))
        if check(place / "events.db", place / "events.head").findings:
            found += 1
        else:
            assert list(read_log(place / "events.db")) == whole, what
        shutil.rmtree(place)
    return found


def test_flipped_bits_are_found(closed: Path, tmp_path: Path) -> None:
    assert flips(closed, tmp_path, range(40)) >= 20


@pytest.mark.long
def test_many_flipped_bits_are_found(closed: Path, tmp_path: Path) -> None:
    assert flips(closed, tmp_path, range(1000, 1600)) >= 300


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('UPDATE events SET data=CAST(\'{"type":"QueueResumed"}\' AS BLOB) WHERE seq=207', "event 207 was changed"),
        ("UPDATE events SET actor='somebody' WHERE seq=207", "event 207 was changed"),
        ("UPDATE events SET idem='key' WHERE seq=207", "event 207 was changed"),
        ("UPDATE events SET ts_us=ts_us+1 WHERE seq=1", "event 1 was changed"),
        ("DELETE FROM events WHERE seq=207", "event 207 is missing: 208 follows 206"),
        ("DELETE FROM events WHERE seq=400", "the log ends at 399 but 400 was promised"),
    ],
)
def test_what_was_changed_behind_the_triggers_is_found(closed: Path, change: str, told: str) -> None:
    with closing(sqlite3.connect(closed, isolation_level=None)) as db:
        triggers = db.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(change)
        for _, sql in triggers:
            db.execute(sql)
    assert told in findings(closed)[0]


def test_a_dropped_trigger_is_found(closed: Path) -> None:
    with closing(sqlite3.connect(closed, isolation_level=None)) as db:
        db.execute("DROP TRIGGER ev_nodel")
    assert findings(closed) == ("its tables or triggers were changed",)


# A lost tail --------------------------------------------------------------------------------------


def damaged_tails(path: Path, folder: Path, seeds: range) -> int:
    """How many of these WALs had lost something; each must have been told with exact numbers."""
    lost = 0
    for seed in seeds:
        draw = random.Random(seed)
        place = folder / f"tail-{seed}"
        place.mkdir()
        for name in IMAGES:
            shutil.copy(path.with_name(name), place / name)
        wal = place / "events.db-wal"
        match seed % 4:
            case 0:
                wal.write_bytes(wal.read_bytes()[: draw.randrange(wal.stat().st_size)])
            case 1:
                flip(wal, draw)
            case 2:
                content = wal.read_bytes()
                start = draw.randrange(len(content))
                wal.write_bytes(content[:start] + bytes(min(4096, len(content) - start)) + content[start + 4096 :])
            case _:
                wal.unlink()
        verdict = check(place / "events.db", place / "events.head")
        left = verdict.head.seq
        if left < EVENTS:
            lost += 1
            assert f"the log ends at {left} but {EVENTS} was promised" in verdict.findings, seed
            with pytest.raises(LogDamaged) as told:
                open_log(place / "events.db", place / "events.head")
            assert told.value.remedy.endswith(f"`stablenew log recover --accept-loss {EVENTS - left}`.")
        else:
            assert sum(1 for _ in read_log(place / "events.db")) == EVENTS, seed
        shutil.rmtree(place)
    return lost


def test_a_damaged_tail_is_told_with_its_numbers(crashed: Path, tmp_path: Path) -> None:
    assert damaged_tails(crashed, tmp_path, range(40)) >= 35


@pytest.mark.long
def test_many_damaged_tails_are_told(crashed: Path, tmp_path: Path) -> None:
    assert damaged_tails(crashed, tmp_path, range(1000, 1300)) >= 280


def test_a_log_that_is_gone_is_told(closed: Path) -> None:
    closed.unlink()
    assert findings(closed) == (f"the log ends at 0 but {EVENTS} was promised",)
    assert not closed.exists()


def take_away(path: Path) -> None:
    """As a person does who forgets the WAL."""
    path.unlink()
    head_of(path).unlink()


async def test_the_wal_of_a_log_that_was_taken_away_is_not_read_into_a_new_one(crashed: Path) -> None:
    take_away(crashed)
    log = open_log(crashed, head_of(crashed))
    assert log.head.seq == 0
    await log.append(batch(1, 3))
    await log.close()
    assert sum(1 for _ in read_log(crashed)) == 3
    assert crashed.with_name("events.db-wal.orphan").exists()


def test_damage_changes_nothing_on_disk(crashed: Path) -> None:
    wal = crashed.with_name("events.db-wal")
    wal.write_bytes(wal.read_bytes()[:50_000])
    before = {name: crashed.with_name(name).read_bytes() for name in IMAGES}
    assert findings(crashed)
    assert {name: crashed.with_name(name).read_bytes() for name in IMAGES} == before


# The anchor ---------------------------------------------------------------------------------------


def test_without_its_anchor_nobody_knows_the_end(closed: Path) -> None:
    head_of(closed).unlink()
    (finding,) = findings(closed)
    assert "head anchor is missing" in finding


def test_another_log_in_its_place_is_told(closed: Path) -> None:
    anchor.reset(head_of(closed), Head(300, b"x" * 32))
    (finding,) = findings(closed)
    assert "event 300 is another one than was promised" in finding


def test_an_anchor_may_lag(closed: Path) -> None:
    with closing(sqlite3.connect(closed)) as db:
        (digest,) = db.execute("SELECT hash FROM events WHERE seq=350").fetchone()
    anchor.reset(head_of(closed), Head(350, digest))
    assert findings(closed) == ()


def test_a_torn_anchor_keeps_the_promise_before(tmp_path: Path) -> None:
    path = tmp_path / "head"
    held = Anchor(path)
    for seq in range(1, 12):
        held.promise(Head(seq, bytes([seq]) * 32))
        assert anchor.read(path) == (seq, bytes([seq]) * 32)
    held.close()
    content = path.read_bytes()
    for torn in range(len(content)):
        path.write_bytes(content[:torn] + b"\xee" + content[torn + 1 :])
        found = anchor.read(path)
        assert found is not None and found.seq in (10, 11)
    path.write_bytes(b"nonsense")
    assert anchor.read(path) is None


def test_an_anchor_goes_on_in_the_older_slot(tmp_path: Path) -> None:
    path = tmp_path / "head"
    for seq in (1, 2, 3, 4, 5):
        held = Anchor(path)
        held.promise(Head(seq, bytes(32)))
        held.close()
        content = path.read_bytes()
        slots = [anchor._slot(content[start : start + 64]) for start in (0, 64)]
        assert {slot.seq for slot in slots if slot} == {seq, seq - 1} - {0}


# What was verified is remembered ------------------------------------------------------------------


def test_a_long_log_is_checked_from_where_it_was_whole(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.log.check.ALWAYS_WHOLE", 100)
    with closing(sqlite3.connect(closed)) as db:
        (digest,) = db.execute("SELECT hash FROM events WHERE seq=300").fetchone()
    change_below_the_chain(closed, 200)
    note_verified(closed, Head(300, digest))
    assert check(closed, head_of(closed)).findings == ()
    assert "event 200 was changed" in check(closed, head_of(closed), deep=True).findings[0]
    note_verified(closed, Head(300, bytes(32)))  # of another log: not believed
    assert "event 200 was changed" in check(closed, head_of(closed)).findings[0]


def change_below_the_chain(path: Path, seq: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        ((sql,),) = db.execute("SELECT sql FROM sqlite_schema WHERE name='ev_noup'").fetchall()
        db.execute("DROP TRIGGER ev_noup")
        db.execute("UPDATE events SET actor='other' WHERE seq=?", (seq,))
        db.execute(sql)


@pytest.mark.parametrize("content", ["", "[1]", "null", '[1,"zz"]', '{"a":1}'])
def test_a_broken_note_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "events.db.verified").write_text(content)
    assert verified(tmp_path / "events.db").seq == 0


# Not ours, or newer -------------------------------------------------------------------------------


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE other(a)")
    with pytest.raises(LogDamaged, match=r"no log of stablenew|not say that|no such table"):
        open_log(path, head_of(path))


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\x00" * 4096])
def test_a_file_that_is_no_database_is_told(closed: Path, content: bytes) -> None:
    closed.write_bytes(content)
    assert findings(closed)


def test_a_newer_format_is_refused(closed: Path) -> None:
    with closing(writer(closed)) as db:
        db.execute("UPDATE meta SET v='2' WHERE k='format'")
    with pytest.raises(LogFromNewer, match="format 2; this version reads up to 1"):
        open_log(closed, head_of(closed))


async def test_events_of_a_newer_version_are_refused_not_dropped(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(closed, head_of(closed))
    monkeypatch.setattr("daemon.log.rows.version_of", lambda event: 9)
    await log.append([Envelope(seq=Seq(401), at=1.0, epoch=Seq(1), actor="a", event=JobReleased(job=JobId("a.1")))])
    await log.close()
    with pytest.raises(LogFromNewer, match=r"event 401 \(JobReleased\) has version 9; this version reads up to 1"):
        list(read_log(closed))
    with pytest.raises(LogFromNewer):
        check(closed, head_of(closed), deep=True)
