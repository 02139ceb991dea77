"""Submitting through the socket: a run of twenty thousand jobs, what is answered meanwhile, and 64 clients at once.

    python tests/bench/bench_submit.py [--jobs N] [--rounds N] [--json]

Daemon and clients are processes; a sync takes 150 us. The limit of the large run is bare sqlite3 inserting the same
rows into the same tables as one transaction; that of the 64 clients, a server that answers the same requests at once,
and the same rows inserted in groups of 64. The queue is paused: nothing is dispatched.
"""

import argparse
import asyncio
import statistics
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from bench_dispatch import BODY, echoing
from measure import Line, compared, cpu, finish, on_slow_disk, percentile, scratch, seconds
from running import Running, ask_all, home_of, request, running

from daemon.log.tables import COLUMNS, WIDTH, Row, reader, writer

CLIENTS = 64
PROMPTS = 200
LOOK_EVERY = 0.01
"""Seconds between two looks at the status while the run is submitted."""


class Watcher(threading.Thread):
    """A client that looks at the status all the while; seconds of each answer."""

    def __init__(self, daemon: Running) -> None:
        super().__init__()
        self.took: list[float] = []
        self._wire = daemon.wire()
        self._over = threading.Event()

    def run(self) -> None:
        asked = request("GET", "/v1/status")
        while not self._over.wait(LOOK_EVERY):
            self.took.append(seconds(lambda: self._wire.ask(asked)))

    def end(self) -> list[float]:
        self._over.set()
        self.join()
        self._wire.close()
        return self.took


def pack(jobs: int) -> dict[str, object]:
    lines = [f"a quiet harbour at dawn, fishing boats, soft mist, muted colours, view {n}" for n in range(PROMPTS)]
    return {"packs": [{"name": "harbour.txt", "text": "\n\n".join(lines)}], "count": jobs // PROMPTS, "seed": 1}


def rows_behind(log: Path, seq: int) -> list[Row]:
    with closing(reader(log)) as db:
        return db.execute(f"SELECT {COLUMNS} FROM events WHERE seq>? ORDER BY seq", (seq,)).fetchall()


def insert(path: Path, rows: list[Row], group: int) -> float:
    """Seconds of bare sqlite3 for these rows, a commit for each group, into an empty log."""
    sql = f"INSERT INTO events({COLUMNS}) VALUES({','.join('?' * WIDTH)})"
    numbered = [(n, *row[1:]) for n, row in enumerate(rows, 1)]
    with closing(writer(path)) as db:
        began = time.perf_counter()
        for start in range(0, len(rows), group):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(sql, numbered[start : start + group])
            db.execute("COMMIT")
        return time.perf_counter() - began


def large(folder: Path, daemon: Running, jobs: int) -> tuple[float, float, list[float], list[Row]]:
    """Seconds until answered and until listed, the status' answers meanwhile, and the rows that were written."""
    log = home_of(folder / "home").log
    head = daemon.ask("GET", "/v1/status")["head"]
    assert isinstance(head, int)
    watcher = Watcher(daemon)
    watcher.start()
    began = time.perf_counter()
    daemon.ask("POST", "/v1/runs", pack(jobs))
    answered = time.perf_counter() - began
    total = daemon.ask("GET", "/v1/jobs?limit=1")["total"]
    listed = time.perf_counter() - began
    assert isinstance(total, int) and total >= jobs
    return answered, listed, watcher.end(), rows_behind(log, head)


def large_run(folder: Path, daemon: Running, jobs: int, rounds: int) -> list[Line]:
    looked = request("GET", "/v1/status")
    wire = daemon.wire()
    idle = [seconds(lambda: wire.ask(looked)) for _ in range(100)]
    wire.close()
    answered, listed, bare, during = ([], [], [], [])  # type: tuple[list[float], ...]
    for turn in range(rounds):
        one = large(folder, daemon, jobs)
        answered.append(one[0])
        listed.append(one[1])
        during += one[2]
        bare.append(insert(folder / f"bare{turn}.db", one[3], len(one[3])))
    rows = one[3]
    peer = "bare sqlite3, one transaction"
    calm = statistics.median(idle)
    return [
        compared(f"run of {jobs:,} jobs: answered", "s", answered, peer, bare, None),
        compared(f"run of {jobs:,} jobs: listed", "s", listed, peer, bare, None),
        Line(what="events a second of that", value=len(rows) / statistics.median(answered), unit="ev/s", peer=peer,
             against=len(rows) / statistics.median(bare)),
        *(Line(what=f"GET /v1/status meanwhile, {name}", value=late * 1e3, unit="ms", peer="idle, p50",
               against=calm * 1e3, ratio=late / calm)
          for name, late in (("p50", percentile(during, 0.5)), ("p99", percentile(during, 0.99)),
                             ("worst", max(during)))),
    ]  # fmt: skip


def room(log: Path) -> Line:
    """Of the log of a daemon that has ended, its WAL emptied."""
    with closing(reader(log)) as db:
        events, content = db.execute("SELECT count(*), sum(length(data)) FROM events").fetchone()
    size = log.stat().st_size / events
    return Line(what="log, bytes an event", value=size, unit="B", peer="its JSON alone", against=content / events,
                ratio=size * events / content)  # fmt: skip


def many_clients(folder: Path, daemon: Running, jobs: int, rounds: int) -> list[Line]:
    asked = request("POST", "/v1/runs", BODY)
    log = home_of(folder / "home").log
    mine, echoed, bare, alone, busy, echo_busy = ([], [], [], [], [], [])  # type: tuple[list[float], ...]
    late: list[float] = []
    count = CLIENTS * 16
    asyncio.run(ask_all(daemon.socket, iter([asked] * CLIENTS), CLIENTS))
    with echoing(folder) as (echo, echo_pid):
        for turn in range(rounds):
            head = daemon.ask("GET", "/v1/status")["head"]
            assert isinstance(head, int)
            began, used = time.perf_counter(), cpu(daemon.pid)
            late += asyncio.run(ask_all(daemon.socket, iter([asked] * count), CLIENTS))
            mine.append(count / (time.perf_counter() - began))
            daemon.ask("GET", "/v1/jobs?limit=1")  # the views have them, too
            busy.append((cpu(daemon.pid) - used) / count * 1e6)
            began, used = time.perf_counter(), cpu(echo_pid)
            asyncio.run(ask_all(echo, iter([asked] * count), CLIENTS))
            echoed.append(count / (time.perf_counter() - began))
            echo_busy.append((cpu(echo_pid) - used) / count * 1e6)
            began = time.perf_counter()
            asyncio.run(ask_all(daemon.socket, iter([asked] * CLIENTS), 1))
            alone.append(CLIENTS / (time.perf_counter() - began))
            rows = rows_behind(log, head)
            bare.append(len(rows) / 2 / insert(folder / f"many{turn}.db", rows, CLIENTS))
    what = f"{CLIENTS} clients, a run of one job each"
    return [
        compared(what, "runs/s", mine, "server that does nothing", echoed, None),
        compared(what, "runs/s", mine, "bare sqlite3, groups of 64", bare, None),
        compared(what, "runs/s", mine, "one client", alone, None),
        compared("CPU of a run of one job", "us", busy, "server that does nothing", echo_busy, None),
        Line(what=f"{CLIENTS} clients, p99 of an answer", value=percentile(late, 0.99) * 1e3, unit="ms",
             peer="p50", against=percentile(late, 0.5) * 1e3,
             ratio=percentile(late, 0.99) / percentile(late, 0.5)),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    on_slow_disk()
    env = {"STABLENEW_DAEMON__MAX_CLIENTS": str(CLIENTS * 2)}
    lines: list[Line] = []
    for part in (many_clients, large_run):
        with scratch("submit") as folder:
            with running(folder / "home", env) as daemon:
                daemon.ask("POST", "/v1/queue/pause")
                lines += part(folder, daemon, args.jobs, args.rounds)
            log = home_of(folder / "home").log
            lines += [room(log)] if part is large_run else []
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
