"""The routes of learning on the real ledger, log and views: what is rated is learned, told, and taken over."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.learner import Learner
from daemon.library.shelf import FolderShelf
from daemon.planner import Planner
from daemon.views.views import Views
from schema.observations import NewImage, StageReturned
from schema.places import places
from schema.plans import Picture

ONE_STAGE = json.dumps({"stages": [{"type": "txt2img"}]})


@asynccontextmanager
async def learning(folder: Path) -> AsyncIterator[World]:
    async with world(folder) as it:
        home = places({"STABLENEW_HOME": str(folder / "home")})
        (home.config / "packs").mkdir(parents=True)
        (home.config / "packs" / "bays.txt").write_text("a quiet bay, gulls\n")
        planner = Planner(FolderShelf(home, lambda: None), it.settings, it.house.clock, lambda most: 42,
                          lessons=lambda: it.ledger.lessons)  # fmt: skip
        it.house.plan, it.house.library, it.house.config = planner.plan, planner, planner.config
        it.learner = Learner(it.views, it.ledger, seq_at=int, quiet=0.0)
        it.house.learning = it.learner
        await it.join_node()
        yield it


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with learning(tmp_path) as made:
        yield made


async def paint(it: World, **request: Any) -> str:
    """A run whose pictures were made as they were planned; its id."""
    run = await it.post("/v1/runs", {"pipeline": ONE_STAGE, **request})
    for _ in range(run["jobs"]):
        attempt = await it.assigned()
        planned = (await it.get(f"/v1/jobs/{attempt.job}"))["config"]["txt2img"]
        sha = await it.put_blob(b"\x89PNG\r\n\x1a\n" + str(attempt.token).encode())
        file = Picture(sha256=sha, pixels=f"px{attempt.token}", media="image/png", bytes=9, width=8, height=8)
        await it.ledger.observe(
            StageReturned(
                attempt=attempt, backend="sketch", images=(NewImage(image=it.draw_id(), file=file),),
                effective={name: planned[name] for name in ("steps", "cfg")},
            )
        )  # fmt: skip
    await until(lambda: not it.ledger.scene().runs)
    return str(run["run"])


async def finals(it: World, run: str) -> list[str]:
    page = await it.get("/v1/images", filter=f"run:{run}", final=1, sort="oldest")
    return [one["id"] for one in page["items"]]


def records(
    better: int = 30, worse: int = 10, total: int = 60, pack: str = "bays", start: int = 0
) -> list[dict[str, Any]]:
    """Of a person who likes `better` steps: 4 or 5 stars against 1 to 3; cfg does nothing."""
    made = []
    for number in range(start, start + total):
        good = number % 2 == 0
        made.append(
            {
                "id": f"im{number}", "at": f"2026-05-01T20:{number // 60 % 60:02}:{number % 60:02}Z", "session": "s1",
                "pack": pack, "prompt": "a bay", "seed": number // 2, "run": "r", "backend": "sketch",
                "params": {"txt2img.steps": better if good else worse, "txt2img.cfg": 5 + number // 2 % 3},
                "stars": (4 if good else 1) + number // 2 % 2,
            }
        )  # fmt: skip
    return made


async def taught(it: World, **how: Any) -> Any:
    return await it.post("/v1/learn/import", {"source": "file", "records": records(**how)})


async def told(it: World) -> dict[str, Any]:
    """The pack's insight, after a person was shown it as the command line shows it."""
    found = await it.get("/v1/learn/insights")
    (pack,) = found["packs"]
    fields = ("key", "pack", "param", "better", "worse", "confidence", "text")
    claims = [
        {**{name: claim[name] for name in fields}, "algorithm": 1, "upto": found["seq"], "ratings": pack["ratings"]}
        for claim in pack["claims"]
    ]
    await it.post("/v1/learn/told", {"claims": claims, "withdrawn": pack["withdrawn"], "upto": found["seq"]})
    return dict(pack)


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
    await it.post("/v1/images/rate", {"select": [run], "stars": 4})
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
