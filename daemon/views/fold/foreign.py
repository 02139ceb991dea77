"""Pictures from elsewhere in the views, which look like any finished job's; and what was posted to galleries."""

from typing import assert_never

from daemon.views.fold import images, jobs, learning, runs
from daemon.views.fold.statement import Statement, json
from schema import events as e
from schema.ids import NodeId, Token

ForeignEvent = e.PicturesImported | e.PictureImported | e.ImagePosted | e.FavouriteSynced


def fold(envelope: e.Envelope, event: ForeignEvent) -> list[Statement]:
    match event:
        case e.PicturesImported(run=run, spec=spec):
            return [
                *runs.fold(envelope, e.RunSubmitted(run=run, spec=spec)),
                *runs.fold(envelope, e.RunFinished(run=run, finished=spec.jobs)),
            ]
        case e.PictureImported():
            return _imported(envelope, event)
        case e.ImagePosted(image=image, gallery=gallery, entry=entry):
            return [(POSTED, (image, gallery, entry))]
        case e.FavouriteSynced(image=image, gallery=gallery, favourite=favourite):
            return [(AGREED, (int(favourite), image, gallery))]
        case _:
            assert_never(event)


def _imported(envelope: e.Envelope, event: e.PictureImported) -> list[Statement]:
    job, token = event.job, Token(envelope.seq)
    stored = e.ArtifactStored(
        image=event.image, job=job, run=event.run, stage=event.stage, token=token, index=0, file=event.file
    )
    result = e.StageFinished(
        job=job, stage=event.stage, token=token, node=NodeId(""), backend=event.program, images=(event.image,),
        effective=event.effective, reported={**event.reported, "file": event.name},
    )  # fmt: skip
    model = event.effective.get("model")
    return [
        *jobs.fold(envelope, e.JobSubmitted(job=job, run=event.run, spec=event.spec)),
        *images.fold(envelope, stored),
        (MADE, (job, event.stage, token, envelope.at, json(result))),
        (MODEL, (model if isinstance(model, str) else None, job)),
        (IMAGE_MODEL, (model if isinstance(model, str) else None, event.image)),
        *learning.made(envelope, result),
        *jobs.fold(envelope, e.JobFinished(job=job)),
    ]


MADE = "INSERT INTO stages(job, stage, state, token, ended, result) VALUES (?, ?, 'done', ?, ?, ?)"
MODEL = "UPDATE jobs SET done = 1, model = coalesce(?, model) WHERE id = ?"
IMAGE_MODEL = "UPDATE images SET model = coalesce(?, model) WHERE id = ?"
POSTED = (
    "INSERT INTO posts(image, gallery, entry) VALUES (?, ?, ?)"
    " ON CONFLICT(image, gallery) DO UPDATE SET entry = excluded.entry"
)
AGREED = "UPDATE posts SET favourite = ? WHERE image = ? AND gallery = ?"
