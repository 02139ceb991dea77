"""Experiments on the real ledger, log, views and planner: mixed where they are planned, listed, and told."""

import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world

from daemon.learner import Learner
from daemon.learner.lab import Lab
from daemon.library.shelf import FolderShelf
from daemon.planner import Planner
from schema.observations import NewImage, StageReturned
from schema.places import places
from schema.plans import Picture

ONE_STAGE = json.dumps({"stages": [{"type": "txt2img"}]})


@asynccontextmanager
async def learning(folder: Path, *nodes: str) -> AsyncIterator[World]:
    async with world(folder) as it:
        home = places({"STABLENEW_HOME": str(folder / "home")})
        (home.config / "packs").mkdir(parents=True)
        (home.config / "packs" / "bays.txt").write_text("a quiet bay, gulls\n\na {red|blue} cliff\n")
        planner = Planner(FolderShelf(home, lambda: None), it.settings, it.house.clock, lambda most: 42)
        it.house.plan, it.house.library, it.house.config = planner.plan, planner, planner.config
        it.house.learning = Learner(
            it.views, it.ledger, seq_at=int, quiet=0.0, lab=Lab(planner.plan, planner.config, tuple)
        )
        for name in nodes or ("box",):
            await it.join_node(name)
        yield it


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with learning(tmp_path) as made:
        yield made


async def paint(it: World, jobs: int) -> Counter[str]:
    """All pictures as they were planned; how many each node made."""
    made: Counter[str] = Counter()
    for _ in range(jobs):
        attempt = await it.assigned()
        made[attempt.node] += 1
        planned = (await it.get(f"/v1/jobs/{attempt.job}"))["config"]["txt2img"]
        sha = await it.put_blob(b"\x89PNG\r\n\x1a\n" + str(attempt.token).encode())
        file = Picture(sha256=sha, pixels=f"px{attempt.token}", media="image/png", bytes=9, width=8, height=8)
        await it.ledger.observe(
            StageReturned(
                attempt=attempt, backend="sketch", images=(NewImage(image=it.draw_id(), file=file),),
                effective={name: planned[name] for name in ("steps", "cfg")},
            )
        )  # fmt: skip
    return made


async def rate(it: World, run: str, stars_of: Any) -> None:
    for image in (await it.get("/v1/images", filter=f"run:{run}", limit=100))["items"]:
        config = (await it.get(f"/v1/jobs/{image['job']}"))["config"]["txt2img"]
        await it.post("/v1/images/rate", {"select": [image["id"]], "stars": stars_of(config)})


def explore(images: int, **more: object) -> dict[str, object]:
    return {
        "packs": ["bays"], "pipeline": ONE_STAGE, "experiment": "explore", "max_images": images,
        "vary": ["txt2img.steps=10,20,30", "txt2img.cfg=4,7"], **more,
    }  # fmt: skip


async def test_an_explore_run_is_mixed_where_it_is_planned_and_shown_as_it_will_be(it: World) -> None:
    shown = await it.post("/v1/plan", explore(12, seed=5))
    answer = await it.post("/v1/runs", explore(12, seed=5, plan_hash=shown[-1]["plan_hash"]))
    assert answer["jobs"] == 12 and answer["plan_hash"] == shown[-1]["plan_hash"]
    assert Counter(line["axes"]["txt2img.steps"] for line in shown[:-1]) == {"10": 4, "20": 4, "30": 4}
    assert Counter(line["axes"]["txt2img.cfg"] for line in shown[:-1]) == {"4": 6, "7": 6}
    blocks = {(line["prompt"], line["seed"]) for line in shown[:-1]}
    assert {seed for _, seed in blocks} == {5, 6, 7} and len(blocks) == 3
    row = (await it.get("/v1/learn/runs"))["items"][0]
    assert row["plan"]["kind"] == "explore" and row["plan"]["variables"]["txt2img.steps"] == [10, 20, 30]
    assert (row["run"], row["images"]) == (answer["run"], 12)


async def test_a_key_stands_for_one_run_whatever_was_rated_since(it: World) -> None:
    first = await it.post("/v1/runs", explore(12), key="night")
    await paint(it, 12)
    await rate(it, first["run"], lambda config: 5 if config["steps"] == 30 else 1)
    again = await it.post("/v1/runs", explore(12), key="night")
    assert again["run"] == first["run"] and again["repeated"]
    run = {"packs": ["bays"], "pipeline": ONE_STAGE, "vary": ["txt2img.steps=10,20,30"]}
    fresh = await it.post("/v1/learn/mixes", {"run": run, "images": 6})
    assert 30 in fresh["variables"]["txt2img.steps"] and len(fresh["variables"]["txt2img.steps"]) < 3


async def test_a_learning_run_is_one_plan_and_one_result(it: World) -> None:
    asked = {"packs": ["bays"], "pipeline": ONE_STAGE, "vary": ["txt2img.steps=10,20,30"], "count": 2,
             "max_prompts": 1, "experiment": "learning"}  # fmt: skip
    answer = await it.post("/v1/runs", asked)
    (row,) = (await it.get("/v1/learn/runs"))["items"]
    assert (row["state"], row["images"], row["rated"]) == ("running", 6, 0)
    await paint(it, 6)
    await rate(it, answer["run"], lambda config: 5 if config["steps"] == 30 else 2)
    result = await it.get(f"/v1/learn/runs/{answer['run']}")
    assert result["row"]["state"] == "rated" and result["row"]["plan"]["question"].startswith("Steps: is ")
    (knob,) = result["knobs"]
    assert [level["n"] for level in knob["levels"]] == [2, 2, 2]
    assert max(knob["levels"], key=lambda level: level["mean"])["values"] == [30]
    assert result["fixed"] == {"txt2img.cfg": 7.0}


async def test_one_node_or_three_make_the_same_learning_run(tmp_path: Path) -> None:
    asked = {"packs": ["bays"], "pipeline": ONE_STAGE, "vary": ["txt2img.steps=10,20,30"], "count": 3, "seed": 8,
             "experiment": "learning"}  # fmt: skip
    found = []
    for nodes in (("box",), ("box", "attic", "cellar")):
        folder = tmp_path / str(len(nodes))
        folder.mkdir()
        async with learning(folder, *nodes) as it:
            answer = await it.post("/v1/runs", asked)
            made = await paint(it, answer["jobs"])
            assert set(made) == set(nodes)
            await rate(it, answer["run"], lambda config: config["steps"] // 10 + 1)
            result = await it.get(f"/v1/learn/runs/{answer['run']}")
            jobs = (await it.get("/v1/jobs", filter=f"run:{answer['run']}", sort="name", limit=50))["items"]
            told = {name: result[name] for name in ("knobs", "text", "fixed")}
            found.append((answer["plan_hash"], [job["name"] for job in jobs], told))
    assert found[0] == found[1]


async def test_proposals_begin_with_what_was_made_and_learn_from_ratings(it: World) -> None:
    assert (await it.get("/v1/learn/proposals"))["items"] == []
    run = await it.post("/v1/runs", explore(10))
    await paint(it, 10)
    items = (await it.get("/v1/learn/proposals"))["items"]
    assert items[0]["kind"] == "explore" and {one["pack"] for one in items} == {"bays"}
    assert items == (await it.get("/v1/learn/proposals", pack="bays"))["items"]
    await rate(it, run["run"], lambda config: 5 if config["steps"] == 30 else 1)
    after = (await it.get("/v1/learn/proposals"))["items"]
    assert after and after != items


async def test_what_is_no_explore_run_is_refused_in_a_sentence(it: World) -> None:
    wrong: tuple[tuple[dict[str, object], str], ...] = (
        ({"max_images": None}, "no pictures to make"),
        ({"max_images": 0}, "cannot be explored"),
        ({"vary": ["seed=1,2"]}, "nothing that an explore run can mix"),
        ({"learning": "off"}, "nothing is learned"),
        ({"packs": ["nowhere"]}, "nowhere"),
    )
    for more, said in wrong:
        asked = {name: value for name, value in explore(5, **more).items() if value is not None}
        told = await it.post("/v1/runs", asked)
        assert told["status"] == 400 and said in f"{told['error']} {told['remedy']} {told['where']}", told
