"""The routes of learning on the real ledger, log and views: what is rated is learned and told."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `learn_world`

from api_world import World
from learn_world import finals, learning, paint, taught, told

from daemon.learner import Learner
from daemon.views.views import Views


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with learning(tmp_path) as made:
        yield made


# What is rated is learned -----------------------------------------------------------------------------


async def test_pictures_that_are_rated_are_what_insights_are_of(it: World) -> None:
    run = await paint(it, packs=["bays"], vary=["txt2img.steps=10,30"], count=2)
    for number, image in enumerate(await finals(it, run)):
        await it.post("/v1/images/rate", {"select": [image], "stars": 1 + number})
    (pack,) = (await it.get("/v1/learn/insights"))["packs"]
    assert (pack["pack"], pack["backend"], pack["ratings"], pack["enough"]) == ("bays", "sketch", 4, False)
    status = await it.get("/v1/learn")
    assert status["packs"] == [{"pack": "bays", "backend": "sketch", "ratings": 4}]
    assert (status["mode"], status["inbox"], status["ratings"]) == ("passive", 0, 4)


async def test_nothing_is_learned_of_a_run_with_learning_off(it: World) -> None:
    run = await paint(it, packs=["bays"], learning="off")
    assert (await it.get("/v1/learn/inbox"))["total"] == 0
    assert (await it.get("/v1/learn/inbox", run=run))["total"] == 1
    await it.post("/v1/images/rate", {"select": [run], "stars": 5})
    assert (await it.get("/v1/learn/insights"))["packs"] == []


async def test_the_programs_mode_is_that_of_runs_and_can_be_taken_back(it: World) -> None:
    assert (await it.post("/v1/learn/mode", {"mode": "active"}))["seq"] > 0
    run = await paint(it, packs=["bays"])
    assert (await it.get(f"/v1/runs/{run}"))["spec"]["learning"] == "active"
    assert (await it.get("/v1/learn"))["asked"] == 1
    await it.post("/v1/learn/mode", {"mode": "off"})
    assert (await it.post("/v1/undo"))["text"] == "change the learning mode"
    assert (await it.get("/v1/learn"))["mode"] == "active"
    assert (await it.post("/v1/learn/mode", {"mode": "loud"}))["where"] == "mode"


async def test_a_run_is_rated_as_a_whole_with_its_pictures(it: World) -> None:
    run = await paint(it, packs=["bays"], count=3)
    rated = await it.post("/v1/images/rate", {"select": [run], "stars": 4})
    assert rated["changed"] == 3 and run not in rated["subjects"]
    assert [one["stars"] for one in (await it.get("/v1/images", filter=f"run:{run}"))["items"]] == [4, 4, 4]
    (pack,) = (await it.get("/v1/learn/insights"))["packs"]
    assert pack["ratings"] == 1  # one verdict was given
    undone = await it.post("/v1/undo")
    assert undone["text"] == "rate a run as a whole"
    assert (await it.get("/v1/learn/insights"))["packs"] == []


async def test_a_picture_is_rated_once_however_it_is_named(it: World) -> None:
    run = await paint(it, packs=["bays"], count=2)
    image = (await finals(it, run))[0]
    await it.post("/v1/images/rate", {"select": [image], "stars": 2})
    await it.post("/v1/images/rate", {"select": [run, image], "stars": 5})
    records_told = await it.get("/v1/learn/records")
    assert [(one["stars"], one.get("whole", False)) for one in records_told] == [(5, True), (5, True)]


# Claims -----------------------------------------------------------------------------------------------


async def test_a_claim_is_shown_dismissed_and_told_again(it: World) -> None:
    await taught(it)
    (claim, *_) = (await told(it))["claims"]
    assert claim["param"] == "txt2img.steps" and claim["strength"] == "clearly"
    assert [one["key"] for one in (await it.get("/v1/learn"))["shown"]] == [claim["key"]]
    before = (await it.get("/v1/status"))["head"]
    await told(it)
    assert (await it.get("/v1/status"))["head"] == before  # what stands already makes no event
    await it.post("/v1/learn/dismiss", {"key": claim["key"][:6]})
    assert (await it.get("/v1/learn/insights"))["packs"][0]["claims"] == []
    assert (await it.post("/v1/undo"))["text"] == "dismiss an insight"
    assert len((await it.get("/v1/learn/insights"))["packs"][0]["claims"]) == 1
    assert (await it.post("/v1/learn/dismiss", {"key": "none"}))["status"] == 404


async def test_what_no_longer_holds_is_taken_back_out_loud_and_counts(it: World) -> None:
    await taught(it)
    key = (await told(it))["claims"][0]["key"]
    assert (await it.get("/v1/learn/track"))["clearly_standing"] == 1
    await taught(it, better=10, worse=30, start=60, total=120)  # another taste by now
    gone = (await told(it))["withdrawn"]
    assert [one["key"] for one in gone] == [key]
    assert "I told you" in gone[0]["text"]
    track = await it.get("/v1/learn/track")
    assert (track["clearly_standing"] < track["clearly"], track["withdrawn"]) == (True, 1)
    assert (await told(it))["withdrawn"] == []


async def test_a_claim_that_would_be_taken_back_does_not_stand_before_anybody_looks(it: World) -> None:
    await taught(it)
    await told(it)
    await taught(it, better=10, worse=30, start=60, total=120)
    assert (await it.get("/v1/learn/track"))["clearly_standing"] == 0


async def test_claims_that_nobody_was_shown_are_news(it: World) -> None:
    assert (await it.get("/v1/learn"))["news"] is None
    async with it.ledger.follow() as batches:
        task = asyncio.create_task(it.learner.run(batches))
        await taught(it)
        async with asyncio.timeout(20):
            while (status := await it.get("/v1/learn"))["news"] is None:
                pass
        assert status["news"] == 1
        task.cancel()
    await told(it)
    assert (await it.get("/v1/learn"))["news"] == 0


# As of ------------------------------------------------------------------------------------------------


async def test_what_was_said_then_is_what_a_replay_of_the_log_up_to_then_says(it: World, tmp_path: Path) -> None:
    run = await paint(it, packs=["bays"], vary=["txt2img.steps=10,30"], count=2)
    for number, image in enumerate(await finals(it, run)):
        await it.post("/v1/images/rate", {"select": [image], "stars": 1 + number})
    await taught(it)
    await told(it)
    await it.post("/v1/learn/told", {"upto": 0})
    moments = [10, it.ledger.durable - 4, it.ledger.durable]
    await taught(it, better=10, worse=30, start=60, total=120)
    await it.post("/v1/images/rate", {"select": [run], "stars": 3})
    await it.post("/v1/learn/forget", {"source": "file"})
    for seq in moments:
        views = await Views.open(tmp_path / f"v{seq}.db", Upto(it.log, seq), results=tmp_path, clock=it.house.clock)
        try:
            lessons = Kept(seq)
            lessons.lessons = await lessons_of(views, seq)
            replayed = await Learner(views, lessons, seq_at=int).insights()
        finally:
            await views.close()
        then = await it.learner.insights(as_of=str(seq))
        assert then == replayed
        assert then.seq == seq


async def lessons_of(views: Views, seq: int) -> Any:
    """By the fold of the live state."""
    from daemon.core.folds.learning import after
    from schema.lessons import Lessons

    found = Lessons()
    for lesson in await views.lessons(seq):
        found = after(found, lesson.event, lesson.at)
    return found


class Upto:
    """The log as it was when this seq was its last."""

    def __init__(self, log: Any, seq: int) -> None:
        self._log, self._seq = log, seq

    async def read(self, after: int, limit: int) -> Any:
        return await self._log.read(after, min(limit, max(0, self._seq - after)))


class Kept:
    def __init__(self, durable: int) -> None:
        self.durable = durable
        self.lessons: Any = None


async def test_another_algorithm_reads_the_same_verdicts_otherwise(it: World) -> None:
    await taught(it)
    (now,) = (await it.get("/v1/learn/insights"))["packs"]
    old = await it.get("/v1/learn/insights", algorithm=0)
    assert old["algorithm"] == 0
    assert {knob["matters"] for knob in old["packs"][0]["knobs"]} == {1.0}
    assert min(knob["matters"] for knob in now["knobs"]) < 0.9
    refused = await it.get("/v1/learn/insights", algorithm=7)
    assert refused["status"] == 400 and "0 (" in refused["remedy"]


async def test_a_fault_of_the_statistics_does_not_end_the_daemon(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def broken() -> None:
        asked.set()
        raise ZeroDivisionError

    monkeypatch.setattr(it.learner, "insights", broken)
    async with it.ledger.follow() as batches:
        task = asyncio.create_task(it.learner.run(batches))
        for start in (0, 60):
            asked.clear()
            await taught(it, start=start)
            async with asyncio.timeout(20):
                await asked.wait()
        assert not task.done()
        task.cancel()
