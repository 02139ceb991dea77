"""Machines come into the fleet by a question for their code, and leave it by another; what is wrong is told loudly."""

import re

import msgspec
import pytest
from screen_things import CONFLICTED, STRANGERS

from schema.ids import NodeId
from schema.scenes import Delta, NodeScene

HOSTILE = "[bold red]x[/]\x1b[2J\u202e" * 4


@pytest.fixture
def asking(daemon):
    """Two agents that are not in the fleet: one waits to be paired."""
    daemon.nodes = (*daemon.nodes, *STRANGERS)
    return daemon


async def to_nodes(eyes, *words):
    await eyes.press("g", "n")
    await eyes.sees("[Nodes]", *words)


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_who_asks_to_join_is_seen_at_both_sizes(show, picture_of, asking, width, height):
    asking.nodes = (*asking.nodes, CONFLICTED)
    async with show(width, height) as eyes:
        await to_nodes(eyes, "? new", "◇ taken", "‼ conflicted", "laptop asks to join")
        await eyes.quiet()
        picture_of(eyes, f"fleet-{width}x{height}")


async def test_a_code_is_typed_and_the_way_to_ready_is_seen(show, picture_of, asking):
    asking.pairing.clear()
    async with show() as eyes:
        await to_nodes(eyes, "laptop")
        await eyes.press("P")
        await eyes.sees("Pair laptop", "192.168.1.44:7801 shows a code of 8 digits")
        picture_of(eyes, "pair-120x36")
        await eyes.press(*"4829", "enter")
        await eyes.sees("a code has 8 digits; this has 4")
        await eyes.press("minus", *"1307", "enter")
        await eyes.sees("asking laptop ...")
        proving = NodeScene(node=NodeId("newnode"), name="laptop", state="proving", link="lan")
        await asking.tell(Delta(head=4300, nodes=(*asking.nodes[:3], proving)))
        await eyes.sees("paired; its key is newnode. It draws a small")
        asking.pairing.set()
        await eyes.sees("laptop is paired and ready: 512 x 512 with toy-xl. Its key is newnode.", "enter or esc: back")
        assert asking.sent("/v1/nodes/pair") == [{"name": "aaaabbbbccccddddeeeeffff22", "code": "48291307"}]
        await eyes.press("enter")
        await eyes.until(lambda: "Pair laptop" not in eyes.text())


@pytest.mark.slow
async def test_a_refusal_is_a_sentence_and_another_code_may_be_typed(show, asking):
    asking.refuse["/v1/nodes/pair"] = ("laptop took another code", "It shows a new one by now.")
    async with show() as eyes:
        await to_nodes(eyes, "laptop")
        await eyes.press("P", *"11111111", "enter")
        await eyes.sees("laptop took another code. It shows a new one by now.", "0000-0000")
        del asking.refuse["/v1/nodes/pair"]
        await eyes.press(*"48291307", "enter")
        await eyes.sees("laptop is paired and ready")


@pytest.mark.slow
async def test_what_was_begun_goes_on_when_the_question_is_left(show, asking):
    asking.pairing.clear()
    asking.paired = {"paired": True, "ready": False, "reason": "its picture was flat"}
    async with show() as eyes:
        await to_nodes(eyes, "laptop")
        await eyes.press("P", *"48291307", "enter")
        await eyes.sees("asking laptop")
        await eyes.press("escape")
        asking.pairing.set()
        await eyes.sees("laptop is paired, but not ready: its picture was flat")


@pytest.mark.slow
async def test_a_machine_elsewhere_is_added_by_its_address(show, daemon):
    async with show() as eyes:
        await to_nodes(eyes, "studio")
        await eyes.press("P")
        await eyes.sees("nobody asks to join")
        await eyes.press("A", *"box:9", "enter")
        await eyes.sees("Pair box:9")
        await eyes.press(*"48291307", "enter")
        await eyes.sees("laptop is paired and ready")
        assert daemon.sent("/v1/nodes/add") == [{"address": "box:9", "code": "48291307"}]


@pytest.mark.slow
async def test_several_who_ask_are_told_in_one_line_and_apart(show, daemon):
    laptop = STRANGERS[0]
    other = msgspec.structs.replace(laptop, node=NodeId("other"), address="10.0.0.7:7801")
    daemon.nodes = (*daemon.nodes, laptop, other)
    async with show() as eyes:
        await to_nodes(eyes, "! laptop (192.168.1.44:7801), laptop (10.0.0.7:7801) ask to join. P pairs one")
        await eyes.press("P")
        await eyes.sees("several wait: go to the one you mean")


async def test_a_newcomer_is_announced_wherever_one_is(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await daemon.tell(Delta(head=4300, nodes=(*daemon.nodes, *STRANGERS)))
        await eyes.sees("laptop asks to join: g n, then P", "1 asks to join  ● daemon up  2/3 nodes")


@pytest.mark.slow
async def test_only_a_node_on_the_network_is_unpaired_and_only_when_it_is_meant(show, asking, monkeypatch):
    def done(path: str, body: dict[str, object], answer=asking.do) -> bytes:
        return msgspec.json.encode({**msgspec.json.decode(answer(path, body)), "changed": 2})

    monkeypatch.setattr(asking, "do", done)
    asking.nodes = (*asking.nodes, NodeScene(node=NodeId("local"), name="zebra", state="ready"))
    async with show() as eyes:
        await to_nodes(eyes, "zebra")
        await eyes.press("u")
        await eyes.sees("Unpair attic?", "It comes back only")
        await eyes.press("n", "u", "y")
        await eyes.until(lambda: asking.sent("/v1/nodes/rtx4070/unpair"))
        await eyes.sees(" attic is trusted no more")
        assert "2 attic" not in eyes.text(), "what changed besides is not counted"
        await eyes.press("j", "j", "j", "u")
        await eyes.sees("only a node on the network is unpaired")
        await eyes.press("j", "D")
        await eyes.sees("laptop is not in the fleet yet: P pairs it")
        assert not asking.sent("/v1/nodes/aaaabbbbccccddddeeeeffff22/drain")


@pytest.mark.slow
async def test_a_probe_says_what_it_found(show, daemon):
    async with show() as eyes:
        await to_nodes(eyes, "studio")
        await eyes.press("b")
        await eyes.sees("attic proved itself in 1.9 s: 512 x 512")
        assert daemon.sent("/v1/nodes/rtx4070/probe")


@pytest.mark.slow
async def test_what_is_wrong_is_told_in_every_area(show, daemon):
    daemon.nodes = (*daemon.nodes, CONFLICTED)
    async with show() as eyes:
        await eyes.sees("cellar conflicted  ● daemon up")
        await to_nodes(eyes, "‼ cellar is conflicted: two machines live with its key")


@pytest.mark.slow
async def test_what_agents_say_is_text_in_its_place(show, daemon):
    node = msgspec.structs.replace(CONFLICTED, name=HOSTILE, trouble=HOSTILE, address=HOSTILE, version=HOSTILE)
    stranger = msgspec.structs.replace(STRANGERS[0], name=HOSTILE, address=HOSTILE)
    daemon.nodes = (node, stranger)
    daemon.paired = {"name": HOSTILE, "paired": True, "ready": False, "reason": HOSTILE}
    async with show() as eyes:
        await to_nodes(eyes, "[bold red]x[/]")
        await eyes.press("j", "P")
        await eyes.sees("Pair [bold red]")
        await eyes.press(*"48291307", "enter")
        await eyes.sees("but not ready")
        assert not set(eyes.text()) & {"\x1b", "\u202e"}


@pytest.mark.slow
async def test_the_load_of_the_last_hour_is_kept_while_one_looks_elsewhere(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        daemon.now += 1800
        quiet = tuple(msgspec.structs.replace(node, gpu_percent=0.0) for node in daemon.nodes)
        await daemon.tell(Delta(head=4300, nodes=quiet))
        await eyes.until(lambda: eyes.app.live.scene.nodes == quiet)
        daemon.now += 900
        await to_nodes(eyes, "load, last 60 min")
        row = next(line for line in eyes.text().split("\n") if "│ studio " in line and "▁" in line)
        course = re.split("[│┃]│", row)[1].split()[1]
        assert course[:8] == "·" * 8 and course[12] == "█" and course[-1] == "▁", row
