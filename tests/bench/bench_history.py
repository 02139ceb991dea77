"""A log of a million events, or of five: checks, copies, replay and start-up, against bare SQLite and bare file copies.

    python tests/bench/bench_history.py [--events N] [--rounds N] [--folder DIR | --home DIR] [--json]

Verbs and daemons are real processes, the peers run in between. While a copy is made, events are appended one by one
through the log's own writer, and the waits for their commits are what is told. The disk is /dev/shm, where syncs cost
nothing, or the one of `--folder`, which needs about 2 GB for a million events. `--home` is a home whose log was made
before; it stays. What has been measured is told on stderr as it comes.
Goals: ready within 10 s from a snapshot and within 60 s without; a copy within 30 s; commits within 50 ms meanwhile.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import running as running_daemons
from bench_startup import fetch_and_decode, without
from lived import EVENTS_PER_JOB, Past, append
from measure import Goal, Line, compared, finish, interleaved, percentile, scratch, seconds, table
from running import home_of, running

from daemon.disk import sync_folder
from daemon.log.check import check
from daemon.log.fold import CORE
from daemon.log.snapshots import Snapshots
from daemon.log.store import open_log
from daemon.log.tables import COLUMNS, reader
from daemon.views.sound import digest_of_file
from schema.events import Envelope, NothingChanged
from schema.ids import Seq
from schema.places import Places

LIVE = 3_000
TAIL_JOBS = 1_430
"""About 10,000 events."""

PATIENCE_S = 3600.0
"""Until a daemon is given up that makes the views of five million events."""

PAUSE_S = 0.005
"""Between two commits while a copy is made."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    running_daemons.PATIENCE = PATIENCE_S
    if args.home is not None:
        lines = measured(args.home, args.events, args.rounds)
    elif args.folder is None:
        with scratch("history") as folder:
            lines = measured(folder, args.events, args.rounds)
    else:
        with tempfile.TemporaryDirectory(prefix="bench-history-", dir=args.folder) as made:
            lines = measured(Path(made), args.events, args.rounds)
    finish(lines, sys.argv)


def measured(home: Path, events: int, rounds: int) -> list[Line]:
    where = home_of(home)
    if not where.log.exists():
        past = Past()
        asyncio.run(append(where, past.events(int((events - LIVE) / EVENTS_PER_JOB), LIVE)))
        Snapshots(where.snapshots, where.log, CORE).save()
        asyncio.run(append(where, past.lives(TAIL_JOBS)))
    total = asyncio.run(append(where, iter(())))
    (where.state / "results.seq").write_text(str(total))  # the results folders are not what is measured
    lines: list[Line] = []
    for part in (starting, checks, copying):
        found = part(home, where, rounds)
        print(table(found), file=sys.stderr, flush=True)
        lines += found
    return [*lines, *sizes(where, total)]


# Checks and replay ---------------------------------------------------------------------------------


def checks(home: Path, where: Places, rounds: int) -> list[Line]:
    found = interleaved(rounds, {
        "rows": lambda: seconds(lambda: fetch_rows(where.log)),
        "decoded": lambda: seconds(lambda: fetch_and_decode(where.log)),
        "verify": lambda: verb(home, "verify"),
        "since": lambda: seconds(lambda: check(where.log, where.head)),
        "stats": lambda: verb(home, "stats"),
        "replay": lambda: verb(home, "replay"),
    })  # fmt: skip
    return [
        compared("verify all", "s", found["verify"], "bare fetch of all rows", found["rows"], None),
        compared("verify what is new since the last time", "s", found["since"], "bare fetch", found["rows"],
                 Goal("ratio", most=0.5)),
        compared("stats with growth by day", "s", found["stats"], "bare fetch of all rows", found["rows"], None),
        compared("replay from zero", "s", found["replay"], "bare fetch + decode", found["decoded"], None),
    ]  # fmt: skip


def fetch_rows(log: Path) -> int:
    with closing(reader(log)) as db:
        return sum(1 for _ in db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq"))


def verb(home: Path, *words: str) -> float:
    program = [sys.executable, "-P", "-m", "daemon", "log", *words, "--json"]
    env = {**os.environ, "STABLENEW_HOME": str(home)}
    return seconds(lambda: subprocess.run(program, env=env, check=True, stdout=subprocess.DEVNULL))


# Copies --------------------------------------------------------------------------------------------


def copying(home: Path, where: Places, rounds: int) -> list[Line]:
    """Under writes, and the same file copied by the system; then put back, checked and all."""
    copies = home / "copies"
    copies.mkdir()
    waits: list[float] = []
    calm = asyncio.run(commits_while(where, lambda: seconds(lambda: subprocess.run(["sleep", "3"], check=True))))[1]

    def backup() -> float:
        target = copies / "copy.db"
        target.unlink(missing_ok=True)
        took, waited = asyncio.run(commits_while(where, lambda: verb(home, "backup", str(target))))
        waits.extend(waited)
        return took

    found = interleaved(rounds, {"cp": lambda: seconds(lambda: copy_file(where.log, copies / "bare")),
                                 "backup": backup})  # fmt: skip
    (copies / "bare").unlink()
    other = home / "elsewhere"
    back = verb(other, "restore", str(copies / "copy.db"))
    shutil.rmtree(other)
    shutil.rmtree(copies)
    return [
        compared("backup, checked, under writes", "s", found["backup"], "copy of the file", found["cp"],
                 Goal("value", most=30)),
        Line(what="commits meanwhile, p99", value=percentile(waits, 0.99) * 1e3, unit="ms", peer="without it",
             against=percentile(calm, 0.99) * 1e3, goal=Goal("value", most=50)),
        Line(what="restore, checked before", value=back, unit="s", peer="copy of the file",
             against=statistics.median(found["cp"])),
    ]  # fmt: skip


async def commits_while(where: Places, work: Callable[[], float]) -> tuple[float, list[float]]:
    """What `work` took, and how long each commit took that was asked for meanwhile."""
    log = open_log(where.log, where.head)
    waited: list[float] = []
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        while not working.done():
            event = Envelope(seq=Seq(log.head.seq + 1), at=1.78e9, epoch=Seq(1), actor="uid:1000",
                             event=NothingChanged(command="PauseQueue"))  # fmt: skip
            began = perf_counter()
            await log.append([event])
            waited.append(perf_counter() - began)
            await asyncio.sleep(PAUSE_S)
        return await working, waited
    finally:
        await log.close()


def copy_file(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(target.parent)


# Start-up ------------------------------------------------------------------------------------------


def starting(home: Path, where: Places, rounds: int) -> list[Line]:
    def ready() -> float:
        with running(home) as daemon:
            return daemon.ready_after

    def without_snapshots() -> float:
        with without(where.snapshots):
            return ready()

    views = ready()  # makes them
    found = interleaved(rounds, {
        "bare": lambda: seconds(lambda: fetch_and_decode(where.log)),
        "ready": ready,
        "zero": without_snapshots,
        "digest": lambda: seconds(lambda: digest_of_file(where.views)),
    })  # fmt: skip
    peer = "bare fetch + decode"
    return [
        compared(
            "ready from snapshot, tail and views", "s", found["ready"], peer, found["bare"], Goal("value", most=10)
        ),
        compared("ready without a snapshot", "s", found["zero"], peer, found["bare"], Goal("value", most=60)),
        Line(what="ready without views", value=views, unit="s"),
        Line(what="of this, whether the views' file is the same", value=statistics.median(found["digest"]), unit="s"),
    ]


def sizes(where: Places, total: int) -> list[Line]:
    def mb(path: Path) -> float:
        return path.stat().st_size / 1e6

    saved = sum(one.path.stat().st_size for one in Snapshots(where.snapshots, where.log, CORE).saved()) / 1e6
    return [
        Line(what=f"the log, {total:,} events", value=mb(where.log), unit="MB"),
        Line(what="its views", value=mb(where.views), unit="MB"),
        Line(what="its snapshots", value=saved, unit="MB"),
    ]


if __name__ == "__main__":
    main()
