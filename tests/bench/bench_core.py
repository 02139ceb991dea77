"""The core against what it cannot be faster than.

    python tests/bench/bench_core.py [--json]

Replay is compared with the bare decode of the same rows, a decision with a bare pop and push on one heap of all jobs.
Rounds are interleaved; medians count. No test asserts a time.
"""

import asyncio
import heapq
import statistics
import sys
import time

import msgspec
from measure import Goal, Line, compared, finish, interleaved, seconds
from msgspec.structs import replace

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
from schema.orders import BackendCard, Card
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep

ROUNDS = 5
STEPS = (
    StageStep(id=StageId("paint"), kind="txt2img", model="sdxl", steps=20, megapixels=1.0, vram_gb=6.0),
    StageStep(id=StageId("enlarge"), kind="upscale", steps=10, megapixels=4.0, vram_gb=4.0),
)


NEEDS = (("models:model-42", "samplers:k_euler_a"), ("upscalers:4x-sharp",))


class House:
    """A core with its log in a list."""

    def __init__(self, nodes: int = 4, *, cards: bool = False) -> None:
        """With `cards` each node tells 3,000 LoRAs and 500 models, and every job needs three of its names."""
        self.state, self.log, self.now, self.vitals = State(), list[e.Envelope](), 1_000.0, Vitals()
        for number in range(nodes):
            joined = e.NodeJoined(
                node=NodeId(f"node{number}"), name=f"node{number}", instance="i", link="lan", backends=("sketch",),
                kinds=("txt2img", "upscale"), vram_gb=12.0, speed=1.0 + number,
            )  # fmt: skip
            self.fold([joined])
            if cards:
                self.vitals.cards[joined.node] = _card(joined.node)

    def fold(self, events: list[e.Event], command: str | None = None) -> None:
        for event in events:
            envelope = e.Envelope(
                seq=Seq(self.state.seq + 1), at=self.now, epoch=Seq(1), actor="uid:1000", event=event,
                command=CommandId(command) if command else None,
            )  # fmt: skip
            apply(self.state, envelope)
            self.log.append(envelope)

    def settle(self) -> None:
        while events := settle(self.state, self.now, self.vitals, Rules())[0]:
            self.fold(events)

    def answer_all(self) -> None:
        for brief in list(self.state.attempts.values()):
            self.fold(decide(self.state, returned_of(brief.attempt), Rules()))


def _card(node: NodeId) -> Card:
    webui = BackendCard(
        kind="webui", kinds=("txt2img", "upscale"), models=tuple(f"sub/model-{n}.safetensors" for n in range(500)),
        loras=tuple(f"sub/lora-{n}" for n in range(3_000)), samplers=("Euler a", "DPM++ 2M"), upscalers=("4x-sharp",),
    )  # fmt: skip
    return Card(node=node, name=node, instance="i", version="1", backends=(webui,))


def returned_of(attempt: Attempt) -> StageReturned:
    picture = Picture(sha256=Sha256("a" * 64), pixels="c" * 64, media="image/png", bytes=9, width=1024, height=1024)
    return StageReturned(
        attempt=attempt,
        backend="sketch",
        images=(NewImage(image=ImageId(f"i{attempt.token}"), file=picture),),
        effective={"steps": 20, "cfg": 7.0, "sampler": "Euler a"},
        measures=Measures(executed_s=4.0, megapixels=1.0),
    )


def submit(run: str, jobs: int, *, needs: bool = False) -> SubmitRun:
    steps = STEPS
    if needs:
        steps = tuple(replace(step, needs=need) for step, need in zip(STEPS, NEEDS, strict=True))
    spec = RunSpec(name=run, base=Sha256("b" * 64), plan_hash="p" * 64, seed=1, jobs=jobs, stages=steps)
    prompt = "a windmill on a hill at dawn, volumetric light, highly detailed, by an old master"
    own = [(f"loras:lora-{n}",) if needs else () for n in range(100)]
    specs = tuple(
        JobSpec(name=f"{run}-{n}", prompt=prompt, negative="blurry", seed=n, needs=own[n % 100]) for n in range(jobs)
    )
    return SubmitRun(run=RunId(run), spec=spec, jobs=specs)


def bench_replay() -> list[Line]:
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

    found = interleaved(ROUNDS, {"replay": lambda: len(rows) / seconds(replay),
                                 "decode": lambda: len(rows) / seconds(decode)})  # fmt: skip
    goal = Goal("ratio", least=0.25)
    return [compared("replay of envelopes in memory", "ev/s", found["replay"], "bare decode", found["decode"], goal)]


def bench_decisions(jobs: int) -> list[Line]:
    house, choosy = _queued(jobs), _queued(jobs, choosy=True)
    turns = 300

    def decisions(house: House) -> None:
        for _ in range(turns):
            brief = next(iter(house.state.attempts.values()))
            house.fold(decide(house.state, returned_of(brief.attempt), Rules()))
            house.settle()

    heap = [(0, 1, float(n), str(n)) for n in range(jobs)]

    def bare() -> None:
        for _ in range(turns):
            heapq.heappush(heap, heapq.heappop(heap))

    last = list(house.state.jobs)[-1]
    saved = canonical(house.state)
    found = interleaved(ROUNDS, {
        "decide": lambda: seconds(lambda: decisions(house)) / turns * 1e6,
        "choosy": lambda: seconds(lambda: decisions(choosy)) / turns * 1e6,
        "heap": lambda: seconds(bare) / turns * 1e6,
        "scene": lambda: seconds(lambda: look(house.state, Vitals(), 1.0)) * 1e3,
        "move": lambda: seconds(lambda: decide(house.state, MoveJobs(jobs=(JobId(last),), to="top"), Rules())) * 1e3,
        "canonical": lambda: seconds(lambda: canonical(house.state)) * 1e3,
        "revive": lambda: seconds(lambda: revive(saved)) * 1e3,
        "hash": lambda: seconds(lambda: state_hash(house.state)) * 1e3,
    })  # fmt: skip

    def alone(what: str, name: str) -> Line:
        return Line(what=f"{jobs:,} queued: {what}", value=statistics.median(found[name]), unit="ms")

    what = f"{jobs:,} queued: result, fold, settle, assign"
    return [
        compared(what, "us", found["decide"], "pop and push on one heap of all", found["heap"], None),
        compared(
            f"{what}, by cards of 3,500 names and 100 LoRAs asked for",
            "us",
            found["choosy"],
            "without",
            found["decide"],
            None,
        ),
        alone("a scene", "scene"),
        alone("one job moved to the top", "move"),
        alone(f"the state as bytes, {len(saved) / 1e6:.1f} MB", "canonical"),
        alone("and back", "revive"),
        alone("its hash", "hash"),
    ]


def _queued(jobs: int, *, choosy: bool = False) -> House:
    house = House(cards=choosy)
    for number in range(10):
        house.fold(decide(house.state, submit(f"run{number}", jobs // 10, needs=choosy), Rules()), f"c{number}")
    house.settle()
    return house


async def bench_ledger(jobs: int) -> list[Line]:
    log = LogInLoop()
    ledger = Ledger(State(), log, clock=time.time, vitals=Vitals(), rules=Rules(), on_broken=print)
    running = asyncio.create_task(ledger.run())
    command = submit("big", jobs)
    began = time.perf_counter()
    await ledger.command(command, Origin("uid:1000", CommandId("c1"), "key", b"d" * 32))
    whole = time.perf_counter() - began

    turns = 2_000
    began = time.perf_counter()

    async def submitter(number: int) -> None:
        for turn in range(turns // 64):
            await ledger.command(submit(f"r{number}x{turn}", 1), Origin("uid:1000", CommandId(f"c{number}x{turn}")))

    await asyncio.gather(*(submitter(number) for number in range(64)))
    took = time.perf_counter() - began
    await ledger.stop()
    await running
    return [
        Line(what=f"a run of {jobs:,} jobs through the ledger, log in the loop", value=whole * 1e3, unit="ms"),
        Line(what="64 submitters of one job, log in the loop", value=turns / took, unit="runs/s"),
    ]


def main() -> None:
    lines = bench_replay()
    for jobs in (10_000, 100_000):
        lines += bench_decisions(jobs)
    lines += asyncio.run(bench_ledger(20_000))
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
