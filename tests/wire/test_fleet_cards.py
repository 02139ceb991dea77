"""What the daemon keeps of a node's card: each change once, from this connection, and nothing of a mere restart."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world` and `strange_agent`

from fleet_world import hurry, until
from strange_agent import strange_agent

from daemon.core.explain import explain
from daemon.core.rules import Rules
from schema.events import JobFinished, NodeJoined
from schema.orders import BackendCard, CardChanged
from schema.settings import AgentSettings, Settings


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def joined(house, name: str = "odd") -> list[NodeJoined]:
    return [event for event in house.events if isinstance(event, NodeJoined) and event.name == name]


async def test_an_agent_that_is_started_again_leaves_no_second_card(opened, tmp_path):
    async with strange_agent(tmp_path) as agent:
        house = await opened()
        await until(lambda: joined(house))
        agent.card = msgspec.structs.replace(agent.card, instance="two")
        agent.hang_up()
        await until(lambda: len(joined(house)) == 2)
    first, second = joined(house)
    assert (first.instance, second.instance) == ("one", "two") and first.card == second.card


async def test_a_card_that_changed_before_the_node_was_ready_is_kept(opened, tmp_path):
    async with strange_agent(tmp_path) as agent:
        ready = BackendCard(kind="webui", kinds=("txt2img", "score"), models=("new",))
        changed = msgspec.structs.replace(agent.card, backends=(ready,))
        agent.before_attempts = (CardChanged(card=changed),)
        house = await opened()
        await until(lambda: joined(house) and joined(house)[-1].kinds == ("txt2img", "score"))
        assert b"new" in house.parts.store.path(joined(house)[-1].card).read_bytes()


async def test_a_backend_that_cannot_be_made_keeps_its_jobs_waiting_and_says_why(opened):
    broken = AgentSettings().model_copy(update={"webui": "http://box:x"})  # which reading the settings would refuse
    house = await opened(Settings(agent=broken))
    node = (await house.until(NodeJoined))[-1]
    assert set(node.backends) == {"sketch", "webui", "words"}
    await house.submit()
    [job] = await house.parts.ledger.ask(lambda state: tuple(state.jobs))

    def why(state) -> str:
        return " ".join(explain(state, job, 0.0, house.parts.vitals, Rules()))

    await until(lambda: house.parts.vitals.cards["local"].backends[0].state == "disconnected")
    told = await house.parts.ledger.ask(why)
    assert "webui is disconnected" in told and "box:x" in told
    assert not [event for event in house.events if isinstance(event, JobFinished)]
