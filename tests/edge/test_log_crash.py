"""A process that is killed, a disk that is full or fails: what was told is on disk, nothing is told afterwards."""

import asyncio
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.log.check import check
from daemon.log.store import LogBroken, open_log, read_log
from schema.events import Envelope, QueuePaused
from schema.ids import Seq

APPENDING = """
import asyncio, sys
from pathlib import Path
from daemon.log.store import LogBroken, open_log
from schema.events import Envelope, JobHeld
from schema.ids import JobId, Seq

async def main(home):
    log = open_log(home / "events.db", home / "events.head")
    seq = log.head.seq

    async def submit(number):
        nonlocal seq
        while True:
            seq += 1
            mine = seq
            event = JobHeld(job=JobId(f"run.{number}-" + "x" * 300))
            await log.append([Envelope(seq=Seq(mine), at=1.0, epoch=Seq(1), actor="daemon", event=event)])
            sys.stdout.write(f"{mine}\\n")
            sys.stdout.flush()

    try:
        await asyncio.gather(*(submit(number) for number in range(8)))
    except LogBroken as broken:
        sys.stderr.write(str(broken))
        try:
            await log.append([])
        except LogBroken:
            sys.exit(74)

asyncio.run(main(Path(sys.argv[1])))
"""


def batch(first: int, last: int) -> list[Envelope]:
    return [
        Envelope(seq=Seq(seq), at=1.0, epoch=Seq(1), actor="daemon", event=QueuePaused())
        for seq in range(first, last + 1)
    ]


def start(home: Path, limit: int | None = None, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """A process that appends and prints each seq once it was told that it is durable."""

    def bound() -> None:
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-P", "-c", APPENDING, str(home)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=bound, env={**os.environ, **(env or {})},
    )  # fmt: skip


def told(output: str) -> int:
    """The highest seq that was printed whole."""
    return max((int(line) for line in output.splitlines(keepends=True) if line.endswith("\n")), default=0)


def kill_after(home: Path, lines: int) -> int:
    process = start(home)
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    output = "".join(seen) + process.communicate(timeout=30)[0]
    return told(output)


def kills(home: Path, times: int) -> None:
    draw = random.Random(7)
    highest = 0
    for _ in range(times):
        highest = max(highest, kill_after(home, draw.randrange(1, 200)))
        verdict = check(home / "events.db", home / "events.head", deep=True)
        assert verdict.findings == ()
        assert verdict.head.seq >= highest
    assert [kept.seq for kept in read_log(home / "events.db")] == list(range(1, verdict.head.seq + 1))


async def test_a_failing_sync_fails_all_that_wait_and_all_that_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path / "events.db", tmp_path / "events.head")
    await log.append(batch(1, 3))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("daemon.log.appender.Appender.append", fail)
    waiting = [log.append(batch(4, 4)), log.append(batch(5, 5))]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, LogBroken) for result in results)
    monkeypatch.undo()
    with pytest.raises(LogBroken, match="disk I/O error"):
        await log.append(batch(4, 4))
    assert log.head.seq == 3
    await log.close()


@pytest.mark.story
def test_a_killed_process_loses_nothing_that_was_told(tmp_path: Path) -> None:
    kills(tmp_path, 4)


@pytest.mark.long
@pytest.mark.story
@pytest.mark.timeout(900)
def test_two_hundred_kills_lose_nothing_that_was_told(tmp_path: Path) -> None:
    kills(tmp_path, 200)


@pytest.mark.story
def test_a_full_disk_ends_the_log_and_loses_nothing_that_was_told(tmp_path: Path) -> None:
    process = start(tmp_path, limit=600_000)
    output, complaint = process.communicate(timeout=60)
    assert process.returncode == 74
    assert "the log takes nothing more" in complaint
    verdict = check(tmp_path / "events.db", tmp_path / "events.head", deep=True)
    assert verdict.findings == ()
    assert verdict.head.seq >= told(output) > 50
    # With room again, the next process goes on.
    assert kill_after(tmp_path, 20) > verdict.head.seq


# A disk that fails in the middle ------------------------------------------------------------------

FAILING = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stdio.h>
static int of_the_log(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return strstr(path, "events.db") != NULL && strstr(path, "-shm") == NULL;
}
/* The FAIL_AT-th write or sync of the log's files fails with EIO; all after it too, if FAIL_ALWAYS is set. */
static int fails(int fd) {
  static long count;
  if (!of_the_log(fd)) return 0;
  long at = atol(getenv("FAIL_AT"));
  count++;
  if (count == at || (count > at && getenv("FAIL_ALWAYS"))) { errno = EIO; return 1; }
  return 0;
}
#define REAL(name, type) static type real; if (!real) real = (type)dlsym(RTLD_NEXT, name)
typedef ssize_t (*writer)(int, const void *, size_t, off_t);
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
  REAL("pwrite", writer); return fails(fd) ? -1 : real(fd, b, n, o);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) {
  REAL("pwrite64", writer); return fails(fd) ? -1 : real(fd, b, n, o);
}
typedef int (*syncer)(int);
int fsync(int fd) { REAL("fsync", syncer); return fails(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL("fdatasync", syncer); return fails(fd) ? -1 : real(fd); }
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes the disk fail, for LD_PRELOAD."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here: the disk cannot be made to fail")
    folder = tmp_path_factory.mktemp("failing")
    (folder / "failing.c").write_text(FAILING)
    library = folder / "failing.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "failing.c", "-ldl"], check=True)
    return library


def fail_at(home: Path, failing: Path, at: int, always: bool) -> None:
    home.mkdir()
    env = {"LD_PRELOAD": str(failing), "FAIL_AT": str(at)} | ({"FAIL_ALWAYS": "1"} if always else {})
    process = start(home, env=env)
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(100)]
    process.kill()  # of no avail to one that has ended by itself
    output, complaint = process.communicate(timeout=30)
    acknowledged = told("".join(seen) + output)
    ended = (74,) if always else (74, -signal.SIGKILL)  # a checkpoint that fails once harms nobody
    assert process.returncode in ended or not acknowledged, complaint
    verdict = check(home / "events.db", home / "events.head", deep=True)
    assert verdict.findings == (), (at, always)
    assert verdict.head.seq >= acknowledged, (at, always)
    kill_after(home, 3)  # the next process goes on
    assert check(home / "events.db", home / "events.head", deep=True).findings == (), (at, always)


@pytest.mark.story
@pytest.mark.parametrize("at", [4, 26, 33, 60])
def test_a_failing_write_or_sync_loses_nothing_that_was_told(tmp_path: Path, failing: Path, at: int) -> None:
    fail_at(tmp_path / "once", failing, at, always=False)
    fail_at(tmp_path / "always", failing, at, always=True)


@pytest.mark.long
@pytest.mark.story
@pytest.mark.timeout(1800)
def test_every_failing_write_or_sync_loses_nothing_that_was_told(tmp_path: Path, failing: Path) -> None:
    for at in range(1, 121):
        fail_at(tmp_path / f"once-{at}", failing, at, always=False)
        fail_at(tmp_path / f"always-{at}", failing, at, always=True)
