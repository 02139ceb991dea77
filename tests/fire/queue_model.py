"""The queue as a person would keep it on paper: a list of jobs in order, and what may happen to each.

Written from the descriptions of commands and events, with no code of the core's. Which waiting job starts next, and
where, the policy says; the model says whether it may.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

STAGES = ("paint", "enlarge")
ENDED = ("finished", "failed", "cancelled")
TRIES = 3
"""Failures of one stage, and different nodes that failed it, behind which a person is asked."""


class No(Exception):
    """The wish is refused as a whole."""


@dataclass
class Job:
    name: str
    run: str
    prompt: str
    priority: int = 0
    born_with: int = 0
    """The priority it has when it comes back from its end: what it had last is forgotten, unless that is undone."""
    phase: str = "waiting"
    """`waiting`, `running`, `attention`, or how it ended."""
    hold: bool = False
    done: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    only: str | None = None
    token: int | None = None
    late: tuple[int, str] | None = None
    """The attempt at its stage that was given up last, and its node."""
    failures: int = 0
    failed_on: set[str] = field(default_factory=set)
    again_at: float = 0.0

    @property
    def live(self) -> bool:
        return self.phase not in ENDED

    @property
    def next(self) -> str | None:
        ahead = (stage for stage in STAGES if stage not in self.done and stage not in self.skipped)
        return next((stage for stage in ahead if self.only in (None, stage)), None)

    def waits_anew(self) -> None:
        """What it has before it now was never tried."""
        self.failures, self.failed_on, self.late, self.again_at = 0, set(), None, 0.0

    def shown(self) -> tuple[object, ...]:
        hold = self.hold and self.phase in ("waiting", "running")
        return self.phase, hold, self.priority, self.prompt, tuple(self.done), frozenset(self.skipped), self.failures


@dataclass
class Attempt:
    job: str
    stage: str
    node: str
    wanted: bool = True


@dataclass
class Run:
    jobs: list[str]
    paused: bool = False
    over: bool = False


@dataclass
class Node:
    there: bool = True
    drained: bool = False
    busy: int | None = None


class Model:
    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.order: list[str] = []
        """Of the live ones."""
        self.runs: dict[str, Run] = {}
        self.nodes: dict[str, Node] = {}
        self.attempts: dict[int, Attempt] = {}
        self.paused = False
        self.owed: dict[str, str] = {}
        """Jobs of a higher priority than one that has just started: they must start in the same breath."""

    def copy(self) -> "Model":
        return copy.deepcopy(self)

    def known(self, run: str) -> bool:
        """Whether it has something left to do, or to be looked at."""
        return not (self.runs[run].over and not any(self.jobs[job].live for job in self.runs[run].jobs))

    def _live(self, names: Iterable[str]) -> list[Job]:
        return [self.jobs[name] for name in dict.fromkeys(names) if self.jobs[name].live]

    # Wishes ------------------------------------------------------------------------------------

    def submit(self, run: str, prompts: Sequence[str], priorities: Sequence[int], hold: bool) -> None:
        self.runs[run] = Run([f"{run}.{number}" for number in range(1, len(prompts) + 1)])
        for name, prompt, priority in zip(self.runs[run].jobs, prompts, priorities, strict=True):
            self.jobs[name] = Job(name, run, prompt, priority, priority, hold=hold)
            self.order.append(name)

    def hold(self, names: Iterable[str], hold: bool) -> None:
        for job in self._live(names):
            if job.phase != "attention":
                job.hold = hold

    def cancel(self, names: Iterable[str]) -> None:
        for job in self._live(names):
            self._end(job, "cancelled")

    def set_priority(self, names: Iterable[str], priority: int) -> None:
        for job in self._live(names):
            job.priority = priority

    def move(self, names: Iterable[str], to: str, anchor: str | None) -> None:
        if anchor is not None and not self.jobs[anchor].live:
            raise No
        moved = [job.name for job in self._live(names) if job.name != anchor]
        rest = [name for name in self.order if name not in moved]
        at = {"top": 0, "bottom": len(rest)}.get(to, -1)
        if anchor is not None:
            at = rest.index(anchor) + (to == "after")
        self.order = [*rest[:at], *moved, *rest[at:]]

    def pause(self, paused: bool) -> None:
        self.paused = paused

    def pause_run(self, run: str, paused: bool) -> None:
        if not self.known(run):
            raise No
        self.runs[run].paused = paused

    def edit(self, names: Iterable[str], prompt: str) -> None:
        jobs = [self.jobs[name] for name in dict.fromkeys(names)]
        if any(not job.live or job.phase == "running" or job.done for job in jobs):
            raise No
        for job in jobs:
            if job.prompt != prompt:
                job.prompt = prompt
                job.waits_anew()

    def skip(self, name: str) -> None:
        job = self.jobs[name]
        if not job.live or job.next == STAGES[0]:
            raise No
        stage = job.next
        if stage is None:
            return
        self._goes_on(job)
        self._leave(job)
        job.hold = job.hold and job.phase != "attention"
        job.phase = "waiting"
        job.skipped.add(stage)
        job.waits_anew()

    def retry(self, names: Iterable[str]) -> None:
        for name in dict.fromkeys(names):
            if self.jobs[name].phase in ("failed", "cancelled", "attention"):
                job = self.jobs[name]
                self._back(job, list(job.done), job.only if job.live else None)

    def rerun(self, names: Iterable[str], stage: str, only: bool) -> None:
        jobs = [self.jobs[name] for name in dict.fromkeys(names)]
        for job in jobs:
            if job.phase == "running" or (stage == STAGES[1] and STAGES[0] not in job.done):
                raise No
        for job in jobs:
            before = STAGES[: STAGES.index(stage)]
            kept = [one for one in job.done if (one != stage if only else one in before)]
            self._back(job, kept, stage if only else None)

    def _back(self, job: Job, kept: list[str], only: str | None, held: bool = False) -> None:
        self._goes_on(job)
        if not job.live:
            job.priority = job.born_with
            self.order.append(job.name)
        self._leave(job)
        job.phase, job.hold, job.done, job.skipped, job.only = "waiting", held, kept, set(), only
        job.waits_anew()

    def un_cancel(self, was: "Model", names: Iterable[str]) -> None:
        """Behind a cancelling that was taken back at once: they wait again where they stood."""
        for name in dict.fromkeys(names):
            before = was.jobs[name]
            if before.live:
                held = before.hold and before.phase == "waiting"
                self.jobs[name].phase, self.jobs[name].hold = "waiting", held
                self.jobs[name].skipped, self.jobs[name].only = set(), None
                self.jobs[name].born_with = before.priority
                self.jobs[name].waits_anew()
                self._goes_on(self.jobs[name])
        self.order = list(was.order)

    # News --------------------------------------------------------------------------------------

    def joined(self, node: str) -> None:
        self.nodes.setdefault(node, Node()).there = True

    def gone(self, node: str) -> None:
        self.nodes[node].there = False
        for token in [token for token, one in self.attempts.items() if one.node == node]:
            self.lost(token)

    def restarted(self) -> None:
        for node in self.nodes:
            self.gone(node)

    def lost(self, token: int) -> None:
        self._waiting_again(token)

    def returned(self, token: int) -> None:
        attempt = self.attempts[token]
        job = self.jobs[attempt.job]
        wanted = attempt.wanted
        self._close(token)
        if wanted:
            self._is_done(job, attempt.stage)

    def came_late(self, token: int, attempt: Attempt) -> None:
        """The result of an attempt that was given up: adopted if the job waits for nothing else."""
        job = self.jobs[attempt.job]
        if job.live and job.phase != "running" and job.late == (token, attempt.node) and job.next == attempt.stage:
            self._goes_on(job)
            self._is_done(job, attempt.stage)

    def broke(self, token: int, trouble: str, now: float, backoff: Callable[[int], float]) -> None:
        job = self._waiting_again(token)
        if job is None:
            return
        job.failures += 1
        node = job.late[1] if job.late else ""
        job.failed_on.add(node)
        if trouble == "bad-request":
            self._end(job, "failed")
        elif job.failures >= TRIES or len(job.failed_on) >= TRIES:
            job.phase = "attention"
        else:
            job.again_at = now + backoff(job.failures)

    def _waiting_again(self, token: int) -> Job | None:
        attempt = self.attempts[token]
        self._close(token)
        if not attempt.wanted:
            return None
        job = self.jobs[attempt.job]
        job.phase, job.token, job.late, job.again_at = "waiting", None, (token, attempt.node), 0.0
        return job

    def _is_done(self, job: Job, stage: str) -> None:
        job.done = [one for one in STAGES if one in job.done or one == stage]
        job.hold = job.hold and job.phase != "attention"
        job.phase, job.token = "waiting", None
        job.waits_anew()

    def _close(self, token: int) -> None:
        node = self.nodes[self.attempts.pop(token).node]
        if node.busy == token:
            node.busy = None

    def _leave(self, job: Job) -> None:
        """Its node is busy until the agent has let go."""
        if job.token is not None:
            self.attempts[job.token].wanted = False
            job.token = None

    def _goes_on(self, job: Job) -> None:
        self.runs[job.run].over = False

    def _end(self, job: Job, how: str) -> None:
        self._leave(job)
        job.phase = how
        self.order.remove(job.name)

    # What follows ------------------------------------------------------------------------------

    def assigned(self, name: str, stage: str, node: str, token: int, now: float) -> None:
        job = self.jobs[name]
        assert self.may_start(job, now), f"{name} started and may not: {job}"
        assert job.next == stage, f"{name} started {stage}, next is {job.next}"
        at = self.nodes[node]
        assert at.there and not at.drained and at.busy is None, f"{node} was given work: {at}"
        before = [one.name for one in self.jobs.values() if self.may_start(one, now) and one.priority > job.priority]
        self.owed |= {one: name for one in before if node not in self.jobs[one].failed_on}
        job.phase, job.token = "running", token
        at.busy = token
        self.attempts[token] = Attempt(name, stage, node)

    def may_start(self, job: Job, now: float) -> bool:
        fits = job.phase == "waiting" and not job.hold and job.next is not None and now >= job.again_at
        return fits and not self.paused and not self.runs[job.run].paused

    def finished(self, name: str) -> None:
        job = self.jobs[name]
        assert job.phase == "waiting" and job.next is None, f"{name} finished and is not through: {job}"
        self._end(job, "finished")

    def run_finished(self, name: str, finished: int, failed: int, cancelled: int) -> None:
        phases = [self.jobs[job].phase for job in self.runs[name].jobs]
        assert not self.runs[name].over and "waiting" not in phases and "running" not in phases, f"{name}: {phases}"
        told = {"finished": finished, "failed": failed, "cancelled": cancelled}
        counted = {how: phases.count(how) for how in ENDED}
        counted["failed"] += phases.count("attention")
        assert told == counted, f"{name} says {told}, of {counted}"
        self.runs[name].over = True

    def at_rest(self, now: float) -> None:
        """Nothing is left that must follow: no run that is through, and no job that starts nowhere for nothing."""
        left = {one: name for one, name in self.owed.items() if self.may_start(self.jobs[one], now)}
        assert not left, f"they started before those of a higher priority: {left}"
        self.owed = {}
        for name, run in self.runs.items():
            busy = [job for job in run.jobs if self.jobs[job].phase in ("waiting", "running")]
            assert run.over or busy, f"{name} is through and goes on"
        idle = [name for name, node in self.nodes.items() if node.there and not node.drained and node.busy is None]
        if idle and not self.attempts:
            left = [job for job in self.jobs.values() if self.may_start(job, now) and not job.failed_on]
            assert not left, f"{idle} idle, and {[job.name for job in left]} wait"
