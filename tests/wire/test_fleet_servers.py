"""An agent whose server dies, comes back, and shows what it makes: what the ledger and the vitals hear of it."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `webui_fake`

from fleet_world import until
from webui_engine import Engine
from webui_fake import fake_webui

from schema.events import JobFinished, JobParked, NodeJoined, StageAssigned, StageFailed, StageFinished, StageLost
from schema.settings import AgentSettings, DaemonSettings, Settings

pytestmark = pytest.mark.servers

ONLY = ("detail.enabled=false", "upscale.enabled=false")


def settings(url: str, **agent: object) -> Settings:
    return Settings(
        agent=AgentSettings(sketch=False, webui=url, **agent),
        daemon=DaemonSettings(suspects="keep", backoff=0.1),
    )


def state_of(house) -> str:
    """Of the server, as placement knows it."""
    [card] = house.parts.vitals.cards.values()
    return card.backends[0].state


async def test_a_server_that_dies_in_a_stage_costs_no_attempt_and_the_job_waits_until_it_is_back(opened):
    with fake_webui(Engine(step_s=0.3)) as server:
        house = await opened(settings(server.url))
        await house.submit("txt2img.steps=20", *ONLY)
        await until(lambda: house.parts.vitals.progress)
        server.kill()
        await house.until(StageLost)
        await until(lambda: state_of(house) == "disconnected")
        assert len([event for event in house.events if isinstance(event, StageAssigned)]) == 1
        with fake_webui(Engine(), port=server.server_port):
            await house.until(JobFinished)
    assert not [event for event in house.events if isinstance(event, StageFailed | JobParked)]
    assert {event.attempt for event in house.events if isinstance(event, StageAssigned)} == {1}
    # a server that came and went is no news for the log
    joined = [event for event in house.events if isinstance(event, NodeJoined)]
    assert len(joined) == 1, [house.parts.store.path(event.card).read_text() for event in joined]


async def test_a_server_that_was_never_there_keeps_the_job_waiting_until_it_is(opened):
    with fake_webui(Engine()) as server:
        url, port = server.url, server.server_port
    house = await opened(settings(url))
    assert state_of(house) == "disconnected"
    await house.submit(*ONLY)
    await asyncio.sleep(0.5)
    assert not [event for event in house.events if isinstance(event, StageAssigned)]
    with fake_webui(Engine(), port=port):
        await house.until(JobFinished)
    [finished] = [event for event in house.events if isinstance(event, StageFinished)]
    assert finished.backend == "webui"


async def test_the_next_stage_is_on_its_way_while_the_last_picture_is_fetched(opened, monkeypatch):
    with fake_webui(Engine(step_s=0.05)) as server:
        house = await opened(settings(server.url))
        accept, go = house.parts.store.accept, asyncio.Event()

        async def held(*args, **kwargs):
            await go.wait()
            return await accept(*args, **kwargs)

        monkeypatch.setattr(house.parts.store, "accept", held)
        await house.submit(*ONLY, count=3)
        await house.until(StageAssigned, 2)  # although the first picture is not here yet
        assert house.parts.vitals.handed
        go.set()
        await house.until(JobFinished, 3)
    assert not house.parts.vitals.handed


@pytest.mark.parametrize("watchers", [0, 1])
async def test_previews_are_brought_only_while_somebody_watches(opened, watchers):
    with fake_webui(Engine(step_s=0.2)) as server:
        house = await opened(settings(server.url))
        house.parts.vitals.watchers = watchers
        await house.submit("txt2img.steps=12", *ONLY)
        numbers = set()

        def finished() -> bool:
            numbers.update(shown.number for shown in house.parts.vitals.previews.values())
            return any(isinstance(event, JobFinished) for event in house.events)

        await until(finished)
    assert bool(numbers) == bool(watchers), numbers
    assert house.parts.vitals.previews == {}
