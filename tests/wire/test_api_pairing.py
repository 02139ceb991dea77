"""Bringing machines into the fleet over the real socket: codes, addresses, tokens, probes, words that mean a node."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from daemon.api.which import matching, node_of, stranger_of
from daemon.scheduling.able import Known
from daemon.views.select import NotFound
from schema.errors import Refused
from schema.events import NodeJoined
from schema.ids import NodeId
from schema.observations import NodeGone, NodeSeen
from schema.scenes import NodeScene

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import KINDS, World, world


class Outcome(NamedTuple):
    node: NodeId
    name: str
    address: str
    paired: bool = True
    ready: bool = True
    reason: str = ""


class Probe(NamedTuple):
    ok: bool
    reason: str
    seconds: float


class Fleet:
    """What the daemon's fleet does, as far as the routes ask it."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refuses: Refused | None = None

    async def pair(self, name: str, code: str) -> Outcome:
        self.asked.append((name, code))
        if self.refuses is not None:
            raise self.refuses
        return Outcome(NodeId("newnode"), "attic", "10.0.0.2:7801", reason="512 x 512 in 1.9 s")

    async def add(self, address: str, code: str | None) -> Outcome:
        self.asked.append((address, code))
        return Outcome(NodeId("newnode"), "attic", address, paired=code is not None, ready=False, reason="it waits")

    async def invite(self) -> tuple[str, float]:
        return "snj1.abcd", 1_800_000_000.0

    async def probe(self, node: NodeId) -> Probe:
        self.asked.append(("probe", node))
        return Probe(False, "its picture was flat", 2.5)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def it(tmp_path: Path, fleet: Fleet) -> AsyncIterator[World]:
    more = {"pair_node": fleet.pair, "add_node": fleet.add, "invite": fleet.invite, "probe_node": fleet.probe,
            "known": lambda: [Known(NodeId("box"), "box-name", None)]}  # fmt: skip
    async with world(tmp_path, **more) as it:
        yield it


async def test_an_agent_at_an_address_is_paired_by_the_code_it_shows(it: World, fleet: Fleet) -> None:
    done = await it.post("/v1/nodes/pair", {"name": "10.0.0.2", "code": "4829-1307"})
    assert done == {"node": "newnode", "name": "attic", "address": "10.0.0.2:7801", "paired": True, "ready": True,
                    "reason": "512 x 512 in 1.9 s"}  # fmt: skip
    assert fleet.asked == [("10.0.0.2:7801", "48291307")]


@pytest.mark.parametrize("code", ["", "4829130", "482913071", "4829l307", "４８２９１３０７"])
async def test_what_is_no_code_never_reaches_the_agent(it: World, fleet: Fleet, code: str) -> None:
    refused = await it.post("/v1/nodes/pair", {"name": "10.0.0.2", "code": code})
    assert (refused["status"], refused["where"], refused["exit"]) == (400, "code", 2)
    assert fleet.asked == []


async def test_a_name_that_nobody_has_is_told_with_those_there_are(it: World, fleet: Fleet) -> None:
    await it.join_node()
    refused = await it.post("/v1/nodes/pair", {"name": "attic", "code": "48291307"})
    assert refused["status"] == 404 and "box-name (box)" in refused["remedy"]
    refused = await it.post("/v1/nodes/pair", {"name": "box", "code": "48291307"})
    assert "is in the fleet already" in refused["error"]
    assert fleet.asked == []


async def test_a_node_that_is_gone_is_paired_only_where_it_can_be_found(it: World, fleet: Fleet) -> None:
    joined = NodeJoined(node=NodeId("n1"), name="attic", instance="i", link="local", backends=(), kinds=())
    await it.ledger.observe(NodeSeen(joined=joined))
    await it.ledger.observe(NodeGone(node=NodeId("n1"), reason="gone"))
    refused = await it.post("/v1/nodes/pair", {"name": "attic", "code": "48291307"})
    assert refused["error"] == "attic is not seen on the network now." and fleet.asked == []


async def test_an_agent_that_does_not_let_us_in_is_exit_code_four(it: World, fleet: Fleet) -> None:
    fleet.refuses = Refused("attic took another code.", remedy="It shows a new one by now.")
    refused = await it.post("/v1/nodes/pair", {"name": "10.0.0.2:1", "code": "48291307"})
    assert (refused["status"], refused["exit"], refused["remedy"]) == (403, 4, "It shows a new one by now.")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("10.0.0.2", "10.0.0.2:7801"),
        ("box.local:9", "box.local:9"),
        ("[fe80::1%eth0]", "[fe80::1%eth0]:7801"),
        ("[::1]:80", "[::1]:80"),
        ("box", "box:7801"),
    ],
)
async def test_an_address_may_leave_its_port_out(it: World, fleet: Fleet, typed: str, meant: str) -> None:
    done = await it.post("/v1/nodes/add", {"address": typed})
    assert (done["address"], done["paired"], done["ready"]) == (meant, False, False)
    assert fleet.asked == [(meant, None)]


@pytest.mark.parametrize("typed", ["", "a b", "http://box", "box:0", "box:99999", "::1", "box:x", "x" * 400])
async def test_what_is_no_address_is_refused(it: World, fleet: Fleet, typed: str) -> None:
    refused = await it.post("/v1/nodes/add", {"address": typed})
    assert (refused["status"], refused["where"]) == (400, "address")
    assert fleet.asked == []


async def test_a_key_brings_the_same_answer_and_asks_the_agent_once(it: World, fleet: Fleet) -> None:
    wish = {"name": "10.0.0.2", "code": "48291307"}
    first = await it.post("/v1/nodes/pair", wish, key="k")
    assert await it.post("/v1/nodes/pair", wish, key="k") == first
    assert len(fleet.asked) == 1
    other = await it.post("/v1/nodes/pair", {**wish, "code": "11111111"}, key="k")
    assert (other["status"], other["where"]) == (409, "--key")
    assert await it.post("/v1/nodes/invite", key="i") == await it.post("/v1/nodes/invite", key="i")


async def test_a_refusal_uses_no_key_up(it: World, fleet: Fleet) -> None:
    fleet.refuses = Refused("attic took another code.")
    wish = {"name": "10.0.0.2", "code": "48291307"}
    assert (await it.post("/v1/nodes/pair", wish, key="k"))["status"] == 403
    fleet.refuses = None
    assert (await it.post("/v1/nodes/pair", wish, key="k"))["paired"] is True


async def test_a_request_that_comes_twice_at_once_waits_for_the_one_attempt(it: World, fleet: Fleet) -> None:
    wish = {"name": "10.0.0.2", "code": "48291307"}
    answers = await asyncio.gather(*(it.post("/v1/nodes/pair", wish, key="k") for _ in range(3)))
    assert answers[0] == answers[1] == answers[2] and len(fleet.asked) == 1


async def test_a_token_tells_how_long_it_holds(it: World) -> None:
    assert await it.post("/v1/nodes/invite") == {"token": "snj1.abcd", "until": "2027-01-15T08:00:00.000Z"}


async def test_a_probe_that_fails_is_an_answer_and_says_why(it: World, fleet: Fleet) -> None:
    await it.join_node()
    assert await it.post("/v1/nodes/box-na/probe") == {"ok": False, "reason": "its picture was flat", "seconds": 2.5}
    assert fleet.asked == [("probe", "box")]


async def test_the_interactive_lane_is_pinned_and_let_go(it: World) -> None:
    await it.join_node()
    assert (await it.post("/v1/queue/pin", {"node": "box-name"}))["seq"]
    assert (await it.get("/v1/queue"))["pin"] == "box"
    assert (await it.post("/v1/queue/pin", {"node": "attic"}))["status"] == 404
    await it.post("/v1/queue/pin", {"node": "any"})
    assert (await it.get("/v1/queue"))["pin"] is None


async def test_a_connected_node_of_a_name_beats_a_lost_one(it: World) -> None:
    for name in ("old", "young"):
        joined = NodeJoined(node=NodeId(name), name="box", instance=name, link="local", backends=("sketch",),
                            kinds=KINDS)  # fmt: skip
        await it.ledger.observe(NodeSeen(joined=joined))
    refused = await it.submit(node="box", hold=True)
    assert "fits 2 nodes: box (old), box (young)" in refused["error"] and refused["where"] == "--node"
    await it.ledger.observe(NodeGone(node=NodeId("old"), reason="gone"))
    run = (await it.submit(node="box", hold=True))["run"]
    assert (await it.get(f"/v1/runs/{run}"))["spec"]["node"] == "young"


async def test_a_run_is_kept_whole_where_it_was_asked_for(it: World) -> None:
    await it.join_node("one")
    await it.join_node("two")
    run = (await it.submit(count=3, whole=True))["run"]
    await it.finish_all()
    rows = (await it.get("/v1/jobs", filter=f"run:{run}"))["items"]
    assert len(rows) == 3 and len({row["node"] for row in rows}) == 1
    assert (await it.get(f"/v1/runs/{run}"))["spec"]["whole"] is True


async def test_models_of_a_node_that_nobody_knows_are_refused(it: World) -> None:
    refused: dict[str, Any] = await it.get("/v1/resources", node="attic")
    assert (refused["status"], refused["exit"]) == (404, 2) and "box-name (box)" in refused["remedy"]
    assert (await it.get("/v1/resources", node="box-n"))["items"] == []


def node(name: str, state: str, address: str = "") -> NodeScene:
    return NodeScene(node=NodeId(f"id-{name}-{state}"), name=name, state=state, address=address)  # type: ignore[arg-type]


def test_a_word_for_a_node_never_means_a_stranger() -> None:
    fleet = [node("studio", "ready", "10.0.0.1:7801"), node("attic", "new", "10.0.0.2:7801"), node("den", "taken")]
    assert node_of(fleet, "stu") == node_of(fleet, "10.0.0.1:7801") == "id-studio-ready"
    with pytest.raises(Refused, match=r"not paired.*node pair attic CODE"):
        node_of(fleet, "attic")
    with pytest.raises(Refused, match="another daemon"):
        node_of(fleet, "den")
    with pytest.raises(NotFound, match=r"studio \(id-studio-ready\)"):
        node_of(fleet, "")


def test_pairing_means_those_who_wait_before_those_who_were_lost() -> None:
    fleet = [node("box", "lost"), node("box", "new"), node("den", "lost")]
    found = [stranger_of(fleet, word) for word in ("box", "den", "nobody")]
    assert [one and one.node for one in found] == ["id-box-new", "id-den-lost", None]
    with pytest.raises(Refused, match="fits 2"):
        stranger_of([node("a1", "new"), node("a2", "new")], "a")


def test_an_exact_name_beats_a_beginning() -> None:
    fleet = [node("box", "ready"), node("boxer", "ready")]
    assert [one.name for one in matching(fleet, "box")] == ["box"]
    assert [one.name for one in matching(fleet, "boxe")] == ["boxer"]
