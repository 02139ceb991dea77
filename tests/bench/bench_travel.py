"""How long a first look at a moment takes, on a log of a million events: status and lists as of then, and steps.

    python tests/bench/bench_travel.py [--events N] [--moments N] [--json]

A real daemon in a real home is asked over its socket, each moment for the first time: status, jobs, images and runs,
one after another; then the same moment again; then the event behind it. The peer is the same four answers of now.
Among the moments: one from which on thousands of jobs that waited were made. Goal: 2 s for all four together.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lived import EVENTS_PER_JOB, Past, append
from measure import Goal, Line, compared, finish, rss, scratch, seconds
from running import Running, home_of, request, running

from daemon.log.fold import CORE
from daemon.log.snapshots import Snapshots
from daemon.log.store import open_log
from daemon.views.views import Views
from schema.places import Places

LIVE = 3_000
MADE_SINCE = 1_430

SHOWN = (
    "/v1/status", "/v1/jobs?limit=100", "/v1/images?limit=100&filter=stars:%3E%3D4", "/v1/runs?limit=100",
)  # fmt: skip
"""What a person looks at."""


def lived(home: Path, events: int) -> tuple[int, int]:
    """About so many events, with snapshots and views; the seqs before what waited was made, and of the last."""
    where, past = home_of(home), Past()
    asyncio.run(append(where, past.events(int((events - LIVE) / EVENTS_PER_JOB) - MADE_SINCE, LIVE)))
    waiting = asyncio.run(append(where, iter(())))
    Snapshots(where.snapshots, where.log, CORE).save()
    total = asyncio.run(append(where, past.lives(MADE_SINCE)))
    (where.state / "results.seq").write_text(str(total))  # the results folders are not what is measured
    asyncio.run(viewed(where))
    return waiting, total


async def viewed(where: Places) -> None:
    """Folds the views, which at a daemon's start would take longer than anybody waits for it."""
    log = open_log(where.log, where.head)
    views = await Views.open(where.views, log, results=where.results, clock=time.time)
    await views.close()
    await log.close()


def looks(daemon: Running) -> Callable[[int | None], float]:
    """Seconds of all that a person looks at, of a moment or of now."""
    wire = daemon.wire()

    def look(seq: int | None) -> float:
        def ask() -> None:
            for path in SHOWN:
                sign = "&" if "?" in path else "?"
                status, body = wire.ask(request("GET", path if seq is None else f"{path}{sign}as_of={seq}"))
                assert status == 200, body

        return seconds(ask)

    return look


def travel(home: Path, events: int, moments: int) -> list[Line]:
    waiting, total = lived(home, events)
    seqs = random.Random(1).sample(range(1, total), moments)
    with running(home) as daemon:
        look = looks(daemon)
        look(None)
        before = rss(daemon.pid)
        now = [look(None) for _ in seqs]
        first = [look(seq) for seq in seqs]
        again = [look(seq) for seq in seqs[-3:] for _ in range(3)]
        steps = [look(seq) for seq in range(seqs[-1] + 1, seqs[-1] + 6)]
        back = [look(seq) for seq in range(seqs[-1] - 1, seqs[-1] - 6, -1)]
        crowded = [look(waiting)]
        grown = rss(daemon.pid) - before
    peer, of = "the same of now", f"of {total:,}"
    return [
        compared(f"status and lists as of a moment {of}", "s", first, peer, now, Goal("value", most=2)),
        compared("the slowest of these moments", "s", [max(first)], peer, [max(now)], Goal("value", most=2)),
        compared(f"as of when {LIVE:,} jobs waited", "s", crowded, peer, now[:1], Goal("value", most=2)),
        compared("a moment again", "s", again, peer, _as_many(now, again), None),
        compared("an event further", "s", steps, peer, _as_many(now, steps), Goal("value", most=1)),
        compared("an event back", "s", back, peer, _as_many(now, back), Goal("value", most=1)),
        Line(what="memory for all that", value=grown / 2**20, unit="MiB"),
    ]


def _as_many(values: Sequence[float], like: Sequence[float]) -> list[float]:
    return [statistics.median(values)] * len(like)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--moments", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with scratch("travel") as home:
        lines = travel(home, args.events, args.moments)
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
