"""Any sequence of wishes and news: after each step the state is that of its log, its lists can be rebuilt, and what
goes next is what a plain search over all jobs finds that it may be."""

from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.core.ahead import next_step
from daemon.core.apply import apply
from daemon.core.decide import decide
from daemon.core.filing import indexed
from daemon.core.look import look
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import Queued, State, canonical, phase_name, revive, trusted
from daemon.core.vitals import Vitals
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.plans import JobSpec, Picture, RunSpec, StageStep

STEPS = (StageStep(id="paint", kind="txt2img", steps=2), StageStep(id="enlarge", kind="upscale"))
PICK = st.integers(0, 1_000)
KINDS = ("txt2img", "upscale")
FEW = 4

to_json = msgspec.json.Encoder().encode
from_json = msgspec.json.Decoder(e.Envelope).decode


def returned(attempt: o.Attempt, **more: str) -> o.StageReturned:
    file = Picture(sha256=f"{attempt.token:064x}", pixels="p", media="image/png", bytes=9, width=8, height=8)
    return o.StageReturned(
        attempt=attempt, backend="s", images=(o.NewImage(image=f"i{attempt.token}", file=file),), **more
    )


class Queue(RuleBasedStateMachine):
    @initialize()
    def empty(self) -> None:
        self.state, self.twin, self.vitals = State(), State(), Vitals()
        self.log: list[e.Envelope] = []
        self.past: dict[str, tuple[JobSpec, str, dict[str, e.StageDone]]] = {}
        self.specs: dict[str, RunSpec] = {}
        self.paused: dict[str, bool] = {}
        self.now, self.commands, self.runs = 1_000.0, 0, 0
        self._observe(o.DaemonBegan(version="1", sqlite="3", host="h"))
        self._joins("n1", "lan")
        self._joins("n2", "loopback")

    # Wishes --------------------------------------------------------------------------------------

    @rule(jobs=st.integers(1, 4), lane=st.sampled_from(["batch", "interactive"]), hold=st.booleans())
    def submit(self, jobs: int, lane: str, hold: bool) -> None:
        self.runs += 1
        name = f"run{self.runs}"
        spec = RunSpec(
            name=name, base="b", plan_hash="p", seed=1, jobs=jobs, stages=STEPS, lane=lane, hold=hold and jobs == 1
        )
        self._wish(c.SubmitRun(run=name, spec=spec, jobs=tuple(JobSpec(name=f"{n}") for n in range(jobs))))

    @rule(pick=PICK, what=st.sampled_from([c.CancelJobs, c.HoldJobs, c.ReleaseJobs]))
    def some_jobs(self, pick: int, what: type) -> None:
        self._wish(what(jobs=self._some(pick)))

    @rule(pick=PICK, priority=st.integers(-1, 1))
    def priority(self, pick: int, priority: int) -> None:
        self._wish(c.SetPriority(jobs=self._some(pick), priority=priority))

    @rule(pick=PICK, anchor=PICK, to=st.sampled_from(["top", "bottom", "before", "after"]))
    def move(self, pick: int, anchor: int, to: str) -> None:
        self._wish(c.MoveJobs(jobs=self._some(pick), to=to, anchor=(*self._some(anchor), None)[0]))

    @rule(pick=PICK, prompt=st.sampled_from(["a", "b"]))
    def edit(self, pick: int, prompt: str) -> None:
        self._wish(c.EditJobs(specs={name: JobSpec(name=name, prompt=prompt) for name in self._some(pick)}))

    @rule(pick=PICK)
    def skip(self, pick: int) -> None:
        for name in self._some(pick)[:1]:
            self._wish(c.SkipStage(job=name))

    @rule()
    def queue(self) -> None:
        """Paused, and back again."""
        self._wish(c.PauseQueue())
        self._wish(c.ResumeQueue())

    @rule(pick=PICK, what=st.sampled_from([c.PauseRun, c.ResumeRun, c.ResumeRun]))
    def run(self, pick: int, what: type) -> None:
        if self.state.runs:
            self._wish(what(run=Random(pick).choice(list(self.state.runs))))

    @rule(pick=PICK)
    def retry(self, pick: int) -> None:
        names = self._some_known(pick)
        self._wish(c.RetryJobs(jobs=names, ended=self._ended(names), runs=self._ended_runs(names)))

    @rule(pick=PICK, stage=st.sampled_from(["paint", "enlarge"]), only=st.booleans())
    def rerun(self, pick: int, stage: str, only: bool) -> None:
        names = self._some_known(pick)
        self._wish(
            c.RerunJobs(jobs=names, stage=stage, only=only, ended=self._ended(names), runs=self._ended_runs(names))
        )

    @precondition(lambda self: self.state.undo)
    @rule()
    def undo(self) -> None:
        self._take_back(c.Undo, self.state.undo[-1].command)

    @precondition(lambda self: self.state.redo)
    @rule()
    def redo(self) -> None:
        self._take_back(c.Redo, self.state.redo[-1].command)

    # News ----------------------------------------------------------------------------------------

    @rule(node=st.sampled_from(["n1", "n2"]), comes_back=st.booleans())
    def node_gone(self, node: str, comes_back: bool) -> None:
        self._observe(o.NodeGone(node=node, reason="silent"))
        if comes_back:
            self._wish(c.ForgetNode(node=node))
            self._joins(node, "lan")

    @rule(reset=st.booleans())
    def restart(self, reset: bool) -> None:
        """From a snapshot."""
        self.state = revive(canonical(self.state))
        self._observe(o.DaemonBegan(version="1", sqlite="3", host="h"))
        self._joins("n1", "lan")
        self._joins("n2", "lan" if reset else "loopback")

    @rule(pick=PICK)
    def returned(self, pick: int) -> None:
        """Everything that runs comes back, or one attempt, and that twice."""
        for attempt in [brief.attempt for brief in self.state.attempts.values()]:
            self._observe(returned(attempt))
            self._observe(returned(attempt))
            if pick % 2:
                return

    @rule(trouble=st.sampled_from(["out-of-memory", "bad-request", "backend", "lost", "cancelled"]))
    def broke(self, trouble: str) -> None:
        for attempt in [brief.attempt for brief in self.state.attempts.values()]:
            self._observe(o.StageBroke(attempt=attempt, trouble=trouble, reason="hiss"))

    @rule()
    def parked(self) -> None:
        """Out of memory twice."""
        for _ in range(2):
            for attempt in [brief.attempt for brief in self.state.attempts.values()]:
                self._observe(o.StageBroke(attempt=attempt, trouble="out-of-memory", reason="full"))

    @rule(pick=PICK)
    def late(self, pick: int) -> None:
        """An answer of any attempt there ever was."""
        given_out = [one for one in self.log if isinstance(one.event, e.StageAssigned)]
        if given_out:
            one = Random(pick).choice(given_out)
            attempt = o.Attempt(job=one.event.job, stage=one.event.stage, token=one.seq, node=one.event.node)
            self._observe(returned(attempt))

    @rule(pick=PICK)
    def suspect(self, pick: int) -> None:
        """Black pictures, of all that runs or of one."""
        for attempt in [brief.attempt for brief in self.state.attempts.values()]:
            self._observe(returned(attempt, suspect="the picture is black"))
            if pick % 2:
                return

    @rule()
    def handed_over(self) -> None:
        """The agents have ended what they were at; the files are still being fetched."""
        self.vitals.handed.update(self.state.attempts)
        self._observe(o.TimePassed())

    @rule(seconds=st.sampled_from([1.0, 60.0, -3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._observe(o.TimePassed())

    # What holds after each step ------------------------------------------------------------------

    @invariant()
    def the_state_is_that_of_the_log(self) -> None:
        assert canonical(self.state) == canonical(self.twin)

    @invariant()
    def the_lists_can_be_rebuilt(self) -> None:
        live, rebuilt = indexed(self.state), indexed(revive(canonical(self.state)))
        assert rebuilt.places == live.places
        assert rebuilt.counts == live.counts
        assert rebuilt.shelves == live.shelves
        assert (set(rebuilt.delayed), set(rebuilt.ripe), set(rebuilt.started)) == (
            set(live.delayed), set(live.ripe), set(live.started),
        )  # fmt: skip

    @invariant()
    def runs_count_their_jobs(self) -> None:
        for run in self.state.runs.values():
            jobs = [job for job in self.state.jobs.values() if job.run == run.id]
            assert run.open == len(jobs)
            assert run.attention == sum(phase_name(job.phase) == "attention" for job in jobs)
            phases = [one[1] for name, one in self.past.items() if name.rpartition(".")[0] == run.id]
            assert (run.finished, run.failed, run.cancelled) == tuple(
                phases.count(phase) for phase in ("finished", "failed", "cancelled")
            )

    @invariant()
    def nodes_and_jobs_agree_about_attempts(self) -> None:
        open_tokens = set(self.state.attempts)
        busy = {node.busy for node in self.state.nodes.values()} - {None}
        assert busy <= open_tokens
        assert open_tokens - busy <= self.vitals.handed
        waited_for = {token for token, brief in self.state.attempts.items() if not brief.cancelled}
        running = {job.phase.token for job in self.state.jobs.values() if phase_name(job.phase) == "running"}
        assert running == waited_for

    @invariant()
    def a_scene_can_be_taken(self) -> None:
        counts = look(self.state, Vitals(), self.now).queue.counts
        assert counts.queued + counts.held + counts.running + counts.attention == len(self.state.jobs)

    # How ---------------------------------------------------------------------------------------

    def _wish(self, command: c.Command) -> None:
        try:
            events = decide(self.state, command, Rules())
        except Refused:
            return
        self.commands += 1
        self._fold(events, f"c{self.commands}")
        self._settle()

    def _observe(self, news: o.Observation) -> None:
        self._fold(decide(self.state, news, Rules()), None)
        self._settle()

    def _settle(self) -> None:
        for _ in range(1_000):
            waiting, idle = self._waiting(), self._idle()
            events, _ = settle(self.state, self.now, self.vitals, Rules())
            if not events:
                assert not self._at_a_standstill(waiting, idle)
                return
            for event in events:
                if isinstance(event, e.StageAssigned):
                    assert event.node in idle
                    assert event.why
                    self._check_turn(event.job, waiting)
            self._fold(events, None)
        raise AssertionError("settle does not come to rest")

    def _check_turn(self, job: str, waiting: dict[str, tuple]) -> None:
        """What a person put in order is kept, except by what waits for a busy node: that holds its picture, or did not
        fail it, or is done with it sooner, as is planned where few stages are left. Of two jobs that differ in nothing
        else, the older goes first.
        """
        mine = waiting[job]
        few = len(waiting) <= FEW
        for name, other in waiting.items():
            at_home = self.state.jobs[name].done and any(node.busy for node in self.state.nodes.values())
            elsewhere = at_home or self.state.jobs[name].failed_on
            assert other[:3] >= mine[:3] or elsewhere or few or other[0] == 0
            assert name == job or other[:4] != mine[:4] or other[4:] > mine[4:]

    def _at_a_standstill(self, waiting: dict[str, tuple], idle: set[str]) -> bool:
        """Nobody is at work, although somebody could be: no node is barred, and for some job memory was never short."""
        nodes = [node for node in self.state.nodes.values() if node.id in idle and not node.barred]
        able = [name for name in waiting if not self.state.jobs[name].floor_gb]
        return bool(nodes and able) and not any(node.busy for node in self.state.nodes.values())

    def _idle(self) -> set[str]:
        return {
            node.id
            for node in self.state.nodes.values()
            if not node.lost
            and not node.drained
            and trusted(node)
            and (not node.busy or node.busy in self.vitals.handed)
        }

    def _waiting(self) -> dict[str, tuple]:
        """Jobs that may begin: lane, what a person said of the order, what tells it from others, age."""
        waiting = {}
        for job in self.state.jobs.values():
            run, step = self.state.runs[job.run], next_step(self.state, job)
            if not isinstance(job.phase, Queued) or run.paused or step is None or self.state.paused:
                continue
            if job.phase.again_in and 0 <= self.now - job.phase.since < job.phase.again_in:
                continue
            lane = 0 if run.spec.lane == "interactive" else 1
            person = (job.moved, job.rank if job.moved else 0.0)
            like = (step.id, job.done[-1].node if job.done else "", job.phase.again_in > 0, job.failed_on, job.floor_gb)
            waiting[job.id] = (lane, -job.priority, person, (run.spec.deadline, like), job.rank)
        return waiting

    def _fold(self, events: list[e.Event], command: str | None) -> None:
        for event in events:
            envelope = e.Envelope(
                seq=self.state.seq + 1, at=self.now, epoch=1, actor="uid:1", event=event, command=command
            )
            apply(self.state, envelope)
            apply(self.twin, from_json(to_json(envelope)))
            self.log.append(envelope)
            self._remember(event)

    def _remember(self, event: e.Event) -> None:
        match event:
            case e.RunSubmitted():
                self.specs[event.run] = event.spec
            case e.RunPaused() | e.RunResumed():
                self.paused[event.run] = isinstance(event, e.RunPaused)
            case e.JobSubmitted():
                self.past[event.job] = (event.spec, "live", {})
            case e.JobReopened():
                self.past[event.job] = (event.spec, "live", {one.stage: one for one in event.kept})
            case e.StageFinished():
                done = e.StageDone(
                    stage=event.stage, token=event.token, node=event.node, images=event.images, files=event.files
                )
                self.past[event.job][2][event.stage] = done
            case e.JobFinished() | e.JobFailed() | e.JobCancelled():
                phase = {"JobFinished": "finished", "JobFailed": "failed", "JobCancelled": "cancelled"}
                spec, _, stages = self.past[event.job]
                self.past[event.job] = (spec, phase[type(event).__name__], stages)
            case _:
                pass

    def _take_back(self, kind: type, done: str) -> None:
        events = tuple(one for one in self.log if one.command == done)
        jobs = tuple(name for one in events if (name := getattr(one.event, "job", None)))
        self._wish(kind(done=done, events=events, ended=self._ended(jobs), runs=self._ended_runs(jobs)))

    def _some(self, pick: int) -> tuple[str, ...]:
        rng, names = Random(pick), list(self.state.jobs)
        return tuple(rng.sample(names, min(len(names), rng.randint(1, 3))))

    def _some_known(self, pick: int) -> tuple[str, ...]:
        rng, names = Random(pick), list(self.past)
        return tuple(rng.sample(names, min(len(names), rng.randint(1, 3))))

    def _joins(self, node: str, link: str) -> None:
        """One on the network is paired and has proved itself."""
        paired = link == "lan" and not (node in self.state.nodes and self.state.nodes[node].certificate)
        if paired:
            self._observe(o.NodeBound(node=node, name=node, certificate="PEM", address="10.0.0.1:1"))
        self._observe(
            o.NodeSeen(joined=e.NodeJoined(node=node, name=node, instance="i", link=link, backends=("s",), kinds=KINDS))
        )
        if paired:
            self._observe(o.ProbeWanted(node=node))
            self._observe(o.ProbeEnded(node=node, token=self.state.nodes[node].probe, ok=True))

    def _ended(self, names: tuple[str, ...]) -> tuple[c.EndedJob, ...]:
        return tuple(
            c.EndedJob(job=name, run=name.rpartition(".")[0], spec=spec, phase=phase, done=tuple(done.values()))
            for name in names
            for spec, phase, done in [self.past[name]]
            if phase != "live"
        )

    def _ended_runs(self, names: tuple[str, ...]) -> tuple[c.EndedRun, ...]:
        found = []
        for run in dict.fromkeys(name.rpartition(".")[0] for name in names):
            phases = [one[1] for name, one in self.past.items() if name.rpartition(".")[0] == run]
            counts = {phase: phases.count(phase) for phase in ("finished", "failed", "cancelled")}
            found.append(c.EndedRun(run=run, spec=self.specs[run], paused=self.paused.get(run, False), **counts))
        return tuple(found)


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.mark.long
class TestQueueLong(Queue.TestCase):
    settings = settings(
        max_examples=500, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
