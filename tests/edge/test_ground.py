"""The ground that a daemon stands on: which faults heal by themselves, and what goes on while it takes nothing."""

import asyncio
import errno
import hashlib
import json
import logging
import socket
import sqlite3
from types import SimpleNamespace

import pytest
from PIL import Image

from daemon import logs, results, upkeep
from daemon.api import faults
from daemon.artifacts import thumbs
from daemon.artifacts.thumbs import Thumbnails
from daemon.claim import Claim, Locked
from daemon.concerns import Concerns
from daemon.core.vitals import Vitals
from daemon.halt import Halt
from daemon.ledger import LedgerStopped
from daemon.log import ground
from daemon.log.faults import LogBroken, LogDamaged, LogFromNewer, LogFull, LogGone
from daemon.log.store import open_log
from daemon.log.tables import reader, writer
from daemon.log.upcast import Reader
from daemon.obstacle import Obstacle, Watched, obstacle_of, over, signature
from schema.errors import Exit, NoDaemon
from schema.events import DaemonStarted, Envelope, NothingChanged, RunFinished
from schema.ids import RunId, Seq
from schema.places import places
from tui.cli import ask, follow
from tui.cli import daemon as daemon_verbs
from tui.link import endpoint
from tui.link.call import Refusal
from tui.link.doc import Doc
from tui.link.endpoint import Seen


@pytest.fixture
def home(tmp_path):
    where = places({"STABLENEW_HOME": str(tmp_path / "home")})
    for folder in (where.state, where.artifacts):
        folder.mkdir(parents=True)
    writer(where.log).close()
    return where


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


# Which faults heal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (OSError(errno.ENOSPC, "full"), LogFull),
        (OSError(errno.EDQUOT, "quota"), LogFull),
        (OSError(errno.EROFS, "read-only"), LogGone),
        (OSError(errno.EIO, "broken"), LogBroken),
        (sqlite_error(sqlite3.SQLITE_FULL), LogFull),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), LogBroken),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), LogBroken),  # there is room, the file can be written: it is broken
        (sqlite_error(sqlite3.SQLITE_CORRUPT), LogBroken),
        (LogGone("moved"), LogGone),
        (KeyError("a bug"), LogBroken),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else value.__name__,
)
def test_a_fault_heals_only_where_the_ground_is_at_fault(home, fault, kind):
    assert type(ground.meant(fault, home.log)) is kind


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, LogFull), (errno.EROFS, LogGone), (errno.EIO, LogBroken)])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY])
def test_where_sqlite_does_not_say_why_the_folder_is_asked(home, monkeypatch, number, kind, code):
    def refused(folder, size):
        raise OSError(number, "no")

    monkeypatch.setattr(ground, "try_room", refused)
    assert type(ground.meant(sqlite_error(code), home.log)) is kind


def test_faults_that_came_together_are_an_obstacle_only_if_all_are(home):
    full = OSError(errno.ENOSPC, "full")
    together = ExceptionGroup("tasks", [LedgerStopped("so"), ExceptionGroup("more", [full, LogFull("so")])])
    assert obstacle_of(together, home).kind == "full"
    assert obstacle_of(ExceptionGroup("tasks", [full, KeyError("a bug")]), home) is None
    assert obstacle_of(ExceptionGroup("tasks", [LedgerStopped("so")]), home) is None
    assert obstacle_of(FileNotFoundError(errno.ENOENT, "one file"), home) is None  # the folders are there
    assert obstacle_of(LogBroken("disk I/O error"), home) is None
    home.artifacts.rmdir()
    assert str(home.artifacts) in obstacle_of(FileNotFoundError(errno.ENOENT, "one file"), home).told


def test_an_obstacle_says_up_to_where_the_log_is_good(home):
    damage = LogDamaged(("event 7 was changed",), where="log", ends_at=6, promised=9)
    assert (obstacle_of(damage, home).kind, obstacle_of(damage, home).seq) == ("damaged", 6)
    assert "--accept-loss 3" in obstacle_of(damage, home).told
    assert "Run `stablenew log recover`: it changes nothing" in obstacle_of(damage, home).told
    with pytest.raises(LogFromNewer) as newer:
        Reader().read(5, "WeatherTold", 1, b'{"type":"WeatherTold"}')
    assert (obstacle_of(newer.value, home).kind, obstacle_of(newer.value, home).seq) == ("newer", 4)


def test_what_a_newer_version_calls_optional_counts_as_nothing():
    assert Reader().read(5, "WeatherTold", 1, b'{"type":"WeatherTold","opt":true}') == NothingChanged(
        command="WeatherTold"
    )
    assert isinstance(Reader().read(5, "NothingChanged", 99, b'{"opt":true,"type":"x"}'), NothingChanged)
    for data in (b'{"opt":false}', b'{"opt":1}', b"{", b"[]"):
        with pytest.raises(LogFromNewer):
            Reader().read(5, "WeatherTold", 1, data)


# When it is over ---------------------------------------------------------------------------------


def test_a_log_under_another_name_is_noticed(home):
    watched = Watched(home)
    assert watched.look() is None
    beside = home.log.with_name("elsewhere.db")
    home.log.rename(beside)
    assert "not there any more" in watched.look().told
    home.log.write_bytes(beside.read_bytes())
    assert "another file" in watched.look().told
    beside.rename(home.log)
    assert watched.look() is None


async def test_a_log_that_was_moved_takes_nothing_more(home):
    log = await asyncio.to_thread(open_log, home.log, home.head)
    home.log.rename(home.log.with_name("elsewhere.db"))
    with pytest.raises(LogGone, match="not there any more"):
        await log.append(())
    await log.close()


async def test_a_write_ahead_file_that_was_deleted_costs_nothing_that_was_acknowledged(home):
    """What is in it is moved into the log before anybody else opens that."""
    log = await asyncio.to_thread(open_log, home.log, home.head)
    begun = DaemonStarted(version="0", sqlite="0", host="test")
    await log.append([Envelope(seq=Seq(1), at=1.0, epoch=Seq(1), actor="daemon", event=begun)])
    home.log.with_name("events.db-wal").unlink()
    with pytest.raises(LogGone, match="wal is not there any more"):
        await log.append(())
    await log.close()
    again = await asyncio.to_thread(open_log, home.log, home.head)
    assert again.head.seq == 1
    await again.close()


def test_an_obstacle_is_over_when_the_folder_takes_something_again(home, monkeypatch):
    full, away = Obstacle("full", "full.", "Free."), Obstacle("away", "away.", "Bring.")
    assert over(full, home, ()) and over(away, home, ())
    home.log.rename(home.log.with_name("elsewhere.db"))
    assert not over(away, home, ())  # an empty folder in its place is no log
    home.log.with_name("elsewhere.db").rename(home.log)
    monkeypatch.setattr("daemon.obstacle.try_room", lambda folder, size: (folder / "there is none").stat())
    assert not over(full, home, ())


def test_a_damaged_log_is_looked_at_again_only_when_it_is_another(home):
    damaged = Obstacle("damaged", "damaged.", "Restore.", 6)
    before = signature(home)
    assert not over(damaged, home, before)
    home.log.write_bytes(home.log.read_bytes() + b"more")
    assert over(damaged, home, before)


async def test_a_phase_ends_once_for_its_obstacle_and_for_good_when_asked():
    asked: list[bool] = []
    halt = Halt(lambda: asked.append(True))
    halt.meet(Obstacle("full", "first.", ""))
    halt.meet(Obstacle("away", "second.", ""))
    await asyncio.wait_for(halt.wait(), 1)
    assert halt.obstacle.kind == "full"
    halt.begin()
    assert halt.obstacle is None
    assert await halt.unless(asyncio.sleep(0, "done")) == "done"
    halt.ask()
    halt.ask()
    halt.begin()  # once asked, no phase begins any more
    assert await halt.unless(asyncio.sleep(3600)) is None and asked == [True]


# What goes on meanwhile --------------------------------------------------------------------------


def test_a_log_that_was_closed_in_order_is_read_where_its_index_finds_no_room(home, monkeypatch):
    connect, tried = sqlite3.connect, []

    def refusing(name, **how):
        tried.append(name)
        if "immutable" not in name:
            raise sqlite_error(sqlite3.SQLITE_CANTOPEN)
        return connect(name, **how)

    monkeypatch.setattr(sqlite3, "connect", refusing)
    reader(home.log).close()
    assert len(tried) == 2
    home.log.with_name("events.db-wal").write_bytes(b"something")
    with pytest.raises(sqlite3.OperationalError):  # what is in there would be missed
        reader(home.log)


def test_a_daemon_whose_endpoint_finds_no_room_listens_where_clients_look(home, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "full")

    env = {"STABLENEW_HOME": str(home.state.parent)}
    monkeypatch.setattr("daemon.claim.write_whole", full)
    claim = Claim.take(home, boot="b1")
    claim.listen({})
    assert not home.endpoint.exists() and endpoint.socket_of(env) == str(claim.socket) != str(home.state / "api.sock")
    monkeypatch.undo()
    assert claim.is_told() and json.loads(home.endpoint.read_text())["socket"] == str(claim.socket)
    claim.release()
    assert endpoint.socket_of(env) is None and not claim_folder(env).exists()


def claim_folder(env):
    from schema.places import spare_folder

    return spare_folder(places(env).state)


def test_a_daemon_whose_folder_is_away_leaves_what_lies_there_alone(home):
    claim = Claim.take(home, boot="b1")
    claim.listen({})
    away = home.state.with_name("away")
    home.state.rename(away)
    other = Claim.take(home, boot="b2")  # somebody begins anew in its place
    other.listen({})
    assert not claim.is_listening()
    claim.listen({})
    assert json.loads(home.endpoint.read_text())["boot"] == "b2"
    with pytest.raises(Locked):
        claim.renew()
    claim.release()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(other.socket))
    other.release()


def test_lines_of_a_log_without_room_are_lost_and_the_next_are_not(tmp_path, capsys):
    lines = logs.Lines(tmp_path / "logs" / "daemon.jsonl")
    record = logging.LogRecord("daemon", logging.INFO, "", 0, "said", None, None)
    lines.handle(record)  # there is no folder
    (tmp_path / "logs").mkdir()
    lines.handle(record)
    lines.let_go()
    (tmp_path / "logs" / "daemon.jsonl").rename(tmp_path / "old")
    lines.handle(record)
    lines.close()
    assert "said" in (tmp_path / "logs" / "daemon.jsonl").read_text() and "Traceback" not in capsys.readouterr().err


async def test_a_picture_is_looked_at_where_no_thumbnail_can_be_kept(tmp_path, monkeypatch):
    picture = tmp_path / "picture.png"
    Image.new("RGB", (300, 300), "green").save(picture)
    sha = hashlib.sha256(picture.read_bytes()).hexdigest()
    whole, kept = thumbs.write_whole, tmp_path / "kept"

    def no_room_there(name, content, **how):
        if name.is_relative_to(kept):
            raise OSError(errno.EROFS, "read-only")
        return whole(name, content, **how)

    monkeypatch.setattr(thumbs, "write_whole", no_room_there)
    made = Thumbnails(kept, lambda _: picture)
    small = await made.of(sha, 256)
    with Image.open(small) as thumbnail:
        assert thumbnail.size == (256, 256)
    made.close()
    assert not small.exists()


def test_a_disk_that_takes_nothing_is_no_bug_to_who_asks():
    assert faults.of_ground(OSError(errno.ENOSPC, "No space left", "/there")).where == "/there"
    assert faults.of_ground(sqlite_error(sqlite3.SQLITE_IOERR_WRITE)) is not None
    assert faults.of_ground(OSError(errno.EIO, "broken")) is None
    assert faults.of_ground(KeyError("a bug")) is None


def test_too_little_room_is_told_with_what_stops(home, monkeypatch):
    vitals = Vitals(submit_floor=512 << 20, dispatch_floor=2048 << 20, free_bytes=1 << 30)
    monkeypatch.setattr(upkeep.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1))
    assert "1024 MB are free" in (told := upkeep.short_of_room(home, vitals)) and "no run is taken" not in told
    vitals.free_bytes = 100 << 20
    assert "no run is taken below 512 MB" in upkeep.short_of_room(home, vitals)
    vitals.free_bytes = 4 << 30
    assert upkeep.short_of_room(home, vitals) == ""


class PastRuns:
    """Two runs that have ended."""

    ended = tuple(
        Envelope(seq=Seq(seq), at=float(seq), epoch=Seq(1), actor="daemon", event=RunFinished(run=RunId(f"run{seq}")))
        for seq in (1, 2)
    )

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return tuple(one for one in self.ended if one.seq > after)[:limit]

    async def run(self, run):
        return SimpleNamespace(id=run)

    async def jobs_of(self, run):
        return ()


async def test_what_a_results_folder_did_not_take_is_told_and_written_when_it_does(tmp_path, monkeypatch):
    written: list[str] = []
    room = asyncio.Event()

    def write_manifest(root, run, jobs, path_of, links):
        if not room.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(run.id)

    async def nothing_new():
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(results, "write_manifest", write_manifest)
    concerns, cursor = Concerns(), tmp_path / "results.seq"
    made = results.Results(PastRuns(), tmp_path, lambda sha: tmp_path, cursor, links=True, concerns=concerns)
    following = asyncio.create_task(made.run(nothing_new()))
    await asyncio.wait_for(made.reached(2), 5)  # it stops nothing
    assert str(tmp_path) in concerns.sentences()[0] and "tried again" in concerns.sentences()[0]
    assert not cursor.exists()
    room.set()
    await made.catch_up()
    assert written == ["run1", "run2"] and cursor.read_text() == "2" and concerns.sentences() == ()
    following.cancel()
    await asyncio.wait((following,))


def test_whoever_waits_is_told_what_is_in_the_way_and_waits_on(tmp_path, monkeypatch, capsys):
    seen = iter([Seen("read-only", "The disk is full. Free some space."), *[Seen("ready")] * 9])
    ends = iter([NoDaemon("it stands still now"), Refusal("not now", status=503), Doc({"jobs": 1, "finished": 1})])

    def until_done(selected, show, stalled):
        if isinstance(end := next(ends), Exception):
            raise end
        return end

    monkeypatch.setattr(follow.endpoint, "look", lambda env: next(seen))
    monkeypatch.setattr(follow.endpoint, "state_of", lambda env: "ready")
    monkeypatch.setattr(follow.endpoint, "reach", lambda env: SimpleNamespace(get=lambda path: None))
    monkeypatch.setattr(follow.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(follow, "_until_done", until_done)
    assert follow.follow(["r1"]).whole("finished") == 1
    told = capsys.readouterr().err
    assert told.count("The disk is full. Free some space. The wait goes on.") == 1


def test_a_daemon_that_only_shows_things_has_not_started_well(monkeypatch, capsys):
    status = Doc({"state": "read-only", "pid": 7, "trouble": "The disk is full. Free some space."})
    monkeypatch.setattr(endpoint, "state_of", lambda env: "read-only")
    monkeypatch.setattr(ask, "started", lambda: SimpleNamespace(get=lambda path: status))
    assert daemon_verbs.start(False) == Exit.FAILED
    assert "The disk is full. Free some space." in capsys.readouterr().err


def test_a_file_that_may_not_be_read_is_an_obstacle_that_goes_with_its_permissions(tmp_path):
    where = places({"STABLENEW_HOME": str(tmp_path)})
    for folder in (where.state, where.artifacts):
        folder.mkdir(parents=True)
    for path in (where.head, where.artifacts / ".tmp"):
        obstacle = obstacle_of(PermissionError(errno.EACCES, "Permission denied", str(path)), where)
        assert obstacle is not None and obstacle.kind == "away"
        assert str(path) in obstacle.sentence and "chmod" in obstacle.remedy
    assert obstacle_of(PermissionError(errno.EACCES, "Permission denied", "/elsewhere"), where) is None
    where.log.touch()
    before = signature(where)
    where.log.chmod(0)
    assert signature(where) != before
