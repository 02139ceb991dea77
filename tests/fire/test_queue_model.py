"""The queue against a model of it, and against replay, after every step: whatever people wish and nodes do."""

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import precondition, rule
from queue_model import Attempt
from queue_steps import RULES, QueueSteps

from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, Picture, RunSpec, StageStep

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


class QueueMachine(QueueSteps):
    """What people may wish and nodes may do."""

    def __init__(self) -> None:
        super().__init__()
        self.join("mill")
        self.join("shed")

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

    @precondition(lambda self: self.model.runs)
    @rule(number=NUMBERS, paused=some.booleans(), taken=TAKEN)
    def cancel_a_run(self, number: int, paused: bool, taken: str) -> None:
        """All that is left of it, paused or not: the queue forgets it, and may have to know it again."""
        run = self.run_at(number)
        jobs = self.jobs_of(run)
        if paused and self.model.known(run):
            self.wish(c.PauseRun(run=run), lambda: self.model.pause_run(run, True))
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
        run = self.run_at(number)
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
