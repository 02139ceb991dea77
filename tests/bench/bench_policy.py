"""One decision of the policy: ten thousand stages queued on fifty nodes, alone and within the queue of the daemon.

    python tests/bench/bench_policy.py [--json]

The peer is one pass over the same groups and machines that does nothing: the least that looking at all of them costs.
Goals: at most 5 ms a decision, also where the last stages are planned one by one, and with ten times the queue at most
1.5 times as long.
"""

import statistics
import sys
from random import Random

from bench_core import House, returned_of
from measure import Goal, Line, compared, finish, interleaved, seconds

from daemon.core.decide import decide
from daemon.core.rules import Rules
from daemon.core.settle import decision, settle
from daemon.scheduling.policy import Group, Lot, Machine, Options, Pick, pick
from schema.commands import SubmitRun
from schema.ids import CommandId, JobId, NodeId, RunId, Sha256, StageId
from schema.plans import JobSpec, RunSpec, StageStep

ROUNDS = 5
NODES = 50
MODELS = 20
PACKS = 40


class Costs:
    def execute(self, group: Group, machine: Machine) -> float:
        return group.work / machine.speed

    def swap(self, group: Group, machine: Machine) -> float:
        return 0.0 if group.lot.model is None or group.lot.model in machine.models else 6.0

    def move(self, group: Group, machine: Machine) -> float:
        return 0.0 if group.previous in (None, machine.id) else 0.2


def fleet(draw: Random, idle: int) -> list[Machine]:
    """Fifty machines, so many of them idle."""
    return [
        Machine(
            NodeId(f"n{at:02}"), f"n{at:02}", draw.choice([8.0, 12.0, 16.0, 24.0, 48.0]), draw.uniform(0.8, 8.0),
            at < idle, 0.0 if at < idle else draw.uniform(1.0, 60.0), frozenset({f"model{draw.randrange(MODELS)}"}),
        )
        for at in range(NODES)
    ]  # fmt: skip


def groups(draw: Random, machines: list[Machine], stages: int) -> list[Group]:
    """Forty packs of twenty models, each with a stage behind it that needs none."""
    found: list[Group] = []
    for pack in range(PACKS):
        for kind, vram in (("txt2img", draw.choice([6.0, 8.0, 12.0, 16.0])), ("upscale", 4.0)):
            model = f"model{pack % MODELS}" if kind == "txt2img" else None
            ready = max(1, stages // PACKS // 2)
            work = draw.uniform(5.0, 60.0)
            found.append(
                Group(
                    id=f"{pack:02}-{kind}", job=JobId(f"run.{pack}"), stage=StageId(kind), kind=kind,
                    lot=Lot(model, vram), able=sum(1 << at for at, one in enumerate(machines) if one.vram_gb >= vram),
                    work=work, ready=ready, seconds=work * ready, later=100.0, pack=f"pack{pack}",
                    started=kind == "upscale",
                )
            )  # fmt: skip
    return found


def few(draw: Random, machines: list[Machine]) -> list[Group]:
    """The last thirty stages."""
    return [one._replace(ready=1, seconds=one.work, later=0.0) for one in groups(draw, machines, 80)[:30]]


def house(stages: int) -> House:
    """A daemon's core with fifty nodes and so many stages, half of them behind others."""
    made, draw = House(NODES), Random(3)
    steps = tuple(
        (
            StageStep(id=StageId("paint"), kind="txt2img", model=f"model{n}", steps=20, megapixels=1.0, vram_gb=6.0),
            StageStep(id=StageId("enlarge"), kind="upscale", steps=10, megapixels=4.0, vram_gb=4.0),
        )
        for n in range(MODELS)
    )
    for pack in range(PACKS):
        jobs, run = stages // 2 // PACKS, RunId(f"run{pack:05}")
        spec = RunSpec(
            name=run, base=Sha256("b" * 64), plan_hash="p" * 64, seed=1, jobs=jobs, stages=steps[pack % MODELS]
        )
        specs = tuple(JobSpec(name=f"{run}-{n}", pack=f"pack{pack}", seed=draw.randrange(9)) for n in range(jobs))
        made.fold(decide(made.state, SubmitRun(run=run, spec=spec, jobs=specs), Rules()), CommandId(f"c{pack}"))
    made.settle()
    return made


def bench_alone() -> list[Line]:
    draw = Random(1)
    one_idle, all_idle = fleet(draw, 1), fleet(draw, NODES)
    waiting, more, last = groups(draw, one_idle, 10_000), groups(draw, one_idle, 100_000), few(draw, all_idle)
    costs, options, turns = Costs(), Options(), 20

    def bare() -> None:
        for group in waiting:
            for machine in one_idle:
                _ = group.able, machine.speed

    def each(queue: list[Group], machines: list[Machine]) -> float:
        def decisions() -> None:
            for _ in range(turns):
                assert isinstance(pick(queue, machines, costs, 100.0, options), Pick)

        return seconds(decisions) / turns * 1e3

    found = interleaved(ROUNDS, {
        "one": lambda: each(waiting, one_idle),
        "more": lambda: each(more, one_idle),
        "all": lambda: each(waiting, all_idle),
        "last": lambda: each(last, all_idle),
        "bare": lambda: seconds(bare) * 1e3,
    })  # fmt: skip

    def line(what: str, name: str) -> Line:
        goal = Goal("value", most=5.0)
        return compared(what, "ms", found[name], "looking at each group and machine", found["bare"], goal)

    return [
        line("10,000 stages, 50 nodes, one idle: a decision", "one"),
        line("10,000 stages, 50 nodes, all idle: a decision", "all"),
        line("the last 30 stages, 50 nodes: a decision", "last"),
        compared(
            "100,000 stages, 50 nodes: a decision", "ms", found["more"], "10,000 stages", found["one"],
            Goal("ratio", most=1.5),
        ),
    ]  # fmt: skip


def bench_queue() -> list[Line]:
    """As the daemon decides: the queue followed, sets of nodes known, prices learned."""
    houses = {stages: house(stages) for stages in (10_000, 100_000)}
    rules, turns = Rules(), 100

    def decisions(made: House) -> float:
        took = 0.0
        for _ in range(turns):
            brief = next(iter(made.state.attempts.values()))
            made.fold(decide(made.state, returned_of(brief.attempt), rules))
            while made.state.index is not None and (made.state.index.ripe or made.state.index.over):
                made.fold(settle(made.state, made.now, made.vitals, rules)[0])
            took += seconds(lambda: decision(made.state, made.now, made.vitals, rules))
            made.settle()
        return took / turns * 1e3

    found = interleaved(
        ROUNDS,
        {str(stages): (lambda made=made: decisions(made)) for stages, made in houses.items()},  # type: ignore[misc]
    )
    return [
        Line(
            what=f"{stages:,} stages, 50 nodes, in the daemon's queue: a decision",
            value=statistics.median(found[str(stages)]), unit="ms", goal=Goal("value", most=5.0),
        )
        for stages in houses
    ]  # fmt: skip


def main() -> None:
    finish([*bench_alone(), *bench_queue()], sys.argv)


if __name__ == "__main__":
    main()
