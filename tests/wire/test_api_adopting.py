"""Plans take over what was learned, and let go of it again; nothing that is not sure."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `learn_world`

from api_world import World
from learn_world import ONE_STAGE, learning, records, taught

from daemon.learner import Learner
from daemon.prompting.proposed import check_settings


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with learning(tmp_path) as made:
        yield made


# What plans take over ---------------------------------------------------------------------------------


async def plan_of(it: World) -> tuple[dict[str, Any], str]:
    lines = await it.post("/v1/plan", {"packs": ["bays"], "seed": 3, "pipeline": ONE_STAGE})
    return lines[0]["config"]["txt2img"], lines[-1]["plan_hash"]


async def test_a_preset_is_taken_over_by_the_next_plan_and_taken_back_by_undo(it: World) -> None:
    before = await plan_of(it)
    await taught(it)  # the newest of them was made with 10 steps
    assert (await it.get("/v1/learn/insights"))["packs"][0]["preset"]["offered"]
    await it.post("/v1/learn/adopt", {"pack": "bays", "take": ["preset"]}, "k1")
    assert (await it.get("/v1/learn"))["adopted"]["bays"]["settings"] == {"txt2img.steps": 30}
    config, digest = await plan_of(it)
    assert config["steps"] == 30
    submitted = await it.post("/v1/runs", {"packs": ["bays"], "seed": 3, "pipeline": ONE_STAGE, "plan_hash": digest})
    job = await it.get(f"/v1/jobs/{submitted['run']}.1")
    assert job["spec"]["origins"]["txt2img.steps"] == "learned for bays"
    await it.post(f"/v1/runs/{submitted['run']}/pause")
    await it.post("/v1/undo")
    assert (await it.post("/v1/undo"))["seq"] > 0
    await it.post("/v1/learn/adopt", {"pack": "bays", "take": ["nothing"]})
    assert await plan_of(it) == before
    repeated = await it.post("/v1/learn/adopt", {"pack": "bays", "take": ["preset"]}, "k1")
    assert repeated["repeated"] and await plan_of(it) == before


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"pack": "bays"}, "one of now"),
        ({"pack": "bays", "take": ["preset"], "suggestion": "a"}, "one of now"),
        ({"pack": "reefs", "take": ["preset"]}, "no picture of reefs was rated"),
        ({"suggestion": "a"}, "no suggestion"),
        ({"pack": "bays", "take": ["weights"]}, "nothing is known yet of the values"),
        ({"pack": "bays", "take": ["randomizer"]}, "no setting of the randomizer"),
        ({"pack": "bays", "take": ["everything"]}, ""),
    ],
)
async def test_nothing_is_taken_over_that_is_not_sure(it: World, asked: dict[str, Any], says: str) -> None:
    await taught(it)
    refused = await it.post("/v1/learn/adopt", asked)
    assert refused["status"] == 400 and says in refused["error"]


async def test_a_preset_that_is_not_sure_is_not_taken_over(it: World) -> None:
    await taught(it, total=8)
    refused = await it.post("/v1/learn/adopt", {"pack": "bays", "take": ["preset"]})
    assert refused["status"] == 400 and "learn" in refused["remedy"] + refused["error"]


async def test_a_suggestion_is_shown_against_what_is_used_and_never_applied_by_itself(it: World) -> None:
    await taught(it)
    before = await plan_of(it)
    one = {
        "id": "s1",
        "pack": "bays",
        "settings": {"txt2img.cfg": 3, "txt2img.steps": 10},
        "why": "softer",
        "source": "llm",
    }
    await it.post("/v1/learn/suggest", {"suggestions": [one]})
    assert await plan_of(it) == before
    (shown,) = (await it.get("/v1/learn/suggestions"))["items"]
    assert [(change["param"], change["now"]) for change in shown["changes"]] == [("txt2img.cfg", "3")]
    await it.post("/v1/learn/adopt", {"suggestion": "s1"})
    assert (await plan_of(it))[0]["cfg"] == 3.0
    await it.post("/v1/learn/drop", {"id": "s1"})
    assert (await it.get("/v1/learn/suggestions"))["items"] == []


async def test_values_that_rate_higher_are_drawn_more_often(it: World) -> None:
    (it.folder / "home" / "config" / "packs" / "skies.txt").write_text("a bay at __sky__\n")
    (it.folder / "home" / "config" / "wildcards").mkdir(exist_ok=True)
    (it.folder / "home" / "config" / "wildcards" / "sky.txt").write_text("dusk\nnoon\n")
    made = records(pack="skies", total=120)
    skies = {30: "dusk", 10: "noon"}
    said = [
        {**one, "params": {"pick:__sky__": skies[one["params"]["txt2img.steps"]], "randomizer.matrix":
                           "random" if one["stars"] in (2, 5) else "all"}}
        for one in made
    ]  # fmt: skip
    await it.post("/v1/learn/import", {"source": "file", "records": said})
    assert (await it.post("/v1/learn/adopt", {"pack": "skies", "take": ["weights", "randomizer"]}))["seq"] > 0
    adopted = (await it.get("/v1/learn"))["adopted"]["skies"]
    assert adopted["weights"]["__sky__"]["dusk"] > 1 > adopted["weights"]["__sky__"]["noon"] > 0
    assert adopted["randomizer"] == {"matrix": "random"}
    lines = await it.post("/v1/plan", {"packs": ["skies"], "seed": 3, "variants": 40})
    dusk = sum("dusk" in line["prompt"] for line in lines[:-1])
    assert dusk > 24
    assert any("learned for skies" in warning for warning in lines[-1]["warnings"])


async def test_a_preset_goes_without_what_nobody_can_set(it: World) -> None:
    it.house.learning = Learner(it.views, it.ledger, seq_at=int, check=check_settings)
    said = []
    for number, one in enumerate(records(total=120)):
        luck = number // 4 % 2  # a backend reports it, and it brings a star
        params = {**one["params"], "txt2img.luck": luck}
        said.append({**one, "params": params, "stars": max(1, min(5, one["stars"] - 1 + luck))})
    await it.post("/v1/learn/import", {"source": "file", "records": said[:-2]})
    (pack,) = (await it.get("/v1/learn/insights"))["packs"]
    assert "txt2img.luck" in {change["param"] for change in pack["preset"]["changes"]} | {
        knob["param"] for knob in pack["knobs"] if knob["matters"] > 0.5
    }
    assert (await it.post("/v1/learn/adopt", {"pack": "bays", "take": ["preset"]}))["seq"] > 0
    assert set((await it.get("/v1/learn"))["adopted"]["bays"]["settings"]) == {"txt2img.steps"}
    refused = await it.post("/v1/learn/adopt", {"pack": "bays", "now": {"settings": {"txt2img.luck": 3}}})
    assert refused["status"] == 400 and "luck" in refused["error"] + refused["where"]
