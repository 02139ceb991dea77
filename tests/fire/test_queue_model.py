"""The queue against a model of it, and against replay, after every step: whatever people wish and nodes do."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from queue_model import Attempt, Model, No

from daemon.core.apply import apply
from daemon.core.decide import Input, decide
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import State, canonical, phase_name, revive
from daemon.core.vitals import Vitals
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, Picture, RunSpec, StageStep

RULES = Rules(strikes=10**6, losses=10**6)
"""A node that fails is tried again: bars and losses have tests of their own."""

STEPS = (
    StageStep(id=StageId("paint"), kind="txt2img", steps=20, megapixels=1.0),
    StageStep(id=StageId("enlarge"), kind="upscale", steps=10, megapixels=4.0),
)
NODES = ("mill", "shed")
PICTURE = Picture(sha256=Sha256("a" * 64), pixels="", media="image/png", bytes=9, width=8, height=8)

NUMBERS = some.integers(0, 7)
SOME = some.lists(NUMBERS, min_size=1, max_size=4)
RARELY = some.sampled_from((False, False, False, True))
TAKEN = some.sampled_from(("left", "left", "left", "taken back", "done again"))


class QueueMachine(RuleBasedStateMachine):
    """Every step is decided, folded and settled as the ledger does it, and told to the model."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.replayed, self.model = State(), State(), Model()
        self.log: list[e.Envelope] = []
        self.now = 1_790_000_000.0
        self.commands = 0
        self.given_up: dict[int, Attempt] = {}
        self.news(o.DaemonBegan(version="0", sqlite="0", host="h"), lambda: None)
        self.join("mill")
        self.join("shed")

    # How a step goes ---------------------------------------------------------------------------

    def fold(self, events: list[e.Event], command: CommandId | None = None) -> None:
        for event in events:
            seq = self.state.seq + 1
            epoch = seq if isinstance(event, e.DaemonStarted) else self.state.epoch
            envelope = e.Envelope(seq=seq, at=self.now, epoch=epoch, actor="uid:1", event=event, command=command)
            apply(self.state, envelope)
            self.log.append(envelope)
            apply(self.replayed, msgspec.json.decode(msgspec.json.encode(envelope), type=e.Envelope))

    def wish(self, command: c.Command, then: Callable[[], None], taken: str = "left") -> None:
        """The model refuses what the core refuses. Taken back at once, all is as before; done again, as after."""
        before = self.model.copy()
        try:
            then()
        except No:
            self.model = before
            with pytest.raises(Refused):
                decide(self.state, command, RULES)
            return
        self.commit(command)
        if taken != "left" and self.state.undo and self.state.undo[-1].command == self.command:
            after = self.model
            self.take_back(before, command)
            if taken == "done again":
                self.commit(c.Redo(**self.looked_up(self.command)))
                self.do_again(after, command)
        self.settle()

    def commit(self, command: Input) -> None:
        self.commands += 1
        self.fold(decide(self.state, command, RULES), self.command)

    @property
    def command(self) -> CommandId:
        return CommandId(f"c{self.commands}")

    def take_back(self, before: Model, command: c.Command) -> None:
        self.commit(c.Undo(**self.looked_up(self.command)))
        after, self.model = self.model, before.copy()
        if isinstance(command, c.CancelJobs):
            self.model = after.copy()
            self.model.un_cancel(before, command.jobs)

    def do_again(self, after: Model, command: c.Command) -> None:
        if isinstance(command, c.CancelJobs):
            self.model.cancel(command.jobs)
        else:
            self.model = after

    def looked_up(self, done: CommandId) -> dict[str, Any]:
        """What an undo needs of the log, as the views would tell it."""
        envelopes = tuple(envelope for envelope in self.log if envelope.command == done)
        names = dict.fromkeys(envelope.event.job for envelope in envelopes if hasattr(envelope.event, "job"))
        gone = tuple(self.ended(name) for name in names if name not in self.state.jobs)
        return {"done": done, "events": envelopes, "ended": gone, "runs": self.runs_of(names)}

    def ended(self, name: str) -> c.EndedJob:
        told = [one for one in self.log if getattr(one.event, "job", None) == name]
        since = max(n for n, one in enumerate(told) if isinstance(one.event, e.JobSubmitted | e.JobReopened))
        opened = told[since].event
        assert isinstance(opened, e.JobSubmitted | e.JobReopened)
        done = {one.stage: one for one in opened.kept} if isinstance(opened, e.JobReopened) else {}
        spec, phase = opened.spec, "cancelled"
        for one in told[since:]:
            match one.event:
                case e.StageFinished(stage=stage, token=token, node=node, images=images, files=files):
                    done[stage] = e.StageDone(stage=stage, token=token, node=node, images=images, files=files)
                case e.JobEdited(now=now):
                    spec = now
                case e.JobFinished() | e.JobFailed() | e.JobCancelled() as end:
                    phase = {"JobFinished": "finished", "JobFailed": "failed"}.get(type(end).__name__, "cancelled")
        return c.EndedJob(
            job=JobId(name), run=RunId(name.split(".")[0]), spec=spec, phase=phase, done=tuple(done.values())
        )

    def runs_of(self, jobs: Any) -> tuple[c.EndedRun, ...]:
        found = []
        for name in dict.fromkeys(job.split(".")[0] for job in jobs):
            spec = next(
                one.event.spec for one in self.log if isinstance(one.event, e.RunSubmitted) and one.event.run == name
            )
            phases = [self.model.jobs[job].phase for job in self.model.runs[name].jobs]
            counts = {how: phases.count(how) for how in ("finished", "failed", "cancelled")}
            found.append(c.EndedRun(run=RunId(name), spec=spec, **counts))
        return tuple(found)

    def news(self, news: o.Observation, then: Callable[[], None]) -> None:
        self.fold(decide(self.state, news, RULES))
        then()
        self.settle()

    def settle(self) -> None:
        while True:
            events, _ = settle(self.state, self.now, Vitals(), RULES)
            if not events:
                break
            self.fold(events)
            for at, event in enumerate(events, self.state.seq - len(events) + 1):
                self.follows(at, event)
        self.model.at_rest(self.now)

    def follows(self, seq: int, event: e.Event) -> None:
        match event:
            case e.StageAssigned(job=job, stage=stage, node=node):
                self.model.assigned(job, stage, node, seq, self.now)
                self.given_up[seq] = self.model.attempts[seq]
            case e.JobFinished(job=job):
                self.model.finished(job)
            case e.RunFinished(run=run, finished=finished, failed=failed, cancelled=cancelled):
                self.model.run_finished(run, finished, failed, cancelled)
            case _:
                raise AssertionError(f"nobody expected {event}")

    def names(self, numbers: list[int]) -> tuple[JobId, ...]:
        """Of these jobs, counted from the newest."""
        all_names = list(self.model.jobs)
        return tuple(JobId(all_names[-1 - number % len(all_names)]) for number in numbers)

    # Wishes ------------------------------------------------------------------------------------

    @rule(priorities=some.lists(some.integers(-1, 1), min_size=1, max_size=3), hold=RARELY)
    def submit(self, priorities: list[int], hold: bool) -> None:
        run = RunId(f"r{len(self.model.runs) + 1}")
        specs = tuple(JobSpec(name=f"j{n}", prompt="boats", priority=one) for n, one in enumerate(priorities))
        spec = RunSpec(
            name=run, base=Sha256("b" * 64), plan_hash="p", seed=1, jobs=len(specs), stages=STEPS, hold=hold
        )  # fmt: skip
        prompts = [one.prompt for one in specs]
        self.wish(
            c.SubmitRun(run=run, spec=spec, jobs=specs), lambda: self.model.submit(run, prompts, priorities, hold)
        )

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME, hold=RARELY, taken=TAKEN)
    def hold_or_release(self, numbers: list[int], hold: bool, taken: str) -> None:
        jobs = self.names(numbers)
        command = c.HoldJobs(jobs=jobs) if hold else c.ReleaseJobs(jobs=jobs)
        self.wish(command, lambda: self.model.hold(jobs, hold), taken)

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME, taken=TAKEN)
    def cancel(self, numbers: list[int], taken: str) -> None:
        jobs = self.names(numbers)
        self.wish(c.CancelJobs(jobs=jobs), lambda: self.model.cancel(jobs), taken)

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME, to=some.sampled_from(("top", "bottom", "before", "after")), anchor=NUMBERS, taken=TAKEN)
    def move(self, numbers: list[int], to: c.Where, anchor: int, taken: str) -> None:
        jobs = self.names(numbers)
        by = self.names([anchor])[0] if to in ("before", "after") else None
        self.wish(c.MoveJobs(jobs=jobs, to=to, anchor=by), lambda: self.model.move(jobs, to, by), taken)

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME, priority=some.integers(-2, 2), taken=TAKEN)
    def set_priority(self, numbers: list[int], priority: int, taken: str) -> None:
        jobs = self.names(numbers)
        self.wish(c.SetPriority(jobs=jobs, priority=priority), lambda: self.model.set_priority(jobs, priority), taken)

    @rule(paused=RARELY, taken=TAKEN)
    def pause(self, paused: bool, taken: str) -> None:
        self.wish(c.PauseQueue() if paused else c.ResumeQueue(), lambda: self.model.pause(paused), taken)

    @precondition(lambda self: self.model.runs)
    @rule(number=NUMBERS, paused=RARELY, taken=TAKEN)
    def pause_run(self, number: int, paused: bool, taken: str) -> None:
        run = RunId(list(self.model.runs)[-1 - number % len(self.model.runs)])
        command = c.PauseRun(run=run) if paused else c.ResumeRun(run=run)
        self.wish(command, lambda: self.model.pause_run(run, paused), taken)

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME, prompt=some.sampled_from(("boats", "kites")), taken=TAKEN)
    def edit(self, numbers: list[int], prompt: str, taken: str) -> None:
        jobs = self.names(numbers)
        specs = {job: JobSpec(name=f"j{int(job.split('.')[1]) - 1}", prompt=prompt) for job in jobs}
        for job in jobs:
            if (live := self.state.jobs.get(job)) is not None:
                specs[job] = msgspec.structs.replace(live.spec, prompt=prompt)
        self.wish(c.EditJobs(specs=specs), lambda: self.model.edit(jobs, prompt))

    @precondition(lambda self: self.model.jobs)
    @rule(number=NUMBERS)
    def skip(self, number: int) -> None:
        (job,) = self.names([number])
        self.wish(c.SkipStage(job=job), lambda: self.model.skip(job))

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME)
    def retry(self, numbers: list[int]) -> None:
        jobs = self.names(numbers)
        ended = tuple(self.ended(job) for job in jobs if not self.model.jobs[job].live)
        command = c.RetryJobs(jobs=jobs, ended=ended, runs=self.runs_of(jobs))
        self.wish(command, lambda: self.model.retry(jobs))

    @precondition(lambda self: self.model.jobs)
    @rule(numbers=SOME, stage=some.sampled_from(STEPS), only=some.booleans())
    def rerun(self, numbers: list[int], stage: StageStep, only: bool) -> None:
        jobs = self.names(numbers)
        ended = tuple(self.ended(job) for job in jobs if not self.model.jobs[job].live)
        command = c.RerunJobs(jobs=jobs, stage=stage.id, only=only, ended=ended, runs=self.runs_of(jobs))
        self.wish(command, lambda: self.model.rerun(jobs, stage.id, only))

    # News --------------------------------------------------------------------------------------

    @rule(node=some.sampled_from(NODES))
    def join(self, node: str) -> None:
        joined = e.NodeJoined(
            node=NodeId(node), name=node, instance="i", link="loopback", backends=("sketch",),
            kinds=("txt2img", "upscale"), vram_gb=8.0,
        )  # fmt: skip
        self.news(o.NodeSeen(joined=joined), lambda: self.model.joined(node))

    @rule(node=some.sampled_from(NODES))
    def leave(self, node: str) -> None:
        if node in self.model.nodes:
            self.news(o.NodeGone(node=NodeId(node), reason="away"), lambda: self.model.gone(node))

    @rule(node=some.sampled_from(NODES), drained=RARELY)
    def drain(self, node: str, drained: bool) -> None:
        if node not in self.model.nodes:
            return
        command = c.DrainNode(node=NodeId(node)) if drained else c.ResumeNode(node=NodeId(node))
        self.wish(command, lambda: setattr(self.model.nodes[node], "drained", drained))

    @precondition(lambda self: self.model.attempts)
    @rule(number=NUMBERS)
    def a_picture_comes(self, number: int) -> None:
        token = list(self.model.attempts)[number % len(self.model.attempts)]
        self.news(self.returned(token, self.model.attempts[token]), lambda: self.model.returned(token))

    @precondition(lambda self: self.model.attempts)
    @rule(number=NUMBERS, trouble=some.sampled_from(("backend", "backend", "bad-request")), times=some.integers(1, 3))
    def a_stage_breaks(self, number: int, trouble: str, times: int) -> None:
        """And again, wherever it is tried next."""
        job = list(self.model.attempts.values())[number % len(self.model.attempts)].job
        for _ in range(times):
            tokens = [token for token, one in self.model.attempts.items() if one.job == job]
            if tokens:
                self.breaks(tokens[-1], trouble)
                self.time_passes(400.0)

    def breaks(self, token: int, trouble: str) -> None:
        broke = o.StageBroke(attempt=self.at(token), trouble=trouble, reason="so it was drawn")
        self.news(broke, lambda: self.model.broke(token, trouble, self.now, RULES.backoff_after))

    @precondition(lambda self: self.model.attempts)
    @rule(number=NUMBERS)
    def an_attempt_is_lost(self, number: int) -> None:
        token = list(self.model.attempts)[number % len(self.model.attempts)]
        self.news(o.AttemptGone(attempt=self.at(token), reason="unknown"), lambda: self.model.lost(token))

    @precondition(lambda self: len(self.given_up) > len(self.model.attempts))
    @rule(number=NUMBERS)
    def a_picture_comes_late(self, number: int) -> None:
        closed = [token for token in self.given_up if token not in self.model.attempts]
        token = closed[-1 - number % len(closed)]
        attempt = self.given_up[token]
        self.news(self.returned(token, attempt), lambda: self.model.came_late(token, attempt))

    @rule(back=some.sampled_from((NODES, NODES, NODES[:1])))
    def restart(self, back: tuple[str, ...]) -> None:
        """Its agents come back with it, but perhaps for one."""
        self.news(o.DaemonBegan(version="0", sqlite="0", host="h"), self.model.restarted)
        for node in back:
            self.join(node)

    @precondition(lambda self: self.model.attempts)
    @rule(times=some.integers(1, 4))
    def work_goes_on(self, times: int) -> None:
        for _ in range(times):
            if self.model.attempts:
                self.a_picture_comes(0)

    @rule(seconds=some.sampled_from((1.0, 6.0, 400.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.news(o.TimePassed(), lambda: None)

    def at(self, token: int) -> o.Attempt:
        one = self.given_up[token]
        return o.Attempt(job=JobId(one.job), stage=StageId(one.stage), token=Token(token), node=NodeId(one.node))

    def returned(self, token: int, attempt: Attempt) -> o.StageReturned:
        image = o.NewImage(image=ImageId(f"i{token}"), file=PICTURE)
        return o.StageReturned(attempt=self.at(token), backend="sketch", images=(image,))

    # What must hold ----------------------------------------------------------------------------

    @invariant()
    def the_queue_is_as_the_model_says(self) -> None:
        state, model = self.state, self.model
        live = {name: job for name, job in model.jobs.items() if job.live}
        assert set(state.jobs) == set(live)
        for name, job in live.items():
            assert _shown(state.jobs[name]) == job.shown(), (name, _shown(state.jobs[name]), job.shown())
        assert sorted(live, key=lambda name: (state.jobs[name].rank, name)) == model.order
        assert state.paused == model.paused
        assert {run.id: run.paused for run in state.runs.values()} == {
            name: run.paused for name, run in model.runs.items() if model.known(name)
        }
        assert {token: one.cancelled for token, one in state.attempts.items()} == {
            token: not one.wanted for token, one in model.attempts.items()
        }
        assert {node.id: node.busy for node in state.nodes.values()} == {n: one.busy for n, one in model.nodes.items()}

    @invariant()
    def replay_and_snapshots_make_the_same_of_it(self) -> None:
        saved = canonical(self.state)
        assert canonical(self.replayed) == saved
        assert canonical(revive(saved)) == saved
        if len(self.log) % 3 == 0:
            self.state = revive(saved)  # as behind a restart

    def teardown(self) -> None:
        again = State()
        for envelope in self.log:
            apply(again, envelope)
        assert canonical(again) == canonical(self.state)


def _shown(job: Any) -> tuple[object, ...]:
    name = phase_name(job.phase)
    phase = {"queued": "waiting", "held": "waiting"}.get(name, name)
    hold = name == "held" or (name == "running" and job.phase.hold)
    done = tuple(one.stage for one in job.done)
    return phase, hold, job.priority, job.spec.prompt, done, frozenset(job.skipped), job.attempts


QueueMachine.TestCase.settings = settings(
    max_examples=4, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestQueue = QueueMachine.TestCase


@pytest.mark.long
@pytest.mark.timeout(1800)
class TestQueueLong(QueueMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(
        max_examples=500, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
    )
