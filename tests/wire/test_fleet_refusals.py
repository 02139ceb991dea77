"""What an agent may answer to an order, and what becomes of the job: only a bad one fails, and nothing goes round."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world` and `strange_agent`

from fleet_world import hurry, seen, until
from strange_agent import StrangeAgent, strange_agent

from daemon.fleet import dispatcher
from schema.events import JobFailed, NodeJoined, NodeLost, StageAssigned, StageFailed, StageLost
from schema.ids import Sha256
from schema.orders import Accepted, AttemptReport, Order, Product, Result
from schema.settings import DaemonSettings, Settings

pytestmark = pytest.mark.fleet


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(dispatcher, "BUSY_SECONDS", 0.05)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[StrangeAgent]:
    async with strange_agent(tmp_path) as agent:
        yield agent


async def given(house, agent: StrangeAgent, *sets: str, **more: object) -> None:
    """A job that only this agent may run."""
    await until(lambda: any(isinstance(one, NodeJoined) and one.name == "odd" for one in house.events))
    await house.submit(*sets, node="odd", **more)


def once(first: object) -> Callable[[Order], object]:
    """Answers so to the first order, and takes the others."""
    answers = [first]
    return lambda order: answers.pop() if answers else Accepted(state="accepted")


async def test_a_config_that_it_does_not_understand_fails_the_job(opened, agent):
    agent.answer = lambda order: Accepted(state="refused", reason="the stage's config is not valid: steps")
    house = await opened()
    await given(house, agent)
    [failed] = await house.until(JobFailed)
    assert "steps" in failed.reason and len(agent.orders) == 1


async def test_one_that_is_busy_for_ever_does_not_keep_the_job(opened, agent):
    agent.answer = lambda order: Accepted(state="busy")
    impatient = Settings(daemon=DaemonSettings(stall_timeout=0.2))
    house = await opened(impatient)
    await given(house, agent)
    await until(lambda: len(seen(house, StageLost)) >= 2)
    assert "did not take it" in seen(house, StageLost)[0].reason
    assert {event.attempt for event in seen(house, StageAssigned)} == {1}


@pytest.mark.parametrize("reason", ["this agent has not webui for txt2img", "this attempt has ended"])
async def test_what_is_given_back_is_placed_anew_and_does_not_count(opened, agent, reason):
    agent.answer = once(Accepted(state="refused", reason=reason, again=True))
    house = await opened()
    await given(house, agent)
    await until(lambda: len(agent.orders) == 2)
    [lost] = seen(house, StageLost)
    assert reason in lost.reason
    assert {event.attempt for event in seen(house, StageAssigned)} == {1}
    assert not seen(house, JobFailed)


async def test_a_node_that_has_lost_its_backend_is_read_again_and_not_asked_twice(opened, agent):
    def gone(order: Order) -> Accepted:
        agent.card = msgspec.structs.replace(agent.card, backends=())
        return Accepted(state="refused", reason="this agent has not webui for txt2img", again=True)

    agent.answer = gone
    house = await opened()
    await given(house, agent)
    await house.until(StageLost)
    await until(lambda: not house.parts.vitals.cards[agent.card.node].backends)
    assert len(agent.orders) == 1 and not seen(house, JobFailed)


async def test_an_input_that_is_gone_when_the_order_comes_is_sent_again(opened, agent, tmp_path):
    def evicted(order: Order) -> Accepted:
        if len(agent.orders) > 1:
            return Accepted(state="accepted")
        agent.blobs.clear()
        return Accepted(state="refused", reason="an input is not here", again=True)

    agent.answer = evicted
    house = await opened()
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "boats.png")
    sha256 = await house.parts.store.put_blob((tmp_path / "boats.png").read_bytes())
    await given(house, agent, image=sha256)
    await until(lambda: len(agent.orders) == 2)
    assert agent.orders[0].token == agent.orders[1].token and agent.blobs == {sha256}
    assert not seen(house, StageLost)


async def test_one_that_follows_a_newer_log_by_now_loses_what_it_was_given_and_is_not_used(opened, agent):
    def fenced(order: Order) -> Accepted:
        agent.card = msgspec.structs.replace(agent.card, epoch=10**9)
        return Accepted(state="refused", reason="epoch 1 is over", again=True)

    agent.answer = fenced
    house = await opened()
    await given(house, agent, count=3)
    await house.until(NodeLost)
    await until(lambda: "newer log" in house.parts.fleet.trouble)
    assert len(agent.orders) == 1 and len(seen(house, StageLost)) == 1 and not seen(house, JobFailed)


@pytest.mark.parametrize(("status", "text"), [(400, "the body is no order"), (413, "too large"), (422, "")])
async def test_an_order_that_it_cannot_read_fails_the_job_with_its_words(opened, agent, status, text):
    agent.answer = lambda order: web.Response(status=status, text=text)
    house = await opened()
    await given(house, agent)
    [failed] = await house.until(JobFailed)
    assert (text or str(status)) in failed.reason and len(agent.orders) == 1
    assert not seen(house, NodeLost)


async def test_an_agent_that_fails_at_an_order_costs_an_attempt(opened, agent):
    agent.answer = lambda order: web.Response(status=500, text="its bug")
    house = await opened()
    await given(house, agent)
    [failed] = await house.until(StageFailed)
    assert failed.trouble == "backend" and "its bug" in failed.reason


async def test_an_id_that_was_another_orders_is_given_out_anew(opened, agent):
    agent.answer = once(web.Response(status=409, text="sent before with another order"))
    house = await opened()
    await given(house, agent)
    await until(lambda: len(agent.orders) == 2)
    assert agent.orders[0].token != agent.orders[1].token and not seen(house, JobFailed)


async def test_an_order_larger_than_any_agent_takes_is_not_sent(opened, agent, monkeypatch):
    monkeypatch.setattr("daemon.fleet.link.LARGEST_ORDER", 100)
    house = await opened()
    await given(house, agent)
    [failed] = await house.until(JobFailed)
    assert "bytes" in failed.reason and not agent.orders


async def test_a_picture_that_its_agent_has_lost_costs_an_attempt(opened, agent):
    def made(order: Order) -> Accepted:
        result = Result(backend="webui", products=(Product(sha256=Sha256("ab" * 32), bytes=9),))
        agent.attempts = [
            AttemptReport(job=order.job, stage=order.stage, token=order.token, state="done", result=result)
        ]
        agent.hang_up()
        return Accepted(state="accepted")

    agent.answer = made
    house = await opened()
    await given(house, agent)
    [failed] = await house.until(StageFailed)
    assert "lost the picture" in failed.reason
