"""The whole loop in one process: pictures are looked at, what is found is in the log, and the next plan leans to it.

The node is the test's own: it says of every picture what the test wants it to say.
"""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.artifacts.sheets.writing import sheet_of
from daemon.library.shelf import FolderShelf
from daemon.looking import Looking
from daemon.past import Past
from daemon.planner import Planner
from daemon.prompting.looks.lean import Lean
from schema.events import NodeJoined, WeightsAdjusted
from schema.ids import NodeId
from schema.observations import NewImage, NodeSeen, StageReturned
from schema.places import places
from schema.plans import Picture

LOOK = json.dumps({"stages": [{"type": "txt2img"}, {"type": "interrogate"}]})
BAYS = "a quiet bay at __sky__, gulls\n"

Says = Callable[[str], str]
"""A prompt to the caption of its picture."""


@asynccontextmanager
async def seeing(folder: Path) -> AsyncIterator[World]:
    async with world(folder) as it:
        home = places({"STABLENEW_HOME": str(folder / "home")})
        (home.config / "wildcards").mkdir(parents=True)
        (home.config / "wildcards" / "sky.txt").write_text("dusk\ndawn\n")
        planner = Planner(FolderShelf(home, lambda: None), it.settings, it.house.clock, lambda most: 42,
                          leaning=lambda: Lean(it.ledger.feedback))  # fmt: skip
        it.house.plan = planner.plan
        it.house.sheet = sheet_of(it.blob)
        joined = NodeJoined(
            node=NodeId("box"), name="box", instance="i", link="loopback", backends=("sketch",),
            kinds=("txt2img", "interrogate"),
        )  # fmt: skip
        await it.ledger.observe(NodeSeen(joined=joined))
        it.past = Past(it.log, it.views, lambda: it.ledger.durable)
        looking = Looking(it.ledger, it.past, it.views)
        async with it.ledger.follow() as batches:
            task = asyncio.create_task(looking.run(batches))
            try:
                yield it
            finally:
                task.cancel()


def png(token: int) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (60, 40), (token % 256, 90, 160)).save(packed, "PNG")
    return packed.getvalue()


async def looked_at(it: World, says: Says, **asked: object) -> None:
    """A run to its end."""
    done = await it.submit(prompt=None, pipeline=LOOK, **asked)
    prompts = {job.id: job.spec.prompt for job in await it.past.jobs_of(done["run"])}
    for _ in range(2 * done["jobs"]):
        attempt = await it.assigned()
        if attempt.stage == "interrogate":
            news = StageReturned(attempt=attempt, backend="sketch", effective={"model": "BLIP"},
                                 reported={"caption": says(prompts[attempt.job])})  # fmt: skip
        else:
            sha = await it.put_blob(png(attempt.token))
            file = Picture(sha256=sha, pixels="px", media="image/png", bytes=9, width=8, height=8)
            news = StageReturned(attempt=attempt, backend="sketch", images=(NewImage(image=it.draw_id(), file=file),))
        await it.ledger.observe(news)
    await until(lambda: not it.ledger.scene().runs)


async def adjusted(it: World) -> list[WeightsAdjusted]:
    events = [envelope.event for envelope in await it.log.read(0, 10_000)]
    return [event for event in events if isinstance(event, WeightsAdjusted)]


def pack(text: str = BAYS) -> list[dict[str, str]]:
    return [{"name": "bays.txt", "text": text}]


async def test_what_is_seen_moves_the_weights_of_the_next_plan_and_says_why(tmp_path: Path) -> None:
    async with seeing(tmp_path) as it:
        await it.post("/v1/feedback/switch", {"on": True})
        await looked_at(it, lambda prompt: "a bay at dusk" if "dusk" in prompt else "a bay", packs=pack(), count=12)
        await looked_at(it, lambda prompt: "a bay at sunrise", packs=pack("a bay at dawn, gulls"))
        await until(lambda: bool(it.ledger.feedback.wildcards))

        shown = await it.get("/v1/feedback")
        weights = {one["value"]: one["weight"] for one in shown["weights"] if one["kind"] == "wildcard"}
        assert weights["dusk"] > 1.2
        assert weights["dawn"] < 0.85
        assert [event.name for event in await adjusted(it)][:1] == ["sky"]

        drawn = await it.submit(prompt=None, packs=pack(), matrix="random", variants=60, seed=3, literal=False)
        jobs = await it.past.jobs_of(drawn["run"])
        picked = [pick for job in jobs for pick in job.spec.picks if pick.key == "__sky__"]
        assert len(picked) == 60
        assert sum(pick.value == "dusk" for pick in picked) > 33
        assert all("feedback x" in pick.source for pick in picked)


async def test_what_is_off_finds_nothing_and_finds_all_of_it_when_it_is_switched_on(tmp_path: Path) -> None:
    async with seeing(tmp_path) as it:
        await looked_at(it, lambda prompt: "a bay at dusk" if "dusk" in prompt else "a bay", packs=pack(), count=12)
        await looked_at(it, lambda prompt: "sunrise", packs=pack("dawn"))
        effects = await it.get("/v1/effects", name="__sky__")
        assert [(one["value"], one["n"], one["mean"], one["factor"]) for one in effects["items"]] == [
            ("dusk", 12, 1.0, 1.0), ("dawn", 12, 0.0, 1.0),
        ]  # fmt: skip
        assert await adjusted(it) == []

        await it.post("/v1/feedback/switch", {"on": True})
        await until(lambda: bool(it.ledger.feedback.wildcards and it.ledger.feedback.packs))
        before = it.ledger.feedback
        assert (await it.post("/v1/feedback/reset", {"names": ["Sky"]}))["seq"] > 0
        assert it.ledger.feedback.wildcards == {}
        assert (await it.post("/v1/undo"))["text"] == "reset what pictures told of 1 name"
        assert it.ledger.feedback == before


async def test_a_goal_that_was_missed_is_said_louder_in_the_next_plan_and_the_record_says_so(tmp_path: Path) -> None:
    async with seeing(tmp_path) as it:
        await it.post("/v1/feedback/switch", {"on": True})
        await looked_at(it, lambda prompt: "two gulls", packs=[{"name": "birds.txt", "text": "gulls"}])
        await looked_at(it, lambda prompt: "a bay", packs=pack("a quiet bay, gulls"), count=5)
        await until(lambda: bool(it.ledger.feedback.packs))

        asked = {"packs": pack("a quiet bay, gulls\n\nan empty bay"), "seed": 1}
        preview = await it.post("/v1/plan", asked)
        done = await it.submit(prompt=None, **asked, plan_hash=preview[-1]["plan_hash"])
        first, second = await it.past.jobs_of(done["run"])
        assert first.spec.prompt == preview[0]["prompt"] == "a quiet bay, (gulls:1.15)"
        assert first.spec.origins["prompt"].endswith(", feedback")
        assert [(pick.value, pick.source) for pick in first.spec.picks] == [
            ("(gulls:1.15)", "feedback: missed in pictures of bays")
        ]
        assert (second.spec.prompt, second.spec.picks) == ("an empty bay", ())

        await it.post("/v1/feedback/switch", {"on": False})
        refused = await it.submit(prompt=None, **asked, plan_hash=preview[-1]["plan_hash"])
        assert refused["where"] == "--plan-hash"
        plain = await it.submit(prompt=None, packs=pack("a quiet bay, gulls"), seed=1)
        [job] = await it.past.jobs_of(plain["run"])
        assert job.spec.prompt == "a quiet bay, gulls"


async def test_looks_at_one_picture_are_shown_and_stars_are_left_alone(tmp_path: Path) -> None:
    async with seeing(tmp_path) as it:
        await looked_at(it, lambda prompt: "a bay at sunset", packs=pack("a bay at dusk, gulls"))
        [row] = (await it.get("/v1/images", final=1))["items"]
        [look] = (await it.get(f"/v1/images/{row['id']}/looks"))["items"]
        assert (look["seen"], look["missed"]) == (["bay", "dusk"], ["gulls"])
        assert row["stars"] == 0
        assert (await it.get("/v1/feedback"))["looks"] == 1


async def test_wrong_questions_are_told(tmp_path: Path) -> None:
    async with seeing(tmp_path) as it:
        assert (await it.get("/v1/effects", kind="mood"))["error"] == "there is no kind 'mood'."
        assert (await it.post("/v1/feedback/reset", {"names": ["sky"]}))["error"] == "Nothing was adjusted for 'sky'."
        assert (await it.post("/v1/feedback/switch", {}))["where"] == "on"


async def test_a_grid_of_loras_ends_with_a_page_of_them_side_by_side(tmp_path: Path) -> None:
    async with seeing(tmp_path) as it:
        await looked_at(
            it, lambda prompt: "a bay", packs=pack("a bay"), vary=["lora=soft:0.4,soft:0.8,ink:0.6"], count=2
        )
        [run] = (await it.get("/v1/runs"))["items"]
        async with it.http.get(f"http://d/v1/runs/{run['id']}/sheet", params={"cell": "60"}) as response:
            assert response.content_type == "image/png"
            page = Image.open(io.BytesIO(await response.read()))
        colours = {page.getpixel((left, top))[1:] for left in range(page.width) for top in range(page.height)}
        assert (90, 160) in colours
        assert page.width > 3 * 60
        refused = await it.get(f"/v1/runs/{run['id']}/sheet", x="steps")
        assert refused["error"] == "'steps' is nothing that this run varies."
        assert refused["remedy"] == "It varies lora, seed."
        assert (await it.get(f"/v1/runs/{run['id']}/sheet", cell=7))["where"] == "cell"

        loras = (await it.get("/v1/effects", kind="lora"))["items"]
        assert sorted((one["name"], one["value"], one["n"]) for one in loras) == [
            ("ink", "0.6", 2), ("soft", "0.4", 2), ("soft", "0.8", 2),
        ]  # fmt: skip
