"""Jobs in the views: from submitted to ended and back. What their stages do is in `stages.py`."""

from typing import assert_never

from daemon.views.fold import models
from daemon.views.fold.statement import Statement, json, json_list, last_maker
from schema import events as e
from schema.ids import number_of
from schema.plans import JobSpec

JobEvent = (
    e.JobSubmitted | e.JobHeld | e.JobReleased | e.JobMoved | e.JobPriorityChanged | e.JobEdited
    | e.JobCancelled | e.JobReopened | e.JobFinished | e.JobFailed | e.JobParked
)  # fmt: skip


def fold(envelope: e.Envelope, event: JobEvent) -> list[Statement]:
    match event:
        case e.JobSubmitted(job=job, spec=spec):
            return _submitted(envelope, event, spec)
        case e.JobHeld(job=job):
            return [(HELD, (job,))]
        case e.JobReleased(job=job):
            return [(RELEASED, (job,))]
        case e.JobMoved(job=job, now=rank):
            return [(MOVED, (rank, job))]
        case e.JobPriorityChanged(job=job, now=priority):
            return [(PRIORITY, (priority, job))]
        case e.JobEdited(job=job, now=spec):
            return _spec(envelope, job, spec)
        case e.JobCancelled(job=job, reason=reason):
            return [(ENDED, ("cancelled", envelope.at, envelope.seq, reason, None, job)), (ABANDONED, (job,))]
        case e.JobReopened():
            return _reopened(envelope, event)
        case e.JobFinished(job=job, seconds=seconds):
            return [(ENDED, ("finished", envelope.at, envelope.seq, "", seconds, job))]
        case e.JobFailed(job=job, reason=reason):
            return [(ENDED, ("failed", envelope.at, envelope.seq, reason, None, job))]
        case e.JobParked(job=job, reason=reason):
            return [(PARKED, (envelope.at, reason, job))]
        case _:
            assert_never(event)


def _submitted(envelope: e.Envelope, event: e.JobSubmitted, spec: JobSpec) -> list[Statement]:
    return [
        (SUBMITTED, (
            envelope.seq, event.job, number_of(event.job), spec.name, envelope.at, spec.priority,
            float(envelope.seq), spec.pack, _model(spec), spec.seed, _stages(spec), _last(spec), event.run,
        )),
        (WORDS, (words(spec), event.job)),
        (SPEC, (event.job, json(spec))),
        *models.used(event.job, spec.needs),
    ]  # fmt: skip


def _spec(envelope: e.Envelope, job: str, spec: JobSpec) -> list[Statement]:
    return [
        (EDITED, (spec.name, spec.pack, _model(spec), spec.seed, _stages(spec), _last(spec), job)),
        (WORDS, (words(spec), job)),
        (PAST_SPEC, (job, envelope.seq)),
        (SPEC, (job, json(spec))),
        *models.used_now(job, spec.needs),
    ]


def _reopened(envelope: e.Envelope, event: e.JobReopened) -> list[Statement]:
    """Stages that are not kept wait again; their pictures stay, they were made and perhaps rated."""
    rank = float(envelope.seq) if event.rank is None else event.rank
    state, held, begun = ("held" if event.held else "queued"), int(event.held), int(bool(event.kept))
    return [
        *_spec(envelope, event.job, event.spec),
        (REOPENED, (state, held, rank, begun, event.spec.priority, event.job)),
        (FORGOTTEN, (event.job, json_list(done.stage for done in event.kept))),
    ]


def words(spec: JobSpec) -> str:
    return f"{spec.name} {spec.prompt}".casefold()


def _model(spec: JobSpec) -> str | None:
    """None also when the job has the run's stages; the statement then takes the run's model."""
    return next((step.model for step in spec.stages or () if step.model), None)


def _stages(spec: JobSpec) -> str | None:
    return None if spec.stages is None else json_list(step.id for step in spec.stages)


def _last(spec: JobSpec) -> str | None:
    return None if spec.stages is None else last_maker(spec.stages)


SUBMITTED = (
    "INSERT INTO jobs(n, id, run, number, name, state, created, lane, priority, rank, pack, model, seed, stages, last)"
    " SELECT ?1, ?2, id, ?3, ?4, 'queued', ?5, lane, ?6, ?7, ?8, coalesce(?9, model), ?10, coalesce(?11, stages),"
    " coalesce(?12, last) FROM runs WHERE id = ?13"
)
WORDS = "INSERT OR REPLACE INTO texts SELECT n, ?1 FROM jobs WHERE id = ?2"
PAST_SPEC = "INSERT OR IGNORE INTO past_specs SELECT job, ?2, spec FROM specs WHERE job = ?1"
SPEC = "INSERT INTO specs VALUES (?, ?) ON CONFLICT(job) DO UPDATE SET spec = excluded.spec"
EDITED = (
    "UPDATE jobs SET name = ?1, pack = ?2, seed = ?4,"
    " model = coalesce(?3, (SELECT model FROM runs WHERE id = jobs.run)),"
    " stages = coalesce(?5, (SELECT stages FROM runs WHERE id = jobs.run)),"
    " last = coalesce(?6, (SELECT last FROM runs WHERE id = jobs.run)) WHERE id = ?7"
)
HELD = "UPDATE jobs SET held = 1, state = iif(state = 'queued', 'held', state) WHERE id = ?"
RELEASED = "UPDATE jobs SET held = 0, state = iif(state = 'held', 'queued', state) WHERE id = ?"
MOVED = "UPDATE jobs SET rank = ? WHERE id = ?"
PRIORITY = "UPDATE jobs SET priority = ? WHERE id = ?"
ENDED = "UPDATE jobs SET state = ?, ended = ?, ended_seq = ?, held = 0, reason = ?, seconds = ? WHERE id = ?"
PARKED = "UPDATE jobs SET state = 'attention', ended = ?, reason = ? WHERE id = ?"
REOPENED = (
    "UPDATE jobs SET state = ?, held = ?, rank = ?, done = ?, priority = iif(ended_seq IS NULL, priority, ?),"
    " ended = NULL, ended_seq = NULL, node = NULL, node_name = NULL, attempts = 0, reason = '', seconds = NULL"
    " WHERE id = ?"
)
ABANDONED = "UPDATE stages SET state = 'waiting' WHERE job = ? AND state = 'running'"
FORGOTTEN = "DELETE FROM stages WHERE job = ? AND stage NOT IN (SELECT value FROM json_each(?))"
