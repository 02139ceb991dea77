"""Runs in the views: submitted, paused, filmed, finished. Counts of jobs are kept by triggers (`tables.py`)."""

from typing import assert_never

from daemon.views.fold.statement import Statement, json, json_list, last_maker
from schema import events as e
from schema.pages import FilmRecord
from schema.plans import RunSpec

RunEvent = (
    e.RunSubmitted | e.RunPaused | e.RunResumed | e.RunReopened | e.RunFinished
    | e.FilmStarted | e.FilmFinished | e.FilmFailed
)  # fmt: skip


def fold(envelope: e.Envelope, event: RunEvent) -> list[Statement]:
    match event:
        case e.RunSubmitted(run=run, spec=spec):
            return [_submitted(envelope, run, spec)]
        case e.RunPaused(run=run):
            return [(PAUSED, (1, run))]
        case e.RunResumed(run=run):
            return [(PAUSED, (0, run))]
        case e.RunReopened(run=run):
            return [(REOPENED, (run,))]
        case e.RunFinished(run=run):
            return [(FINISHED, (envelope.at, envelope.seq, run))]
        case e.FilmStarted():
            return []
        case e.FilmFinished():
            film = FilmRecord(
                id=event.image,
                file=event.film,
                frames=event.frames,
                seconds=event.seconds,
                fps=event.fps,
                codec=event.codec,
            )
            return [(FILMED, (event.image, json(film), event.run))]
        case e.FilmFailed(run=run, reason=reason):
            return [(NOT_FILMED, (reason, run))]
        case _:
            assert_never(event)


def _submitted(envelope: e.Envelope, run: str, spec: RunSpec) -> Statement:
    packs = [pack.name for pack in spec.packs]
    words = " ".join([spec.name, *packs]).casefold()
    model = next((step.model for step in spec.stages if step.model), None)
    return SUBMITTED, (
        envelope.seq, run, spec.name, words, spec.lane, envelope.at, spec.jobs, json_list(packs), model,
        json_list(step.id for step in spec.stages), last_maker(spec.stages), spec.folder, json(spec),
        spec.profile,
    )  # fmt: skip


SUBMITTED = (
    "INSERT INTO runs(n, id, name, words, lane, created, jobs, packs, model, stages, last, folder, spec,"
    " profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PAUSED = "UPDATE runs SET paused = ? WHERE id = ?"
REOPENED = "UPDATE runs SET ended = NULL, ended_seq = NULL, film_reason = '' WHERE id = ?"
FINISHED = "UPDATE runs SET ended = ?, ended_seq = ? WHERE id = ?"
FILMED = "UPDATE runs SET film_id = ?, film = ?, film_reason = '' WHERE id = ?"
NOT_FILMED = "UPDATE runs SET film_reason = ? WHERE id = ?"
