"""Memory of the real daemon: idle, with a hundred thousand ended jobs behind it, with a hundred thousand before it.

    python tests/bench/bench_memory.py [--jobs N] [--json]

Resident bytes by /proc, once it is ready and at rest. The peer of a waiting job is what bare msgspec needs for it: a
process that decodes the snapshot of the same state and keeps it. Goal: at most 0.9 KB for each unfinished job.
"""

import argparse
import asyncio
import gc
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lived import Past, append
from measure import Goal, Line, finish, rss, scratch, seconds
from running import home_of, running

from daemon.core.filing import indexed
from daemon.log.fold import CORE
from daemon.log.snapshots import Snapshots

MIB = 2**20

DECODE = """
import sys, zlib
from pathlib import Path
from daemon.core.state import _decoder
def rss():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024
before = rss()
content = zlib.decompress(Path(sys.argv[1]).read_bytes()[92:])
kept = _decoder.decode(content)
del content
print(rss() - before)
"""


def at_rest(home: Path) -> int:
    """Bytes of a daemon on this home, started a second time: nothing is left to catch up then."""
    with running(home):
        pass
    with running(home) as daemon:
        daemon.ask("GET", "/v1/jobs?limit=50")
        return settled(daemon.pid)


def settled(pid: int) -> int:
    """Once it has stopped growing. Raises TimeoutError where it never does."""
    before, still, deadline = rss(pid), 0, time.monotonic() + 120
    while still < 10:
        if time.monotonic() > deadline:
            raise TimeoutError(f"it never stops growing: {before} bytes")
        time.sleep(0.1)
        now = rss(pid)
        still = still + 1 if abs(now - before) < MIB // 4 else 0
        before = now
    return before


def home_with(folder: Path, ended: int, live: int) -> Path:
    where = home_of(folder)
    last = asyncio.run(append(where, Past().events(ended, live)))
    (where.state / "results.seq").write_text(str(last))
    Snapshots(where.snapshots, where.log, CORE).save()
    return folder


def decoded(home: Path) -> int:
    """Bytes that the state's own structs take in a process that holds nothing else."""
    where = home_of(home)
    saved = Snapshots(where.snapshots, where.log, CORE).saved()[-1]
    told = subprocess.run([sys.executable, "-c", DECODE, str(saved.path)], check=True, stdout=subprocess.PIPE).stdout
    return int(told)


def collecting(home: Path) -> Line:
    """How much longer the collector of cycles stops everything, with all those jobs and their index before it."""

    def pause() -> float:
        gc.collect()
        return statistics.median(seconds(gc.collect) * 1e3 for _ in range(5))

    where = home_of(home)
    before = pause()
    state = Snapshots(where.snapshots, where.log, CORE).as_of(None)
    indexed(state)
    after = pause()
    del state
    return Line(what="a full collection, for those waiting jobs", value=after - before, unit="ms",
                peer="without them", against=before, goal=Goal("value", most=5))  # fmt: skip


def measure(folder: Path, jobs: int) -> list[Line]:
    idle = at_rest(folder / "idle")
    behind = at_rest(home_with(folder / "behind", jobs, 0))
    waiting = home_with(folder / "waiting", 0, jobs)
    before = at_rest(waiting)
    bare = decoded(waiting)
    return [
        Line(what="daemon, idle in an empty home", value=idle / MIB, unit="MiB"),
        Line(what=f"with {jobs:,} ended jobs", value=behind / MIB, unit="MiB", peer="idle", against=idle / MIB,
             ratio=behind / idle),
        Line(what=f"with {jobs:,} waiting jobs", value=before / MIB, unit="MiB", peer="idle", against=idle / MIB,
             ratio=before / idle),
        Line(what="bytes of a waiting job", value=(before - idle) / jobs, unit="B", peer="bare decode of its snapshot",
             against=bare / jobs, ratio=(before - idle) / bare, goal=Goal("value", most=900)),
        Line(what="bytes of an ended job", value=(behind - idle) / jobs, unit="B"),
        collecting(waiting),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with scratch("memory") as folder:
        finish(measure(folder, args.jobs), sys.argv)


if __name__ == "__main__":
    main()
