"""Rehearses a trace: the policy of the live queue in virtual time, by the cost model of docs/scheduling.md, exactly."""

from collections.abc import Iterator
from typing import NamedTuple

from daemon.scheduling.costs import quicker
from daemon.scheduling.groups import Costs, Group, Machine
from daemon.scheduling.policy import pick
from daemon.scheduling.simulate import Choose, Cost, Entry, Seat, Step, simulate
from daemon.scheduling.trace import Trace, TraceJob
from schema.ids import JobId, NodeId, StageId

FAR = 0.5
"""The part of a stage's time on the fastest node from which on moving its picture counts as long."""


class Line(NamedTuple):
    """One line of `fleet plan`."""

    job: str
    stage: int
    node: str
    start: float
    end: float
    why: str


def rehearse(trace: Trace, truth: Trace | None = None, choose: Choose = pick) -> Iterator[Line]:
    """The stages of the trace in the order in which they are decided. `truth`: the same trace as it really comes out,
    of which the policy learns the speed of a machine whenever a stage has ended there.
    """
    world = TraceWorld(trace, truth or trace)
    for placed in simulate(entries_of(trace), seats_of(trace), world, choose):
        job = trace.jobs[placed.entry]
        yield Line(job.id, placed.step, trace.nodes[placed.at].id, placed.start, placed.end, placed.why)


def entries_of(trace: Trace) -> list[Entry]:
    return [
        Entry(
            job=JobId(job.id),
            steps=_steps(trace, job),
            arrival=job.arrival,
            pack=job.pack,
            live=job.lane == "interactive",
        )
        for job in trace.jobs
    ]


def seats_of(trace: Trace) -> list[Seat]:
    return [Seat(NodeId(node.id), node.id, node.vram_gb, node.resident) for node in trace.nodes]


def _steps(trace: Trace, job: TraceJob) -> tuple[Step, ...]:
    speed = max((node.speed for node in trace.nodes), default=1.0)
    return tuple(
        Step(
            stage=StageId(str(index)),
            kind=stage.kind,
            model=stage.model,
            vram_gb=stage.vram_gb,
            able=sum(1 << at for at, node in enumerate(trace.nodes) if node.vram_gb >= stage.vram_gb),
            work=stage.work_s,
            out_mb=stage.out_mb,
            far=index > 0 and trace.move_s(job.stages[index - 1]) > FAR * stage.work_s / speed,
        )
        for index, stage in enumerate(job.stages)
    )


class TraceWorld:
    """What the trace says is believed, with the speeds that were measured; what `truth` says happens."""

    def __init__(self, trace: Trace, truth: Trace) -> None:
        self.trace, self.truth = trace, truth
        self.exact = truth is trace
        self.speeds = [node.speed for node in trace.nodes]
        self.measured = [0] * len(self.speeds)
        self.index = {node.id: at for at, node in enumerate(trace.nodes)}
        self._loads: dict[tuple[str | None, int], float] = {}
        self.jobs = {job.id: job for job in truth.jobs}

    @property
    def costs(self) -> Costs:
        return self

    def speed(self, at: int) -> float:
        return self.speeds[at]

    def execute(self, group: Group, machine: Machine) -> float:
        return group.work / machine.speed

    def swap(self, group: Group, machine: Machine) -> float:
        model = group.lot.model
        if model is None or model in machine.models:
            return 0.0
        return self._load(model, self.index[machine.id])

    def move(self, group: Group, machine: Machine) -> float:
        if group.previous is None or group.previous == machine.id:
            return 0.0
        return group.out_mb / self.trace.net_mb_s

    def really(self, entry: Entry, index: int, at: int, resident: str | None, previous: NodeId | None) -> Cost:
        stages, node = self.jobs[entry.job].stages, self.truth.nodes[at]
        stage = stages[index]
        moved = previous is not None and previous != node.id
        return Cost(
            self.truth.move_s(stages[index - 1]) if moved else 0.0,
            self._load(stage.model, at) if stage.model not in (None, resident) else 0.0,
            self.truth.exec_s(stage, node),
        )

    def ended(self, entry: Entry, index: int, at: int, cost: Cost) -> None:
        work = entry.steps[index].work
        if not self.exact and work > 0.0 and cost.execute > 0.0:
            self.speeds[at] = quicker(self.speeds[at], work, cost.execute, self.measured[at])
            self.measured[at] += 1

    def _load(self, model: str | None, at: int) -> float:
        key = (model, at)
        if key not in self._loads:
            self._loads[key] = self.trace.load_s(model, self.trace.nodes[at])
        return self._loads[key]
