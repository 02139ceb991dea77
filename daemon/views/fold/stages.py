"""Stages in the views: where a job is, and what each of its stages took."""

from typing import assert_never

from daemon.views.fold import models
from daemon.views.fold.statement import Statement, json
from schema import events as e

StageEvent = (
    e.StageAssigned | e.StageFinished | e.StageFailed | e.StageLost | e.StageCancelled | e.StageSkipped
    | e.JobDispatched
)  # fmt: skip


def fold(envelope: e.Envelope, event: StageEvent) -> list[Statement]:
    at = envelope.at
    match event:
        case e.StageAssigned(job=job, stage=stage, node=node, attempt=attempt, why=why):
            return [
                (STARTED, (job, stage, attempt, envelope.seq, node, why, at)),
                (RUNNING, (node, attempt, at, job)),
            ]
        case e.StageFinished():
            return _finished(at, event)
        case e.StageFailed(job=job, stage=stage, token=token, reason=reason):
            doubted = [(DOUBTED, (reason, job, token)), (NO_FINALS, (job, token))] if event.trouble == "suspect" else []
            return [(BROKEN, ("failed", at, reason, job, stage, token)), (WAITING, (job, token)), *doubted]
        case e.StageLost(job=job, stage=stage, token=token, reason=reason):
            return [(BROKEN, ("waiting", at, reason, job, stage, token)), (WAITING, (job, token))]
        case e.StageCancelled(job=job, stage=stage, token=token):
            return [(BROKEN, ("waiting", at, "", job, stage, token)), (WAITING, (job, token))]
        case e.StageSkipped(job=job, stage=stage, reason=reason):
            return [
                (SKIPPED, (job, stage, at, reason)),
                (PASSED, (job,)),
                (FINAL_BEFORE, (job, stage)),
            ]
        case e.JobDispatched(job=job, stage=stage):
            return [(HANDED_ON, (job, stage, envelope.seq, at))]
        case _:
            assert_never(event)


def _finished(at: float, event: e.StageFinished) -> list[Statement]:
    """An adopted late result may be the first the views hear of since the stage was queued again."""
    model = event.effective.get("model") if event.images else None  # who writes words makes no pictures
    prompt = event.reported.get("prompt")
    return [
        (DONE, (event.job, event.stage, event.token, event.node, at, json(event))),
        (NEXT, (model if isinstance(model, str) else None, event.node, event.job)),
        (MADE, (event.node, model if isinstance(model, str) else None, event.job, event.token)),
        *([(DOUBTED, (event.suspect, event.job, event.token))] if event.suspect else []),
        *([(SAID, (prompt.casefold(), event.job))] if not event.images and isinstance(prompt, str) else []),
        *models.found(event),
    ]


STARTED = (
    "INSERT INTO stages(job, stage, state, attempts, token, node, node_name, why, started)"
    " VALUES (?1, ?2, 'running', ?3, ?4, ?5, (SELECT name FROM nodes WHERE id = ?5), ?6, ?7)"
    " ON CONFLICT(job, stage) DO UPDATE SET"
    " state = 'running', attempts = ?3, token = ?4, node = ?5, node_name = excluded.node_name, why = ?6, started = ?7,"
    " ended = NULL, reason = '', result = NULL"
)
RUNNING = (
    "UPDATE jobs SET state = 'running', node = ?1, node_name = (SELECT name FROM nodes WHERE id = ?1), attempts = ?2,"
    " started = coalesce(started, ?3), reason = '' WHERE id = ?4 AND ended_seq IS NULL"
)
DONE = (
    "INSERT INTO stages(job, stage, state, token, node, node_name, ended, result)"
    " VALUES (?1, ?2, 'done', ?3, ?4, (SELECT name FROM nodes WHERE id = ?4), ?5, ?6)"
    " ON CONFLICT(job, stage) DO UPDATE SET state = 'done', token = ?3, node = ?4,"
    " node_name = iif(node = ?4, node_name, excluded.node_name), ended = ?5, reason = '', result = ?6"
)
NEXT = (
    "UPDATE jobs SET done = 1, attempts = 0, model = coalesce(model, ?1), node = ?2,"
    " node_name = iif(node = ?2, node_name, (SELECT name FROM nodes WHERE id = ?2)), reason = '',"
    " state = CASE WHEN state <> 'running' THEN state WHEN held THEN 'held' ELSE 'queued' END WHERE id = ?3"
)
MADE = "UPDATE images SET node = ?, model = coalesce(?, model) WHERE job = ? AND token = ?"
DOUBTED = (  # all of them, where none was marked when it was stored
    "UPDATE images SET suspect = ?1 WHERE job = ?2 AND token = ?3"
    " AND NOT EXISTS (SELECT 1 FROM images WHERE job = ?2 AND token = ?3 AND suspect IS NOT NULL)"
)
NO_FINALS = "UPDATE images SET final = 0 WHERE job = ? AND token = ? AND suspect IS NOT NULL"
BROKEN = (
    "UPDATE stages SET state = ?, ended = ?, reason = ? WHERE job = ? AND stage = ? AND token = ? AND state = 'running'"
)
WAITING = (  # unless the job has gone on without that attempt
    "UPDATE jobs SET state = iif(held, 'held', 'queued'), node = NULL, node_name = NULL WHERE id = ?1"
    " AND state = 'running' AND ?2 IN (SELECT token FROM stages WHERE job = ?1)"
)
SKIPPED = (
    "INSERT INTO stages(job, stage, state, ended, reason) VALUES (?1, ?2, 'skipped', ?3, ?4)"
    " ON CONFLICT(job, stage) DO UPDATE SET state = 'skipped', ended = ?3, reason = ?4, result = NULL"
)
SAID = "UPDATE texts SET words = words || ' ' || ?1 WHERE n = (SELECT n FROM jobs WHERE id = ?2)"
HANDED_ON = (  # the daemon's own doing: on no node
    "INSERT INTO stages(job, stage, state, token, started, ended) VALUES (?1, ?2, 'done', ?3, ?4, ?4)"
    " ON CONFLICT(job, stage) DO UPDATE SET state = 'done', token = ?3, started = ?4, ended = ?4, reason = ''"
)
PASSED = (
    "UPDATE jobs SET attempts = 0,"
    " state = CASE WHEN state <> 'running' THEN state WHEN held THEN 'held' ELSE 'queued' END WHERE id = ?"
)
FINAL_BEFORE = (
    "UPDATE images SET final = 1 WHERE job = ?1"
    " AND ?2 = (SELECT last FROM jobs WHERE id = ?1)"
    " AND token = (SELECT max(images.token) FROM images JOIN stages USING (job, token)"
    " WHERE job = ?1 AND state = 'done')"
)
