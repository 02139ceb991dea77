"""The live state as a client sees it, and the open attempts as the dispatcher does."""

from itertools import islice

from msgspec.structs import replace

from daemon.core.ahead import next_step, steps_of
from daemon.core.eta import Paces, begins, job_seconds, mode_costs, paces_of, run_seconds
from daemon.core.filing import indexed
from daemon.core.rules import Rules
from daemon.core.shown import outlined, with_readings
from daemon.core.state import Brief, Job, Run, Running, State
from daemon.core.vitals import Vitals, blocked
from daemon.core.words import top
from schema.ids import Token
from schema.scenes import Counts, QueueScene, RunningJob, RunScene, Scene

MOST_RUNS = 200
MOST_RUNNING = 200


def look(state: State, vitals: Vitals, now: float, rules: Rules = Rules()) -> Scene:  # noqa: B008 - a constant
    return refresh(outline(state, vitals, now, rules), vitals, now)


def outline(state: State, vitals: Vitals, now: float, rules: Rules = Rules()) -> Scene:  # noqa: B008 - a constant
    """What is on disk of it; `refresh` adds the readings, also much later."""
    paces = paces_of(state)
    index = indexed(state)
    counts = index.counts
    waiting = counts["shelf"] + counts["delayed"] + counts["ripe"]
    started = list(index.started)[:MOST_RUNNING]
    newest = list(islice(reversed(state.runs.values()), MOST_RUNS))
    shut = {run: at for run in index.work if (at := begins(state.runs[run], now, rules)) is not None}
    return Scene(
        head=state.seq,
        queue=QueueScene(
            paused=state.paused,
            mode=state.mode,
            pin=state.pin,
            mode_costs=mode_costs(state),
            counts=Counts(
                queued=waiting,
                held=counts["held"],
                running=counts["running"],
                attention=counts["attention"],
            ),
            eta_s=run_seconds((work for run, work in index.work.items() if run not in shut), paces),
            blocked=blocked(vitals) if waiting else "",
        ),
        running=tuple(_running(state, state.jobs[name], now, paces) for name in started),
        runs=tuple(_run(state, run, paces, shut.get(run.id)) for run in newest if not run.over),
        nodes=tuple(outlined(state, node, vitals, now) for node in state.nodes.values()),
        undo=top(state, state.undo),
        redo=top(state, state.redo),
    )


def refresh(scene: Scene, vitals: Vitals, now: float) -> Scene:
    """The same scene, as it was outlined, with the vitals of now: progress, silence, memory in use, free disk."""
    return replace(
        scene,
        queue=replace(scene.queue, blocked=blocked(vitals) if scene.queue.counts.queued else ""),
        running=tuple(_with_progress(job, vitals) for job in scene.running),
        nodes=with_readings(scene.nodes, vitals),
        library=vitals.library,
    )


def brief(state: State, token: Token) -> Brief:
    """Raises KeyError when no such attempt is open."""
    return state.attempts[token]


def briefs(state: State) -> tuple[Brief, ...]:
    """All open attempts, cancelled ones among them, oldest first."""
    return tuple(state.attempts.values())


def _running(state: State, job: Job, now: float, paces: Paces) -> RunningJob:
    steps = steps_of(state, job)
    ahead = next_step(state, job) or steps[-1]
    number = next(number for number, step in enumerate(steps, 1) if step.id == ahead.id)
    at = job.phase if isinstance(job.phase, Running) else None
    node = state.nodes.get(at.node) if at is not None else None
    return RunningJob(
        job=job.id,
        name=job.spec.name,
        stage=ahead.id,
        stage_number=number,
        stages=len(steps),
        node=at.node if at else None,
        node_name=node.name if node is not None else "",
        token=at.token if at else None,
        since=job.phase.since,
        steps=ahead.steps,
        eta_s=job_seconds(state, job, now, paces),
    )


def _with_progress(job: RunningJob, vitals: Vitals) -> RunningJob:
    if (token := job.token) is None:
        return job
    if (shown := vitals.previews.get(token)) is not None:
        job = replace(job, preview=shown.number)
    if (progress := vitals.progress.get(token)) is None:
        return job
    return replace(
        job,
        step=progress.step,
        steps=progress.steps or job.steps,
        doing=progress.doing,
        eta_s=job.eta_s if job.eta_s is not None else progress.eta_s,
    )


def _run(state: State, run: Run, paces: Paces, shut: float | None) -> RunScene:
    film = run.spec.film
    return RunScene(
        run=run.id,
        name=run.spec.name,
        jobs=run.spec.jobs,
        finished=run.finished,
        failed=run.failed,
        cancelled=run.cancelled,
        attention=run.attention,
        paused=run.paused,
        lane=run.spec.lane,
        eta_s=run_seconds([indexed(state).work.get(run.id, {})], paces) if shut is None else None,
        not_before=shut,
        deadline=run.spec.deadline,
        moves=run.moves,
        film="making" if run.film is not None else "none" if film is None or run.filmed else "waiting",
        folder=run.spec.folder,
    )
