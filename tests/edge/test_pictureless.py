"""Stages that only look, and several pictures of one stage: what is final, in the views and in the results folder."""

import sys
from pathlib import Path

import msgspec
import pytest

from daemon.artifacts import results
from daemon.artifacts.manifest import Manifest, Sidecar
from daemon.films import frames_of
from schema.events import (
    ArtifactStored,
    Event,
    ImageRated,
    JobFinished,
    JobParked,
    JobSubmitted,
    RunSubmitted,
    StageAssigned,
    StageFailed,
    StageFinished,
    StageSkipped,
)  # fmt: skip
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256, StageId, Token
from schema.pages import ImageRecord, JobRecord, RunRecord, RunRow, StageRecord
from schema.plans import JobSpec, Picture, RunSpec, StageStep

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import BOX, MemoryLog, opened

PAINT = StageStep(id=StageId("paint"), kind="txt2img")
ENLARGE = StageStep(id=StageId("enlarge"), kind="upscale")
TELL = StageStep(id=StageId("tell"), kind="interrogate")
RATE = StageStep(id=StageId("rate"), kind="score")
JOB = JobId("aa2.1")


def submitted(*steps: StageStep, own: tuple[StageStep, ...] | None = None) -> list[Event]:
    run = RunSpec(name="r", base=Sha256("0" * 64), plan_hash="p", seed=1, jobs=1, stages=steps, folder="r")
    return [
        RunSubmitted(run=RunId("aa2"), spec=run),
        JobSubmitted(job=JOB, run=RunId("aa2"), spec=JobSpec(name="one", stages=own)),
    ]


def stored(stage: StageStep, token: int, index: int = 0) -> ArtifactStored:
    file = Picture(
        sha256=Sha256(f"{token * 10 + index:064x}"), pixels="p", media="image/png", bytes=1, width=8, height=8
    )
    image = ImageId(f"{stage.id}{index}")
    return ArtifactStored(
        image=image, job=JOB, run=RunId("aa2"), stage=stage.id, token=Token(token), index=index, file=file
    )


def did(log: MemoryLog, stage: StageStep, pictures: int = 1, **more: object) -> None:
    log.add(StageAssigned(job=JOB, stage=stage.id, node=BOX, attempt=1, why=""))
    token = len(log.envelopes)
    made = [stored(stage, token, index) for index in range(pictures)]
    log.add(*made)
    log.add(
        StageFinished(
            job=JOB, stage=stage.id, token=Token(token), node=BOX, backend="webui",
            images=tuple(one.image for one in made), files=tuple(one.file.sha256 for one in made), **more,
        )
    )  # fmt: skip


async def finals(log: MemoryLog, folder: Path) -> list[str]:
    async with opened(log, folder) as views:
        return [row.id for row in (await views.images(final=True)).items]


async def test_the_last_pictures_are_final_though_stages_that_look_stand_behind(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*submitted(PAINT, TELL, ENLARGE, RATE))
    did(log, PAINT)
    did(log, TELL, 0, reported={"caption": "a boat"})
    did(log, ENLARGE)
    did(log, RATE, 0, reported={"score": 0.31})
    log.add(JobFinished(job=JOB))

    assert await finals(log, tmp_path) == ["enlarge0"]
    async with opened(log, tmp_path) as views:
        job = await views.job(JOB)
        assert job is not None and job.state == "finished"
        assert [stage.reported for stage in job.stages] == [{}, {"caption": "a boat"}, {}, {"score": 0.31}]


async def test_a_jobs_own_stages_say_which_is_final(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*submitted(PAINT, ENLARGE, own=(PAINT, TELL)))
    did(log, PAINT, 2)

    assert sorted(await finals(log, tmp_path)) == ["paint0", "paint1"]


async def test_when_the_last_stage_with_a_picture_is_skipped_those_before_are_final(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*submitted(PAINT, TELL, ENLARGE))
    did(log, PAINT, 2)
    did(log, TELL, 0)
    log.add(StageSkipped(job=JOB, stage=ENLARGE.id))

    assert sorted(await finals(log, tmp_path)) == ["paint0", "paint1"]


async def test_suspect_pictures_of_a_parked_job_are_marked_and_never_final(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*submitted(PAINT))
    log.add(StageAssigned(job=JOB, stage=PAINT.id, node=BOX, attempt=2, why=""))
    token = Token(len(log.envelopes))
    log.add(
        stored(PAINT, token),
        StageFailed(job=JOB, stage=PAINT.id, token=token, node=BOX, trouble="suspect", reason="the picture is black"),
        JobParked(job=JOB, trouble="suspect", reason="the picture is black, twice"),
    )

    assert await finals(log, tmp_path) == []
    async with opened(log, tmp_path) as views:
        (row,) = (await views.images()).items
        assert (row.suspect, row.final) == ("the picture is black", False)
        job = await views.job(JOB)
        assert job is not None
        (stage,) = job.stages
        assert (stage.state, stage.suspect, [image.id for image in stage.images]) == (
            "failed", "the picture is black", ["paint0"],
        )  # fmt: skip
        assert frames_of((job,), "all") == []


@pytest.mark.parametrize("kept", [True, False])
async def test_of_a_batch_only_the_bad_ones_are_marked_and_their_ratings_with_them(tmp_path: Path, kept: bool) -> None:
    log = MemoryLog()
    log.add(*submitted(PAINT))
    log.add(StageAssigned(job=JOB, stage=PAINT.id, node=BOX, attempt=2, why=""))
    token = Token(len(log.envelopes))
    good, bad = stored(PAINT, token), stored(PAINT, token, 1)
    failed = StageFailed(job=JOB, stage=PAINT.id, token=token, node=BOX, trouble="suspect", reason="1 of 2: black")
    finished = StageFinished(
        job=JOB, stage=PAINT.id, token=token, node=BOX, backend="webui", images=(good.image, bad.image), suspect="black"
    )
    log.add(good, msgspec.structs.replace(bad, suspect="black"), finished if kept else failed)
    log.add(ImageRated(image=good.image, stars=4), ImageRated(image=bad.image, stars=5))

    async with opened(log, tmp_path) as views:
        rows = {row.id: (row.suspect, row.final) for row in (await views.images()).items}
        assert rows == {good.image: (None, True), bad.image: ("black", kept)}
        job = await views.job(JOB)
        assert job is not None
        assert [image.suspect for image in job.stages[0].images] == [None, "black"]
        assert [(record.id, record.stars) for record in (await views.verdicts()).records] == (
            [(good.image, 4)] if kept else []
        )


# The results folder -------------------------------------------------------------------------------


def stage(step: StageStep, *pictures: Picture, **reported: str | float) -> StageRecord:
    images = tuple(ImageRecord(id=ImageId(f"{step.id}{n}"), index=n, file=file) for n, file in enumerate(pictures))
    return StageRecord(
        id=step.id, kind=step.kind, state="done", attempts=1, token=Token(5), node=NodeId("n"), backend="webui",
        images=images, reported=reported,
    )  # fmt: skip


def test_what_was_found_stands_beside_each_of_several_finals(tmp_path: Path) -> None:
    def picture(name: str) -> Picture:
        (tmp_path / (name * 64)).write_bytes(name.encode())
        return Picture(
            sha256=Sha256(name * 64), pixels=name, media="image/png", bytes=1, width=8, height=8, seed=ord(name)
        )

    job = JobRecord(
        id=JOB, run=RunId("aa2"), state="finished", created=1.0, spec=JobSpec(name="boat", seed=9),
        stages=(
            stage(PAINT, picture("a"), picture("b")), stage(ENLARGE, picture("c"), picture("d")),
            stage(TELL, caption="a boat"), stage(RATE, score=0.25),
        ),
    )  # fmt: skip
    spec = RunSpec(name="r", base=Sha256("0" * 64), plan_hash="p", seed=9, jobs=1, folder="r")
    run = RunRecord(row=RunRow(id=RunId("aa2"), name="r", state="finished", created=1.0, jobs=1), spec=spec)

    path = results.write_manifest(tmp_path / "out", run, [job], lambda sha: tmp_path / sha)

    assert sorted(one.name for one in path.parent.iterdir()) == [
        "boat+2.json", "boat+2.png", "boat.json", "boat.png", "manifest.json", "stages",
    ]  # fmt: skip
    (entry,) = msgspec.json.decode(path.read_bytes(), type=Manifest).jobs
    assert entry.seeds == (ord("c"), ord("d"))
    assert entry.stages[2].reported == {"caption": "a boat"}
    for name in ("boat", "boat+2"):
        beside = msgspec.json.decode((path.parent / f"{name}.json").read_bytes(), type=Sidecar)
        assert [one.id for one in beside.stages] == ["paint", "enlarge", "tell", "rate"]
        assert beside.stages[3].reported == {"score": 0.25}
    below = msgspec.json.decode((path.parent / "stages" / "boat-01-paint.json").read_bytes(), type=Sidecar)
    assert [one.id for one in below.stages] == ["paint"]
    assert frames_of((job,), "finals") == ["c" * 64, "d" * 64]
    assert results.write_manifest(tmp_path / "out", run, [job], lambda sha: tmp_path / sha) == path
