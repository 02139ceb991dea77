"""Pages, filters and names: given these events, when a list is asked for, then these rows."""

import sys
from pathlib import Path

import pytest

from daemon.views.lists import Window
from daemon.views.select import NotFound
from schema.errors import Refused
from schema.events import (
    ImageTrashed,
    JobHeld,
    JobMoved,
    JobPriorityChanged,
    RunPaused,
    StageAssigned,
)  # fmt: skip
from schema.ids import ImageId, JobId, RunId, StageId

sys.path.insert(0, str(Path(__file__).parent))  # for `views_past`

from views_past import BOX, MemoryLog, ids, knights, made, opened, run_of

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
        ("state:failed|finished", ["kn7.2", "kn7.1"]),
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
        (Window("state:queued|done"), "filter 'state:queued|done': there is no state 'done'"),
        (Window("state:queued|"), "filter 'state:queued|': there is no state ''"),
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


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("run", ["zz9-1-upscale", "mm3-1-upscale", "aa2-2-upscale", "aa2-1-upscale"]),
        ("pack", ["mm3-1-upscale", "aa2-2-upscale", "aa2-1-upscale", "zz9-1-upscale"]),
        ("-pack", ["zz9-1-upscale", "aa2-1-upscale", "aa2-2-upscale", "mm3-1-upscale"]),
    ],
)
async def test_pictures_of_one_run_or_pack_stand_together(tmp_path: Path, sort: str, expected: list[str]) -> None:
    log = MemoryLog()
    for run, pack, many in (("aa2", "ants", 2), ("mm3", None, 1), ("zz9", "bees", 1)):
        log.add(*run_of(run, [f"job-{n}" for n in range(many)], pack=pack))
    for job in ("aa2.1", "zz9.1", "mm3.1", "aa2.2"):
        made(log, job)
    async with opened(log, tmp_path) as views:
        page = await views.images(Window(sort=sort), final=True)
        assert [image.id for image in page.items] == expected


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
        (["k"], "'k' is the beginning of 2 runs: kn7, kq8. Write more of it."),
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
