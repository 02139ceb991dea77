"""Runs and jobs over the real socket: submit, look, change, take back."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.scheduling.able import Known
from schema.orders import BackendCard, Card

FOX = {"prompt": "a red fox", "seed": 7}
DETAILS = {"prompt": "a fox", "seed": 1, "pipeline": {"name": "p", "text": '{"stages": [{"type": "txt2img"}]}'}}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        yield it


# Plan and submit ------------------------------------------------------------------------------------


async def test_a_preview_has_a_line_per_job_and_ends_with_the_plans_hash(it: World) -> None:
    *jobs, end = await it.post("/v1/plan", {**FOX, "count": 3})
    assert [job["seed"] for job in jobs] == [7, 8, 9]
    assert jobs[0]["prompt"] == "a red fox"
    assert jobs[0]["config"]["txt2img"]["width"] == 512
    assert end["jobs"] == 3 and end["seed"] == 7 and len(end["plan_hash"]) == 64


async def test_a_preview_ends_with_every_stage_as_it_was_written_those_that_are_off_too(it: World) -> None:
    stages = [{"type": "txt2img", "model": "toy", "hires": {"scale": 2}}, {"type": "detail", "enabled": False}]
    told = (await it.post("/v1/plan", {**FOX, "pipeline": {"name": "p.json", "text": json.dumps(stages)}}))[-1]["base"]
    assert [(name, stage["type"], stage["enabled"]) for name, stage in told.items()] == [
        ("txt2img", "txt2img", True), ("detail", "detail", False),
    ]  # fmt: skip
    assert (told["txt2img"]["hires.scale"], told["detail"]["model"]) == (2.0, None), "nothing is taken over"


async def test_a_job_tells_which_of_its_words_are_embeddings_where_it_can_be_made(tmp_path: Path) -> None:
    has = BackendCard(kind="webui", kinds=("txt2img",), embeddings=("Calm-Water.pt",))
    known = Known("n", "forge", Card(node="n", name="forge", instance="i", version="1", backends=(has,)))
    async with world(tmp_path, known=lambda: (known,)) as it:
        told = await it.post("/v1/runs", {"prompt": "a boat, calm-water", "seed": 7})
        shown = await it.get(f"/v1/jobs/{told['run']}.1")
    assert shown["embeddings"] == ["calm-water"]
    assert shown["spec"]["needs"] == [], "and it is bound to none of them"


async def test_submitting_answers_with_the_run_and_what_was_previewed(it: World) -> None:
    end = (await it.post("/v1/plan", FOX))[-1]
    told = await it.post("/v1/runs", {**FOX, "plan_hash": end["plan_hash"]})
    assert (told["plan_hash"], told["seed"], told["jobs"], told["waits"]) == (end["plan_hash"], 7, 1, False)
    assert Path(told["folder"]).is_absolute()
    assert told["subjects"][:2] == [told["run"], f"{told['run']}.1"]
    page = await it.get("/v1/jobs")
    assert (page["total"], page["items"][0]["id"], page["items"][0]["state"]) == (1, f"{told['run']}.1", "queued")


async def test_another_plan_than_the_hash_says_is_refused(it: World) -> None:
    told = await it.post("/v1/runs", {**FOX, "plan_hash": "0" * 64})
    assert told["status"] == 409 and told["where"] == "--plan-hash" and told["exit"] == 2


async def test_the_same_key_and_body_is_the_same_run_though_its_seed_was_drawn(it: World) -> None:
    one = await it.submit(key="k1")
    two = await it.submit(key="k1")
    assert two["repeated"] and not one["repeated"]
    assert {name: one[name] for name in ("run", "seed", "plan_hash", "command", "seq", "subjects", "changed")} == {
        name: two[name] for name in ("run", "seed", "plan_hash", "command", "seq", "subjects", "changed")
    }
    assert (await it.get("/v1/runs"))["total"] == 1


async def test_the_same_key_with_another_body_is_refused(it: World) -> None:
    await it.submit("a fox", key="k1")
    told = await it.submit("a hen", key="k1")
    assert (told["status"], told["exit"], told["where"]) == (409, 2, "--key")
    assert (await it.get("/v1/runs"))["total"] == 1


async def test_generate_takes_a_whole_pipeline(it: World) -> None:
    told = await it.post("/v1/generate", {"prompt": "a hen", "pipeline": [{"type": "txt2img", "steps": 3}], "count": 2})
    assert told["jobs"] == 2
    job = await it.get(f"/v1/jobs/{told['run']}.1")
    assert [stage["id"] for stage in job["stages"]] == ["txt2img"]


async def test_generate_refuses_a_pipeline_that_makes_no_sense(it: World) -> None:
    told = await it.post("/v1/generate", {"prompt": "x", "pipeline": [{"type": "upscale"}]})
    assert told["status"] == 400 and "needs a picture" in told["error"]


async def test_no_run_is_taken_when_the_disk_is_nearly_full(it: World) -> None:
    it.vitals.free_bytes = 100 << 20
    told = await it.submit()
    assert (told["status"], told["exit"]) == (503, 1)
    assert "only 100 MB of disk are free" in told["error"]
    assert (await it.get("/v1/runs"))["total"] == 0


@pytest.mark.parametrize(
    ("body", "where", "sentence"),
    [
        ({"promt": "x"}, "promt", "there is no such field."),
        ({"count": "two"}, "count", "expected `int`, got `str`."),
        ({"packs": [{"text": "x"}]}, "packs[0].name", "this field is missing."),
        ({"lane": "fast"}, "lane", "invalid enum value 'fast'."),
        ([], "body", "expected `object`, got `array`."),
    ],
)
async def test_a_body_that_is_wrong_is_told_by_its_field(it: World, body: object, where: str, sentence: str) -> None:
    told = await it.post("/v1/runs", body)
    assert (told["status"], told["exit"], told["where"], told["error"]) == (400, 2, where, sentence)


# A job's life ---------------------------------------------------------------------------------------


async def test_a_finished_job_is_told_whole(it: World) -> None:
    run = (await it.submit())["run"]
    await it.join_node()
    await it.finish_all()
    job = await it.get(f"/v1/jobs/{run}.1")
    assert job["state"] == "finished" and job["created"].endswith("Z") and job["ended"].endswith("Z")
    assert [stage["state"] for stage in job["stages"]] == ["done", "done", "done"]
    assert job["stages"][0]["effective"]["started"] == 1.5  # a setting of that name is no time
    (row,) = (await it.get("/v1/runs"))["items"]
    assert (row["state"], row["finished"]) == ("finished", 1)


async def test_a_list_holds_everything_acknowledged_before_it_was_asked(it: World) -> None:
    for number in range(1, 6):
        await it.submit(f"fox {number}", count=number)
        assert (await it.get("/v1/jobs", filter="state:queued"))["total"] == sum(range(number + 1))


async def test_lists_are_windows_with_a_total(it: World) -> None:
    await it.submit(count=25)
    page = await it.get("/v1/jobs", offset=20, limit=3, sort="-name")
    assert (len(page["items"]), page["total"]) == (3, 25)
    assert (await it.get("/v1/jobs", limit=0))["total"] == 25


async def test_cancel_undo_and_redo(it: World) -> None:
    run = (await it.submit(count=3))["run"]
    cancelled = await it.post("/v1/jobs/cancel", {"select": [run], "reason": "enough"})
    assert cancelled["changed"] == 3
    assert (await it.get("/v1/jobs", filter="state:cancelled"))["total"] == 3
    back = await it.post("/v1/undo")
    assert "cancel" in back["text"]
    assert (await it.get("/v1/jobs", filter="state:queued"))["total"] == 3
    assert (await it.get(f"/v1/runs/{run}"))["row"]["state"] == "active"
    await it.post("/v1/redo")
    assert (await it.get("/v1/jobs", filter="state:cancelled"))["total"] == 3


async def test_there_may_be_nothing_to_take_back(it: World) -> None:
    told = await it.post("/v1/undo")
    assert (told["status"], told["exit"]) == (400, 2) and "nothing to undo" in told["error"]


async def test_undo_twice_with_one_key_takes_back_one_thing(it: World) -> None:
    await it.post("/v1/queue/pause")
    run = (await it.submit())["run"]
    one = await it.post("/v1/undo", key="u1")
    two = await it.post("/v1/undo", key="u1")
    assert two == {**one, "repeated": True} and one["text"] == f"submit run {run} (a red fox, 1 job)"
    assert (await it.get("/v1/queue"))["paused"]
    again = await it.post("/v1/redo", key="r1")
    assert await it.post("/v1/redo", key="r1") == {**again, "repeated": True}
    assert again["text"] == f"submit run {run}"


async def test_an_undo_of_what_has_ended_says_that_nothing_was_left(it: World) -> None:
    run = (await it.submit())["run"]
    await it.join_node()
    await it.finish_all()
    await it.post("/v1/jobs/rerun", {"select": [run], "stage": "txt2img"})
    await it.finish_all()
    before = await it.get(f"/v1/jobs/{run}.1")
    told = await it.post("/v1/undo", key="u1")
    assert told["nothing"] and told["subjects"] == []
    assert told["text"] == f"nothing was left to take back of: rerun 1 job of {run} (it has ended)"
    assert await it.post("/v1/undo", key="u1") == {**told, "repeated": True}
    assert await it.get(f"/v1/jobs/{run}.1") == before


async def test_a_failed_job_is_retried_from_where_it_failed(it: World) -> None:
    run = (await it.submit())["run"]
    await it.join_node()
    await it.finish_one()
    await it.break_one()
    await until(lambda: not it.ledger.scene().runs)
    assert (await it.get(f"/v1/jobs/{run}.1"))["state"] == "failed"
    assert (await it.post("/v1/jobs/retry", {"select": ["state:failed"]}))["subjects"] != []
    await it.finish_all()
    assert (await it.get(f"/v1/jobs/{run}.1"))["state"] == "finished"
    assert (await it.get("/v1/images"))["total"] == 3


async def test_a_finished_job_runs_again_from_a_stage(it: World) -> None:
    run = (await it.submit())["run"]
    await it.join_node()
    await it.finish_all()
    told = await it.post("/v1/jobs/rerun", {"select": [f"{run}.1"], "stage": "upscale"})
    assert told["changed"] >= 1
    await it.finish_all()
    assert (await it.get("/v1/images"))["total"] == 4
    missing = await it.post("/v1/jobs/rerun", {"select": [f"{run}.1"]})
    assert (missing["status"], missing["where"]) == (400, "stage")


async def test_waiting_jobs_are_held_moved_prioritised_and_edited(it: World) -> None:
    run = (await it.submit(count=3))["run"]
    one, two, three = (f"{run}.{number}" for number in (1, 2, 3))

    async def order() -> list[str]:
        return [row["id"] for row in (await it.get("/v1/jobs"))["items"]]

    await it.post("/v1/jobs/move", {"select": [three], "to": "top"})
    assert await order() == [three, one, two]
    await it.post("/v1/jobs/move", {"select": [three], "to": "after", "anchor": one})
    assert await order() == [one, three, two]
    await it.post("/v1/jobs/priority", {"select": [two], "priority": 5})
    assert await order() == [two, one, three]
    await it.post("/v1/jobs/hold", {"select": [one]})
    assert (await it.get("/v1/jobs", filter="state:held"))["items"][0]["id"] == one
    await it.post("/v1/jobs/release", {"select": ["state:held"]})
    assert (await it.get("/v1/jobs", filter="state:held"))["total"] == 0
    await it.post("/v1/jobs/edit", {"select": [one], "prompt": "a blue fox", "set": ["txt2img.steps=5"]})
    spec = (await it.get(f"/v1/jobs/{one}"))["spec"]
    assert (spec["prompt"], spec["overlay"]["txt2img.steps"]) == ("a blue fox", 5)


@pytest.mark.parametrize(
    ("verb", "body", "where"),
    [
        ("cancel", {"select": []}, "select"),
        ("cancel", {"select": ["state:queued"], "priority": 3}, "priority"),
        ("move", {"select": ["state:queued"]}, "to"),
        ("move", {"select": ["state:queued"], "to": "left"}, "to"),
        ("move", {"select": ["state:queued"], "to": "before"}, "anchor"),
        ("priority", {"select": ["state:queued"]}, "priority"),
        ("hold", {"select": ["state:nonsense"]}, "filter 'state:nonsense'"),
        ("skip", {"select": ["state:queued"]}, "select"),
    ],
)
async def test_a_wish_that_cannot_be_is_told_by_its_field(it: World, verb: str, body: object, where: str) -> None:
    await it.submit(count=2)
    told = await it.post(f"/v1/jobs/{verb}", body)
    assert (told["status"], told["where"], told["exit"]) == (400, where, 2)


async def test_unknown_ids_are_not_found(it: World) -> None:
    for path in ("/v1/jobs/zz9", "/v1/runs/zz9", "/v1/images/zz9", "/v1/log/9999"):
        told = await it.get(path)
        assert (told["status"], told["exit"]) == (404, 2), path


async def test_runs_are_paused_and_resumed_by_the_beginning_of_their_id(it: World) -> None:
    run = (await it.submit())["run"]
    await it.post(f"/v1/runs/{run[:4]}/pause")
    assert (await it.get(f"/v1/runs/{run}"))["row"]["state"] == "paused"
    await it.post(f"/v1/runs/{run}/resume")
    assert (await it.get(f"/v1/runs/{run}"))["row"]["state"] == "active"


async def test_why_a_job_waits_is_explained(it: World) -> None:
    run = (await it.submit())["run"]
    assert (await it.get(f"/v1/jobs/{run}.1/explain"))["text"]
    await it.join_node()
    await it.finish_all()
    told = await it.get(f"/v1/jobs/{run}.1/explain")
    assert told["text"].startswith(f"{run}.1 is done on ") and told["stages"][0]["why"]


# Following ------------------------------------------------------------------------------------------


async def test_following_a_run_ends_with_its_counts(it: World) -> None:
    run = (await it.submit(count=2))["run"]
    await it.join_node()
    following = asyncio.create_task(it.get("/v1/follow", select=run))
    await it.finish_all()
    lines = await following
    done = lines[-1]["done"]
    assert (done["run"], done["jobs"], done["finished"], done["failed"]) == (run, 2, 2, 0)
    assert done["seed"] == 42 and len(done["plan_hash"]) == 64 and done["folder"]
    assert lines[0]["progress"]["jobs"] == 2


async def test_following_what_has_ended_ends_at_once(it: World) -> None:
    run = (await it.submit())["run"]
    await it.post("/v1/jobs/cancel", {"select": [run]})
    assert (await it.get("/v1/follow", select=f"{run}.1"))[-1]["done"]["cancelled"] == 1
    assert (await it.get("/v1/follow", select="nothing"))["status"] in (400, 404)


async def test_a_job_that_needs_attention_ends_the_wait_as_failed(it: World) -> None:
    run = (await it.submit())["run"]
    await it.join_node()
    following = asyncio.create_task(it.get("/v1/follow", select=run))
    await it.break_one()
    assert (await following)[-1]["done"]["failed"] == 1
