"""The core against what it cannot be faster than: run it as `python tests/bench/bench_core.py`. Prints ratios.

Replay is compared with the bare decode of the same rows, a decision with a bare pop and push on one heap of all jobs.
Rounds are interleaved; medians count. No test asserts a time.
"""

import asyncio
import heapq
import statistics
import time
from collections.abc import Callable

import msgspec

from daemon.core.apply import apply
from daemon.core.decide import decide
from daemon.core.look import look
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import State, canonical, revive, state_hash
from daemon.core.vitals import Vitals
from daemon.ledger import Ledger, Origin
from daemon.log.store import LogInLoop
from schema import events as e
from schema.commands import MoveJobs, SubmitRun
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Seq, Sha256, StageId
from schema.observations import Attempt, NewImage, StageReturned
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep

ROUNDS = 5
STEPS = (
    StageStep(id=StageId("paint"), kind="txt2img", model="sdxl", steps=20, megapixels=1.0, vram_gb=6.0),
    StageStep(id=StageId("enlarge"), kind="upscale", steps=10, megapixels=4.0, vram_gb=4.0),
)


class House:
    """A core with its log in a list."""

    def __init__(self, nodes: int = 4) -> None:
        self.state, self.log, self.now = State(), list[e.Envelope](), 1_000.0
        for number in range(nodes):
            joined = e.NodeJoined(
                node=NodeId(f"node{number}"), name=f"node{number}", instance="i", link="lan", backends=("sketch",),
                kinds=("txt2img", "upscale"), vram_gb=12.0, speed=1.0 + number,
            )  # fmt: skip
            self.fold([joined])

    def fold(self, events: list[e.Event], command: str | None = None) -> None:
        for event in events:
            envelope = e.Envelope(
                seq=Seq(self.state.seq + 1), at=self.now, epoch=Seq(1), actor="uid:1000", event=event,
                command=CommandId(command) if command else None,
            )  # fmt: skip
            apply(self.state, envelope)
            self.log.append(envelope)

    def settle(self) -> None:
        while events := settle(self.state, self.now, Vitals(), Rules())[0]:
            self.fold(events)

    def answer_all(self) -> None:
        for brief in list(self.state.attempts.values()):
            self.fold(decide(self.state, _returned(brief.attempt), Rules()))


def _returned(attempt: Attempt) -> StageReturned:
    picture = Picture(sha256=Sha256("a" * 64), pixels="c" * 64, media="image/png", bytes=9, width=1024, height=1024)
    return StageReturned(
        attempt=attempt,
        backend="sketch",
        images=(NewImage(image=ImageId(f"i{attempt.token}"), file=picture),),
        effective={"steps": 20, "cfg": 7.0, "sampler": "Euler a"},
        measures=Measures(executed_s=4.0, megapixels=1.0),
    )


def submit(run: str, jobs: int) -> SubmitRun:
    spec = RunSpec(name=run, base=Sha256("b" * 64), plan_hash="p" * 64, seed=1, jobs=jobs, stages=STEPS)
    prompt = "a windmill on a hill at dawn, volumetric light, highly detailed, by an old master"
    specs = tuple(JobSpec(name=f"{run}-{n}", prompt=prompt, negative="blurry", seed=n) for n in range(jobs))
    return SubmitRun(run=RunId(run), spec=spec, jobs=specs)


def median(work: Callable[[], float]) -> float:
    return statistics.median(work() for _ in range(ROUNDS))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bench_replay() -> None:
    house = House()
    house.fold(decide(house.state, submit("run", 10_000), Rules()), "c1")
    while house.state.jobs:
        house.settle()
        house.answer_all()
        house.settle()
    rows = [msgspec.json.encode(envelope) for envelope in house.log]
    decoder = msgspec.json.Decoder(e.Envelope)

    def decode() -> None:
        for row in rows:
            decoder.decode(row)

    def replay() -> None:
        state = State()
        for row in rows:
            apply(state, decoder.decode(row))

    pairs = [(timed(decode), timed(replay)) for _ in range(ROUNDS)]
    bare, fold = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / two for one, two in pairs)
    print(
        f"replay of {len(rows):,} events: {len(rows) / fold:,.0f}/s, {ratio:.2f} of the bare decode"
        f" ({len(rows) / bare:,.0f}/s)"
    )


def bench_decisions(jobs: int) -> None:
    house = House()
    for number in range(10):
        house.fold(decide(house.state, submit(f"run{number}", jobs // 10), Rules()), f"c{number}")
    house.settle()
    turns = 300

    def decisions() -> None:
        for _ in range(turns):
            brief = next(iter(house.state.attempts.values()))
            house.fold(decide(house.state, _returned(brief.attempt), Rules()))
            house.settle()

    heap = [(0, 1, float(n), str(n)) for n in range(jobs)]

    def bare() -> None:
        for _ in range(turns):
            heapq.heappush(heap, heapq.heappop(heap))

    pairs = [(timed(bare), timed(decisions)) for _ in range(ROUNDS)]
    one = statistics.median(two for _, two in pairs) / turns
    ratio = statistics.median(two / one for one, two in pairs)
    print(
        f"{jobs:,} queued: result, fold, settle, assign {one * 1e6:,.0f} us ({ratio:,.0f} x a bare heap pop and push);"
        f" scene {median(lambda: timed(lambda: look(house.state, Vitals(), 1.0))) * 1e3:.2f} ms"
    )
    last = list(house.state.jobs)[-1]
    move = median(lambda: timed(lambda: decide(house.state, MoveJobs(jobs=(JobId(last),), to="top"), Rules())))
    saved = canonical(house.state)
    print(
        f"{jobs:,} queued: move to the top {move * 1e3:.1f} ms;"
        f" canonical {median(lambda: timed(lambda: canonical(house.state))) * 1e3:.0f} ms, {len(saved) / 1e6:.1f} MB;"
        f" revive {median(lambda: timed(lambda: revive(saved))) * 1e3:.0f} ms;"
        f" hash {median(lambda: timed(lambda: state_hash(house.state))) * 1e3:.0f} ms"
    )


async def bench_ledger(jobs: int) -> None:
    log = LogInLoop()
    ledger = Ledger(State(), log, clock=time.time, vitals=Vitals(), rules=Rules(), on_broken=print)
    running = asyncio.create_task(ledger.run())
    command = submit("big", jobs)
    began = time.perf_counter()
    await ledger.command(command, Origin("uid:1000", CommandId("c1"), "key", b"d" * 32))
    print(f"a run of {jobs:,} jobs through the ledger: {(time.perf_counter() - began) * 1e3:,.0f} ms")

    turns = 2_000
    began = time.perf_counter()

    async def submitter(number: int) -> None:
        for turn in range(turns // 64):
            await ledger.command(submit(f"r{number}x{turn}", 1), Origin("uid:1000", CommandId(f"c{number}x{turn}")))

    await asyncio.gather(*(submitter(number) for number in range(64)))
    seconds = time.perf_counter() - began
    print(f"64 submitters of runs of one job: {turns / seconds:,.0f} runs/s, {2 * turns / seconds:,.0f} events/s")
    await ledger.stop()
    await running


def main() -> None:
    bench_replay()
    for jobs in (10_000, 100_000):
        bench_decisions(jobs)
    asyncio.run(bench_ledger(20_000))


if __name__ == "__main__":
    main()
