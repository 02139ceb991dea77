"""Pictures, queue, nodes, log and library over the real socket."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import PNG, World, until, world


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    """With a run of two jobs, made."""
    async with world(tmp_path) as it:
        await it.submit(count=2)
        await it.join_node()
        await it.finish_all()
        yield it


# Pictures -------------------------------------------------------------------------------------------


async def test_pictures_are_listed_with_their_files(it: World) -> None:
    page = await it.get("/v1/images")
    assert page["total"] == 6
    row = (await it.get("/v1/images", final=1))["items"][0]
    assert Path(row["path"]).read_bytes().startswith(PNG)  # noqa: ASYNC240
    assert row["created"].endswith("Z") and row["final"] and row["stage"] == "upscale"
    shown = await it.get(f"/v1/images/{row['id']}")
    assert shown["image"]["id"] == row["id"] and shown["job"]["id"] == row["job"]


async def test_a_pictures_bytes_and_thumbnail(it: World) -> None:
    image = (await it.finals())[0]
    for path, media in ((f"/v1/images/{image}/file", "image/png"), (f"/v1/images/{image}/thumb", "image/webp")):
        async with it.http.get(f"http://d{path}") as response:
            assert (response.content_type, (await response.read())[:8]) == (media, PNG)
    assert (await it.get(f"/v1/images/{image}/thumb", size=300))["where"] == "size"


async def test_a_picture_whose_file_is_gone_is_still_listed(it: World) -> None:
    row = (await it.get("/v1/images", final=1))["items"][0]
    Path(row["path"]).unlink()  # noqa: ASYNC240
    assert (await it.get(f"/v1/images/{row['id']}"))["image"]["path"] == ""
    told = await it.get(f"/v1/images/{row['id']}/file")
    assert (told["status"], told["exit"]) == (400, 2)


async def test_a_rating_is_told_at_once_and_taken_back(it: World) -> None:
    image = (await it.finals())[0]
    await it.post("/v1/images/rate", {"select": [image], "stars": 4})
    assert (await it.get("/v1/images", filter="stars:>=4"))["items"][0]["id"] == image
    await it.post("/v1/images/rate", {"select": [image], "stars": 2})
    await it.post("/v1/undo")
    assert (await it.get(f"/v1/images/{image}"))["image"]["stars"] == 4


async def test_a_comparison_is_taken_back_and_made_again(it: World) -> None:
    one, other = await it.finals()
    await it.post("/v1/images/rate", {"select": [one], "stars": 4})
    await it.post("/v1/images/compare", {"select": [one, other], "better": "B"})
    back = await it.post("/v1/undo")
    assert (back["text"], back["subjects"], back["nothing"]) == ("compare two pictures", [other], False)
    assert (await it.get(f"/v1/images/{one}"))["image"]["stars"] == 4
    assert (await it.post("/v1/redo"))["text"] == "compare two pictures"


async def test_who_rates_what_is_not_there_is_told_of_pictures(it: World) -> None:
    told = await it.post("/v1/images/rate", {"select": ["nosuch"], "stars": 4})
    assert (told["status"], told["error"]) == (404, "there is no picture, job or run 'nosuch'.")


async def test_the_same_rating_twice_under_one_key_is_one_event(it: World) -> None:
    image = (await it.finals())[0]
    before = it.ledger.durable
    for _ in range(3):
        await it.post("/v1/images/rate", {"select": [image], "stars": 5}, key="r1")
    assert it.ledger.durable == before + 1


async def test_a_run_stands_for_its_final_pictures(it: World) -> None:
    run = (await it.get("/v1/runs"))["items"][0]["id"]
    told = await it.post("/v1/images/tag", {"select": [run], "add": ["keep", "fox"], "remove": []})
    assert told["changed"] == 2
    assert (await it.get("/v1/images", filter="tag:keep tag:fox"))["total"] == 2
    await it.post("/v1/images/tag", {"select": ["tag:fox"], "remove": ["fox"]})
    assert (await it.get("/v1/images", filter="tag:fox"))["total"] == 0


async def test_trashed_pictures_come_back(it: World) -> None:
    image = (await it.finals())[0]
    await it.post("/v1/images/trash", {"select": [image]})
    assert (await it.get("/v1/images", final=1))["total"] == 1
    await it.post("/v1/images/restore", {"select": ["state:trashed"]})
    assert (await it.get("/v1/images", final=1))["total"] == 2


async def test_of_two_pictures_neither_may_be_better_and_only_that_is_taken_back(it: World) -> None:
    one, other = await it.finals()
    tie = await it.post("/v1/images/compare", {"select": [one, other], "better": "="})
    event = (await it.get(f"/v1/log/{tie['seq']}"))["event"]
    assert (event["better"], event["worse"], event["tie"]) == (one, other, True)
    last = await it.post("/v1/images/rate", {"select": [one], "stars": 4})
    refused = await it.post(f"/v1/undo?command={tie['command']}")
    assert (refused["status"], refused["where"]) == (400, "command")
    assert (await it.post(f"/v1/undo?command={last['command']}"))["subjects"] == [one]
    assert (await it.post(f"/v1/undo?command={tie['command']}"))["text"] == "compare two pictures"


@pytest.mark.parametrize("better", ["A", None])
async def test_two_pictures_are_compared(it: World, better: str | None) -> None:
    one, two = await it.finals()
    told = await it.post("/v1/images/compare", {"select": [one, two], "better": better or two})
    event = await it.get(f"/v1/log/{told['seq']}")
    assert event["event"]["better"] == (one if better else two)


@pytest.mark.parametrize(
    ("verb", "body", "where"),
    [
        ("rate", {"stars": 6}, "stars"),
        ("rate", {}, "stars"),
        ("tag", {}, "add"),
        ("tag", {"add": [" "]}, "tag"),
        ("trash", {"stars": 3}, "stars"),
        ("compare", {"better": "A"}, "select"),
    ],
)
async def test_a_verdict_that_cannot_be_is_told_by_its_field(it: World, verb: str, body: dict, where: str) -> None:
    told = await it.post(f"/v1/images/{verb}", {"select": (await it.finals())[:1], **body})
    assert (told["status"], told["where"]) == (400, where)


# Queue and nodes ------------------------------------------------------------------------------------


async def test_the_queue_is_paused_cleared_and_shared(it: World) -> None:
    await it.post("/v1/queue/pause")
    assert (await it.get("/v1/queue"))["paused"]
    await it.submit("a hen", count=2)
    assert (await it.post("/v1/queue/clear"))["changed"] == 2
    await it.post("/v1/queue/mode", {"mode": "free"})
    await it.post("/v1/queue/resume")
    told = await it.get("/v1/queue")
    assert (told["paused"], told["mode"], told["counts"]["queued"]) == (False, "free", 0)
    assert (await it.post("/v1/queue/mode", {"mode": "greedy"}))["where"] == "mode"


async def test_a_node_is_named_by_the_beginning_of_its_name(it: World) -> None:
    (node,) = (await it.get("/v1/nodes"))["items"]
    assert node["state"] == "ready"
    await it.post("/v1/nodes/box-n/drain")
    assert (await it.get("/v1/nodes"))["items"][0]["state"] == "drained"
    await it.post("/v1/nodes/box/resume")
    assert (await it.post("/v1/nodes/attic/drain"))["status"] == 404


# Log, status, library -------------------------------------------------------------------------------


async def test_the_log_is_read_in_pages_and_one_by_one(it: World) -> None:
    lines = await it.get("/v1/log", after=1, limit=3)
    assert [line["seq"] for line in lines] == [2, 3, 4]
    assert lines[0]["type"] == "RunSubmitted" and lines[0]["at"].endswith("Z")
    alone = await it.get("/v1/log/2")
    assert len(alone.pop("hash")) == 64 and alone == lines[0]
    assert len(await it.get("/v1/log")) == it.ledger.durable


async def test_following_the_log_shows_what_comes(it: World) -> None:
    async with it.http.get("http://d/v1/log", params={"follow": 1, "after": it.ledger.durable}) as response:
        await it.post("/v1/queue/pause")
        event = json.loads(await asyncio.wait_for(response.content.readline(), 5))
        assert event["type"] == "QueuePaused" and event["actor"].startswith("uid:")


async def test_following_the_log_ends_when_the_daemon_stops(it: World) -> None:
    async with it.http.get("http://d/v1/log", params={"follow": 1, "after": it.ledger.durable}) as response:
        it.condition = "stopping"
        assert await asyncio.wait_for(response.read(), 5) == b""


async def test_the_state_has_a_hash(it: World) -> None:
    told = await it.get("/v1/state")
    assert told["seq"] == it.ledger.durable and len(told["hash"]) == 64


async def test_the_status_is_the_scene_with_who_the_daemon_is(it: World) -> None:
    told = await it.get("/v1/status")
    assert (told["state"], told["head"], told["pid"]) == ("ready", it.ledger.durable, it.house.pid)
    assert told["started"] == "2027-01-15T08:00:00.000Z"
    assert told["nodes"][0]["name"] == "box-name" and told["queue"]["counts"]["queued"] == 0


async def test_a_daemon_that_stops_changes_nothing_more(it: World) -> None:
    assert (await it.post("/v1/daemon/stop")) == {"stopping": True}
    await until(lambda: it.stopped)
    it.condition = "stopping"
    for path in ("/v1/queue/pause", "/v1/jobs/cancel"):
        told = await it.post(path, {"select": ["state:open"]} if "jobs" in path else None)
        assert (told["status"], told["exit"]) == (503, 1)
    assert (await it.get("/v1/jobs"))["total"] == 2


async def test_the_library_is_listed_and_shown(it: World) -> None:
    names = (await it.get("/v1/packs"))["items"]
    assert names
    shown = await it.get(f"/v1/packs/{names[0]}")
    assert shown["name"] == names[0] and shown["text"] and shown["prompts"]
    assert "standard" in (await it.get("/v1/pipelines"))["items"]
    assert (await it.get("/v1/presets"))["total"] >= 0
    assert (await it.get("/v1/packs/nosuchpack"))["status"] == 400
    assert (await it.get("/v1/last"))["config"] is None


async def test_a_picture_is_brought_and_named_by_its_content(it: World) -> None:
    async def put(data: bytes, media: str) -> tuple[int, dict]:
        async with it.http.put("http://d/v1/blobs", data=data, headers={"Content-Type": media}) as response:
            return response.status, json.loads(await response.text())

    status, told = await put(PNG + b"new", "application/octet-stream")
    assert status == 200 and it.blobs[told["sha256"]] == PNG + b"new"
    assert (await put(b"no picture", "image/png"))[0] == 400
    assert (await put(PNG, "application/json"))[0] == 415


async def test_a_client_that_goes_away_leaves_nothing_behind(it: World) -> None:
    followers = len(it.ledger._followers._queues)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(it.socket))) as http:
        response = await http.get("http://d/v1/log", params={"follow": 1})
        await response.content.readline()
        assert len(it.ledger._followers._queues) == followers + 1
        response.close()
    await until(lambda: len(it.ledger._followers._queues) == followers)


async def test_a_command_tells_whether_there_was_anything_to_do(it: World) -> None:
    """Also one about nothing that has an id, and when its key comes again."""
    assert not (await it.post("/v1/queue/pause", key="p1"))["nothing"]
    again = await it.post("/v1/queue/pause", key="p2")
    assert again["nothing"] and (await it.post("/v1/queue/pause", key="p2"))["nothing"]
    assert (await it.post("/v1/queue/pause"))["nothing"], "without a key nothing is written"
    assert not (await it.post("/v1/queue/pause", key="p1"))["nothing"]
    assert not (await it.post("/v1/undo"))["nothing"]
    assert not (await it.get("/v1/queue"))["paused"]
