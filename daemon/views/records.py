"""Whole records and look-ups: what is known of one job or run, and of many when a command brings them back."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from daemon.views.readers import Found, Reading
from daemon.views.rows import RUN_COLUMNS, run_row, texts
from schema.commands import EndedJob, EndedRun
from schema.events import StageDone, StageFinished
from schema.foreign import Post
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256
from schema.pages import FilmRecord, ImageRecord, JobRecord, RunRecord, StageRecord
from schema.plans import PROMPTING, JobSpec, Measures, Picture, RunSpec, StageStep
from schema.words import said_in

_JOB_SPEC = msgspec.json.Decoder(JobSpec)
_RUN_SPEC = msgspec.json.Decoder(RunSpec)
_FILM = msgspec.json.Decoder(FilmRecord)
_RESULT = msgspec.json.Decoder(StageFinished)

CHUNK = 500
"""Ids in one statement."""


async def job_record(db: Reading, job: JobId) -> JobRecord | None:
    return next(iter(await job_records(db, (job,))), None)


async def job_records(db: Reading, jobs: Sequence[JobId]) -> tuple[JobRecord, ...]:
    """In the order asked for; ids without a job are left out."""
    found: dict[str, JobRecord] = {}
    for chunk in chunks(jobs):
        marks = ", ".join("?" * len(chunk))
        rows = await db.all(
            "SELECT jobs.*, specs.spec, runs.spec AS run_spec FROM jobs JOIN specs ON specs.job = jobs.id"
            f" JOIN runs ON runs.id = jobs.run WHERE jobs.id IN ({marks})",
            chunk,
        )
        stages = _by_job(await db.all(f"SELECT * FROM stages WHERE job IN ({marks})", chunk))
        images = _by_job(
            await db.all(
                "SELECT *, (SELECT json_group_array(tag) FROM tags WHERE image = images.id) AS tags"
                f" FROM images WHERE job IN ({marks}) ORDER BY n",
                chunk,
            )
        )
        run_specs: dict[str, RunSpec] = {}
        for row in rows:
            run_spec = run_specs.get(row["run"]) or run_specs.setdefault(row["run"], _RUN_SPEC.decode(row["run_spec"]))
            found[row["id"]] = _job_record(row, run_spec, stages.get(row["id"], []), images.get(row["id"], []))
    return tuple(found[job] for job in jobs if job in found)


async def run_record(db: Reading, run: RunId, results: Path) -> RunRecord | None:
    row = await db.one(f"SELECT {RUN_COLUMNS}, spec, film, film_reason FROM runs WHERE id = ?", (run,))
    if row is None:
        return None
    return RunRecord(
        row=run_row(row, results),
        spec=_RUN_SPEC.decode(row["spec"]),
        film=_FILM.decode(row["film"]) if row["film"] is not None else None,
        film_reason=row["film_reason"],
    )


async def film_record(db: Reading, image: str) -> tuple[RunId, FilmRecord] | None:
    """By the film's own id."""
    row = await db.one("SELECT id, film FROM runs WHERE film_id = ?", (image,))
    return None if row is None else (RunId(row["id"]), _FILM.decode(row["film"]))


async def ended_jobs(db: Reading, jobs: Sequence[JobId]) -> tuple[EndedJob, ...]:
    """Look-up of those that have ended or need attention, in the order asked for.

    A stage whose pictures were deleted counts as not done: whoever needs them has it run again.
    """
    records = await job_records(db, jobs)
    return tuple(_ended_job(record) for record in records if record.state not in ("queued", "held", "running"))


async def ended_runs(db: Reading, runs: Sequence[RunId]) -> tuple[EndedRun, ...]:
    """Look-up of those that have finished."""
    found: dict[str, EndedRun] = {}
    for chunk in chunks(runs):
        marks = ", ".join("?" * len(chunk))
        rows = await db.all(
            "SELECT id, spec, finished, failed, cancelled, attention, paused FROM runs"
            f" WHERE id IN ({marks}) AND ended IS NOT NULL",
            chunk,
        )
        for row in rows:
            found[row["id"]] = EndedRun(
                run=RunId(row["id"]),
                spec=_RUN_SPEC.decode(row["spec"]),
                finished=row["finished"],
                failed=row["failed"] + row["attention"],
                cancelled=row["cancelled"],
                paused=bool(row["paused"]),
            )
    return tuple(found[run] for run in dict.fromkeys(runs) if run in found)


async def stars_of(db: Reading, images: Sequence[ImageId]) -> dict[ImageId, int]:
    found: dict[ImageId, int] = {}
    for chunk in chunks(images):
        rows = await db.all(f"SELECT id, stars FROM images WHERE id IN ({', '.join('?' * len(chunk))})", chunk)
        found.update((row["id"], row["stars"]) for row in rows)
    return found


async def kept(db: Reading, files: Sequence[Sha256]) -> set[str]:
    """SHA-256 of those that a picture has."""
    found: set[str] = set()
    for chunk in chunks(files):
        marks = ", ".join("?" * len(chunk))
        rows = await db.all(f"SELECT sha256 FROM images WHERE sha256 IN ({marks}) AND trashed < 2", chunk)
        found.update(row["sha256"] for row in rows)
    return found


async def deleted(db: Reading, images: Sequence[ImageId]) -> tuple[ImageId, ...]:
    found: list[ImageId] = []
    for chunk in chunks(images):
        marks = ", ".join("?" * len(chunk))
        rows = await db.all(f"SELECT id FROM images WHERE id IN ({marks}) AND trashed = 2", chunk)
        found += [ImageId(row["id"]) for row in rows]
    return tuple(found)


async def posts(db: Reading, gallery: str) -> tuple[Post, ...]:
    rows = await db.all(
        "SELECT posts.image, posts.entry, posts.favourite, images.stars,"
        " (SELECT json_group_array(tag) FROM tags WHERE image = posts.image) AS tags"
        " FROM posts JOIN images ON images.id = posts.image WHERE posts.gallery = ? AND images.trashed < 2"
        " ORDER BY images.n",
        (gallery,),
    )
    return tuple(
        Post(image=ImageId(row["image"]), entry=row["entry"], agreed=bool(row["favourite"]), tags=texts(row["tags"]),
             stars=row["stars"])
        for row in rows
    )  # fmt: skip


async def tags_of(db: Reading, images: Sequence[ImageId]) -> dict[ImageId, tuple[str, ...]]:
    found: dict[ImageId, tuple[str, ...]] = {}
    for chunk in chunks(images):
        rows = await db.all(
            "SELECT id, (SELECT json_group_array(tag) FROM tags WHERE image = images.id) AS tags"
            f" FROM images WHERE id IN ({', '.join('?' * len(chunk))})",
            chunk,
        )
        found.update((row["id"], texts(row["tags"])) for row in rows)
    return found


def _job_record(row: Found, run_spec: RunSpec, stages: Sequence[Found], images: Sequence[Found]) -> JobRecord:
    spec = _JOB_SPEC.decode(row["spec"])
    steps = run_spec.stages if spec.stages is None else spec.stages
    begun = {stage["stage"]: stage for stage in stages}
    return JobRecord(
        id=row["id"],
        run=row["run"],
        state=row["state"],
        created=row["created"],
        spec=spec,
        stages=tuple(_stage_record(step, begun.get(step.id), images) for step in steps),
        lane=row["lane"],
        priority=row["priority"],
        node=row["node"],
        node_name=row["node_name"],
        ended=row["ended"],
        reason=row["reason"],
    )


def _stage_record(step: StageStep, row: Found | None, images: Sequence[Found]) -> StageRecord:
    if row is None:
        return StageRecord(id=step.id, kind=step.kind, state="waiting")
    result = _RESULT.decode(row["result"]) if row["result"] is not None else None
    every = [image for image in images if image["token"] == row["token"]]  # without a result: suspect ones, to look at
    made = [image for image in every if image["trashed"] < 2]
    return StageRecord(
        id=step.id,
        kind=step.kind,
        state=row["state"],
        attempts=row["attempts"],
        token=row["token"],
        node=row["node"],
        node_name=row["node_name"],
        backend=result.backend if result else None,
        why=row["why"],
        started=row["started"],
        ended=row["ended"],
        measures=result.measures if result else Measures(),
        effective=result.effective if result else {},
        reported=result.reported if result else {},
        suspect=result.suspect if result else next((image["suspect"] for image in made), None),
        filters=result.filters if result else (),
        reason=row["reason"],
        images=tuple(_image_record(image) for image in made),
        deleted=len(every) - len(made),
    )


def _image_record(row: Found) -> ImageRecord:
    return ImageRecord(
        id=row["id"],
        index=row["number"],
        file=Picture(
            sha256=row["sha256"],
            pixels=row["pixels"],
            media=row["media"],
            bytes=row["bytes"],
            width=row["width"],
            height=row["height"],
            seed=row["seed"],
        ),
        stars=row["stars"],
        tags=texts(row["tags"]),
        suspect=row["suspect"],
    )


def _ended_job(record: JobRecord) -> EndedJob:
    return EndedJob(
        job=record.id,
        run=record.run,
        spec=record.spec,
        phase=record.state,
        done=tuple(
            StageDone(
                stage=stage.id,
                token=stage.token,
                node=stage.node or NodeId(""),
                images=tuple(image.id for image in stage.images),
                files=tuple(image.file.sha256 for image in stage.images),
                prompt=said.prompt,
                negative=said.negative,
            )
            for stage in record.stages
            if stage.state == "done"
            and stage.token is not None
            and not stage.deleted
            and (stage.node is not None or stage.kind in PROMPTING)
            for said in (said_in(stage.id, stage.kind, stage.reported),)
        ),
    )


def _by_job(rows: Sequence[Found]) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = {}
    for row in rows:
        found.setdefault(row["job"], []).append(row)
    return found


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
