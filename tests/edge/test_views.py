"""A job's life in the views: given these events, when they are asked, then these records."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.views.lists import Window
from schema.events import (
    ComparisonTakenBack,
    FilmFinished,
    ImageRated,
    ImagesCompared,
    JobCancelled,
    JobHeld,
    JobParked,
    JobReleased,
    JobReopened,
    NodeForgotten,
    NodeJoined,
    NodeLost,
    RunFinished,
    StageAssigned,
    StageCancelled,
    StageDone,
    StageFailed,
    StageLost,
    StageSkipped,
)  # fmt: skip
from schema.ids import ImageId, JobId, RunId, Sha256, StageId, Token
from schema.plans import Picture

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import BOX, MemoryLog, finished, knights, made, opened, run_of


async def test_a_job_record_holds_every_stage_and_what_it_made(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        job = await views.job(JobId("kn7.1"))
        assert job is not None
        assert (job.state, job.spec.prompt, job.node) == ("finished", "a Knight, red banner", BOX)
        first, last = job.stages
        assert (first.state, first.backend, first.attempts, first.effective) == ("done", "sketch", 1, {"steps": 20})
        assert (last.images[0].id, last.images[0].stars, last.images[0].tags) == (
            "kn7-1-upscale", 4, ("banner", "keep"),
        )  # fmt: skip
        waiting = await views.job(JobId("kn7.3"))
        assert waiting is not None
        assert [stage.state for stage in waiting.stages] == ["waiting", "waiting"]
        assert await views.job(JobId("kn7.9")) is None


async def test_a_record_names_the_node_as_it_was_called_when_it_ran(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    other = NodeJoined(node=BOX, name="small box", instance="i", link="local", backends=("sketch",), kinds=("txt2img",))
    log.add(other, StageAssigned(job=JobId("kq8.1"), stage=StageId("txt2img"), node=BOX, attempt=1, why=""))
    log.add(NodeLost(node=BOX, reason="gone"), NodeForgotten(node=BOX))
    async with opened(log, tmp_path) as views:
        before, after = await views.job(JobId("kn7.1")), await views.job(JobId("kq8.1"))
        assert before is not None and after is not None
        assert (before.node, before.node_name, before.stages[0].node_name) == (BOX, "big box", "big box")
        assert (after.node_name, after.stages[0].node_name, after.stages[1].node_name) == (
            "small box",
            "small box",
            None,
        )
        rows = {row.id: row.node_name for row in (await views.jobs()).items}
        assert (rows["kn7.1"], rows["kq8.1"], rows["kn7.3"]) == ("big box", "small box", None)


def _row(at: Callable[[MemoryLog], None]) -> MemoryLog:
    log = MemoryLog()
    log.add(*run_of("aa2", ["one"]))
    at(log)
    return log


def _assigned(log: MemoryLog) -> None:
    log.add(StageAssigned(job=JobId("aa2.1"), stage=StageId("txt2img"), node=BOX, attempt=1, why=""))


def _between(log: MemoryLog) -> None:
    _assigned(log)
    finished(log, "aa2.1", "txt2img", Token(3))


def _lost(log: MemoryLog) -> None:
    _assigned(log)
    log.add(StageLost(job=JobId("aa2.1"), stage=StageId("txt2img"), token=Token(3), node=BOX, reason="gone"))


def _broke(log: MemoryLog) -> None:
    _assigned(log)
    log.add(
        StageFailed(
            job=JobId("aa2.1"), stage=StageId("txt2img"), token=Token(3), node=BOX, trouble="backend", reason="x"
        )
    )


def _held_while_running(log: MemoryLog) -> None:
    _assigned(log)
    log.add(JobHeld(job=JobId("aa2.1")))


def _held_then_between(log: MemoryLog) -> None:
    _held_while_running(log)
    finished(log, "aa2.1", "txt2img", Token(3))


def _released(log: MemoryLog) -> None:
    _held_then_between(log)
    log.add(JobReleased(job=JobId("aa2.1")))


def _parked(log: MemoryLog) -> None:
    _broke(log)
    log.add(JobParked(job=JobId("aa2.1"), trouble="backend", reason="x"))


def _cancelled(log: MemoryLog) -> None:
    _assigned(log)
    log.add(JobCancelled(job=JobId("aa2.1"), was="running"))


def _skipped(log: MemoryLog) -> None:
    _between(log)
    log.add(StageSkipped(job=JobId("aa2.1"), stage=StageId("upscale")))


@pytest.mark.parametrize(
    ("given", "state", "stage", "node"),
    [
        (lambda log: None, "queued", "txt2img", None),
        (_assigned, "running", "txt2img", BOX),
        (_between, "queued", "upscale", BOX),
        (_lost, "queued", "txt2img", None),
        (_broke, "queued", "txt2img", None),
        (_held_while_running, "running", "txt2img", BOX),
        (_held_then_between, "held", "upscale", BOX),
        (_released, "queued", "upscale", BOX),
        (_parked, "attention", "txt2img", None),
        (_cancelled, "cancelled", "txt2img", BOX),
        (_skipped, "queued", None, BOX),
    ],
)
async def test_a_jobs_state_follows_its_stages(
    tmp_path: Path, given: Callable[[MemoryLog], None], state: str, stage: str | None, node: str | None
) -> None:
    async with opened(_row(given), tmp_path) as views:
        (row,) = (await views.jobs()).items
        assert (row.state, row.stage, row.node) == (state, stage, node)


async def test_when_the_last_stage_is_skipped_the_picture_before_is_final(tmp_path: Path) -> None:
    async with opened(_row(_skipped), tmp_path) as views:
        assert [image.id for image in (await views.images(final=True)).items] == ["aa2-1-txt2img"]


async def test_a_skipped_stage_stays_skipped_when_its_attempt_is_let_go_of(tmp_path: Path) -> None:
    log = _row(_between)
    log.add(StageAssigned(job=JobId("aa2.1"), stage=StageId("upscale"), node=BOX, attempt=1, why=""))
    token = Token(len(log.envelopes))
    log.add(
        StageSkipped(job=JobId("aa2.1"), stage=StageId("upscale")),
        StageCancelled(job=JobId("aa2.1"), stage=StageId("upscale"), token=token, node=BOX),
    )
    async with opened(log, tmp_path) as views:
        job = await views.job(JobId("aa2.1"))
        assert job is not None
        assert [stage.state for stage in job.stages] == ["done", "skipped"]


async def test_a_reopened_job_keeps_its_finished_stages_and_its_pictures(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run_of("aa2", ["one"]))
    made(log, "aa2.1")
    log.add(RunFinished(run=RunId("aa2"), finished=1))
    async with opened(log, tmp_path) as views:
        (before,) = await views.ended([JobId("aa2.1")])
        (run,) = await views.ended_runs([RunId("aa2")])
        assert [done.stage for done in before.done] == ["txt2img", "upscale"]
        assert before.done[0] == StageDone(
            stage=StageId("txt2img"), token=Token(3), node=BOX, images=(ImageId("aa2-1-txt2img"),),
            files=before.done[0].files,
        )  # fmt: skip
        assert (run.finished, run.failed, run.cancelled) == (1, 0, 0)

        log.add(
            JobReopened(
                job=JobId("aa2.1"), run=RunId("aa2"), spec=before.spec, was="finished", reason="rerun",
                kept=before.done[:1],
            )
        )  # fmt: skip
        await views._catch_up()
        job = await views.job(JobId("aa2.1"))
        assert job is not None
        assert [stage.state for stage in job.stages] == ["done", "waiting"]
        assert (job.state, job.ended) == ("queued", None)
        assert (await views.images()).total == 2
        assert await views.ended([JobId("aa2.1")]) == ()
        assert (await views.runs()).items[0].finished == 0


async def test_ratings_are_kept_as_of_every_verdict(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    image = ImageId("kn7-1-upscale")
    log.add(ImageRated(image=image, stars=2, was=4), ImagesCompared(better=image, worse=ImageId("kn7-1-txt2img")))
    async with opened(log, tmp_path) as views:
        async with views._readers.reading() as db:
            rows = [row["stars"] for row in await db.all("SELECT stars FROM verdicts ORDER BY seq")]
            tagged = [row["tags"] for row in await db.all("SELECT tags FROM taggings ORDER BY seq")]
            compared = [tuple(row) for row in await db.all("SELECT better, worse FROM comparisons")]
        assert (rows, tagged) == ([4, 2], ['["banner","keep"]'])
        assert compared == [(image, "kn7-1-txt2img")]
        (rating,) = await views.rated([image], 5)
        assert (rating.was, rating.stars) == (2, 5)
        assert (await views.tagged([image]))[0].tags == ("banner", "keep")
        assert [row.stars for row in (await views.jobs(Window("run:kn7 state:finished"))).items] == [2]


async def test_a_comparison_is_kept_with_when_it_was_taken_back(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    better, worse = ImageId("kn7-1-upscale"), ImageId("kn7-1-txt2img")
    log.add(ImagesCompared(better=better, worse=worse), ImagesCompared(better=better, worse=worse))
    second = len(log.envelopes)
    log.add(ComparisonTakenBack(better=worse, worse=better), ComparisonTakenBack(better=better, worse=worse))
    async with opened(log, tmp_path) as views, views._readers.reading() as db:
        rows = [tuple(row) for row in await db.all("SELECT seq, taken_back FROM comparisons ORDER BY seq")]
    assert rows == [(second - 1, None), (second, second + 2)]


async def test_a_film_is_found_by_its_run_and_by_its_own_id(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run_of("aa2", ["one"]))
    picture = Picture(sha256=Sha256("f" * 64), pixels="", media="video/mp4", bytes=9, width=8, height=8)
    log.add(
        FilmFinished(
            run=RunId("aa2"), token=Token(1), image=ImageId("ff3"), film=picture, frames=2, seconds=0.25, fps=8.0,
            codec="h264",
        )
    )  # fmt: skip
    async with opened(log, tmp_path) as views:
        record = await views.run(RunId("aa2"))
        assert record is not None and record.film is not None
        assert (record.film.id, record.film.file) == ("ff3", picture)
        assert await views.film(ImageId("ff3")) == (RunId("aa2"), record.film)
