"""The blind inbox, duels, favourites, reports and the bundle, on the real ledger, log and views."""

import asyncio
import io
import json
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `learn_world`

from api_world import World
from learn_world import finals, learning, paint, taught

from daemon.learner import Learner
from daemon.learner.lab import Lab


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with learning(tmp_path) as made:
        yield made


# Inbox, duels, favourites -----------------------------------------------------------------------------


async def test_the_inbox_asks_of_active_runs_first_and_in_no_order_that_tells_anything(it: World) -> None:
    active = await paint(it, packs=["bays"], vary=["txt2img.steps=10,20,30,40"], count=2, learning="active")
    later = await paint(it, packs=["bays"])
    page = await it.get("/v1/learn/inbox")
    assert [one["run"] for one in page["items"]] == [active] * 8 + [later]
    shown = [one["id"] for one in page["items"][:8]]
    assert sorted(shown) == sorted(await finals(it, active)) and shown != await finals(it, active)
    assert "bays" not in page["items"][0]["path"]
    assert [one["id"] for one in (await it.get("/v1/learn/inbox", limit=3, offset=6))["items"]] == [
        one["id"] for one in page["items"][6:9]
    ]
    await it.post("/v1/images/rate", {"select": [shown[0]], "stars": 3})
    rest = await it.get("/v1/learn/inbox", pack="bays")
    assert (rest["total"], rest["items"][0]["id"]) == (8, shown[1])


async def test_a_pair_is_of_one_seed_made_differently_and_asked_once(it: World) -> None:
    await paint(it, packs=["bays"], vary=["txt2img.steps=10,30"], count=2)
    pairs = set()
    for _ in range(2):
        duel = (await it.get("/v1/learn/duel", pack="bays"))["duel"]
        seeds = {(await it.get(f"/v1/jobs/{duel[side]}"))["spec"]["seed"] for side in ("left_job", "right_job")}
        assert len(seeds) == 1
        other = (await it.get("/v1/learn/duel", without=f"{duel['right']}:{duel['left']}"))["duel"]
        assert other is None or {other["left"], other["right"]} != {duel["left"], duel["right"]}
        pairs.add(frozenset((duel["left"], duel["right"])))
        await it.post("/v1/images/compare", {"select": [duel["left"], duel["right"]], "better": "A"})
    assert len(pairs) == 2
    assert (await it.get("/v1/learn/duel"))["duel"] is None
    (pack,) = (await it.get("/v1/learn/insights"))["packs"]
    assert (pack["duels"], pack["ratings"]) == (2, 0)


async def test_favourites_are_of_the_last_runs_by_rating_or_by_use(it: World) -> None:
    old = await paint(it, packs=["bays"], style=[], name="old")
    new = await paint(it, prompt="a fox", count=3)
    await it.post("/v1/images/rate", {"select": [old], "stars": 5})
    await it.post("/v1/images/rate", {"select": [new], "stars": 1})
    found = await it.get("/v1/learn/favourites")
    assert [(one["name"], one["stars"]) for one in found["items"] if one["list"] == "packs"] == [("bays", 5.0)]
    assert (await it.get("/v1/learn/favourites", runs=1))["runs"] == 1
    assert not [one for one in (await it.get("/v1/learn/favourites", runs=1))["items"] if one["list"] == "packs"]
    uses = {one["name"]: one["uses"] for one in (await it.get("/v1/learn/favourites", by="uses"))["items"]}
    assert 4 in uses.values()
    assert (await it.get("/v1/learn/favourites", by="luck"))["where"] == "by"


async def test_reports_and_profiles_are_of_the_same_verdicts(it: World) -> None:
    await taught(it)
    report = await it.get("/v1/learn/report")
    best = next(line for line in report["lines"] if line["name"].startswith("txt2img.steps") and line["stars"] > 0)
    assert best["verdict"] == "does well"
    (style,) = (await it.get("/v1/learn/profiles"))["packs"]
    assert style["ratings"] == 60


async def test_while_it_learns_actively_the_program_says_what_it_would_try_next(it: World) -> None:
    planner = it.house.library
    it.learner = it.house.learning = Learner(
        it.views, it.ledger, seq_at=int, quiet=0.0, lab=Lab(planner.plan, planner.config, lambda: ())
    )
    await taught(it)
    await paint(it, packs=["bays"], learning="active")
    async with it.ledger.follow() as batches:
        task = asyncio.create_task(it.learner.run(batches))
        await it.post("/v1/learn/mode", {"mode": "active"})
        async with asyncio.timeout(20):
            while (status := await it.get("/v1/learn"))["proposal"] is None:
                pass
        task.cancel()
    assert status["proposal"]["command"].startswith("stablenew learn ")
    await it.post("/v1/learn/mode", {"mode": "passive"})
    assert (await it.get("/v1/learn"))["proposal"] is None


async def test_the_bundle_is_a_zip_of_what_was_rated_without_its_words(it: World) -> None:
    run = await paint(it, packs=["bays"], count=2)
    await it.post("/v1/images/rate", {"select": [run], "stars": 4})
    async with it.http.get("http://d/v1/learn/bundle", params={"redact": "prompts"}) as response:
        assert (response.status, response.content_type) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(await response.read())) as bundle:
            files = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert files["ratings.jsonl"].count("\n") == json.loads(files["manifest.json"])["records"] == 2
    assert "gulls" not in "".join(files.values()) and "bays" not in "".join(files.values())
    assert (await it.get("/v1/learn/bundle", redact="faces"))["where"] == "redact"
