"""How long the daemon needs until its status says ready, on a log of a million events; and checks and backups of it.

    python tests/bench/bench_startup.py [--events N] [--rounds N] [--json]

Each start is a real process in a real home; the peer is bare sqlite3 fetch + msgspec decode of the same rows, and for
the restart with 100,000 unfinished jobs the bare decode of the same snapshot. The queue is paused: nothing runs.
Goals: ready within 10 s from snapshot and tail, within 60 s from zero; a restart from snapshot and a tail of 10,000
events at most 1.4 of the bare decode of that snapshot; a backup within 30 s and submits answered within 50 ms
meanwhile.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
from lived import EVENTS_PER_JOB, Past, append
from measure import Goal, Line, compared, finish, interleaved, percentile, scratch, seconds
from running import home_of, request, running

from daemon.core.state import State, revive
from daemon.log import snapshots
from daemon.log.fold import CORE
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from schema.events import Event
from schema.places import Places

LIVE = 3_000
TAIL_JOBS = 1_430
"""About 10,000 events."""

HEADER = 92
"""Bytes before a snapshot's payload."""

MANY = 100_000
"""Unfinished jobs of the restart."""


def fetch_and_decode(log: Path) -> int:
    decode = msgspec.json.Decoder(Event).decode
    with closing(reader(log)) as db:
        return sum(1 for (data,) in db.execute("SELECT data FROM events ORDER BY seq") if decode(data) is not None)


@contextmanager
def without(*paths: Path) -> Iterator[None]:
    """As if these had been deleted; they lie there again afterwards, whatever was made meanwhile."""
    aside = [(path, path.with_name(path.name + ".aside")) for path in paths if path.exists()]
    for path, away in aside:
        path.rename(away)
    try:
        yield
    finally:
        for path, away in aside:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            away.rename(path)


def ready_seconds(home: Path) -> float:
    with running(home) as daemon:
        return daemon.ready_after


def starts(home: Path, events: int, rounds: int) -> list[Line]:
    where = home_of(home)
    past = Past()
    asyncio.run(append(where, past.events(int((events - LIVE) / EVENTS_PER_JOB), LIVE)))
    total = asyncio.run(append(where, iter(())))
    (where.state / "results.seq").write_text(str(total))  # the results folders are not what is measured
    views = (where.views, Path(f"{where.views}-wal"), Path(f"{where.views}-shm"))
    verified = where.log.with_name(where.log.name + ".verified")
    verified.unlink()
    peer = f"fetch + decode of {total:,} rows"
    whole = interleaved(1, {"bare": lambda: seconds(lambda: fetch_and_decode(where.log)),
                            "ready": lambda: ready_seconds(home)})  # fmt: skip
    Snapshots(where.snapshots, where.log, CORE).save()
    asyncio.run(append(where, past.lives(TAIL_JOBS)))
    ready_seconds(home)  # the views have the tail now

    def from_zero() -> float:
        with without(where.snapshots, verified):
            return ready_seconds(home)

    def views_anew() -> float:
        with without(*views):
            return ready_seconds(home)

    found = interleaved(rounds, {
        "bare": lambda: seconds(lambda: fetch_and_decode(where.log)),
        "snapshot": lambda: ready_seconds(home),
        "zero": from_zero,
    })  # fmt: skip
    anew = interleaved(1, {"bare": lambda: seconds(lambda: fetch_and_decode(where.log)), "anew": views_anew})
    empty = interleaved(rounds, {"new": lambda: new_home()})["new"]
    return [
        Line(what="ready in an empty home", value=statistics.median(empty), unit="s"),
        compared("ready from snapshot + 10k tail", "s", found["snapshot"], peer, found["bare"], Goal("value", most=10)),
        compared("ready from zero, views there", "s", found["zero"], peer, found["bare"], Goal("value", most=60)),
        compared("ready from snapshot, no views", "s", anew["anew"], peer, anew["bare"], None),
        compared("ready from the log alone", "s", whole["ready"], peer, whole["bare"], Goal("value", most=60)),
        *beside_a_daemon(home, total),
    ]


def beside_a_daemon(home: Path, events: int) -> list[Line]:
    """Verifying and backing up while the daemon runs, and how a small wish is answered meanwhile."""
    program = [sys.executable, "-P", "-m", "daemon", "log"]
    env = {**os.environ, "STABLENEW_HOME": str(home)}
    wish = request("POST", "/v1/runs", {"prompt": "a quiet harbour at dawn"})
    with running(home) as daemon:
        wire = daemon.wire()
        calm = [seconds(lambda: wire.ask(wish)) * 1e3 for _ in range(100)]
        began, took = time.perf_counter(), []
        backup = subprocess.Popen([*program, "backup", str(home / "backup.db")], env=env, stdout=subprocess.DEVNULL)
        while backup.poll() is None:
            took.append(seconds(lambda: wire.ask(wish)) * 1e3)
        backed_up = time.perf_counter() - began
        assert backup.returncode == 0
        verified = seconds(lambda: subprocess.run([*program, "verify"], env=env, check=True, stdout=subprocess.DEVNULL))
        wire.close()
    peer, before = "p99 without it", percentile(calm, 0.99)
    return [
        Line(what=f"log backup, {events:,} events", value=backed_up, unit="s", goal=Goal("value", most=30)),
        Line(what="a submit answered meanwhile, p99", value=percentile(took, 0.99), unit="ms", peer=peer,
             against=before, ratio=percentile(took, 0.99) / before, goal=Goal("value", most=50)),
        Line(what=f"log verify, {events:,} events", value=verified, unit="s"),
    ]  # fmt: skip


def new_home() -> float:
    with scratch("new") as folder:
        return ready_seconds(folder)


def restart(where: Places, rounds: int) -> list[Line]:
    """Snapshot of many unfinished jobs and a tail, against the bare decode of that snapshot, unpacked and packed."""
    past = Past()
    asyncio.run(append(where, past.events(0, MANY)))
    Snapshots(where.snapshots, where.log, CORE).save()
    asyncio.run(append(where, past.lives(TAIL_JOBS)))
    (saved,) = Snapshots(where.snapshots, where.log, CORE).saved()
    packed = saved.path.read_bytes()[HEADER:]
    unpacked = zlib.decompress(packed)
    kept: list[State] = []

    def keep(state: State) -> None:
        kept[:] = [state]  # the old one is let go outside of what is measured

    def timed(work: Callable[[], State]) -> Callable[[], float]:
        def once() -> float:
            kept.clear()
            return seconds(lambda: keep(work()))

        return once

    found = interleaved(rounds, {
        "restore": timed(lambda: snapshots.restore(where.snapshots, where.log)),
        "unpacked": timed(lambda: revive(unpacked)),
        "packed": timed(lambda: revive(zlib.decompress(packed))),
    })  # fmt: skip
    what, goal = f"restore {MANY:,} live jobs + 10k tail", Goal("ratio", most=1.4)
    return [
        compared(what, "s", found["restore"], "bare decode of the snapshot", found["unpacked"], goal),
        compared(what, "s", found["restore"], "unzip + bare decode", found["packed"], None),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with scratch("startup") as folder:
        lines = restart(home_of(folder), args.rounds * 2 + 1)
    with scratch("startup") as folder:
        lines += starts(folder, args.events, args.rounds)
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
