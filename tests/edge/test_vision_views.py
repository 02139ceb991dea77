"""Looks in the views: which pictures a stage has seen, and what they add up to."""

import sys
from collections.abc import Sequence
from pathlib import Path

from daemon.prompting.looks.effects import effects
from daemon.views.views import Views
from schema.events import ArtifactStored, Event, JobFinished, JobSubmitted, RunSubmitted, StageAssigned, StageFinished
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, Learning, PackRef, Pick, Picture, RunSpec, Scalar, StageStep

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import MemoryLog, opened

STEPS = (
    StageStep(id=StageId("paint"), kind="txt2img"),
    StageStep(id=StageId("look"), kind="interrogate"),
    StageStep(id=StageId("upscale"), kind="upscale"),
    StageStep(id=StageId("judge"), kind="score"),
)
SKY = ("wildcard", "slot")


def run(*jobs: JobSpec, learning: Learning = "passive") -> list[Event]:
    spec = RunSpec(
        name="bay", base=Sha256("0" * 64), plan_hash="p", seed=1, jobs=len(jobs), stages=STEPS, folder="bay",
        learning=learning,
        packs=(PackRef(name="bays", sha256=Sha256("1" * 64)),),
    )  # fmt: skip
    submitted = (JobSubmitted(job=JobId(f"bay.{n}"), run=RunId("bay"), spec=job) for n, job in enumerate(jobs, 1))
    return [RunSubmitted(run=RunId("bay"), spec=spec), *submitted]


def bay(sky: str, **more: object) -> JobSpec:
    picks = (Pick(key="__sky__", value=sky),)
    return JobSpec(name=f"bay-{sky}", pack="bays", prompt=f"a quiet bay at {sky}", picks=picks, **more)  # type: ignore[arg-type]


def stage(
    log: MemoryLog,
    job: str,
    name: str,
    *,
    pictures: int = 0,
    suspect: str | None = None,
    against: str = "",
    **reported: Scalar,
) -> Sequence[ImageId]:
    """One stage comes back; its pictures are called `JOB-STAGE-N`."""
    log.add(StageAssigned(job=JobId(job), stage=StageId(name), node=NodeId("box"), attempt=1, why="first"))
    token = Token(len(log.envelopes))
    images = [ImageId(f"{job}-{name}-{number}".replace(".", "-")) for number in range(pictures)]
    for number, image in enumerate(images):
        sha = Sha256(f"{len(log.envelopes):064x}")
        file = Picture(sha256=sha, pixels="px", media="image/png", bytes=10, width=8, height=8)
        log.add(
            ArtifactStored(
                image=image, job=JobId(job), run=RunId("bay"), stage=StageId(name), token=token, index=number,
                file=file, suspect=suspect,
            )
        )  # fmt: skip
    log.add(
        StageFinished(
            job=JobId(job), stage=StageId(name), token=token, node=NodeId("box"), backend="webui",
            images=tuple(images), effective={"model": "BLIP", "against": against}, reported=dict(reported),
        )
    )  # fmt: skip
    return images


async def test_a_caption_is_held_against_what_the_prompt_of_its_picture_asked_for(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk")))
    [image] = stage(log, "bay.1", "paint", pictures=1)
    stage(log, "bay.1", "look", caption="a boat in a bay at sunset")

    async with opened(log, tmp_path) as views:
        [look] = await views.looks_of([image])
        [sky] = effects(await views.counted("sky", SKY))

    assert (look.stage, look.looker, look.caption) == ("look", "BLIP", "a boat in a bay at sunset")
    assert look.seen == ("quiet bay", "dusk")
    assert look.missed == ()
    assert look.fulfilment is not None and 0.7 < look.fulfilment < 1.0
    assert (sky.value, sky.n, sky.mean, sky.by) == ("dusk", 1, 1.0, "caption")


async def test_each_stage_looks_at_the_pictures_of_the_nearest_stage_before_it(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk")))
    painted = stage(log, "bay.1", "paint", pictures=2)
    stage(log, "bay.1", "look", caption="a bay at dusk\na street")
    larger = stage(log, "bay.1", "upscale", pictures=2)
    stage(log, "bay.1", "judge", score="0.75 | 0.25")
    stage(log, "bay.1", "look", caption="a wall\na wall")  # looked again, alone

    async with opened(log, tmp_path) as views:
        looks = await views.looks_of([*painted, *larger])
        counted = await views.counted("sky", SKY)

    assert [(look.image, look.stage, look.caption, look.score) for look in looks] == [
        (painted[0], "look", "a wall", None),
        (painted[1], "look", "a wall", None),
        (larger[0], "judge", "", 0.75),
        (larger[1], "judge", "", 0.25),
    ]
    assert {(one.by, one.n, one.total) for one in counted} == {("caption", 2, 0.0), ("score", 2, 1.0)}


async def test_suspect_pictures_say_nothing_and_old_looks_end_where_a_reset_stands(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk"), bay("dawn"), bay("noon")))
    stage(log, "bay.1", "paint", pictures=1)
    stage(log, "bay.1", "look", caption="a bay at dusk")
    reset = len(log.envelopes)
    stage(log, "bay.2", "paint", pictures=1, suspect="it is black")
    stage(log, "bay.2", "look", caption="nothing at all")
    stage(log, "bay.3", "paint", pictures=1)
    stage(log, "bay.3", "look", caption="a bay")

    async with opened(log, tmp_path) as views:
        values = [one.value for one in await views.counted("sky", SKY)]
        later = [one.value for one in await views.counted("sky", SKY, since=reset)]
        goals = await views.goals_of("bays", 0, 10)
        known = await views.nameable(10)
        assert await views.looked_at() == (("sky",), ("bays",))
        assert await views.looks() == 3

    assert (values, later) == (["dusk", "noon"], ["noon"])
    assert [(one.seen, one.missed) for one in goals] == [(("quiet bay",), ("noon",)),
                                                        (("quiet bay", "dusk"), ())]  # fmt: skip
    assert {"bay", "dusk"} <= known


async def test_views_made_again_from_the_log_hold_the_same(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk"), bay("dawn")))
    for job in ("bay.1", "bay.2"):
        stage(log, job, "paint", pictures=1)
        stage(log, job, "look", caption="a bay, sunrise")
        log.add(JobFinished(job=JobId(job)))

    async def all_of(views: Views) -> object:
        return await views.counted(None, SKY), await views.goals_of("bays", 0, 10)

    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    async with opened(log, tmp_path / "one") as views:
        first = await all_of(views)
    async with opened(log, tmp_path / "two") as views:
        assert await all_of(views) == first


async def test_views_that_were_there_already_go_on_looking(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk"), bay("dawn")))
    stage(log, "bay.1", "paint", pictures=1)
    async with opened(log, tmp_path):
        pass
    stage(log, "bay.1", "look", caption="a bay at dusk")
    async with opened(log, tmp_path) as views:
        assert await views.looks() == 1


async def test_a_run_from_which_nothing_is_to_be_learned_is_looked_at_and_does_not_count(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk"), learning="off"))
    [image] = stage(log, "bay.1", "paint", pictures=1)
    stage(log, "bay.1", "look", caption="a bay at dusk")
    async with opened(log, tmp_path) as views:
        assert len(await views.looks_of([image])) == 1
        assert await views.counted("sky", SKY) == ()
        assert await views.goals_of("bays", 0, 10) == ()


async def test_a_score_against_other_words_than_the_prompts_says_nothing_of_the_prompt(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk"), bay("dawn")))
    for job, against in (("bay.1", "a face"), ("bay.2", "a quiet bay at (dawn)")):
        stage(log, job, "paint", pictures=1)
        stage(log, job, "judge", score=0.5, against=against)
    async with opened(log, tmp_path) as views:
        assert [one.value for one in await views.counted("sky", SKY)] == ["dawn"]
        assert await views.looks() == 2


async def test_a_caption_of_several_lines_is_one_where_there_is_one_picture_and_a_flood_is_cut(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run(bay("dusk"), bay("dawn")))
    for job, caption in (("bay.1", "a bay\nat dusk"), ("bay.2", "a bay at sunrise " * 50_000)):
        stage(log, job, "paint", pictures=1)
        stage(log, job, "look", caption=caption)
    async with opened(log, tmp_path) as views:
        [one] = await views.looks_of([ImageId("bay-1-paint-0")])
        [other] = await views.looks_of([ImageId("bay-2-paint-0")])
        assert (one.caption, one.missed) == ("a bay at dusk", ())
        assert (len(other.caption), other.missed) == (4_000, ())
