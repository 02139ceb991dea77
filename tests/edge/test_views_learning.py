"""What learning reads: every verdict with what its picture was made with."""

import sys
from pathlib import Path

import pytest

from daemon.views.fold.knobs import weights
from daemon.views.verdicts import merged
from schema.events import (
    ComparisonTakenBack,
    RecordsForgotten,
    RecordsImported,
    RunRated,
)  # fmt: skip
from schema.ids import ImageId, RunId
from schema.plans import JobSpec, LearningPlan, Pick, Scalar
from schema.records import LOOSE, Record

sys.path.insert(0, str(Path(__file__).parent))  # for `judged_past`

from judged_past import TXT2IMG, UPSCALE, Past, compared, make, rated, rerun, run, tagged
from views_past import opened

KNIGHT = JobSpec(
    name="knight", pack="knights", style="ink", template="a knight at __sky__",
    prompt="a knight at dawn <lora:sub/Haze.safetensors:0.6> <lora:film:1>", negative="blurry", seed=7,
    overlay={"txt2img.cfg": 5.5}, picks=(Pick(key="__sky__", value="dawn", source="wildcard sky.txt:4"),),
)  # fmt: skip


async def test_a_verdict_comes_with_the_settings_of_all_stages_so_far(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", steps=20, cfg=5.5, model="toy", prompt="never told", seed=3, variation_seed=4,
         vae=None, controls='[{"image": "x"}]')  # fmt: skip
    make(log, "kn.1", UPSCALE, "b", factor=2.0)
    log.add(rated("a", 3), rated("b", 4), tagged("b", "nailed it"))
    async with opened(log, tmp_path) as views:
        verdicts = await views.verdicts()
    first, second = verdicts.records
    words: dict[str, Scalar] = {"lora:haze": 0.6, "lora:film": 1.0, "style": "ink", "pick:__sky__": "dawn",
                                "randomizer.matrix": "random", "randomizer.order": "sequential"}  # fmt: skip
    drawn: dict[str, Scalar] = {"txt2img.steps": 20, "txt2img.cfg": 5.5, "txt2img.model": "toy"}
    assert first.params == {**drawn, **words}
    assert second.params == {**drawn, **words, "upscale.factor": 2.0}
    assert (second.id, second.pack, second.prompt, second.seed) == ("b", "knights", KNIGHT.prompt, 7)
    assert (second.run, second.stars, second.tags, second.backend) == ("kn", 4, ("nailed it",), "webui")
    assert (verdicts.seq, verdicts.afresh) == (len(log.envelopes), True)


async def test_a_size_that_follows_from_the_picture_before_is_no_setting(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT, JobSpec(name="wide", prompt="a fox", overlay={"upscale.width": 900})]))
    for job in ("kn.1", "kn.2"):
        make(log, job, TXT2IMG, f"{job}a", steps=20, sampler="Euler", width=512)
        make(log, job, UPSCALE, f"{job}b", factor=2.0, width=1024, sampler="Euler")
        log.add(rated(f"{job}b", 3))
    async with opened(log, tmp_path) as views:
        one, two = (await views.verdicts()).records
    assert "upscale.width" not in one.params and one.params["txt2img.width"] == 512
    assert two.params["upscale.width"] == 1024
    assert "upscale.sampler" not in one.params


async def test_the_last_verdict_on_a_picture_holds_and_an_older_seq_knows_the_older_one(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", steps=20)
    log.add(rated("a", 2))
    before = len(log.envelopes)
    log.add(tagged("a", "burnt"), rated("a", 5), rated("a", 0))
    async with opened(log, tmp_path) as views:
        assert [(one.stars, one.tags) for one in (await views.verdicts()).records] == [(0, ("burnt",))]
        assert [(one.stars, one.tags) for one in (await views.verdicts(before + 2)).records] == [(5, ("burnt",))]
        assert [(one.stars, one.tags) for one in (await views.verdicts(before)).records] == [(2, ())]
        assert (await views.verdicts(before - 1)).records == ()


async def test_a_gap_of_half_an_hour_begins_a_sitting(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", pictures=3, steps=20)
    log.add(rated("a", 2))
    log.pause(1700)
    log.add(rated("a1", 2))
    log.pause(1900)
    log.add(compared("a", "a1"), rated("a2", 2))
    async with opened(log, tmp_path) as views:
        found = {(one.id, one.better_than): one for one in (await views.verdicts()).records}
    assert found["a", ""].session == found["a1", ""].session == found["a", ""].at
    assert found["a2", ""].session == found["a", "a1"].session == found["a", "a1"].at != found["a", ""].session


@pytest.mark.parametrize("how", ["off", "suspect"])
async def test_nothing_is_learned_of_broken_pictures_nor_where_learning_is_off(tmp_path: Path, how: str) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT], "off" if how == "off" else "passive"))
    log.add(*run("ok", [JobSpec(name="other", prompt="a fox", seed=1)]))
    make(log, "kn.1", TXT2IMG, "a", suspect="black" if how == "suspect" else None, steps=20)
    make(log, "ok.1", TXT2IMG, "b", steps=20)
    log.add(rated("a", 1), rated("b", 4), tagged("a", "burnt"), compared("b", "a"))
    async with opened(log, tmp_path) as views:
        (only,) = (await views.verdicts()).records
        assert (only.id, only.pack, only.better_than) == ("b", LOOSE, "")


async def test_broken_pictures_are_neither_asked_about_nor_paired(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT, KNIGHT]))
    make(log, "kn.1", UPSCALE, "a", factor=2)
    make(log, "kn.2", UPSCALE, "b", factor=3, suspect="black")
    async with opened(log, tmp_path) as views:
        assert [one.id for one in (await views.inbox("", "", 0, 50)).items] == ["a"]
        assert await views.pair("") is None


async def test_one_sketched_stage_makes_the_picture_a_sketched_one(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", backend="sketch", steps=20)
    make(log, "kn.1", UPSCALE, "b", backend="webui", factor=2)
    log.add(rated("a", 1), rated("b", 4))
    async with opened(log, tmp_path) as views:
        assert [one.backend for one in (await views.verdicts()).records] == ["sketch", "sketch"]


async def test_a_duel_stands_behind_both_its_pictures_until_it_is_taken_back(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", pictures=2, steps=20)
    log.add(rated("a", 4), compared("a1", "a"))
    before = len(log.envelopes)
    log.add(ComparisonTakenBack(better=ImageId("a1"), worse=ImageId("a")))
    async with opened(log, tmp_path) as views:
        told = [(one.id, one.better_than, one.stars) for one in (await views.verdicts(before)).records]
        assert told == [("a", "", 4), ("a1", "", 0), ("a1", "a", 0)]
        news = await views.verdicts(after=before)
        assert news.afresh and [(one.id, one.stars) for one in news.records] == [("a", 4)]


async def test_a_duel_in_the_news_leaves_what_was_said_of_its_pictures(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", pictures=2, steps=20)
    log.add(rated("a", 4))
    before = len(log.envelopes)
    log.add(compared("a1", "a"))
    async with opened(log, tmp_path) as views:
        known: dict[tuple[str, str, str], Record] = {}
        merged(known, await views.verdicts(before))
        merged(known, await views.verdicts(after=before))
        assert [(one.id, one.better_than, one.stars) for one in known.values()] == [
            ("a", "", 4), ("a1", "", 0), ("a1", "a", 0),
        ]  # fmt: skip


async def test_records_from_elsewhere_count_until_they_are_forgotten(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", steps=20)
    log.add(rated("a", 4))
    there = [Record(id=name, at="2026-05-01T10:00:00Z", session="s", pack="knights", prompt="p", seed=1, run="r",
                    params={"txt2img.steps": 30}, stars=5) for name in ("x", "a")]  # fmt: skip
    log.add(RecordsImported(source="old", records=tuple(there)))
    before = len(log.envelopes)
    log.add(RecordsForgotten(source="old", records=2))
    async with opened(log, tmp_path) as views:
        assert [(one.id, one.stars) for one in (await views.verdicts(before)).records] == [("a", 4), ("x", 5)]
        assert [one.id for one in (await views.verdicts()).records] == ["a"]
        assert (await views.verdicts(after=before)).afresh


async def test_the_newest_are_those_said_last_wherever_they_are_from(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    make(log, "kn.1", TXT2IMG, "a", steps=20)
    old = Record(id="w", at="2001-01-01T10:00:00+02:00", session="s", pack="knights", prompt="p", seed=1, run="r",
                 params={"txt2img.steps": 30}, stars=5)  # fmt: skip
    log.add(rated("a", 4), RecordsImported(source="old", records=(old,)))
    async with opened(log, tmp_path) as views:
        kept, older = await views.newest_records(None, 1)
        every, none = await views.newest_records(None, 9)
    assert ([one.id for one in kept], older) == (["a"], 1)
    assert ([one.id for one in every], none) == (["w", "a"], 0)


async def test_a_pictures_story_stays_when_its_job_is_made_again(tmp_path: Path) -> None:
    log = Past()
    log.add(*run("kn", [KNIGHT]))
    first = make(log, "kn.1", TXT2IMG, "a", steps=20)
    make(log, "kn.1", UPSCALE, "b", factor=2)
    log.add(rated("b", 4), RunRated(run=RunId("kn"), stars=3))
    before = len(log.envelopes)
    other = JobSpec(name="knight", pack="knights", prompt="a knight at noon", seed=9, template="other")
    rerun(log, "kn.1", other, [(TXT2IMG, first)])
    make(log, "kn.1", UPSCALE, "c", factor=4)
    rerun(log, "kn.1", other)
    make(log, "kn.1", TXT2IMG, "d", steps=50)
    make(log, "kn.1", UPSCALE, "e", factor=4)
    log.add(rated("c", 2), rated("e", 1), RunRated(run=RunId("kn"), stars=5))
    async with opened(log, tmp_path) as views:
        then = await views.whole_records(before)
        b, c, e = await views.whole_records()
        (only,), older = await views.newest_records(None, 1)
    assert [one.params.get("txt2img.steps") for one in (b, c, e)] == [20, 20, 50]
    assert [one.params["upscale.factor"] for one in (b, c, e)] == [2, 4, 4]
    assert [one.prompt for one in (b, c, e)] == [KNIGHT.prompt, "a knight at noon", "a knight at noon"]
    assert [one.template for one in (b, c, e)] == [KNIGHT.template, "other", "other"]
    assert [one.effective for one in b.stages] == [{"steps": 20}, {"factor": 2}]
    assert [one.effective for one in e.stages] == [{"steps": 50}, {"factor": 4}]
    assert [one.outputs for one in b.stages] == [("px-a",), ("px-b",)]
    assert (b.run_stars, then[0].run_stars, b.seconds, b.base, b.overlay) == (5, 3, 3.0, "b" * 64, {"txt2img.cfg": 5.5})
    assert (b.job, b.pixels, b.negative, b.picks) == ("kn.1", "px-b", "blurry", {"__sky__": "dawn"})
    assert b.randomizer == {"matrix": "random", "locks.sky": "dawn"}
    assert [one.filters for one in b.stages] == [("sharp",), ("sharp",)]
    assert (only, older) == (e, 2)


async def test_runs_are_told_with_what_they_wanted_to_find_out(tmp_path: Path) -> None:
    log = Past()
    plan = LearningPlan(kind="learning", variables={"txt2img.steps": (20, 30)}, seeds=2, question="More steps?")
    log.add(*run("kn", [KNIGHT], plan=plan), *run("no", [KNIGHT]), *run("ok", [KNIGHT]))
    make(log, "ok.1", TXT2IMG, "a", steps=20)
    log.add(rated("a", 3))
    async with opened(log, tmp_path) as views:
        learning, plain = await views.record_runs()
    assert (learning.run, learning.kind, learning.question, learning.variables) == (
        "kn", "learning", "More steps?", {"txt2img.steps": (20, 30)},
    )  # fmt: skip
    assert (plain.run, plain.kind, plain.jobs) == ("ok", "", 1)


def test_weights_of_a_lora_that_stands_twice_add_up() -> None:
    assert weights("<lora:Sub/A.safetensors:0.5> <lora:a:0.25> <lora:b>") == {"lora:a": 0.75, "lora:b": 1.0}
