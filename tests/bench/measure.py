"""What the benches share: lines of the table, interleaved rounds, a disk whose syncs take a known time, memory.

A bench is a file `bench_*.py` that measures the program and its limit or peer in the same run, interleaved, and ends
with `finish(lines)`: a table for people, or with `--json` one JSON list of `Line` for `python tests/bench`.
"""

import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

SYNC_US = 150
"""What a sync costs on the benches' disk: a good one when idle."""

SLOW_SYNC = r"""
#include <stdlib.h>
#include <time.h>
static void nap(void) {
  const char *us = getenv("BENCH_SYNC_US");
  long n = us ? atol(us) : 0;
  struct timespec t = {n / 1000000, (n % 1000000) * 1000};
  if (n) clock_nanosleep(CLOCK_MONOTONIC, 0, &t, 0);
}
int fsync(int fd) { (void)fd; nap(); return 0; }
int fdatasync(int fd) { (void)fd; nap(); return 0; }
"""


class Goal(NamedTuple):
    of: Literal["ratio", "value"]
    least: float | None = None
    most: float | None = None

    def met(self, number: float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        return f"{self.of} >= {self.least:g}" if self.least is not None else f"{self.of} <= {self.most:g}"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the table."""

    what: str
    value: float
    unit: str
    peer: str = ""
    """The limit or peer, measured in the same run; empty where the value stands alone."""
    against: float | None = None
    """The peer's value, in the same unit."""
    ratio: float | None = None
    """Median of the rounds' value / peer."""
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        number = self.ratio if self.goal is not None and self.goal.of == "ratio" else self.value
        return None if self.goal is None or number is None else self.goal.met(number)


def finish(lines: Sequence[Line], arguments: Sequence[str]) -> None:
    if "--json" in arguments:
        sys.stdout.write(msgspec.json.encode(list(lines)).decode() + "\n")
        return
    print(machine())
    print(table(lines))


def table(lines: Sequence[Line]) -> str:
    """As text, a line each; a goal that is missed is marked."""
    rows = [("", "", "value", "peer", "", "ratio", "goal")]
    for line in lines:
        rows.append((
            {True: "ok", False: "MISS", None: ""}[line.met],
            line.what,
            f"{_short(line.value)} {line.unit}",
            line.peer,
            "" if line.against is None else f"{_short(line.against)} {line.unit}",
            "" if line.ratio is None else f"{line.ratio:.2f}",
            "" if line.goal is None else str(line.goal),
        ))  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _short(number: float) -> str:
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"


def machine() -> str:
    """The machine in a line, with its load: figures are worth comparing only beside those of the same run."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} x {model}, {memory / 2**20:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, load {load}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


# Time --------------------------------------------------------------------------------------------


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleaved(rounds: int, cases: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Every case once a round, so that the machine's moods hit all alike; a case returns its own figure."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(case())
    return found


def ratio(mine: Sequence[float], peers: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, peers, strict=True))


def compared(what: str, unit: str, mine: Sequence[float], peer: str, peers: Sequence[float], goal: Goal | None) -> Line:
    """The medians of both, and the median of the rounds' ratios."""
    return Line(
        what=what, value=statistics.median(mine), unit=unit, peer=peer, against=statistics.median(peers),
        ratio=ratio(mine, peers), goal=goal,
    )  # fmt: skip


def percentile(values: Sequence[float], part: float) -> float:
    """Nearest rank; `part` from 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


# Disk and memory -----------------------------------------------------------------------------------


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder in memory where there is one: its syncs cost what we say."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@cache
def slow_sync() -> Path | None:
    """The library that makes every sync take BENCH_SYNC_US; None where there is no C compiler."""
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        return None
    folder = Path(tempfile.gettempdir()) / f"stablenew-bench-{os.geteuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    source, library = folder / "slowsync.c", folder / "slowsync.so"
    if not library.exists() or not source.exists() or source.read_text() != SLOW_SYNC:
        source.write_text(SLOW_SYNC)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def synced(us: int = SYNC_US) -> dict[str, str]:
    """What the environment of a process must have for its syncs to take so long; empty where that cannot be had."""
    library = slow_sync()
    return {} if library is None else {"LD_PRELOAD": str(library), "BENCH_SYNC_US": str(us)}


def on_slow_disk() -> None:
    """Begins this program again with syncs that take SYNC_US, unless they do already or cannot."""
    env = synced()
    if env and os.environ.get("LD_PRELOAD") != env["LD_PRELOAD"]:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **env})


def cpu(pid: int) -> float:
    """Seconds of processor time that the process has used: a figure that other work on the machine hardly moves."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    """Bytes of memory that the process holds now."""
    return next(int(line.split()[1]) for line in _lines(f"/proc/{pid}/status") if line.startswith("VmRSS")) * 1024
