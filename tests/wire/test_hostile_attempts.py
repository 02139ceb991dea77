"""Agents that answer for attempts of others, for none, or without end; and feeds that say nothing one can use."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`, `hostile_world`, `strange_agent`

from fleet_world import hurry, seen, until
from hostile_world import RESULTS, answers, given, named, of, picture, result, some, unharmed
from strange_agent import StrangeAgent, strange_agent

from daemon.fleet import dispatcher, node
from schema.events import (
    ArtifactStored,
    JobFailed,
    JobFinished,
    LateResultRefused,
    NodeJoined,
    NodeLost,
    StageFailed,
    StageFinished,
)
from schema.ids import JobId, StageId, Token
from schema.orders import Accepted, AttemptReport, CardChanged, Ended, Load, Order, Preview, Progress

pytestmark = pytest.mark.fleet

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(dispatcher, "BUSY_SECONDS", 0.05)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[StrangeAgent]:
    async with strange_agent(tmp_path) as agent:
        yield agent


async def test_nobody_answers_for_an_attempt_of_another_node(opened, agent, tmp_path):
    """While the house's own agent makes the picture, this one says that it has made it, and that it broke."""
    house = await opened()
    await until(lambda: any(one.node == "odd2222" for one in seen(house, NodeJoined)))
    await until(lambda: any(one.link == "loopback" for one in seen(house, NodeJoined)))
    own = next(one.node for one in seen(house, NodeJoined) if one.link == "loopback")
    agent.made[named(picture())] = picture()
    await house.submit("txt2img.steps=40", node=own)
    job = JobId(f"{house.run}.1")
    for token in range(1, 60):
        for told in ({"result": result()}, {"state": "broke", "trouble": "backend"}, {"state": "cancelled"}):
            report = AttemptReport(job=job, stage=StageId("txt2img"), token=Token(token), **{"state": "done", **told})
            agent.news.put_nowait(Ended(report=report))
    await house.until(JobFinished)
    assert {done.node for done in seen(house, StageFinished)} == {own} and not seen(house, StageFailed)
    assert named(picture()) not in {stored.file.sha256 for stored in seen(house, ArtifactStored)}
    assert all(refused.node == "odd2222" for refused in seen(house, LateResultRefused))
    await unharmed(house, tmp_path)


STRANGERS = ["../../../../etc/passwd", "r\r\nX-A: 1", "\x00", "a~b", "", "a" * 5000, "r2345678.1?x=1#y", "//host/x"]


@pytest.mark.parametrize("name", some(STRANGERS, 1))
async def test_attempts_with_names_that_are_none_are_not_heard(opened, agent, tmp_path, name):
    report = AttemptReport(job=JobId(name), stage=StageId(name), token=Token(5), state="done", result=result())
    agent.attempts = [report]
    agent.made[named(picture())] = picture()
    house = await opened()
    await until(lambda: agent.fed)
    agent.news.put_nowait(Ended(report=report))
    answers(agent, lambda order: of(order, result=result()))
    await given(house)
    await house.until(JobFinished)
    assert not seen(house, LateResultRefused)
    await unharmed(house, tmp_path)


async def test_its_own_attempt_under_a_false_name_leaves_the_true_one_open(opened, agent, tmp_path):
    agent.made[named(picture())] = picture()

    def false(order: Order) -> Accepted:
        lie = msgspec.structs.replace(of(order, result=result()), job=JobId("k3vvvvvv.9"))
        agent.news.put_nowait(Ended(report=lie))
        agent.news.put_nowait(Ended(report=of(order, result=result())))
        return Accepted(state="accepted")

    agent.answer = false
    house = await opened()
    await given(house)
    await house.until(JobFinished)
    await unharmed(house, tmp_path)


@pytest.mark.damages  # its agent speaks of tokens that no log gave out, and the checker believes the agent
async def test_results_that_nobody_asked_for_are_not_fetched_and_end_the_connection(
    opened, agent, tmp_path, monkeypatch
):
    monkeypatch.setattr(dispatcher, "MOST_STRANGE", 20)
    house = await opened()
    await until(lambda: agent.fed)
    fetched: list[str] = []

    async def fetch(request: web.Request) -> web.StreamResponse:
        fetched.append(request.path)
        return web.Response(body=picture())

    agent.made[named(picture())] = fetch
    for token in range(10**9, 10**9 + 60):
        name = JobId(f"r2345678.{token}")
        report = AttemptReport(job=name, stage=StageId("txt2img"), token=Token(token), state="done", result=result())
        agent.news.put_nowait(Ended(report=report))
    [lost] = [one for one in await house.until(NodeLost) if one.node == "odd2222"]
    assert "without end that nobody gave it" in lost.reason and not fetched
    assert len(seen(house, LateResultRefused)) <= 21
    await unharmed(house, tmp_path)


async def test_ends_without_results_that_nobody_asked_for_end_the_connection_too(opened, agent, tmp_path, monkeypatch):
    monkeypatch.setattr(dispatcher, "MOST_STRANGE", 20)
    house = await opened()
    await until(lambda: agent.fed)
    for token in range(10**9, 10**9 + 60):
        name = JobId(f"r2345678.{token}")
        report = AttemptReport(job=name, stage=StageId("txt2img"), token=Token(token), state="broke", reason="x")
        agent.news.put_nowait(Ended(report=report))
    [lost] = [one for one in await house.until(NodeLost) if one.node == "odd2222"]
    assert "without end that nobody gave it" in lost.reason
    await unharmed(house, tmp_path)


async def test_more_attempts_than_an_agent_can_hold_end_the_connection(opened, agent, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(dispatcher, "MOST_REPORTS", 50)
    agent.attempts = [
        AttemptReport(job=JobId("r2345678.1"), stage=StageId("txt2img"), token=Token(token), state="cancelled")
        for token in range(60)
    ]
    house = await opened()
    await until(lambda: "60 attempts at once" in caplog.text)
    assert not [one for one in seen(house, NodeJoined) if one.node == "odd2222"]
    await unharmed(house, tmp_path)


async def test_cards_without_end_are_followed_and_not_all_kept(opened, agent, tmp_path, monkeypatch):
    monkeypatch.setattr(node, "MOST_CARDS", 3)
    house = await opened()
    await until(lambda: agent.fed)
    for number in range(1, 40):
        agent.news.put_nowait(CardChanged(card=msgspec.structs.replace(agent.card, vram_gb=float(number))))
        await asyncio.sleep(0.01)
    await until(lambda: house.parts.vitals.cards["odd2222"].vram_gb == 39.0)
    assert 1 < len([one for one in seen(house, NodeJoined) if one.node == "odd2222"]) <= 4
    await unharmed(house, tmp_path)


# The feed -----------------------------------------------------------------------------------------


async def test_news_out_of_all_bounds_are_not_shown(opened, agent, tmp_path):
    house = await opened()
    agent.answer = lambda order: Accepted(state="accepted")
    await given(house)
    await until(lambda: agent.orders)
    order = agent.orders[0]
    of_it = {"job": order.job, "stage": order.stage, "token": order.token}
    agent.news.put_nowait(Progress(**of_it, step=1, steps=4, eta_s=NAN))
    agent.news.put_nowait(Progress(**of_it, step=2**63, steps=4))
    agent.news.put_nowait(Preview(**of_it, jpeg=bytes(3 << 20)))
    agent.news.put_nowait(Load(busy=True, gpu_percent=INF))
    agent.news.put_nowait(Load(busy=True, resident=("m" * 100_000,)))
    agent.news.put_nowait(Progress(**of_it, step=3, steps=4))
    vitals = house.parts.vitals
    await until(lambda: order.token in vitals.progress and vitals.progress[order.token].step == 3)
    assert order.token not in vitals.previews
    assert vitals.loads["odd2222"].gpu_percent is None
    await unharmed(house, tmp_path)


FRAMES = [{"type": "Ended"}, {"type": "Progress", "step": "\x1b"}, [1, 2], "x" * 100, {"type": []}]


@pytest.mark.parametrize("frame", some(FRAMES, 1))
async def test_a_frame_that_is_none_ends_the_connection_and_not_the_daemon(opened, agent, tmp_path, frame):
    house = await opened()
    await until(lambda: agent.fed)
    agent.news.put_nowait(frame)
    await until(lambda: "another protocol" in house.parts.fleet.trouble)
    await unharmed(house, tmp_path)


@pytest.mark.long
async def test_a_job_goes_on_elsewhere_when_the_node_only_lies(opened, agent, tmp_path):
    answers(agent, lambda order: of(order, result=result(**RESULTS["a picture named by a path"])))
    async with strange_agent(tmp_path, "even") as honest:
        honest.made[named(picture())] = picture()
        answers(honest, lambda order: of(order, result=result()))
        house = await opened()
        await until(lambda: {"odd2222", "even2222"} <= {one.node for one in seen(house, NodeJoined)})
        await house.submit("txt2img.steps=4", count=4)
        await house.until(JobFinished, 4)
    assert {one.node for one in seen(house, StageFailed)} == {"odd2222"}
    assert {one.node for one in seen(house, StageFinished)} == {"even2222"}
    assert not seen(house, JobFailed)
    await unharmed(house, tmp_path)
