"""An agent that speaks another release's words, or none: it is not used, a person is told so, and the daemon lives."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world` and `strange_agent`

from fleet_world import hurry, until
from strange_agent import strange_agent

from daemon.fleet.fleet import LOOPBACK
from schema.events import NodeJoined, NodeLost, StageAssigned
from schema.orders import Load

pytestmark = pytest.mark.fleet


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, gone=0.3)


async def still_works(house) -> None:
    await house.parts.fleet.refresh(LOOPBACK)
    assert not [task for task in house.tasks if task.done()]


@pytest.mark.parametrize(
    "attempts",
    [
        [{"job": "j2345678.1", "stage": "txt2img", "token": 4, "state": "paused"}],
        [{"job": "j2345678.1", "stage": "txt2img", "token": 4, "state": "broke", "trouble": "melted"}],
        "none",
        {"attempts": []},
    ],
    ids=["state", "trouble", "text", "map"],
)
async def test_attempts_that_cannot_be_read_put_that_agent_aside(opened, tmp_path, attempts):
    async with strange_agent(tmp_path) as agent:
        agent.attempts = attempts
        house = await opened()
        await until(lambda: "another protocol" in house.parts.fleet.trouble)
        assert "odd" in house.parts.fleet.trouble and "daemon's release" in house.parts.fleet.trouble
        assert not [event for event in house.events if isinstance(event, NodeJoined) and event.name == "odd"]
        agent.attempts = []
        agent.card = msgspec.structs.replace(agent.card, instance="two")  # started again, with our release
        await until(lambda: any(isinstance(one, NodeJoined) and one.name == "odd" for one in house.events))
        await until(lambda: not house.parts.fleet.trouble)
        await still_works(house)


@pytest.mark.parametrize("card", [{"node": 7}, "hello", {}], ids=["number", "text", "empty"])
async def test_a_card_that_cannot_be_read_puts_that_agent_aside(opened, tmp_path, card, caplog):
    async with strange_agent(tmp_path) as agent:
        agent.card = card
        house = await opened()
        await until(lambda: "another protocol" in house.parts.fleet.trouble)
        before = agent.cards
        await until(lambda: agent.cards >= before + 3)
        assert len([one for one in caplog.records if "is not used" in one.getMessage()]) == 1
        await still_works(house)
    await until(lambda: not house.parts.fleet.trouble)


async def test_an_answer_to_an_order_that_cannot_be_read_gives_it_to_that_agent_once(opened, tmp_path):
    async with strange_agent(tmp_path) as agent:
        agent.answer = lambda order: {"state": "perhaps"}
        house = await opened()
        await until(lambda: any(isinstance(one, NodeJoined) and one.name == "odd" for one in house.events))
        await house.submit(node="odd")
        [lost] = await house.until(NodeLost)
        assert "another protocol" in lost.reason and "perhaps" in lost.reason
        before = agent.cards
        await until(lambda: agent.cards >= before + 5)  # it is looked at again and again
        assert len(agent.orders) == 1
        assert len([one for one in house.events if isinstance(one, StageAssigned)]) == 1
        await still_works(house)


async def test_news_that_cannot_be_read_put_that_agent_aside_but_news_of_a_new_type_do_not(opened, tmp_path):
    async with strange_agent(tmp_path) as agent:
        house = await opened()
        await until(lambda: agent.card.node in house.parts.vitals.loads)
        await agent.news.put({"type": "Weather", "rain": True})
        await agent.news.put(Load(busy=True))
        await until(lambda: house.parts.vitals.loads[agent.card.node].busy)
        assert agent.fed == 1 and not house.parts.fleet.trouble
        await agent.news.put({"type": "Load", "busy": "very"})
        await until(lambda: "another protocol" in house.parts.fleet.trouble)
        await still_works(house)
