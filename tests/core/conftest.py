"""Given what happened, when somebody wishes or something is observed, then this happens: on the pure core alone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.core.apply import apply
from daemon.core.decide import decide
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import State, canonical, revive
from daemon.core.vitals import Vitals
from schema import events as e
from schema.commands import EndedJob, EndedRun, SubmitRun
from schema.observations import Attempt, NewImage, NodeBound, NodeSeen, StageReturned
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep

sys.path.insert(0, str(Path(__file__).parent))  # for `simulation`, the parts of the simulated world

PAINT = StageStep(id="paint", kind="txt2img", model="sdxl", steps=20, megapixels=1.0, vram_gb=6.0)
ENLARGE = StageStep(id="enlarge", kind="upscale", steps=10, megapixels=4.0, vram_gb=4.0)
POLISH = StageStep(id="polish", kind="refine", steps=1, megapixels=4.0)


class Case:
    """A state with its log, at a time that the test sets."""

    def __init__(self) -> None:
        self.state = State()
        self.log: list[e.Envelope] = []
        self.now = 1_000.0
        self.vitals = Vitals()
        self.rules = Rules()
        self.commands = 0

    # given ------------------------------------------------------------------------------------

    def given(self, *events: e.Event, command: str | None = None) -> None:
        for event in events:
            envelope = e.Envelope(
                seq=self.state.seq + 1,
                at=self.now,
                epoch=self.state.epoch,
                actor="uid:1000",
                event=event,
                command=command,
            )
            apply(self.state, envelope)
            self.log.append(envelope)

    def run(self, name="run", *, jobs=1, stages=(PAINT, ENLARGE), **spec) -> list[str]:
        """Submits a run and returns its jobs' ids."""
        specs = tuple(JobSpec(name=f"{name}-{number}") for number in range(1, jobs + 1))
        self.wish(self.submit(name, specs, stages=stages, **spec))
        return [f"{name}.{number}" for number in range(1, jobs + 1)]

    def submit(self, name, specs, *, stages=(PAINT, ENLARGE), **spec) -> SubmitRun:
        run = RunSpec(name=name, base="b" * 64, plan_hash="p", seed=1, jobs=len(specs), stages=stages, **spec)
        return SubmitRun(run=name, spec=run, jobs=specs)

    def node(self, name="mill", **card) -> None:
        card = {"kinds": ("txt2img", "upscale", "refine"), "vram_gb": 8.0, **card}
        joined = e.NodeJoined(
            node=name, name=name, instance=card.pop("instance", "i1"), link=card.pop("link", "loopback"),
            backends=card.pop("backends", ("sketch",)), **card,
        )  # fmt: skip
        if joined.link == "lan" and name not in self.state.nodes:
            self.pair(name)
        self.news(NodeSeen(joined=joined))

    def pair(self, name="mill", *, proved=True, address="10.0.0.7:7801") -> None:
        """A node on the network with which a code was exchanged."""
        self.news(NodeBound(node=name, name=name, certificate=f"PEM of {name}", address=address))
        if proved:
            self.given(e.NodeProbed(node=name, token=self.state.seq, ok=True))

    # when -------------------------------------------------------------------------------------

    def wish(self, command) -> list[e.Event]:
        """Decides and folds it as a command of its own; nothing is settled yet."""
        events = decide(self.state, command, self.rules)
        self.commands += 1
        self.given(*events, command=f"c{self.commands}")
        return events

    def news(self, observation) -> list[e.Event]:
        events = decide(self.state, observation, self.rules)
        self.given(*events)
        return events

    def settle(self) -> list[e.Event]:
        """All that follows now, folded in."""
        followed: list[e.Event] = []
        while True:
            events, self.wake_at = settle(self.state, self.now, self.vitals, self.rules)
            if not events:
                return followed
            followed += events
            self.given(*events)

    def start(self, job: str) -> Attempt:
        """Settles, and the attempt that the job is at."""
        self.settle()
        return self.attempt(job)

    def attempt(self, job: str) -> Attempt:
        return self.state.attempts[self.state.jobs[job].phase.token].attempt

    def returned(self, attempt: Attempt, **more) -> StageReturned:
        picture = Picture(sha256="a" * 64, pixels="c" * 64, media="image/png", bytes=9, width=8, height=8)
        image = NewImage(image=f"image{attempt.token}", file=picture)
        more = {"measures": Measures(executed_s=4.0), **more}
        return StageReturned(attempt=attempt, backend="sketch", images=(image,), **more)

    def finish(self, job: str) -> list[e.Event]:
        """Lets all its stages come back, and what the policy puts before them."""
        self.settle()
        happened: list[e.Event] = []
        while job in self.state.jobs:
            own = [one.attempt for one in self.state.attempts.values() if one.attempt.job == job and not one.cancelled]
            others = [one.attempt for one in self.state.attempts.values() if not one.cancelled]
            happened += self.news(self.returned((own or others)[0]))
            happened += self.settle()
        return happened

    # then -------------------------------------------------------------------------------------

    def phase(self, job: str) -> str:
        return type(self.state.jobs[job].phase).__name__.lower()

    def order(self) -> list[str]:
        """The waiting jobs, in the order in which they would start."""
        waiting = [job for job in self.state.jobs.values() if self.phase(job.id) in ("queued", "held")]
        return [job.id for job in sorted(waiting, key=lambda job: (-job.priority, job.rank))]

    def events_of(self, command: int) -> tuple[e.Envelope, ...]:
        return tuple(envelope for envelope in self.log if envelope.command == f"c{command}")

    def ended_job(self, job: str) -> EndedJob:
        """As the views would look it up, from the log."""
        about = [one.event for one in self.log if getattr(one.event, "job", None) == job]
        spec = next(one.spec for one in reversed(about) if isinstance(one, e.JobSubmitted | e.JobReopened))
        ends = {e.JobFinished: "finished", e.JobFailed: "failed", e.JobCancelled: "cancelled"}
        phase = next(ends[type(one)] for one in reversed(about) if type(one) in ends)
        done = tuple(
            e.StageDone(stage=one.stage, token=one.token, node=one.node, images=one.images, files=one.files)
            for one in about
            if isinstance(one, e.StageFinished)
        )
        return EndedJob(job=job, run=job.rpartition(".")[0], spec=spec, phase=phase, done=done)

    def ended_run(self, run: str) -> EndedRun:
        about = [one.event for one in self.log if getattr(one.event, "run", None) == run]
        spec = next(one.spec for one in about if isinstance(one, e.RunSubmitted))
        last = next(one for one in reversed(about) if isinstance(one, e.RunFinished))
        pauses = [type(one) for one in about if isinstance(one, e.RunPaused | e.RunResumed)]
        return EndedRun(
            run=run,
            spec=spec,
            finished=last.finished,
            failed=last.failed,
            cancelled=last.cancelled,
            paused=pauses[-1:] == [e.RunPaused],
        )

    def replayed(self) -> bytes:
        state = State()
        for envelope in self.log:
            apply(state, envelope)
        return canonical(state)


@pytest.fixture
def case() -> Iterator[Case]:
    """Whatever a test does to it: the log folds to the very same state again."""
    case = Case()
    yield case
    assert case.replayed() == canonical(case.state)
    assert canonical(revive(canonical(case.state))) == canonical(case.state)


@pytest.fixture
def steps() -> tuple[StageStep, StageStep, StageStep]:
    return PAINT, ENLARGE, POLISH
