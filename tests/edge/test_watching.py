"""The daemon watches itself: what grows, what stands, and what systemd is told of it."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from daemon import stalls, watch
from daemon.concerns import Concerns
from daemon.log.store import open_log
from daemon.notify import Notifier
from daemon.stalls import Stalls, is_waiting
from daemon.watch import Watch, findings, in_a_line, read_now
from schema.events import Envelope, QueuePaused
from schema.ids import Seq
from schema.places import places
from schema.readings import Readings
from schema.scenes import Counts, QueueScene, Scene


@contextmanager
def systemd(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as it:
        it.bind(str(path))
        it.setblocking(False)
        yield it


def heard(it: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(it.recv(4096).decode())
        except BlockingIOError:
            return found


class Disk:
    """A writer that stands for as long as the test wants."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked = 0

    def stands(self) -> float:
        self.asked += 1
        return self.seconds


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a thread or a socket tells it, and nobody else
            await asyncio.sleep(0.002)


def test_systemd_is_told_where_it_listens_and_nobody_elsewhere(tmp_path: Path):
    with systemd(tmp_path / "n") as it:
        env = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
        told = Notifier.of(env, os.getpid())
        told.ready()
        told.status("2 running,\n14 queued")
        told.status("2 running,\n14 queued")
        told.alive()
        told.stopping()
        assert told.watchdog == 60.0
        assert heard(it) == [
            "READY=1", "STATUS=2 running, 14 queued", "WATCHDOG=1", "STOPPING=1\nSTATUS=stopping"
        ]  # fmt: skip
        assert Notifier.of(env, os.getpid() + 1).watchdog is None
    told.alive()  # it is gone
    Notifier.of({}, 1).ready()
    Notifier.of({"NOTIFY_SOCKET": "@stablenew-nobody", "WATCHDOG_USEC": "soon"}, 1).ready()


async def test_a_sign_of_life_is_given_only_while_the_writer_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "ROUND_SECONDS", 0.01)
    disk, concerns = Disk(), Concerns()
    with systemd(tmp_path / "n") as it:
        told = Notifier(str(tmp_path / "n"), watchdog=30.0)
        task = asyncio.create_task(Watch(places({"STABLENEW_HOME": str(tmp_path)}), told, concerns, disk).run(str))
        told_so_far: list[str] = []

        def hears(wanted: str) -> bool:
            told_so_far.extend(heard(it))
            return wanted in told_so_far

        await until(lambda: hears("WATCHDOG=1"))
        assert told_so_far[0] == "READY=1"
        disk.seconds = 31.0
        await until(concerns.sentences)
        heard(it)
        before = disk.asked
        await until(lambda: disk.asked > before + 6)
        assert "WATCHDOG=1" not in heard(it) and "has not taken" in concerns.sentences()[0]
        disk.seconds = 0.0
        told_so_far.clear()
        await until(lambda: hears("WATCHDOG=1"))
        task.cancel()
        await asyncio.wait((task,))


@pytest.mark.parametrize(
    ("read", "subject"),
    [
        (Readings(log_wal=watch.WAL_BYTES + 1), "log-wal"),
        (Readings(views_wal=watch.WAL_BYTES + 1), "views-wal"),
        (Readings(files=900, files_limit=1024), "files"),
        (Readings(memory=watch.MEMORY_BYTES + 1), "memory"),
    ],
)
def test_what_grows_is_told_with_its_remedy(tmp_path: Path, read: Readings, subject: str):
    where = places({"STABLENEW_HOME": str(tmp_path)})
    told = {name: sentence for name, is_so, sentence in findings(read, where, 0.0) if is_so}
    assert set(told) == {subject} and len(told[subject].split(". ")) >= 2
    assert not any(is_so for _, is_so, _ in findings(Readings(files=40, files_limit=1024), where, 1.0))


def test_what_grows_without_end_is_told_and_what_is_only_busy_is_not():
    settled = Readings(memory=100 << 20, files=40)
    for read, is_so in (
        (Readings(memory=550 << 20, files=40), False),
        (Readings(memory=650 << 20, files=40), True),
        (Readings(memory=100 << 20, files=200), False),
        (Readings(memory=100 << 20, files=300), True),
        (settled, False),
    ):
        subject, found, sentence = watch.growth(read, settled)
        assert (subject, found) == ("growth", is_so) and f"{read.files}." in sentence, read


async def test_a_concern_goes_when_its_cause_is_gone(tmp_path: Path):
    where, concerns = places({"STABLENEW_HOME": str(tmp_path)}), Concerns()
    it = Watch(where, Notifier(), concerns, None)
    where.state.mkdir(parents=True)
    wal = where.state / "events.db-wal"
    with wal.open("wb") as file:
        file.truncate(watch.WAL_BYTES + 1)
    await it.look()
    assert "events.db-wal has grown to 64 MB" in concerns.sentences()[0]
    wal.unlink()
    await it.look()
    assert not concerns.sentences()


def test_the_process_reads_itself(tmp_path: Path):
    read = read_now(places({"STABLENEW_HOME": str(tmp_path)}))
    assert read.memory > 1 << 20 and 0 < read.files <= read.files_limit and read.threads >= 1 and read.log_wal == 0


async def test_a_loop_that_stands_still_is_noticed_with_the_place(caplog: pytest.LogCaptureFixture):
    def a_long_way() -> None:
        end = time.monotonic() + 10
        while "stands still" not in caplog.text and time.monotonic() < end:
            pass

    with caplog.at_level(logging.WARNING), Stalls(asyncio.get_running_loop()) as it:
        a_long_way()
        await until(lambda: it.count)
        assert it.count == 1 and it.longest > stalls.STALL_SECONDS
    assert "a_long_way" in caplog.text and "went on after" in caplog.text


async def test_an_idle_loop_is_not_woken(monkeypatch: pytest.MonkeyPatch):
    looked, asked, enough = [], [], threading.Event()

    def look(frame: FrameType | None) -> bool:
        looked.append(is_waiting(frame))
        if looked.count(True) >= 50:
            enough.set()
        return looked[-1]

    monkeypatch.setattr(stalls, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(stalls, "is_waiting", look)
    monkeypatch.setattr(Stalls, "_ask", lambda self: asked.append(self))
    with Stalls(asyncio.get_running_loop()):
        assert await asyncio.to_thread(enough.wait, 10)
    assert len(asked) == looked.count(False) and is_waiting(None)  # those that fell into one of its turns


async def test_a_writer_that_has_nothing_to_do_does_not_stand_and_one_that_is_gone_does(tmp_path: Path):
    log = open_log(tmp_path / "events.db", tmp_path / "events.head")
    assert log.stands() == 0.0
    event = Envelope(seq=Seq(1), at=1.0, epoch=Seq(1), actor="daemon", event=QueuePaused())
    done = log.append([event])
    assert 0.0 <= log.stands() < 5.0
    await done
    assert log.stands() == 0.0
    log._queue.put(None)  # the thread ends although nobody closed the log
    log._thread.join()
    assert log.stands() == float("inf")
    await log.close()
    assert log.stands() == 0.0


def test_systemd_shows_what_goes_on():
    scene = Scene(head=1, queue=QueueScene(counts=Counts(queued=14, running=2, attention=1)))
    assert in_a_line(scene) == "2 running, 14 queued, 1 need attention"
    assert in_a_line(Scene(head=0, queue=QueueScene())) == "nothing to do"
