"""What nodes have and how they are, over the real socket: resources, previews, refresh, free, forget, backends."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from daemon.core.vitals import Shown
from daemon.scheduling.able import Known
from schema.errors import Refused
from schema.ids import NodeId
from schema.observations import NodeGone
from schema.orders import BackendCard, Card

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import KINDS, World, until, world

FORGE = BackendCard(
    kind="webui", kinds=KINDS, models=("toy.safetensors", "sub/other.ckpt"), samplers=("Euler a",), release="forge f2",
    url="http://127.0.0.1:7860",
)  # fmt: skip
COMFY = BackendCard(
    kind="comfyui", kinds=KINDS, models=("toy.safetensors",), state="disconnected", trouble="nobody answers"
)
SKETCH = BackendCard(kind="sketch", kinds=KINDS, models=("sketch-1",), open_lists=True)


def known(name: str, *backends: BackendCard) -> Known:
    card = Card(node=NodeId(name), name=f"{name}-name", instance="i", version="1", backends=backends)
    return Known(NodeId(name), f"{name}-name", card)


class Fleet:
    def __init__(self) -> None:
        self.known: list[Known] = []
        self.asked: list[tuple[str, str]] = []

    async def refresh(self, node: NodeId) -> None:
        self.asked.append(("refresh", node))

    async def free(self, node: NodeId) -> None:
        raise Refused(f"{node} is at work.", remedy="Wait until it is idle.")


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def it(tmp_path: Path, fleet: Fleet) -> AsyncIterator[World]:
    more = {"known": lambda: fleet.known, "refresh_node": fleet.refresh, "free_node": fleet.free}
    async with world(tmp_path, **more) as it:
        yield it


def told(page: dict[str, Any]) -> list[tuple[str, str, list[str], list[str]]]:
    assert page["total"] == len(page["items"])
    return [(one["list"], one["name"], one["nodes"], one["backends"]) for one in page["items"]]


async def test_resources_are_told_with_those_that_have_them(it: World, fleet: Fleet) -> None:
    fleet.known = [known("a", FORGE), known("b", COMFY, SKETCH)]

    assert told(await it.get("/v1/resources")) == [
        ("models", "sub/other.ckpt", ["a-name"], ["webui"]),
        ("models", "toy.safetensors", ["a-name", "b-name"], ["webui", "comfyui"]),
        ("samplers", "Euler a", ["a-name"], ["webui"]),
    ]
    assert told(await it.get("/v1/resources", list="models", node="b-name")) == [
        ("models", "toy.safetensors", ["b-name"], ["comfyui"])
    ]
    assert told(await it.get("/v1/resources", backend="sketch"))[0][:2] == ("models", "sketch-1")
    assert told(await it.get("/v1/resources", filter="OTHER ckpt"))[0][1] == "sub/other.ckpt"
    refused = await it.get("/v1/resources", list="model")
    assert refused["status"] == 400 and "models" in refused["remedy"]


async def test_the_stand_in_tells_its_names_where_nothing_else_is(it: World, fleet: Fleet) -> None:
    fleet.known = [known("a", SKETCH), Known(NodeId("b"), "b", None)]
    assert told(await it.get("/v1/resources")) == [("models", "sketch-1", ["a-name"], ["sketch"])]


async def test_a_node_shows_its_servers(it: World) -> None:
    await it.join_node()
    it.vitals.cards[NodeId("box")] = Card(
        node=NodeId("box"), name="box", instance="i", version="1", backends=(FORGE, COMFY)
    )
    (node,) = (await it.get("/v1/nodes"))["items"]
    assert [(one["kind"], one["state"], one["release"], one["trouble"]) for one in node["servers"]] == [
        ("webui", "ready", "forge f2", ""), ("comfyui", "disconnected", "", "nobody answers"),
    ]  # fmt: skip


async def test_a_node_is_asked_to_look_again_and_may_refuse_to_give_memory_back(it: World, fleet: Fleet) -> None:
    await it.join_node()
    assert await it.post("/v1/nodes/box-name/refresh") == {"done": True}
    assert fleet.asked == [("refresh", "box")]
    refused = await it.post("/v1/nodes/box/free")
    assert (refused["status"], refused["error"]) == (400, "box is at work.")
    assert (await it.post("/v1/nodes/nobody/free"))["status"] == 404


async def test_a_node_tells_what_it_did_in_the_last_24_hours(it: World) -> None:
    await it.join_node()
    nothing = await it.get("/v1/nodes/box/day")
    assert (nothing["stages"], nothing["pictures"], nothing["per_hour"], nothing["p50_s"]) == (0, 0, None, None)

    await it.submit(count=2)
    await it.finish_all()
    it.clock.now += 1800
    done = await it.get("/v1/nodes/box-name/day")
    jobs = await it.get("/v1/jobs")
    took = [stage for job in jobs["items"] for stage in (await it.get(f"/v1/jobs/{job['id']}"))["stages"]]
    assert (done["node"], done["stages"], done["pictures"], done["finals"]) == ("box", len(took), len(took), 2)
    assert 1800 < done["clock_s"] < 1801 and 0 < done["worked_s"] < 1 and 0 < done["p50_s"] <= done["p95_s"] < 1
    assert done["per_hour"] == pytest.approx(2 * len(took), rel=0.01)

    it.clock.now += 24 * 3600
    await it.submit()
    await it.finish_all()
    later = await it.get("/v1/nodes/box/day")
    assert (later["stages"], later["finals"]) == (len(took) // 2, 1)
    it.clock.now += 25 * 3600
    assert await it.get("/v1/nodes/box/day") == nothing
    assert (await it.get("/v1/nodes/nobody/day"))["status"] == 404


async def test_only_a_lost_node_is_forgotten(it: World) -> None:
    await it.join_node()
    assert "is connected" in (await it.post("/v1/nodes/box/forget"))["error"]
    await it.ledger.observe(NodeGone(node=NodeId("box"), reason="sold"))
    assert (await it.post("/v1/nodes/box/forget"))["changed"] == 1
    assert (await it.get("/v1/nodes"))["items"] == []


async def test_an_unfinished_picture_is_shown_while_there_is_one(it: World) -> None:
    await it.join_node()
    job = f"{(await it.submit())['run']}.1"
    await until(lambda: bool(it.ledger.scene().running and it.ledger.scene().running[0].token))
    assert (await it.get(f"/v1/jobs/{job}/preview"))["status"] == 404

    token = it.ledger.scene().running[0].token
    assert token is not None
    it.vitals.previews[token] = Shown(2, b"\xff\xd8jpeg")
    assert (await it.get("/v1/status"))["running"][0]["preview"] == 2
    async with it.http.get(f"http://d/v1/jobs/{job}/preview") as response:
        assert (response.content_type, await response.read()) == ("image/jpeg", b"\xff\xd8jpeg")
    assert (await it.get("/v1/jobs/zz.1/preview"))["status"] == 404


async def test_a_watched_feed_is_counted(it: World) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(it.socket))) as http:
        async with http.ws_connect("http://d/v1/feed") as one:
            await one.receive(5)
            assert it.vitals.watchers == 1
            async with http.ws_connect("http://d/v1/feed") as other:
                await other.receive(5)
                assert it.vitals.watchers == 2
        await until(lambda: it.vitals.watchers == 0)


async def test_a_waiting_job_is_given_to_a_backend_by_name(it: World) -> None:
    await it.join_node()
    job = f"{(await it.submit(hold=True))['run']}.1"
    refused = await it.post("/v1/jobs/edit", {"select": [job], "backend": "forge"})
    assert (refused["where"], refused["status"]) == ("--backend", 400)

    await it.post("/v1/jobs/edit", {"select": [job], "backend": "sketch"})
    assert (await it.get(f"/v1/jobs/{job}"))["backend_wanted"] == "sketch"
    await it.post("/v1/jobs/edit", {"select": [job], "backend": ""})
    assert (await it.get(f"/v1/jobs/{job}"))["backend_wanted"] is None
