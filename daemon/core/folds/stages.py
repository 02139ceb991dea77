"""What happens to stages: each attempt is opened by its assignment and closed by exactly one other event."""

from daemon.core import filing
from daemon.core.ahead import inputs_for, steps_of
from daemon.core.breaker import ANYTHING, struck
from daemon.core.costs import learn_from, learn_shortage
from daemon.core.folds.jobs import forget_tries, leave_attempt
from daemon.core.state import Attention, Brief, Held, Job, Node, Queued, Running, State
from daemon.core.wording import NOTHING, came_from, kind_of, worded
from schema import events as e
from schema.ids import NodeId, StageId, Token
from schema.observations import Attempt
from schema.plans import PROMPTING
from schema.words import said_in

LEAST_FLOOR_GB = 0.1
"""Of a node that does not say how much memory it has."""


def assigned(state: State, event: e.StageAssigned, envelope: e.Envelope) -> None:
    job, token = state.jobs.get(event.job), Token(envelope.seq)
    if job is None:
        return
    run = state.runs[job.run]
    steps, number, ahead = steps_of(state, job), len(job.done), NOTHING
    if number < len(steps) and steps[number].id == event.stage:  # nearly always
        step = steps[number]
    else:
        number, step = next((at, step) for at, step in enumerate(steps) if step.id == event.stage)
        ahead = frozenset(behind.id for behind in steps[number:])
    state.attempts[token] = Brief(
        attempt=Attempt(job=job.id, stage=step.id, token=token, node=event.node),
        run=run.id,
        run_spec=run.spec,
        job_spec=worded(job, ahead),
        step=step,
        inputs=inputs_for(state, job, step.id),
        number=event.attempt,
        backend=event.backend,
        reduced=job.reduced,
        careful=job.suspects > 0,
        since=envelope.at,
    )
    job.phase = Running(since=envelope.at, token=token, node=event.node)
    if job.began is None:
        job.began = envelope.at
    node = state.nodes[event.node]
    node.busy = token
    node.model = step.model or node.model
    run.served[job.spec.pack or ""] = envelope.at
    filing.serve(state, job.spec.pack or "", envelope.at)
    run.moves += came_from(job) not in (None, node.id)
    if run.spec.whole and step.kind not in PROMPTING:
        run.node = node.id
    filing.refile(state, job)


def finished(state: State, event: e.StageFinished, envelope: e.Envelope) -> None:
    brief = _let_go(state, event.token)
    job = state.jobs.get(event.job)
    if brief is not None:
        learn_from(state, brief, event, None if job is None else came_from(job))
    if (node := state.nodes.get(event.node)) is not None:
        node.done += 1
        if brief is not None and (node.strikes or node.barred):
            _works(node, brief)
    if job is None:
        return
    hold = isinstance(job.phase, Held) or (isinstance(job.phase, Running) and job.phase.hold)
    if isinstance(job.phase, Attention):
        state.runs[job.run].attention -= 1
    said = said_in(event.stage, kind_of(state, job, event.stage), event.reported)
    done = e.StageDone(
        stage=event.stage, token=event.token, node=event.node, images=event.images, files=event.files,
        prompt=said.prompt, negative=said.negative,
    )  # fmt: skip
    job.done = _in_order(state, job, done)
    job.effective[event.stage] = event.effective
    job.phase = Held(since=envelope.at) if hold else Queued(since=envelope.at)
    forget_tries(job)
    if state.runs[job.run].spec.lane == "interactive":
        state.live_at = envelope.at
    filing.refile(state, job)


def dispatched(state: State, event: e.JobDispatched, envelope: e.Envelope) -> None:
    """On no node: the daemon's own doing."""
    job = state.jobs.get(event.job)
    if job is not None:
        done = e.StageDone(stage=event.stage, token=Token(envelope.seq), node=NodeId(""))
        job.done = _in_order(state, job, done)
        filing.refile(state, job)


def failed(state: State, event: e.StageFailed, envelope: e.Envelope) -> None:
    brief = _let_go(state, event.token)
    if brief is not None and event.trouble == "out-of-memory":
        learn_shortage(state, brief)
    node = state.nodes.get(event.node)
    if node is not None:
        node.failed += 1
    job = _waiting_again(state, event, envelope, again_in=event.again_in or 0.0)
    if job is None:
        return
    if node is not None and brief is not None:
        _blame(node, brief, job, event)
    job.attempts += 1
    job.suspects += event.trouble == "suspect"
    job.trouble = event.reason
    filing.refile(state, job)


def _works(node: Node, brief: Brief) -> None:
    for key in (brief.step.model or "", ANYTHING):
        node.strikes.pop(key, None)
        node.barred.pop(key, None)


def _blame(node: Node, brief: Brief, job: Job, event: e.StageFailed) -> None:
    """What is held against the node, and what the job will look for elsewhere."""
    model = brief.step.model or ""
    if (row := struck(node, model, job, event.trouble)) is not None:
        node.strikes[model], node.strikes[ANYTHING] = row.own, row.all
    if event.trouble == "out-of-memory":
        job.reduced = event.reduced
        if not event.reduced:
            job.floor_gb = max(job.floor_gb, node.vram_gb, LEAST_FLOOR_GB)
    else:
        job.reduced = job.reduced or event.reduced
    if not event.reduced and node.id not in job.failed_on:
        job.failed_on = (*job.failed_on, node.id)


def lost(state: State, event: e.StageLost, envelope: e.Envelope) -> None:
    _let_go(state, event.token)
    job = _waiting_again(state, event, envelope)
    if job is not None:
        job.losses += event.token > state.epoch  # a restart of the daemon is no fault of the job
        filing.refile(state, job)


def cancelled(state: State, event: e.StageCancelled, envelope: e.Envelope) -> None:
    _let_go(state, event.token)
    job = _waiting_again(state, event, envelope)
    if job is not None:
        job.losses += 1
        filing.refile(state, job)


def skipped(state: State, event: e.StageSkipped, envelope: e.Envelope) -> None:
    job = state.jobs.get(event.job)
    if job is None:
        return
    leave_attempt(state, job)
    match job.phase:
        case Running(hold=True):
            job.phase = Held(since=envelope.at)
        case Attention():
            state.runs[job.run].attention -= 1
            job.phase = Queued(since=envelope.at)
        case Running() | Queued():
            job.phase = Queued(since=envelope.at)
        case Held():
            pass
    job.skipped = (*job.skipped, event.stage)
    forget_tries(job)
    filing.refile(state, job)


def _let_go(state: State, token: Token) -> Brief | None:
    brief = state.attempts.pop(token, None)
    if brief is not None and (node := state.nodes.get(brief.attempt.node)) is not None and node.busy == token:
        node.busy = None
    return brief


def _waiting_again(
    state: State, event: e.StageFailed | e.StageLost | e.StageCancelled, envelope: e.Envelope, again_in: float = 0.0
) -> Job | None:
    """The job whose open attempt this was, waiting again; None if it waits for another or has ended."""
    job = state.jobs.get(event.job)
    if job is None or not isinstance(job.phase, Running) or job.phase.token != event.token:
        return None
    hold = job.phase.hold
    job.phase = Held(since=envelope.at) if hold else Queued(since=envelope.at, again_in=again_in)
    job.late, job.late_on = event.token, event.node
    return job


def _in_order(state: State, job: Job, done: e.StageDone) -> tuple[e.StageDone, ...]:
    steps, number = steps_of(state, job), len(job.done)
    if number < len(steps) and steps[number].id == done.stage:
        return (*job.done, done)
    by_stage: dict[StageId, e.StageDone] = {one.stage: one for one in job.done}
    by_stage[done.stage] = done
    return tuple(by_stage[step.id] for step in steps if step.id in by_stage)
