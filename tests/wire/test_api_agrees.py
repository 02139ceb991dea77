"""Whatever people wish and nodes answer: the rows of the views say the same as the live state."""

import random
import sys
from pathlib import Path

import pytest

from daemon.core.state import phase_name

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

VERBS = ("cancel", "retry", "rerun", "hold", "release", "move", "priority", "skip", "edit")
STAGES = ("txt2img", "detail", "upscale")


async def one_step(it: World, dice: random.Random) -> None:
    """Something that a person or a node may do now; refusals are part of it."""
    match dice.choice(("submit", "wish", "wish", "wish", "wish", "node", "node", "node", "taken back", "queue")):
        case "submit":
            await it.submit(f"fox {dice.random()}", count=dice.randint(1, 3), hold=dice.random() < 0.2)
        case "wish":
            await wish(it, dice)
        case "node" if it.open:
            await (it.break_one() if dice.random() < 0.2 else it.finish_one())
        case "taken back":
            await it.post(dice.choice(("/v1/undo", "/v1/undo", "/v1/redo")))
        case _:
            await it.post(dice.choice(("/v1/queue/pause", "/v1/queue/resume", "/v1/queue/resume")))


async def wish(it: World, dice: random.Random) -> None:
    jobs = [row["id"] for row in (await it.get("/v1/jobs"))["items"]]
    if not jobs:
        return
    verb = dice.choice(VERBS)
    body: dict[str, object] = {"select": [dice.choice(jobs)]}
    match verb:
        case "rerun":
            body |= {"stage": dice.choice(STAGES), "only": dice.random() < 0.5}
        case "move":
            body |= {"to": dice.choice(("top", "bottom"))}
        case "priority":
            body |= {"priority": dice.randint(-2, 2)}
        case "edit":
            body |= {"prompt": f"hen {dice.random()}"}
        case "cancel" | "retry" | "hold" | "release" if dice.random() < 0.4:
            body["select"] = [jobs[0].partition(".")[0]]
    await it.post(f"/v1/jobs/{verb}", body)


async def check(it: World) -> None:
    await it.views.reached(it.ledger.durable)
    state = it.ledger._state
    rows = {row["id"]: row for row in (await it.get("/v1/jobs", limit=1000))["items"]}
    for name, job in state.jobs.items():
        row = rows[name]
        assert (row["state"], row["rank"], row["priority"]) == (phase_name(job.phase), job.rank, job.priority), name
        record = await it.get(f"/v1/jobs/{name}")
        assert record["spec"]["prompt"] == job.spec.prompt
        done = [stage["id"] for stage in record["stages"] if stage["state"] == "done"]
        assert done == [stage.stage for stage in job.done], name
        skipped = [stage["id"] for stage in record["stages"] if stage["state"] == "skipped"]
        assert skipped == list(job.skipped), name
    for name, row in rows.items():
        assert (row["state"] in ("finished", "failed", "cancelled")) == (name not in state.jobs), name
    for row in (await it.get("/v1/runs", limit=1000))["items"]:
        run = state.runs.get(row["id"])
        assert (row["state"] == "finished") == (run is None or run.over), row["id"]
        if run is not None:
            counts = (row["finished"], row["failed"], row["cancelled"], row["attention"])
            assert counts == (run.finished, run.failed, run.cancelled, run.attention), row["id"]


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(each, marks=pytest.mark.long) for each in range(4, 60))])
async def test_views_and_the_live_state_tell_the_same(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with world(tmp_path) as it:
        await it.join_node()
        for _ in range(40):
            await one_step(it, dice)
            await check(it)
        await it.post("/v1/queue/resume")
        await it.post("/v1/jobs/release", {"select": ["state:held"]})
        await until(lambda: bool(it.open) or not it.ledger.scene().queue.counts.queued)
