"""`stablenew log ...`: one document on stdout, the contract's exit codes, and nothing ever deleted."""

import fcntl
import json
import shutil
import socketserver
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from daemon.log import verbs
from daemon.log.anchor import read as read_anchor
from daemon.log.faults import LogGone
from daemon.log.fold import CORE
from daemon.log.store import open_log, read_log
from schema.events import Envelope, JobHeld, LogLossAccepted, NothingChanged, QueuePaused
from schema.ids import JobId, Seq
from schema.places import Places, places

AT = 1_790_000_000.0
Append = Callable[[int], Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def append(home: Places) -> Append:
    """Appends so many events, one second apart, and closes the log again."""

    async def run(times: int) -> None:
        home.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = open_log(home.log, home.head)
        batch: list[Envelope] = []
        for seq in range(log.head.seq + 1, log.head.seq + 1 + times):
            event = QueuePaused() if seq % 2 else JobHeld(job=JobId("a.1"))
            batch.append(Envelope(seq=Seq(seq), at=AT + seq, epoch=Seq(1), actor="uid:1000", event=event))
        await log.append(batch)
        await log.close()

    return run


class Said(dict[str, object]):
    """The one JSON document a verb printed."""

    code: int


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*words: object) -> Said:
        capsys.readouterr()
        code = verbs.main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        said = Said(json.loads(out) if out else {"complaint": err})
        assert out.count("\n") == (1 if out else 0)
        assert bool(out) != (code in (2, 75))
        said.code = code
        return said

    return run


# Looking ------------------------------------------------------------------------------------------


async def test_verify_says_what_the_contract_fixes(append: Append, say: Callable[..., Said], home: Places) -> None:
    assert say("verify") == {"events": 0, "head": 0, "ok": True, "findings": []}
    await append(12)
    assert say("verify") == {"events": 12, "head": 12, "ok": True, "findings": []}
    home.head.unlink()
    damaged = say("verify")
    assert damaged.code == 1
    assert damaged["ok"] is False
    assert "head anchor is missing" in str(damaged["findings"])


async def test_in_words_too(append: Append, capsys: pytest.CaptureFixture[str]) -> None:
    await append(12)
    for words in (["verify"], ["stats"], ["show", "3"], ["tail"], ["at", "5"], ["replay"], ["replay", "--check"]):
        assert verbs.main(words) == 0
    out = capsys.readouterr().out
    assert "12 events, head 12: whole" in out
    assert "state at 12: all agree" in out
    assert '"type":"QueuePaused"' in out


async def test_stats_count(append: Append, say: Callable[..., Said]) -> None:
    await append(12)
    said = say("stats")
    assert (said["events"], said["streams"]) == (12, 2)
    assert said["types"] == {"JobHeld": 6, "QueuePaused": 6}
    assert said["last"] == "2026-09-21T14:13:32.000Z"


async def test_show_and_tail(append: Append, say: Callable[..., Said], capsys: pytest.CaptureFixture[str]) -> None:
    await append(12)
    shown = say("show", 4)
    assert (shown["seq"], shown["type"]) == (4, "JobHeld")
    assert shown["event"] == {"type": "JobHeld", "job": "a.1"}
    assert say("show", 13).code == 2
    assert say("show", 0).code == 2
    said = say("tail", "-n", 3)
    assert [item["seq"] for item in said["items"]] == [10, 11, 12]  # type: ignore[attr-defined]
    assert said["total"] == 12
    assert verbs.main(["tail", "--jsonl", "-n", "5"]) == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("when", "seq"),
    [
        ("0", 0),
        ("7", 7),
        ("2026-09-21T14:13:27+00:00", 7),
        ("2026-09-21T14:13:27.500Z", 7),
        ("2000-01-01", 0),
        ("999999999d", 0),
        ("9" * 400 + "w", 0),
        ("2100-01-01", 12),
    ],
)
async def test_at_finds_the_moment(append: Append, say: Callable[..., Said], home: Places, when: str, seq: int) -> None:
    await append(12)
    said = say("at", when)
    assert said["seq"] == seq
    assert said["hash"] == CORE.hash(CORE.onto(CORE.empty(), read_log(home.log, 0, seq)))
    assert said["paused"] is (seq > 0)


@pytest.mark.parametrize("when", ["13", "9" * 5000, "yesterday", "2h3", ""])
async def test_at_refuses_what_is_no_moment(append: Append, say: Callable[..., Said], when: str) -> None:
    await append(12)
    assert say("at", when).code == 2


@pytest.mark.parametrize(
    "words", [["stats"], ["replay"], ["show", "1"], ["tail"], ["at", "1h"], ["backup", "x"], ["bogus"], ["show"], []]
)
def test_without_a_log_or_with_wrong_words_it_says_so(
    home: Places, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert verbs.main(words) == 2
    out, err = capsys.readouterr()
    assert (out, bool(err), "Traceback" in err) == ("", True, False)
    assert not home.log.exists()


# Folding ------------------------------------------------------------------------------------------


async def test_replay_and_snapshot_agree(append: Append, say: Callable[..., Said]) -> None:
    await append(12)
    zero = say("replay")
    assert say("snapshot")["seq"] == 12
    await append(3)
    said = say("replay", "--check")
    assert said.code == 0
    assert (said["seq"], said["snapshot_seq"], said["live"], said["same"]) == (15, 12, None, True)
    assert said["snapshot"] == said["replay"] != zero["hash"]


@contextmanager
def daemon_that_tells(home: Places, seq: int, digest: str) -> Iterator[None]:
    """Answers GET /v1/state as the daemon does."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            assert self.rfile.readline().startswith(b"GET /v1/state ")
            body = json.dumps({"seq": seq, "hash": digest}).encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    path = home.state / "s"
    with socketserver.UnixStreamServer(str(path), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        home.endpoint.write_text(json.dumps({"socket": str(path), "pid": 1, "boot": "b"}))
        yield
        server.shutdown()


async def test_a_live_daemon_is_asked(append: Append, say: Callable[..., Said], home: Places) -> None:
    await append(12)
    right = CORE.hash(CORE.onto(CORE.empty(), read_log(home.log, 0, 10)))
    with daemon_that_tells(home, 10, right):
        said = say("replay", "--check")
    assert (said.code, said["seq"], said["live"], said["same"]) == (0, 10, right, True)


async def test_a_live_daemon_that_differs_is_told(append: Append, say: Callable[..., Said], home: Places) -> None:
    await append(12)
    with daemon_that_tells(home, 10, "0" * 64):
        said = say("replay", "--check")
    assert (said.code, said["same"]) == (1, False)


async def test_a_dead_daemons_endpoint_is_no_daemon(append: Append, say: Callable[..., Said], home: Places) -> None:
    await append(12)
    home.endpoint.write_text(json.dumps({"socket": str(home.state / "gone"), "pid": 1, "boot": "b"}))
    said = say("replay", "--check")
    assert (said.code, said["live"]) == (0, None)


def left_over(folder: Path) -> list[Path]:
    return list(folder.glob(".saved*"))


# Backup and restore -------------------------------------------------------------------------------


async def test_a_backup_is_a_whole_log(append: Append, say: Callable[..., Said], home: Places, tmp_path: Path) -> None:
    await append(12)
    target = tmp_path / "saved.db"
    assert say("backup", target) == {"path": str(target), "events": 12, "head": 12, "bytes": target.stat().st_size}
    assert list(read_log(target)) == list(read_log(home.log))
    assert say("backup", target).code == 2  # never over another file
    assert say("backup", tmp_path / "nowhere" / "saved.db").code == 2
    assert left_over(tmp_path) == []


async def test_a_backup_while_the_log_is_written(
    append: Append, home: Places, say: Callable[..., Said], tmp_path: Path
) -> None:
    await append(100)
    log = open_log(home.log, home.head)
    for seq in range(101, 121):
        done = log.append([Envelope(seq=Seq(seq), at=AT, epoch=Seq(1), actor="daemon", event=QueuePaused())])
        if seq % 5 == 0:
            said = say("backup", tmp_path / f"{seq}.db")
            assert said.code == 0 and int(str(said["events"])) >= seq - 1
        await done
    await log.close()


@pytest.mark.damages
async def test_a_damaged_log_makes_no_backup(
    append: Append, home: Places, say: Callable[..., Said], tmp_path: Path
) -> None:
    await append(12)
    change(home.log, "UPDATE events SET actor='other' WHERE seq=5")
    said = say("backup", tmp_path / "saved.db")
    assert said.code == 2 and "event 5 was changed" in str(said["complaint"])
    assert not (tmp_path / "saved.db").exists()


async def test_restore_brings_back_and_gives_no_seq_twice(
    append: Append, home: Places, say: Callable[..., Said], tmp_path: Path
) -> None:
    await append(12)
    say("backup", tmp_path / "saved.db")
    await append(8)
    later = list(read_log(home.log))
    home.views.write_text("made from the old log")
    said = say("restore", tmp_path / "saved.db")
    assert (said["kept"], said["lost"], said["head"]) == (12, 8, 20)
    assert list(read_log(Path(str(said["beside"])))) == later
    assert not home.views.exists()
    restored = list(read_log(home.log))
    assert restored[:12] == later[:12]
    assert restored[12].event == LogLossAccepted(after=Seq(12), lost=8)
    assert {kept.event for kept in restored[13:]} == {NothingChanged(command="LogLossAccepted")}
    assert say("verify")["ok"] is True
    await append(2)
    assert say("verify")["head"] == 22


async def test_restore_where_no_log_is(append: Append, home: Places, say: Callable[..., Said], tmp_path: Path) -> None:
    await append(12)
    say("backup", tmp_path / "saved.db")
    shutil.rmtree(home.state)
    assert say("restore", tmp_path / "saved.db") == {"kept": 12, "lost": 0, "head": 12, "beside": None, "backup": None}
    assert say("verify")["head"] == 12
    await append(1)


@pytest.mark.parametrize("content", [None, b"", b"something else", "cut"])
async def test_restore_refuses_what_is_no_whole_log(
    append: Append, home: Places, say: Callable[..., Said], tmp_path: Path, content: bytes | str | None
) -> None:
    await append(200)
    say("backup", tmp_path / "saved.db")
    whole = (tmp_path / "saved.db").read_bytes()
    (tmp_path / "saved.db").unlink()
    if content is not None:
        (tmp_path / "saved.db").write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    assert say("restore", tmp_path / "saved.db").code == 2
    assert say("verify")["head"] == 200


async def test_while_a_daemon_runs_nothing_is_replaced(
    append: Append, home: Places, say: Callable[..., Said], tmp_path: Path
) -> None:
    await append(12)
    say("backup", tmp_path / "saved.db")
    with home.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert say("restore", tmp_path / "saved.db").code == 75
        assert say("recover", "--accept-loss", 0).code == 75
    assert list(home.state.glob("*.old-*")) == []


# Recovery -----------------------------------------------------------------------------------------


def change(log: Path, sql: str) -> None:
    with closing(sqlite3.connect(log, isolation_level=None)) as db:
        triggers = db.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(sql)
        for _, statement in triggers:
            db.execute(statement)


async def test_a_whole_log_is_not_recovered(append: Append, say: Callable[..., Said]) -> None:
    await append(12)
    assert "nothing is to be recovered" in str(say("recover", "--accept-loss", 0)["complaint"])


async def test_a_lost_tail_is_given_up_by_its_number_only(
    append: Append, home: Places, say: Callable[..., Said]
) -> None:
    await append(134)
    change(home.log, "DELETE FROM events WHERE seq>120")
    for words in ([], ["--accept-loss", 13], ["--accept-loss", 15]):
        said = say("recover", *words)
        assert said.code == 2
        assert "the log ends at 120 but 134 was promised" in str(said["complaint"])
        assert "`stablenew log recover --accept-loss 14`" in str(said["complaint"])
    said = say("recover", "--accept-loss", 14)
    assert (said.code, said["kept"], said["lost"], said["head"]) == (0, 120, 14, 134)
    assert [kept.event for kept in read_log(home.log, 120, 121)] == [LogLossAccepted(after=Seq(120), lost=14)]
    assert say("verify")["ok"] is True
    promised = read_anchor(home.head)
    assert promised is not None and promised.seq == 134
    await append(1)


async def test_behind_damage_in_the_middle_the_rest_is_kept_beside(
    append: Append, home: Places, say: Callable[..., Said]
) -> None:
    await append(50)
    change(home.log, "UPDATE events SET data=CAST('{}' AS BLOB) WHERE seq=31")
    assert say("recover", "--accept-loss", 1).code == 2
    said = say("recover", "--accept-loss", 20)
    assert (said["kept"], said["lost"], said["head"]) == (30, 20, 50)
    with closing(sqlite3.connect(str(said["beside"]))) as db:
        assert db.execute("SELECT COUNT(*) FROM events").fetchone() == (50,)
    assert say("verify")["ok"] is True


async def test_unreadable_pages_cost_only_what_lies_behind_them(
    append: Append, home: Places, say: Callable[..., Said]
) -> None:
    await append(600)
    with closing(sqlite3.connect(home.log)) as db:
        ((size,),) = db.execute("PRAGMA page_size").fetchall()
        pages = [page for (page,) in db.execute(
            "SELECT DISTINCT pageno FROM dbstat WHERE name='events' AND pagetype='leaf' ORDER BY path"
        )] if has_dbstat(db) else []  # fmt: skip
    content = bytearray(home.log.read_bytes())
    page = pages[-1] if pages else None
    if page is None:
        needle = content.rfind(b"\x00\x00uid:1000")
        page = max(content.rfind(b"uid:1000") if needle < 0 else needle, 0) // size + 1
    content[(page - 1) * size : page * size] = b"\xa5" * size
    home.log.write_bytes(content)
    lost = 600 - int(str(say("verify")["head"]))
    said = say("recover", "--accept-loss", lost)
    assert (said.code, said["head"]) == (0, 600)
    assert 0 < int(str(said["kept"])) < 600
    assert say("verify")["ok"] is True


def has_dbstat(db: sqlite3.Connection) -> bool:
    return any(option == "ENABLE_DBSTAT_VTAB" for (option,) in db.execute("PRAGMA compile_options"))


async def test_a_missing_anchor_is_made_anew_when_accepted(
    append: Append, home: Places, say: Callable[..., Said]
) -> None:
    await append(12)
    home.head.unlink()
    said = say("recover", "--accept-loss", 0)
    assert (said["kept"], said["lost"], said["head"]) == (12, 0, 12)
    assert say("verify")["ok"] is True


@pytest.mark.damages
async def test_a_log_that_is_gone_altogether(append: Append, home: Places, say: Callable[..., Said]) -> None:
    await append(12)
    home.log.unlink()
    assert say("recover", "--accept-loss", 12) == {"kept": 0, "lost": 12, "head": 12, "beside": None, "backup": None}
    await append(1)
    assert say("verify")["head"] == 13


@pytest.mark.long
def test_a_log_that_may_not_be_read_is_told_with_a_remedy(
    home: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(where: Places, *, json: bool) -> int:
        raise LogGone("unable to open database file")

    monkeypatch.setattr(verbs.verbs_read, "verify", gone)
    assert verbs.main(["verify"]) == 1
    told = capsys.readouterr().err
    assert str(home.log) in told and "may read it" in told and "Traceback" not in told
