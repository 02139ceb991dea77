"""`log backup`, `backups`, `restore`, `recover` beside a daemon that works, one that stands, or none; `stats`."""

import fcntl
import json
import os
import socketserver
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from daemon import log_verbs
from daemon.log.store import open_log, read_log
from schema.events import Envelope, JobHeld, QueuePaused
from schema.ids import JobId, Seq
from schema.places import Places, places

pytestmark = pytest.mark.damages

AT = datetime(2026, 11, 1, 12, 0).timestamp()
Append = Callable[..., Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(os, "nice", lambda more: 0)
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def append(home: Places) -> Append:
    async def run(*times: float) -> None:
        home.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = open_log(home.log, home.head)
        await log.append([
            Envelope(seq=Seq(seq), at=round(at, 6), epoch=Seq(1), actor="uid:1000",
                     event=QueuePaused() if seq % 3 else JobHeld(job=JobId("a.1")))
            for seq, at in enumerate(times, log.head.seq + 1)
        ])  # fmt: skip
        await log.close()

    return run


class Said(dict[str, object]):
    """The one JSON document a verb printed."""

    code: int
    complaint: str


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*words: object) -> Said:
        capsys.readouterr()
        code = log_verbs.main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        said = Said(json.loads(out) if out else {})
        said.code, said.complaint = code, err
        return said

    return run


# Copies of the settings ------------------------------------------------------------------------------


async def test_without_a_file_the_copy_goes_where_the_settings_say(
    append: Append, say: Callable[..., Said], home: Places, tmp_path: Path
) -> None:
    await append(AT, AT + 1)
    home.config.mkdir(parents=True)
    home.settings.write_text(f'[daemon]\nfree_floor_mb = 0\n[backup]\nfolder = "{tmp_path}/elsewhere"\n')
    assert "there is no such folder. Mount its disk" in say("backup").complaint
    (tmp_path / "elsewhere").mkdir()
    made = say("backup")
    assert Path(str(made["path"])).parent == tmp_path / "elsewhere"
    listed = say("backups")
    assert (listed["folder"], listed["total"]) == (str(tmp_path / "elsewhere"), 1)
    (item,) = listed["items"]  # type: ignore[misc]
    assert (item["path"], item["kind"], item["head"]) == (made["path"], "night", 2)
    home.settings.write_text("[backup]\ndaily = 0\n")
    assert say("backup").code == 2
    assert say("backup", tmp_path / "by-hand.db").code == 0  # settings that cannot be read are in nobody's way


async def test_the_latest_whole_copy_is_restored(append: Append, say: Callable[..., Said], home: Places) -> None:
    assert "there is no whole copy" in say("restore", "latest").complaint
    await append(AT, AT + 1)
    home.backups.mkdir(parents=True)
    for name in ("events-20260101T000000Z.db", "events-20260103T000000Z-upgrade.db"):
        say("backup", home.backups / name)
        await append(AT + 2)
    (home.backups / "events-20260104T000000Z.db").write_bytes(b"no log")
    said = say("restore", "latest")
    assert (said["kept"], said["lost"], said["head"]) == (3, 1, 4)
    assert "20260104" in said.complaint and "daemon start" not in said.complaint


# Beside a daemon -----------------------------------------------------------------------------------


class Daemon(socketserver.UnixStreamServer):
    """Holds the lock as one does, and lets it go when it is told to stop."""

    def __init__(self, home: Places, state: str) -> None:
        self.home, self.state, self.stopped = home, state, False
        super().__init__(str(home.state / "s"), _Answer)
        home.endpoint.write_text(json.dumps({"socket": str(home.state / "s"), "pid": 1, "boot": "b"}))
        self.lock = os.open(home.lock, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.home.endpoint.unlink()
            os.close(self.lock)


class _Answer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        daemon = self.server
        assert isinstance(daemon, Daemon)
        stop = b"POST /v1/daemon/stop" in self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        self.rfile.read(len(b"{}") if stop else 0)
        body = json.dumps({"stopping": True} if stop else {"state": daemon.state, "head": 1}).encode()
        with suppress(BrokenPipeError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        if stop:
            daemon.stop()


@contextmanager
def running(home: Places, state: str) -> Iterator[Daemon]:
    with Daemon(home, state) as daemon:
        threading.Thread(target=daemon.serve_forever, args=(0.01,)).start()
        try:
            yield daemon
        finally:
            daemon.shutdown()
            daemon.stop()


async def test_a_daemon_that_stands_still_is_asked_to_stop(
    append: Append, say: Callable[..., Said], home: Places, tmp_path: Path
) -> None:
    await append(AT, AT + 1)
    say("backup", tmp_path / "copy.db")
    await append(AT + 2)
    with running(home, "read-only") as daemon:
        said = say("restore", tmp_path / "copy.db")
    assert daemon.stopped, said.complaint
    assert said.code == 0, said.complaint
    assert (said["kept"], said["lost"]) == (2, 1)
    assert "asked to stop" in said.complaint


async def test_asking_what_is_lost_stops_nobody(append: Append, say: Callable[..., Said], home: Places) -> None:
    await append(AT, AT + 1, AT + 2)
    home.log.unlink()
    with running(home, "read-only") as daemon:
        for words in ((), ("--accept-loss", 2)):
            said = say("recover", *words)
            assert said.code == 2 and "3 events are lost" in said.complaint
            assert not daemon.stopped
        assert say("recover", "--accept-loss", 3).code == 0
        assert daemon.stopped
    assert say("verify")["ok"] is True


async def test_a_daemon_that_works_is_left_alone(
    append: Append, say: Callable[..., Said], home: Places, tmp_path: Path
) -> None:
    await append(AT)
    say("backup", tmp_path / "copy.db")
    with running(home, "ready") as daemon:
        for words in (("restore", tmp_path / "copy.db"), ("recover", "--accept-loss", 0)):
            said = say(*words)
            assert said.code == 75 and "stablenew daemon stop" in said.complaint
        assert not daemon.stopped


# Growth --------------------------------------------------------------------------------------------


async def test_growth_is_counted_by_local_days(append: Append, say: Callable[..., Said], home: Places) -> None:
    draw = Random(7)
    times = sorted(AT - draw.uniform(0, 12) * 86_400 for _ in range(400))
    await append(*times)
    said = say("stats")
    counted = Counter(datetime.fromtimestamp(at).date().isoformat() for at in times)
    assert {day["day"]: day["events"] for day in said["days"]} == counted  # type: ignore[attr-defined]
    kinds = said["kinds"]
    assert isinstance(kinds, dict) and {name: kind["events"] for name, kind in kinds.items()} == said["types"]
    size = home.log.stat().st_size
    assert abs(sum(kind["bytes"] for kind in kinds.values()) - size) <= len(kinds)
    growth = said["growth"]
    assert isinstance(growth, dict)
    span = (datetime.fromtimestamp(times[-1]).date() - datetime.fromtimestamp(times[0]).date()).days + 1
    assert (growth["days"], growth["events_per_day"]) == (span, round(400 / span, 1))
    assert growth["bytes_in_a_year"] == size + round(size / span * 365.25)
    assert growth["full_in_days"] is None or growth["full_in_days"] > 0


async def test_nights_off_count_as_days(append: Append, say: Callable[..., Said]) -> None:
    start = datetime(2026, 10, 1, 12, 0)
    await append(*((start + timedelta(days=day)).timestamp() for day in (0, 0, 9)))
    growth = say("stats")["growth"]
    assert isinstance(growth, dict) and (growth["days"], growth["events_per_day"]) == (10.0, 0.3)


async def test_in_words_too(append: Append, home: Places, capsys: pytest.CaptureFixture[str]) -> None:
    await append(*(AT + 3600 * hour for hour in range(50)))
    assert log_verbs.main(["backups"]) == 0
    assert log_verbs.main(["backup", str(home.state / "copy.db")]) == 0
    assert log_verbs.main(["stats"]) == 0
    out = capsys.readouterr().out
    assert "no copies of the log in" in out
    assert "over 3 days: 17 events and" in out and "0 backups of 0 B" in out
    assert "JobHeld" in out and "2026-11-02" in out
    assert len(list(read_log(home.log))) == 50
