"""One step of the queue: decided, folded, settled as the ledger does it, told to the model and held against both."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant
from queue_model import Attempt, Model, No
from queue_views import QueueViews

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
from schema.ids import CommandId, JobId, RunId, Seq

RULES = Rules(strikes=10**6, losses=10**6)
"""A node that fails is tried again: bars and losses have tests of their own."""

ENDS: dict[type[e.Event], e.JobPhase] = {
    e.JobFinished: "finished", e.JobFailed: "failed", e.JobCancelled: "cancelled",
}  # fmt: skip


class QueueSteps(RuleBasedStateMachine):
    """The queue as the core has it, as replay has it, as the views have it, and as the model has it."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.replayed, self.model = State(), State(), Model()
        self.views = QueueViews()
        self.log: list[e.Envelope] = []
        self.now = 1_790_000_000.0
        self.commands = 0
        self.given_up: dict[int, Attempt] = {}
        self.news(o.DaemonBegan(version="0", sqlite="0", host="h"), lambda: None)

    def fold(self, events: list[e.Event], command: CommandId | None = None) -> None:
        for event in events:
            seq = Seq(self.state.seq + 1)
            epoch = seq if isinstance(event, e.DaemonStarted) else Seq(self.state.epoch)
            envelope = e.Envelope(seq=seq, at=self.now, epoch=epoch, actor="uid:1", event=event, command=command)
            apply(self.state, envelope)
            self.log.append(envelope)
            self.views.fold([envelope])
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
        spec, phase = opened.spec, ENDS[e.JobCancelled]
        for one in told[since:]:
            match one.event:
                case e.StageFinished(stage=stage, token=token, node=node, images=images, files=files):
                    done[stage] = e.StageDone(stage=stage, token=token, node=node, images=images, files=files)
                case e.JobEdited(now=now):
                    spec = now
                case e.JobFinished() | e.JobFailed() | e.JobCancelled() as end:
                    phase = ENDS[type(end)]
        return c.EndedJob(
            job=JobId(name), run=RunId(name.split(".")[0]), spec=spec, phase=phase, done=tuple(done.values())
        )

    def runs_of(self, jobs: Any) -> tuple[c.EndedRun, ...]:
        rows, found = self.views.runs(), []
        for name in dict.fromkeys(job.split(".")[0] for job in jobs):
            spec = next(
                one.event.spec for one in self.log if isinstance(one.event, e.RunSubmitted) and one.event.run == name
            )
            finished, failed, cancelled = rows[name].ended
            found.append(
                c.EndedRun(
                    run=RunId(name),
                    spec=spec,
                    finished=finished,
                    failed=failed,
                    cancelled=cancelled,
                    paused=rows[name].paused,
                )
            )
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

    def run_at(self, number: int) -> RunId:
        """Counted from the newest."""
        runs = list(self.model.runs)
        return RunId(runs[-1 - number % len(runs)])

    def jobs_of(self, run: str) -> tuple[JobId, ...]:
        return tuple(JobId(job) for job in self.model.runs[run].jobs)

    # What must hold ----------------------------------------------------------------------------

    @invariant()
    def the_views_tell_what_the_core_knows(self) -> None:
        state, jobs, runs = self.state, self.views.jobs(), self.views.runs()
        assert {name: jobs[name] for name in state.jobs} == {
            name: phase_name(job.phase) for name, job in state.jobs.items()
        }
        assert {name: (one.over, one.paused) for name, one in runs.items() if name in state.runs} == {
            name: (run.over, run.paused) for name, run in state.runs.items()
        }
        assert all(run.over for name, run in runs.items() if name not in state.runs)

    @invariant()
    def the_queue_is_as_the_model_says(self) -> None:
        state, model = self.state, self.model
        live = {JobId(name): job for name, job in model.jobs.items() if job.live}
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
        self.views.close()
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
