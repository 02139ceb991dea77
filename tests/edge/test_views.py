"""Given these events, when the views are asked, then these rows."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.views.lists import Window
from daemon.views.select import NotFound
from daemon.views.views import Behind, Views
from schema.errors import Refused
from schema.events import (
    ArtifactStored,
    Envelope,
    Event,
    FilmFinished,
    ImageRated,
    ImagesCompared,
    ImageTagged,
    ImageTrashed,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobHeld,
    JobMoved,
    JobParked,
    JobPriorityChanged,
    JobReleased,
    JobReopened,
    JobSubmitted,
    NodeJoined,
    RunFinished,
    RunPaused,
    RunSubmitted,
    StageAssigned,
    StageDone,
    StageFailed,
    StageFinished,
    StageLost,
    StageSkipped,
)  # fmt: skip
from schema.ids import ImageId, JobId, NodeId, RunId, Seq, Sha256, StageId, Token
from schema.plans import JobSpec, Measures, PackRef, Picture, RunSpec, StageStep

NOW = 1_800_000_000.0
STEPS = (
    StageStep(id=StageId("txt2img"), kind="txt2img", model="sd15", steps=20),
    StageStep(id=StageId("upscale"), kind="upscale"),
)
BOX = NodeId("box")


class MemoryLog:
    """The log as views need it: what was committed, in order. Each event comes a second after the one before."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def add(self, *events: Event) -> None:
        for event in events:
            seq = Seq(len(self.envelopes) + 1)
            self.envelopes.append(Envelope(seq=seq, at=NOW + seq, epoch=Seq(1), actor="uid:1000", event=event))

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        return tuple(self.envelopes[after : after + limit])


@asynccontextmanager
async def opened(log: MemoryLog, folder: Path) -> AsyncIterator[Views]:
    views = await Views.open(folder / "views.db", log, results=Path("/pictures"), clock=lambda: NOW + 1000)
    try:
        yield views
    finally:
        await views.close()


def run_of(
    run: str, names: Sequence[str], *, pack: str | None = None, lane: str = "batch", prompt: str = ""
) -> list[Event]:
    spec = RunSpec(
        name=f"run {run}", base=Sha256("0" * 64), plan_hash="p", seed=1, jobs=len(names), stages=STEPS,
        packs=(PackRef(name=pack, sha256=Sha256("1" * 64)),) if pack else (),
        lane="interactive" if lane == "interactive" else "batch", folder=f"folder-{run}",
    )  # fmt: skip
    jobs: list[Event] = [
        JobSubmitted(
            job=JobId(f"{run}.{number}"), run=RunId(run), spec=JobSpec(name=name, pack=pack, prompt=prompt, seed=number)
        )
        for number, name in enumerate(names, 1)
    ]
    return [RunSubmitted(run=RunId(run), spec=spec), *jobs]


def made(log: MemoryLog, job: str, *, node: NodeId = BOX, stages: Sequence[str] = ("txt2img", "upscale")) -> None:
    """The job runs from its first stage to its end; its pictures are called `JOB-STAGE`."""
    for stage in stages:
        log.add(StageAssigned(job=JobId(job), stage=StageId(stage), node=node, attempt=1, why="first"))
        finished(log, job, stage, Token(len(log.envelopes)), node)
    log.add(JobFinished(job=JobId(job), seconds=4.5))


def finished(log: MemoryLog, job: str, stage: str, token: Token, node: NodeId = BOX) -> None:
    image = ImageId(f"{job}-{stage}".replace(".", "-"))
    sha = Sha256(f"{len(log.envelopes):064x}")
    log.add(
        ArtifactStored(
            image=image, job=JobId(job), run=RunId(job.partition(".")[0]), stage=StageId(stage), token=token, index=0,
            file=Picture(sha256=sha, pixels="px", media="image/png", bytes=10, width=8, height=8),
        ),
        StageFinished(
            job=JobId(job), stage=StageId(stage), token=token, node=node, backend="sketch", images=(image,),
            files=(sha,), effective={"steps": 20}, measures=Measures(executed_s=1.5),
        ),
    )  # fmt: skip


def knights(log: MemoryLog) -> None:
    """Three runs: `knights` of three jobs (one made, one failed), an interactive `quick`, a `dragons` of two."""
    log.add(
        NodeJoined(node=BOX, name="big box", instance="i", link="loopback", backends=("sketch",), kinds=("txt2img",))
    )
    log.add(*run_of("kn7", ["knight-1", "knight-2", "knight-3"], pack="knights", prompt="a Knight, red banner"))
    log.add(*run_of("kq8", ["quick"], lane="interactive", prompt="a quick fox"))
    log.add(*run_of("dr9", ["dragon-1", "dragon-2"], pack="dragons", prompt="a dragon asleep"))
    made(log, "kn7.1")
    log.add(JobFailed(job=JobId("kn7.2"), trouble="bad-request", reason="no such sampler"))
    log.add(ImageRated(image=ImageId("kn7-1-upscale"), stars=4))
    log.add(ImageTagged(image=ImageId("kn7-1-upscale"), added=("keep", "banner")))
    log.add(JobHeld(job=JobId("dr9.2")))


async def ids(views: Views, filter: str = "", sort: str = "") -> list[str]:
    return [row.id for row in (await views.jobs(Window(filter, sort))).items]


# Lists ----------------------------------------------------------------------------------------------


async def test_jobs_stand_in_queue_order_then_ended_ones_newest_first(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        assert await ids(views) == ["kq8.1", "kn7.3", "dr9.1", "dr9.2", "kn7.2", "kn7.1"]


async def test_priority_rank_and_running_decide_the_place_in_the_queue(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run_of("aa2", ["one", "two", "three", "four"]))
    log.add(JobPriorityChanged(job=JobId("aa2.4"), was=0, now=5))
    log.add(JobMoved(job=JobId("aa2.3"), was=4.0, now=0.5))
    log.add(StageAssigned(job=JobId("aa2.2"), stage=StageId("txt2img"), node=BOX, attempt=1, why=""))
    async with opened(log, tmp_path) as views:
        assert await ids(views) == ["aa2.4", "aa2.2", "aa2.3", "aa2.1"]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("state:open", ["kq8.1", "kn7.3", "dr9.1", "dr9.2"]),
        ("state:held", ["dr9.2"]),
        ("state:failed state:finished", ["kn7.2", "kn7.1"]),
        ("run:kn7", ["kn7.3", "kn7.2", "kn7.1"]),
        ("run:kn", ["kn7.3", "kn7.2", "kn7.1"]),
        ("run:nothing", []),
        ("pack:dragons", ["dr9.1", "dr9.2"]),
        ("pack:kn*", ["kn7.3", "kn7.2", "kn7.1"]),
        ("node:box", ["kn7.1"]),
        ('node:"big box"', ["kn7.1"]),
        ("model:sd15 state:queued", ["kq8.1", "kn7.3", "dr9.1"]),
        ("stars:>=4", ["kn7.1"]),
        ("stars:5", []),
        ("tag:keep", ["kn7.1"]),
        ("tag:keep tag:banner", ["kn7.1"]),
        ("tag:keep tag:other", []),
        ("knight", ["kn7.3", "kn7.2", "kn7.1"]),
        ("KNIGHT-3", ["kn7.3"]),
        ('"red banner" state:queued', ["kn7.3"]),
        ("fox", ["kq8.1"]),
        ("fo_", []),
        ("100%", []),
        ("since:6", ["kq8.1", "dr9.1", "dr9.2"]),
        ("since:1h", ["kq8.1", "kn7.3", "dr9.1", "dr9.2", "kn7.2", "kn7.1"]),
        ("since:3s", []),
    ],
)
async def test_a_filter_finds_jobs(tmp_path: Path, filter: str, expected: list[str]) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        assert await ids(views, filter) == expected


async def test_total_counts_all_that_match_whatever_is_shown(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run_of("aa2", [f"job-{n}" for n in range(1, 31)]))
    async with opened(log, tmp_path) as views:
        page = await views.jobs(Window("state:queued", "-name", offset=28, limit=10))
        assert ([row.name for row in page.items], page.total, page.head) == (["job-10", "job-1"], 30, 31)


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        (Window("state:done"), "filter 'state:done': there is no state 'done'"),
        (Window("knight colour:red"), "filter 'colour:red': a filter has no 'colour:'"),
        (Window("pack:"), "filter 'pack:': nothing stands after 'pack:'"),
        (Window("stars:>9"), "filter 'stars:>9': stars go from 0 to 5"),
        (Window("since:soon"), "filter 'since:soon': this is no time"),
        (Window('a "b'), "filter '\"b': a quote is opened"),
        (Window(sort="colour"), "sort: a list cannot be sorted by 'colour'"),
        (Window(offset=-1), "limit, offset: limit and offset must not be negative"),
    ],
)
async def test_a_list_names_the_word_it_cannot_take(tmp_path: Path, window: Window, sentence: str) -> None:
    async with opened(MemoryLog(), tmp_path) as views:
        with pytest.raises(Refused) as refused:
            await views.jobs(window)
        assert refused.value.told().startswith(sentence)


async def test_images_are_listed_with_what_is_known_of_them(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        page = await views.images(Window("pack:knights"))
        assert [(image.id, image.final, image.stars) for image in page.items] == [
            ("kn7-1-upscale", True, 4),
            ("kn7-1-txt2img", False, 0),
        ]
        assert (page.items[0].tags, page.items[0].model, page.items[0].name) == (("banner", "keep"), "sd15", "knight-1")
        assert [image.id for image in (await views.images(final=True)).items] == ["kn7-1-upscale"]
        assert (await views.images(Window("stars:<4 knight"))).total == 1


async def test_trashed_images_are_shown_only_when_asked_for(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    log.add(ImageTrashed(image=ImageId("kn7-1-upscale")))
    async with opened(log, tmp_path) as views:
        assert [image.id for image in (await views.images()).items] == ["kn7-1-txt2img"]
        assert [image.id for image in (await views.images(Window("state:trashed"))).items] == ["kn7-1-upscale"]


async def test_runs_count_their_jobs_and_tell_their_state(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    log.add(JobHeld(job=JobId("dr9.1")), RunPaused(run=RunId("kq8")))
    async with opened(log, tmp_path) as views:
        rows = {row.id: row for row in (await views.runs()).items}
        assert [*rows] == ["dr9", "kq8", "kn7"]
        assert {run: row.state for run, row in rows.items()} == {"dr9": "held", "kq8": "paused", "kn7": "active"}
        assert (rows[RunId("kn7")].finished, rows[RunId("kn7")].failed, rows[RunId("kn7")].jobs) == (1, 1, 3)
        assert rows[RunId("kn7")].folder == "/pictures/folder-kn7"
        for filter, expected in {
            "state:open": 3, "state:failed": 1, "state:queued": 2, "pack:knights": 1, "pack:d*": 1, "stars:4": 1,
            "tag:keep": 1, "node:box": 1, "model:sd15": 3, "dragons": 1, "state:paused": 1, "state:finished": 0,
        }.items():  # fmt: skip
            assert (await views.runs(Window(filter))).total == expected, filter


# A job's life ---------------------------------------------------------------------------------------


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
            rows = [tuple(row) for row in await db.all("SELECT stars, tags FROM ratings ORDER BY seq")]
            compared = [tuple(row) for row in await db.all("SELECT better, worse FROM comparisons")]
        assert rows == [(4, "[]"), (4, '["banner","keep"]'), (2, '["banner","keep"]')]
        assert compared == [(image, "kn7-1-txt2img")]
        (rating,) = await views.rated([image], 5)
        assert (rating.was, rating.stars) == (2, 5)
        assert (await views.tagged([image]))[0].tags == ("banner", "keep")
        assert [row.stars for row in (await views.jobs(Window("run:kn7 state:finished"))).items] == [2]


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
        assert await views.knows_file("f" * 64)
        assert not await views.knows_file("e" * 64)


# Names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["kn7.3"], ["kn7.3"]),
        (["kn7"], ["kn7.1", "kn7.2", "kn7.3"]),
        (["kn.2", "dr"], ["kn7.2", "dr9.1", "dr9.2"]),
        (["dr9.2", "dr9"], ["dr9.2", "dr9.1"]),
        (["pack:dragons"], ["dr9.1", "dr9.2"]),
        (["state:queued", "pack:dragons"], ["dr9.1"]),
        (["state:queued knight"], ["kn7.3"]),
        (["knight", "state:queued"], ["kn7.3"]),
        (["kq8", "pack:dragons state:held"], ["kq8.1", "dr9.2"]),
        (["state:queued pack:nobody"], []),
    ],
)
async def test_names_stand_for_jobs_in_order(tmp_path: Path, names: list[str], expected: list[str]) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        assert list(await views.resolve(names)) == expected


async def test_runs_and_filters_stand_for_jobs_in_the_states_that_matter(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        assert await views.resolve(["kn7"], ["failed", "cancelled"]) == ("kn7.2",)
        assert await views.resolve(["pack:knights"], ["failed", "cancelled"]) == ("kn7.2",)
        assert await views.resolve(["kn7.1"], ["failed", "cancelled"]) == ("kn7.1",)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["k"], "'k' is the beginning of 2 runs: kn7, kq8; write more of it."),
        (["zz"], "there is no job or run 'zz'."),
        (["kn7.9"], "there is no job or run 'kn7.9'."),
        (["knight"], "there is no job or run 'knight'."),
        ([], "select: nothing is selected."),
        ([" "], "select: nothing is selected."),
        (["dr9", "state:lost"], "filter 'state:lost': there is no state 'lost'."),
    ],
)
async def test_names_that_fit_nothing_or_too_much_are_refused(tmp_path: Path, names: list[str], sentence: str) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        with pytest.raises(Refused) as refused:
            await views.resolve(names)
        assert refused.value.told().startswith(sentence)
        assert isinstance(refused.value, NotFound) == sentence.startswith("there is no job")


async def test_images_are_named_by_themselves_their_jobs_runs_or_filters(tmp_path: Path) -> None:
    log = MemoryLog()
    log.add(*run_of("aa2", ["one", "two"], pack="ants"))
    made(log, "aa2.1")
    made(log, "aa2.2")
    async with opened(log, tmp_path) as views:
        finals = ("aa2-1-upscale", "aa2-2-upscale")
        assert await views.resolve_images(["aa2"]) == finals
        assert await views.resolve_images(["aa2.2"]) == finals[1:]
        assert await views.resolve_images(["pack:ants"]) == finals


# Filling and following ------------------------------------------------------------------------------


async def test_views_that_are_refilled_equal_those_that_followed(tmp_path: Path) -> None:
    whole = MemoryLog()
    knights(whole)
    followed, refilled = tmp_path / "a", tmp_path / "b"

    growing = MemoryLog()
    async with opened(growing, followed) as views:
        for envelope in whole.envelopes:
            growing.envelopes.append(envelope)
            await views._fold([envelope])
        one = await _everything(views)
    async with opened(whole, refilled) as views:
        assert await _everything(views) == one


async def test_views_are_taken_up_where_they_were(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path):
        pass
    log.add(*run_of("zz2", ["late"]))
    reads: list[int] = []

    class Watched(MemoryLog):
        async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
            reads.append(after)
            return await log.read(after, limit)

    async with opened(Watched(), tmp_path) as views:
        assert views.seq == len(log.envelopes)
        assert min(reads) > 5
        assert "zz2.1" in await ids(views)


async def test_views_of_another_log_are_made_again(tmp_path: Path) -> None:
    one, other = MemoryLog(), MemoryLog()
    knights(one)
    async with opened(one, tmp_path):
        pass
    other.add(*run_of("zz2", [f"other-{n}" for n in range(40)]))
    async with opened(other, tmp_path) as views:
        assert (await views.jobs()).total == 40
    async with opened(MemoryLog(), tmp_path) as views:
        assert (await views.jobs()).total == 0


@pytest.mark.parametrize("spoilt", [b"", b"no database at all" * 400])
async def test_a_file_that_is_no_views_is_replaced(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "views.db").write_bytes(spoilt)
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path) as views:
        assert (await views.jobs()).total == 6


async def _everything(views: Views) -> list[tuple[object, ...]]:
    async with views._readers.reading() as db:
        tables = [row[0] for row in await db.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(name, *map(tuple, await db.all(f"SELECT * FROM {name}"))) for name in tables]


async def test_views_whose_making_was_broken_off_get_their_indices(tmp_path: Path) -> None:
    log = MemoryLog()
    knights(log)
    async with opened(log, tmp_path):
        pass
    with sqlite3.connect(tmp_path / "views.db") as db:
        made = _indices(db)
        for name in made - {"images_job"}:
            db.execute(f"DROP INDEX {name}")
    db.close()

    async with opened(log, tmp_path):
        pass

    with sqlite3.connect(tmp_path / "views.db") as db:
        assert _indices(db) == made
    db.close()


def _indices(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")}


async def test_on_a_full_disk_lists_are_refused_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.views.views.AGAIN_SECONDS", 0.01)
    log = MemoryLog()
    async with opened(log, tmp_path) as views:
        log.add(*run_of("aa2", [f"job-{n}" for n in range(200)], prompt="a long prompt " * 100))
        pages = views._writer._db.execute("PRAGMA page_count").fetchone()[0]
        views._writer._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        folding = asyncio.create_task(views._fold(log.envelopes))
        with pytest.raises(Behind):
            async with asyncio.timeout(5):
                await views.shown(201)
        patient = asyncio.create_task(views.reached(201))
        assert (await views.jobs()).total == 0
        views._writer._db.execute("PRAGMA max_page_count = 100000")
        async with asyncio.timeout(5):
            await asyncio.gather(folding, patient)
            await views.shown(201)
        assert (await views.jobs()).total == 200
