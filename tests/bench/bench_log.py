"""The log and the ledger against what SQLite itself can do, on a disk whose syncs take a known time.

    python tests/bench/bench_log.py [--rounds N] [--events N] [--only append|replay] [--json]

Appending: 64 submitters that each wait until theirs is durable, and one alone, against a bare loop that inserts the
very same rows into the same tables in groups of 64, and one by one. fsync is replaced by a sleep of 150 us and of 1 ms
(on /dev/shm), so that the figures can be repeated. Cases run interleaved; a ratio is the median of the rounds' ratios.
Goals: the whole ledger at least 0.35 of the bare loop at 150 us, 0.60 at 1 ms.
Replaying: reading and folding a whole log against bare fetch + decode. Goal: at least 0.25.
"""

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
from measure import Goal, Line, compared, finish, scratch, synced

from daemon.core.rules import Rules
from daemon.core.vitals import Vitals
from daemon.ledger import Ledger
from daemon.ledger.mail import Origin
from daemon.log.fold import CORE
from daemon.log.store import open_log, read_log
from daemon.log.tables import COLUMNS, WIDTH, Row, reader, writer
from schema import events as e
from schema.commands import RateImages, Rating, SubmitRun
from schema.events import Envelope, Event
from schema.ids import CommandId, ImageId, NodeId, RunId, Seq, Sha256, StageId, Token, job_id
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep

SUBMITTERS = 64

SHA = Sha256("5" * 64)
STEP = StageStep(id=StageId("txt2img"), kind="txt2img", model="a-model-v15.safetensors", steps=24, megapixels=0.26)
PROMPT = "a quiet harbour at dawn, fishing boats, soft mist over the water, muted colours, long exposure"


# What is appended --------------------------------------------------------------------------------


def job_spec(number: int) -> JobSpec:
    return JobSpec(
        name=f"harbour-{number:05}", pack="harbour", template=PROMPT, prompt=PROMPT, negative="blurry", seed=number,
        overlay={"txt2img.cfg": 6.5, "txt2img.steps": 24}, origins={"prompt": "pack harbour.txt:4", "seed": "--seed"},
    )  # fmt: skip


def run_spec(run: RunId, jobs: int) -> RunSpec:
    return RunSpec(name=run, base=SHA, plan_hash="p" * 64, seed=1, jobs=jobs, stages=(STEP,), folder=f"2026-{run}")


def rate(number: int) -> RateImages:
    return RateImages(ratings=(Rating(image=ImageId(f"image{number:07}"), stars=number % 5 + 1, was=0),))


def submit(number: int) -> SubmitRun:
    run = RunId(f"run{number:06}")
    return SubmitRun(run=run, spec=run_spec(run, 1), jobs=(job_spec(number),))


def lives(jobs: int) -> Iterator[Event]:
    """The events of so many jobs' whole lives, forty of them unfinished at a time."""
    run, seq, open_jobs = RunId("run00001"), 1, list[tuple[int, Token]]()
    yield e.NodeJoined(node=NodeId("node0001"), name="here", instance="i", link="loopback", backends=("sketch",),
                       kinds=("txt2img",))  # fmt: skip
    yield e.RunSubmitted(run=run, spec=run_spec(run, jobs))
    seq = 2
    for number in range(1, jobs + 1):
        job = job_id(run, number)
        yield e.JobSubmitted(job=job, run=run, spec=job_spec(number))
        yield e.StageAssigned(job=job, stage=STEP.id, node=NodeId("node0001"), attempt=1, why="the only node")
        seq += 2
        open_jobs.append((number, Token(seq)))
        if len(open_jobs) < 40 and number < jobs:
            continue
        for ended in open_jobs[: 1 if number < jobs else None]:
            yield from ending(run, *ended)
            seq += 3
        del open_jobs[:1]
    yield e.RunFinished(run=run, finished=jobs)


def ending(run: RunId, number: int, token: Token) -> Iterator[Event]:
    job, image = job_id(run, number), ImageId(f"image{number:06}")
    picture = Picture(sha256=SHA, pixels="6" * 64, media="image/png", bytes=412_345, width=512, height=512, seed=number)
    yield e.ArtifactStored(image=image, job=job, run=run, stage=STEP.id, token=token, index=0, file=picture)
    yield e.StageFinished(
        job=job, stage=STEP.id, token=token, node=NodeId("node0001"), backend="sketch", images=(image,), files=(SHA,),
        effective={"steps": 24, "cfg": 6.5, "sampler": "DPM++ 2M", "model": "a-model-v15.safetensors"},
        measures=Measures(executed_s=4.2, moved_s=0.1, megapixels=0.26),
    )  # fmt: skip
    yield e.JobFinished(job=job, seconds=4.9)


# The cases ---------------------------------------------------------------------------------------


class Plant:
    """A new log in `folder` with its ledger running."""

    def __init__(self, folder: Path) -> None:
        self.log = open_log(folder / "events.db", folder / "events.head")
        self.ledger = Ledger(
            CORE.empty(), self.log, clock=time.time, vitals=Vitals(), rules=Rules(), on_broken=lambda error: None
        )
        self.running = asyncio.ensure_future(self.ledger.run())

    async def end(self) -> None:
        await self.ledger.stop()
        await self.running
        await self.log.close()


Wish = Callable[[int], RateImages | SubmitRun]


async def ledger_case(folder: Path, wish: Wish, count: int, submitters: int) -> float:
    """Seconds until `count` commands of so many submitters were answered."""
    plant = Plant(folder)
    numbers = iter(range(count))

    async def submitter() -> None:
        for number in numbers:
            await plant.ledger.command(wish(number), Origin("uid:1000", CommandId(f"command{number:06}")))

    began = time.perf_counter()
    await asyncio.gather(*(submitter() for _ in range(submitters)))
    seconds = time.perf_counter() - began
    await plant.end()
    return seconds


async def log_case(folder: Path, events: list[Event], submitters: int) -> float:
    """The log alone: each submitter hands over one event and waits for its own future."""
    log = open_log(folder / "events.db", folder / "events.head")
    numbered = iter(enumerate(events, 1))

    async def submitter() -> None:
        for seq, event in numbered:
            await log.append([Envelope(seq=Seq(seq), at=1.0, epoch=Seq(1), actor="uid:1000", event=event)])

    began = time.perf_counter()
    await asyncio.gather(*(submitter() for _ in range(submitters)))
    seconds = time.perf_counter() - began
    await log.close()
    return seconds


def bare_case(folder: Path, rows: list[Row], group: int) -> float:
    """sqlite3 alone: the same rows, the same tables, a commit per group."""
    insert = f"INSERT INTO events({COLUMNS}) VALUES({','.join('?' * WIDTH)})"
    with closing(writer(folder / "events.db")) as db:
        began = time.perf_counter()
        for start in range(0, len(rows), group):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(insert, rows[start : start + group])
            db.execute("COMMIT")
        return time.perf_counter() - began


def rows_of(path: Path) -> list[Row]:
    with closing(reader(path)) as db:
        return db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq").fetchall()


# One process, one sync time ----------------------------------------------------------------------


def measure_appends(rounds: int, count: int) -> dict[str, list[float]]:
    """Events per second of every case and round."""
    few = max(100, count // 20)
    rates: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[Path], float], events: int) -> None:
        with scratch("log") as folder:
            rates.setdefault(name, []).append(events / run(folder))

    def ledger(wish: Wish, commands: int, submitters: int) -> Callable[[Path], float]:
        return lambda folder: asyncio.run(ledger_case(folder, wish, commands, submitters))

    def log(rows: list[Row], submitters: int) -> Callable[[Path], float]:
        decode = msgspec.json.Decoder(Event).decode
        events = [decode(row[12]) for row in rows]
        return lambda folder: asyncio.run(log_case(folder, events, submitters))

    rated, submitted = (rows_after(wish, count) for wish in (rate, submit))
    for _ in range(rounds):
        timed("bare 64, ratings", lambda folder: bare_case(folder, rated, SUBMITTERS), len(rated))
        timed("log 64, ratings", log(rated, SUBMITTERS), len(rated))
        timed("ledger 64, ratings", ledger(rate, count, SUBMITTERS), len(rated))
        timed("bare 64, runs", lambda folder: bare_case(folder, submitted, SUBMITTERS), len(submitted))
        timed("ledger 64, runs", ledger(submit, len(submitted) // 2, SUBMITTERS), len(submitted))
        timed("bare 1, ratings", lambda folder: bare_case(folder, rated[:few], 1), few)
        timed("log 1, ratings", log(rated[:few], 1), few)
        timed("ledger 1, ratings", ledger(rate, few, 1), few)
    return rates


def rows_after(wish: Wish, count: int) -> list[Row]:
    """The rows that the ledger itself writes for these commands."""
    with scratch("log") as folder:
        asyncio.run(ledger_case(folder, wish, count // (2 if wish is submit else 1), SUBMITTERS))
        return rows_of(folder / "events.db")


BOUND = ("ledger 64, ratings", "ledger 64, runs", "replay")

PAIRS = (
    ("log 64, ratings", "bare 64, ratings"),
    ("ledger 64, ratings", "bare 64, ratings"),
    ("ledger 64, runs", "bare 64, runs"),
    ("log 1, ratings", "bare 1, ratings"),
    ("ledger 1, ratings", "bare 1, ratings"),
)


def lines_of(
    rates: dict[str, list[float]], pairs: tuple[tuple[str, str], ...], goal: Goal, note: str = ""
) -> list[Line]:
    """The goal binds the ledger and the replay."""
    return [
        compared(f"{name}{note}", "ev/s", rates[name], peer, rates[peer], goal if name in BOUND else None)
        for name, peer in pairs
    ]


# Replay ------------------------------------------------------------------------------------------


async def write_lives(folder: Path, count: int) -> None:
    log = open_log(folder / "events.db", folder / "events.head")
    numbered = enumerate(lives(count // 5), 1)
    while batch := tuple(itertools.islice(numbered, 1000)):
        await log.append(
            [
                Envelope(seq=Seq(seq), at=1.5e9 + seq, epoch=Seq(1), actor="daemon", event=event, cause=Seq(seq - 1))
                for seq, event in batch
            ]
        )
    await log.close()


def measure_replay(rounds: int, count: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[], int]) -> None:
        began = time.process_time()
        events = run()
        rates.setdefault(name, []).append(events / (time.process_time() - began))

    with scratch("log") as folder:
        asyncio.run(write_lives(folder, count))
        path = folder / "events.db"
        decode = msgspec.json.Decoder(Event).decode

        def bare() -> int:
            with closing(reader(path)) as db:
                rows = db.execute("SELECT data FROM events ORDER BY seq")
                return sum(1 for (data,) in rows if decode(data) is not None)

        def folded() -> int:
            return CORE.onto(CORE.empty(), read_log(path)).seq

        for _ in range(rounds):
            timed("fetch + decode", bare)
            timed("read", lambda: sum(1 for _ in read_log(path)))
            timed("replay", folded)
    return rates


# The run -----------------------------------------------------------------------------------------


def appends(rounds: int, count: int, sync_us: int, goal: Goal) -> list[Line]:
    words = [sys.executable, __file__, "--child", "--rounds", str(rounds), "--events", str(count)]
    env = {**os.environ, **synced(sync_us)}
    told = subprocess.run(words, env=env, check=True, stdout=subprocess.PIPE).stdout
    return lines_of(json.loads(told), PAIRS, goal, f", sync {sync_us} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=6400)
    parser.add_argument("--only", choices=("append", "replay"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        json.dump(measure_appends(args.rounds, args.events), sys.stdout)
        return
    lines: list[Line] = []
    if args.only != "replay":
        lines += appends(args.rounds, args.events, 150, Goal("ratio", least=0.35))
        lines += appends(args.rounds, args.events, 1000, Goal("ratio", least=0.60))
    if args.only != "append":
        rates = measure_replay(args.rounds, args.events * 16)
        pairs = (("read", "fetch + decode"), ("replay", "fetch + decode"))
        lines += lines_of(rates, pairs, Goal("ratio", least=0.25))
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
