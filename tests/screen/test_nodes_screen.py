"""The nodes: the state of every backend in words, and what can be asked of a node."""

import msgspec
import pytest

from schema.ids import NodeId
from schema.pages import NodeDay
from schema.scenes import BackendScene, Delta, NodeScene


async def to_nodes(eyes):
    await eyes.press("g", "n")
    await eyes.sees("[Nodes]", "studio", "attic")


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24), (60, 15)])
async def test_the_nodes_at_three_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_nodes(eyes)
        if width >= 100:
            await eyes.sees("webui", "starting", "running", "last 24 h")
        await eyes.quiet()
        picture_of(eyes, f"nodes-{width}x{height}")


@pytest.mark.slow
async def test_a_backend_that_comes_up_is_seen_on_its_way(show, daemon):
    def told(state, trouble=""):
        server = BackendScene(kind="webui", state=state, trouble=trouble, url="http://127.0.0.1:7860")
        return Delta(head=4300, nodes=(NodeScene(node=NodeId("box"), name="box", state="ready", servers=(server,)),))

    async with show() as eyes:
        await to_nodes(eyes)
        await daemon.tell(told("disconnected", "Nobody answers there. Start it with --api."))
        await eyes.sees("webui disconnected  ● daemon up", "Nobody answers there.")
        await daemon.tell(told("starting", "It loads a model."))
        await eyes.sees("webui starting  ● daemon up", "It loads a model.")
        await daemon.tell(told("ready"))
        await eyes.sees("webui  ready", "1/1 node")
        await eyes.until(lambda: "webui starting" not in eyes.text())


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        (["R"], "/v1/nodes/rtx4070/refresh"),
        (["m"], "/v1/nodes/rtx4070/free"),
        (["D"], "/v1/nodes/rtx4070/drain"),
        (["j", "X", "y"], "/v1/nodes/den/forget"),
    ],
)
async def test_each_key_asks_the_node_under_the_cursor(show, daemon, keys, path):
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.press(*keys)
        await eyes.until(lambda: daemon.sent(path))


@pytest.mark.slow
async def test_a_drained_node_gets_work_again_with_the_same_key(show, daemon):
    daemon.nodes = tuple(msgspec.structs.replace(node, state="drained") for node in daemon.nodes)
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.press("D")
        await eyes.until(lambda: daemon.sent("/v1/nodes/rtx4070/resume"))
        await eyes.sees("attic gets work again")


async def test_a_node_tells_what_it_did_in_the_last_24_hours(show, daemon):
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.sees(
            "last 24 h  worked 1.4 h of 3.0 h",
            "85 pictures (28 final), 28.3 an hour by the clock",
            "164 stages, p50 0:41, p95 3:10",
        )
        await eyes.press("j", "j")
        await eyes.sees("worked 17.8 h of 24.0 h", "412 pictures, 17.2 an hour", "1,412 stages, p50 8.4s, p95 0:54")
        await eyes.press("k", "k")
        await eyes.sees("164 stages, p50 0:41")
        assert [path for path in daemon.asked if path.endswith("/day")].count("/v1/nodes/rtx4070/day") == 1


async def test_a_node_that_did_nothing_or_made_no_picture_tells_no_rate(show, daemon):
    busy = NodeDay(node=NodeId("rtx4070"), stages=1, clock_s=600.0, worked_s=9.0, p50_s=9.0, p95_s=9.0)
    daemon.days = {busy.node: busy}
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.sees("last 24 h  worked 9.0s of 10:00", "1 stage, p50 9.0s, p95 9.0s")
        assert "an hour" not in eyes.text() and "picture" not in eyes.text()
        await eyes.press("j", "j")
        await eyes.sees("RTX 3090  ▶ busy")
        await eyes.until(lambda: "/v1/nodes/rtx3090/day" in daemon.asked)
        await eyes.quiet()
        assert "last 24 h" not in eyes.text()


@pytest.mark.slow
async def test_only_a_lost_node_is_forgotten_and_only_when_it_is_meant(show, daemon):
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.press("X")
        await eyes.sees("only a node that is lost can be forgotten")
        await eyes.press("j", "X")
        await eyes.sees("Forget den?")
        await eyes.press("n")
        await eyes.press("a", "R")
        await eyes.until(lambda: daemon.sent("/v1/nodes/rtx3090/refresh"))
        assert not daemon.sent("/v1/nodes/den/forget") and not daemon.sent("/v1/nodes/den/refresh")


@pytest.mark.slow
async def test_the_list_is_filtered_by_what_is_told_of_a_node(show, daemon):
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.press("slash", *"comfy", "enter")
        await eyes.sees("1 of 3 nodes")
        await eyes.until(lambda: "studio" not in eyes.text())


@pytest.mark.slow
async def test_what_is_refused_names_the_node(show, daemon):
    daemon.refuse["/v1/nodes/rtx4070/free"] = ("its server cannot unload models", "Restart it.")
    async with show() as eyes:
        await to_nodes(eyes)
        await eyes.press("m")
        await eyes.sees("attic: its server cannot unload models. Restart it.")
