"""What every log promises: batches whole, in order, durable before told; keys and commands found again."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from daemon.log.appender import Appender
from daemon.log.store import Log, LogBroken, LogFile, LogInLoop, open_log, read_log
from daemon.log.tables import COLUMNS, reader, writer
from schema.events import Envelope, Event, FilmFinished, ImagesCompared, JobHeld, JobReleased, QueuePaused, StageFailed
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Seq, StageId, Token
from schema.plans import Picture

AT = 1_790_000_000.123456


def event(seq: int, happened: Event | None = None, **more: object) -> Envelope:
    happened = happened or JobHeld(job=JobId(f"run.{seq % 7}"))
    return Envelope(seq=Seq(seq), at=AT, epoch=Seq(1), actor="uid:1000", event=happened, **more)  # type: ignore[arg-type]


def batch(first: int, last: int) -> tuple[Envelope, ...]:
    return tuple(event(seq) for seq in range(first, last + 1))


async def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about within ten seconds")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def opened(path: Path) -> Callable[[], LogFile]:
    return lambda: open_log(path, path.with_name("events.head"))


@pytest.fixture(params=["file", "in the loop"])
async def log(request: pytest.FixtureRequest, path: Path, opened: Callable[[], LogFile]) -> AsyncIterator[Log]:
    log: Log = opened() if request.param == "file" else LogInLoop(path)
    yield log
    await log.close()


# The contract of both logs ------------------------------------------------------------------------


async def test_a_new_log_is_empty(log: Log) -> None:
    assert log.head == (0, bytes(32))
    assert await log.read(0, 10) == ()


async def test_what_was_appended_comes_back_whole(log: Log) -> None:
    whole = event(
        1,
        StageFailed(
            job=JobId("a.1"), stage=StageId("txt2img"), token=Token(1), node=NodeId("n"),
            trouble="out-of-memory", reason="zu wenig Speicher ☂", again_in=2.5, reduced=True,
        ),
        cause=Seq(1), command=CommandId("c1"), key="k", digest=b"\x00\xff" * 16,
    )  # fmt: skip
    await log.append([whole])
    assert await log.read(0, 10) == (whole,)
    assert log.head.seq == 1


async def test_batches_commit_in_the_order_they_were_given(log: Log) -> None:
    done = [log.append(batch(first, first + 4)) for first in range(1, 500, 5)]
    await done[-1]
    assert all(future.done() for future in done)
    assert [kept.seq for kept in await log.read(0, 1000)] == list(range(1, 501))


async def test_nothing_is_told_before_it_is_durable(log: Log, path: Path) -> None:
    done = log.append(batch(1, 3))
    assert not done.done()
    assert log.head.seq == 0
    await done
    assert [kept.seq for kept in read_log(path)] == [1, 2, 3]


async def test_many_submitters_at_once(log: Log) -> None:
    seq = 0

    async def submit(times: int) -> None:
        nonlocal seq
        for _ in range(times):
            seq += 1
            await log.append([event(seq)])

    await asyncio.gather(*(submit(20) for _ in range(32)))
    assert [kept.seq for kept in await log.read(0, 1000)] == list(range(1, 641))


async def test_a_caller_that_hangs_up_stops_nothing(log: Log) -> None:
    gone = asyncio.ensure_future(asyncio.wait_for(log.append(batch(1, 2)), 10))
    await asyncio.sleep(0)
    gone.cancel()
    await log.append(batch(3, 3))
    assert [kept.seq for kept in await log.read(0, 10)] == [1, 2, 3]


async def test_a_key_leads_to_its_command(log: Log) -> None:
    command = CommandId("c1")
    first = event(1, QueuePaused(), command=command, key="k", digest=bytes(32))
    second = event(2, JobHeld(job=JobId("a.1")), command=command)
    await log.append([first, second, event(3, command=CommandId("c2"))])
    kept = await log.find_key("uid:1000", "k")
    assert kept == (command, bytes(32), (first, second))
    assert await log.events_of(command) == (first, second)
    assert await log.find_key("uid:1000", "other") is None
    assert await log.find_key("uid:0", "k") is None
    assert await log.events_of(CommandId("nobody")) == ()


async def test_a_key_is_taken_once(log: Log) -> None:
    await log.append([event(1, command=CommandId("c"), key="k", digest=b"")])
    with pytest.raises(LogBroken, match="UNIQUE"):
        await log.append([event(2, command=CommandId("d"), key="k", digest=b"")])


async def test_streams_count_their_own_events(log: Log, path: Path) -> None:
    a, b = JobId("a.1"), JobId("b.1")
    film = FilmFinished(
        run=RunId("a"), token=Token(1), image=ImageId("i"), frames=1, seconds=1.0, fps=1.0, codec="h264",
        film=Picture(sha256="0" * 64, pixels="", media="video/mp4", bytes=1, width=2, height=2),  # type: ignore[arg-type]
    )  # fmt: skip
    await log.append([event(1, JobHeld(job=a)), event(2, JobHeld(job=b)), event(3, JobReleased(job=a))])
    await log.append([event(4, JobHeld(job=a)), event(5, film), event(6, QueuePaused())])
    await log.append([event(7, ImagesCompared(better=ImageId("x"), worse=ImageId("y")))])
    with closing(reader(path)) as db:
        assert db.execute("SELECT stream,sver FROM events ORDER BY seq").fetchall() == [
            ("job:a.1", 1), ("job:b.1", 1), ("job:a.1", 2), ("job:a.1", 3), ("run:a", 1), ("sys", 1), ("image:x", 1),
        ]  # fmt: skip


async def test_a_gap_breaks_the_log_for_good(log: Log) -> None:
    await log.append(batch(1, 2))
    with pytest.raises(LogBroken, match="gap"):
        await log.append(batch(4, 5))
    with pytest.raises(LogBroken):
        await log.append(batch(3, 3))
    assert log.head.seq == 2
    assert [kept.seq for kept in await log.read(0, 10)] == [1, 2]


async def test_what_waits_behind_a_failure_fails_with_it(log: Log) -> None:
    first, second = log.append(batch(7, 8)), log.append(batch(9, 9))
    for done in (first, second):
        with pytest.raises(LogBroken):
            await done


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (Envelope(seq=Seq(1), at=1.00000049, epoch=Seq(1), actor="daemon", event=QueuePaused()), "microseconds"),
        (event(1, StageFailed(job=JobId("a.1"), stage=StageId("s"), token=Token(1), node=NodeId("n"), trouble="lost",
                              reason="", again_in=float("nan"))), "number"),
        (event(1, StageFailed(job=JobId("a.1"), stage=StageId("s"), token=Token(1), node=NodeId("n"), trouble="lost",
                              reason="\ud800")), "surrogates"),
    ],
)  # fmt: skip
async def test_what_would_not_come_back_as_it_was_is_not_taken(log: Log, wrong: Envelope, told: str) -> None:
    with pytest.raises(LogBroken, match=told):
        await log.append([wrong])
    assert await log.read(0, 10) == ()


async def test_close_waits_for_what_was_given(log: Log, path: Path) -> None:
    done = log.append(batch(1, 300))
    await log.close()
    await done
    await log.close()
    assert sum(1 for _ in read_log(path)) == 300
    with pytest.raises(LogBroken, match="closed"):
        await log.append(batch(301, 301))


async def test_one_large_batch_is_one_transaction(log: Log) -> None:
    await log.append(batch(1, 10_000))
    assert log.head.seq == 10_000
    assert [kept.seq for kept in await log.read(9_990, 100)] == list(range(9_991, 10_001))


# Both write the same bytes ------------------------------------------------------------------------


async def test_both_logs_write_the_same_rows(tmp_path: Path) -> None:
    found: list[list[tuple[object, ...]]] = []
    for name in ("file", "loop"):
        path = tmp_path / name
        log: Log = open_log(path, tmp_path / f"{name}.head") if name == "file" else LogInLoop(path)
        await log.append(batch(1, 5))
        await log.append(batch(6, 90))
        await log.close()
        with closing(reader(path)) as db:
            found.append(db.execute(f"SELECT {COLUMNS} FROM events").fetchall())
    assert found[0] == found[1]


# The file alone -----------------------------------------------------------------------------------


async def test_a_log_goes_on_where_it_ended(opened: Callable[[], LogFile]) -> None:
    for turn in range(3):
        log = opened()
        assert log.head.seq == turn * 10
        await log.append(batch(turn * 10 + 1, turn * 10 + 10))
        await log.close()
    log = opened()
    assert [kept.seq for kept in await log.read(0, 100)] == list(range(1, 31))
    await log.close()


async def test_read_log_reads_a_part(opened: Callable[[], LogFile], path: Path) -> None:
    log = opened()
    await log.append(batch(1, 2000))
    assert [kept.seq for kept in read_log(path, after=500, upto=1500)] == list(range(501, 1501))
    assert list(read_log(path, after=2000)) == []
    assert list(read_log(path, after=20, upto=10)) == []
    await log.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor='me' WHERE seq=1",
        "DELETE FROM events WHERE seq=2",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq=1",
        "INSERT INTO events SELECT 9,ts_us,1,'x',1,type,v,actor,cause,command,NULL,NULL,data,hash FROM events LIMIT 1",
        "INSERT INTO events SELECT 3,ts_us,1,stream,sver,type,v,actor,1,'c',NULL,NULL,data,hash FROM events LIMIT 1",
        "INSERT INTO events SELECT 3,'now',1,'x',1,type,v,actor,cause,command,NULL,NULL,data,hash FROM events LIMIT 1",
        "INSERT INTO events SELECT 3,ts_us,1,'x',1,type,v,actor,cause,command,NULL,NULL,data,x'00' FROM events LIMIT 1",
    ],
    ids=["update", "delete", "replace", "gap", "same version of a stream", "text in a number", "short hash"],
)
async def test_the_tables_refuse_whatever_is_no_append(
    opened: Callable[[], LogFile], path: Path, statement: str
) -> None:
    log = opened()
    await log.append(batch(1, 2))
    await log.close()
    with closing(writer(path)) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)


async def test_the_file_says_whose_it_is(opened: Callable[[], LogFile], path: Path) -> None:
    await opened().close()
    with closing(reader(path)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (0x534E4557,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with pytest.raises(sqlite3.OperationalError):
            db.execute("INSERT INTO meta VALUES('a','b')")


def test_every_commit_is_synced_and_only_simulations_do_without(path: Path) -> None:
    for durable, wanted in ((True, 2), (False, 0)):  # FULL, OFF
        with closing(writer(path, durable=durable)) as db:
            assert db.execute("PRAGMA synchronous").fetchone() == (wanted,)


async def test_submitters_share_their_commits(opened: Callable[[], LogFile], monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    append = Appender.append

    def counted(appender: Appender, batches: Sequence[Sequence[Envelope]]) -> None:
        commits.append(sum(map(len, batches)))
        append(appender, batches)

    monkeypatch.setattr(Appender, "append", counted)
    log = opened()
    numbers = count(1)

    async def submit() -> None:
        for _ in range(30):
            await log.append([event(next(numbers))])

    await asyncio.gather(*(submit() for _ in range(64)))
    await log.close()
    assert sum(commits) == 64 * 30
    assert len(commits) <= 64 * 30 / 48


async def test_an_idle_log_empties_its_wal(
    opened: Callable[[], LogFile], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.log.store.IDLE_S", 0.01)
    monkeypatch.setattr("daemon.log.store.SYNC_ANCHOR_S", 0.01)
    log = opened()
    wal = path.with_name("events.db-wal")
    for turn in range(2):
        await log.append(batch(turn * 50 + 1, turn * 50 + 50))
        await eventually(lambda: wal.stat().st_size == 0)
    await log.close()


async def test_a_reader_that_dawdles_holds_up_nobody(
    opened: Callable[[], LogFile], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.log.store.IDLE_S", 0.01)
    monkeypatch.setattr("daemon.log.store.SYNC_ANCHOR_S", 0.01)
    log = opened()
    await log.append(batch(1, 50))
    with closing(reader(path)) as db:
        db.execute("BEGIN")
        db.execute("SELECT * FROM events").fetchone()
        async with asyncio.timeout(4):  # SQLite alone would wait for five seconds
            for turn in range(1, 20):
                await log.append(batch(turn * 50 + 1, turn * 50 + 50))
                await asyncio.sleep(0.02)
    wal = path.with_name("events.db-wal")
    await eventually(lambda: wal.stat().st_size == 0)  # although nothing more is written
    await log.close()


# The loop's twin alone ----------------------------------------------------------------------------


async def test_a_crash_loses_what_was_not_committed() -> None:
    log = LogInLoop(commit_delay=lambda: 0.001)
    await log.append(batch(1, 3))
    lost: Sequence[asyncio.Future[None]] = [log.append(batch(4, 5)), log.append(batch(6, 6))]
    again = log.crash()
    assert all(done.cancelled() for done in lost)
    assert again.head.seq == 3
    await again.append(batch(4, 4))
    assert [kept.seq for kept in await again.read(0, 10)] == [1, 2, 3, 4]
    with pytest.raises(LogBroken, match="crashed"):
        await log.append(batch(4, 4))
    await log.close()
    await again.close()


async def test_a_disk_that_fails_ends_the_log() -> None:
    log = LogInLoop()
    await log.append(batch(1, 1))
    log.fail_next(sqlite3.OperationalError("disk I/O error"))
    with pytest.raises(LogBroken, match="disk I/O error"):
        await log.append(batch(2, 2))
    assert log.head.seq == 1
    again = log.crash()
    assert again.head.seq == 1
    await again.close()
