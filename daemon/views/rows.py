"""Rows of the views as the structs that lists answer with, and which columns that takes."""

from pathlib import Path

import msgspec

from daemon.views.readers import Found
from schema.pages import ImageRow, RunRow
from schema.scenes import Row

_TEXTS = msgspec.json.Decoder(tuple[str, ...])

JOB_COLUMNS = (
    "id, run, name, state, created, pack, stages, node, node_name, priority, lane, rank, reason, seconds, stars, model,"
    " seed, attempts, (SELECT value FROM json_each(jobs.stages) WHERE value NOT IN"
    " (SELECT stage FROM stages WHERE job = jobs.id AND state IN ('done', 'skipped')) LIMIT 1) AS stage"
)

IMAGE_COLUMNS = (
    "images.id, images.job, images.run, images.stage, jobs.name, images.final, images.created, images.media,"
    " images.bytes, images.width, images.height, images.sha256, images.pixels, images.stars, images.pack, images.model,"
    " images.seed, images.trashed, images.suspect, images.number, jobs.stages AS pipeline,"
    " (SELECT folder FROM runs WHERE runs.id = images.run) AS folder,"
    " (SELECT json_group_array(tag) FROM tags WHERE image = images.id) AS tags"
)

RUN_COLUMNS = "id, name, state, created, jobs, finished, failed, cancelled, attention, lane, packs, folder, ended"


def texts(json: str | bytes) -> tuple[str, ...]:
    return _TEXTS.decode(json)


def job_row(row: Found) -> Row:
    return Row(
        id=row["id"],
        run=row["run"],
        name=row["name"],
        state=row["state"],
        created=row["created"],
        pack=row["pack"],
        stages=texts(row["stages"]),
        stage=row["stage"],
        node=row["node"],
        node_name=row["node_name"],
        priority=row["priority"],
        lane=row["lane"],
        rank=row["rank"],
        reason=row["reason"],
        seconds=row["seconds"],
        stars=row["stars"],
        model=row["model"],
        seed=row["seed"],
        attempts=row["attempts"],
    )


def image_row(row: Found) -> ImageRow:
    """`path` is filled in by whoever knows the artifact store."""
    return ImageRow(
        id=row["id"],
        job=row["job"],
        run=row["run"],
        stage=row["stage"],
        name=row["name"],
        final=bool(row["final"]),
        created=row["created"],
        media=row["media"],
        bytes=row["bytes"],
        width=row["width"],
        height=row["height"],
        sha256=row["sha256"],
        pixels=row["pixels"],
        stars=row["stars"],
        tags=texts(row["tags"]),
        pack=row["pack"],
        model=row["model"],
        seed=row["seed"],
        trashed=bool(row["trashed"]),
        suspect=row["suspect"],
        folder=row["folder"],
        stage_number=texts(row["pipeline"]).index(row["stage"]) + 1,
        index=row["number"],
    )


def run_row(row: Found, results: Path) -> RunRow:
    """`results`: the root below which each run has its folder."""
    return RunRow(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        created=row["created"],
        jobs=row["jobs"],
        finished=row["finished"],
        failed=row["failed"],
        cancelled=row["cancelled"],
        attention=row["attention"],
        lane=row["lane"],
        packs=texts(row["packs"]),
        folder=str(results / row["folder"]) if row["folder"] else "",
        ended=row["ended"],
    )
