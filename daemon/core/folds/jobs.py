"""What happens to jobs: they come, wait, are held, moved, edited, end and come back."""

from msgspec.structs import replace

from daemon.core import filing
from daemon.core.state import Attention, Held, Job, LastUsed, Queued, Run, Running, State
from schema import events as e
from schema.plans import PICTURELESS


def submitted(state: State, event: e.JobSubmitted, envelope: e.Envelope) -> None:
    job = Job(
        id=event.job,
        run=event.run,
        spec=event.spec,
        phase=Queued(since=envelope.at),
        rank=float(envelope.seq),
        created=envelope.at,
        priority=event.spec.priority,
    )
    state.jobs[job.id] = job
    state.runs[job.run].open += 1
    filing.refile(state, job)


def hold_changed(state: State, event: e.JobHeld | e.JobReleased, envelope: e.Envelope) -> None:
    job = state.jobs.get(event.job)
    if job is None:
        return
    hold = isinstance(event, e.JobHeld)
    match job.phase:
        case Running():
            job.phase = replace(job.phase, hold=hold)
        case Queued() if hold:
            job.phase = Held(since=envelope.at)
        case Held() if not hold:
            job.phase = Queued(since=envelope.at)
        case _:
            pass
    filing.refile(state, job)


def moved(state: State, event: e.JobMoved) -> None:
    job = state.jobs.get(event.job)
    if job is None:
        return
    if not event.aside:
        _stands(job, event.now, event.was if job.home is None else job.home)
    job.rank = event.now
    filing.refile(state, job)


def _stands(job: Job, rank: float, home: float | None) -> None:
    """Before or behind where it would stand by itself."""
    job.moved = 0 if home is None or rank == home else -1 if rank < home else 1
    job.home = home if job.moved else None


def priority_changed(state: State, event: e.JobPriorityChanged) -> None:
    if (job := state.jobs.get(event.job)) is not None:
        job.priority = event.now
        filing.refile(state, job)


def edited(state: State, event: e.JobEdited) -> None:
    """Results of attempts at what it was before are of no use any more."""
    if (job := state.jobs.get(event.job)) is not None:
        job.spec = event.now
        forget_tries(job)
        filing.refile(state, job)


def finished(state: State, event: e.JobFinished) -> None:
    """The next pictures begin with the last ones; not with those of an experiment, which tries what nobody chose."""
    job = _end(state, event)
    if job is None:
        return
    run = state.runs[job.run]
    run.finished += 1
    if _makes_pictures(run, job) and run.spec.learning_plan is None:
        state.last = LastUsed(
            run=run.id,
            job=job.id,
            base=run.spec.base,
            pipeline=run.spec.pipeline,
            overlay=job.spec.overlay,
            effective=job.effective,
        )
    _drop_if_empty(state, job)


def _makes_pictures(run: Run, job: Job) -> bool:
    """What only writes words is nothing for the next pictures to begin with."""
    steps = run.spec.stages if job.spec.stages is None else job.spec.stages
    return not steps or any(step.kind not in PICTURELESS for step in steps)


def failed(state: State, event: e.JobFailed) -> None:
    if (job := _end(state, event)) is not None:
        state.runs[job.run].failed += 1
        _drop_if_empty(state, job)


def cancelled(state: State, event: e.JobCancelled) -> None:
    if (job := _end(state, event)) is not None:
        state.runs[job.run].cancelled += 1
        _drop_if_empty(state, job)


def parked(state: State, event: e.JobParked, envelope: e.Envelope) -> None:
    job = state.jobs.get(event.job)
    if job is None:
        return
    leave_attempt(state, job)
    if not isinstance(job.phase, Attention):
        state.runs[job.run].attention += 1
    job.phase = Attention(since=envelope.at, trouble=event.trouble, reason=event.reason)
    filing.refile(state, job)
    filing.look_at_run(state, job.run)


def reopened(state: State, event: e.JobReopened, envelope: e.Envelope) -> None:
    run = state.runs[event.run]
    old = state.jobs.pop(event.job, None)
    if old is None:
        run.open += 1
        if run.recounted is None or run.recounted != envelope.command:
            _count_down(run, event.was)
    else:
        leave_attempt(state, old)
        run.attention -= isinstance(old.phase, Attention)
    job = Job(
        id=event.job,
        run=event.run,
        spec=event.spec,
        phase=Held(since=envelope.at) if event.held else Queued(since=envelope.at),
        rank=float(envelope.seq) if event.rank is None else event.rank,
        created=envelope.at if old is None else old.created,
        priority=event.spec.priority if old is None else old.priority,
        done=event.kept,
        only=event.only,
        effective={} if old is None else old.effective,
    )
    _stands(job, job.rank, event.home)
    state.jobs[job.id] = job
    run.over, run.filmed, run.film = False, False, None
    filing.refile(state, job)


def forget_tries(job: Job) -> None:
    """What it has before it now was never tried."""
    job.attempts, job.losses, job.suspects, job.reduced, job.trouble = 0, 0, 0, False, ""
    job.late = job.late_on = None
    job.failed_on, job.floor_gb = (), 0.0


def leave_attempt(state: State, job: Job) -> None:
    """The job does not wait for its open attempt any more; the node is busy until the agent lets go."""
    if isinstance(job.phase, Running) and (brief := state.attempts.get(job.phase.token)) is not None:
        state.attempts[job.phase.token] = replace(brief, cancelled=True)


def _end(state: State, event: e.JobFinished | e.JobFailed | e.JobCancelled) -> Job | None:
    job = state.jobs.pop(event.job, None)
    if job is None:
        return None
    leave_attempt(state, job)
    run = state.runs[job.run]
    run.open -= 1
    run.attention -= isinstance(job.phase, Attention)
    filing.unfile(state, job.id)
    filing.look_at_run(state, run.id)
    return job


def _drop_if_empty(state: State, job: Job) -> None:
    """A run that was over but for jobs that needed attention leaves with the last of them."""
    run = state.runs[job.run]
    if run.over and run.open == 0:
        del state.runs[run.id]
        filing.forget_run(state, run.id)


def _count_down(run: Run, was: e.JobPhase) -> None:
    match was:
        case "finished":
            run.finished -= 1
        case "failed":
            run.failed -= 1
        case "cancelled":
            run.cancelled -= 1
        case "queued" | "held" | "running" | "attention":
            pass
