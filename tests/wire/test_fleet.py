"""The dispatcher with a real agent process, a real ledger and a real log: what a node may do to us."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

import pytest

from daemon import app
from daemon.fleet import link, loopback, loopback_node
from daemon.ledger.mail import Origin
from schema.commands import CancelJobs, SubmitRun
from schema.events import (
    JobFinished,
    RunFinished,
    StageAssigned,
    StageCancelled,
    StageFailed,
    StageFinished,
    StageLost,
)
from schema.ids import RunId
from schema.observations import DaemonBegan
from schema.places import places
from schema.requests import RunRequest
from schema.settings import DaemonSettings, Settings, SketchSettings

SECONDS = 60
RUN = RunId("r2345678")


class House:
    """The open parts of a daemon without its socket, and everything that was committed so far."""

    def __init__(self, parts: app.Parts) -> None:
        self.parts = parts
        self.events: list[object] = []
        self._moved = asyncio.Condition()

    async def listen(self, batches) -> None:
        async for batch in batches:
            async with self._moved:
                self.events += [envelope.event for envelope in batch.envelopes]
                self._moved.notify_all()

    async def until(self, kind: type, count: int = 1) -> list[object]:
        def seen() -> list[object]:
            found = [event for event in self.events if isinstance(event, kind)]
            return found if len(found) >= count else []

        async with asyncio.timeout(SECONDS), self._moved:
            return await self._moved.wait_for(seen)

    async def submit(self, *sets: str, count: int = 1) -> None:
        small = ("txt2img.width=64", "txt2img.height=64", "txt2img.steps=4", *sets)
        plan = self.parts.planner.plan(RunRequest(prompt="boats", seed=1, count=count, set=small))
        await self.parts.store.put_blob(plan.base)
        await self.parts.ledger.command(SubmitRun(run=RUN, spec=plan.spec, jobs=plan.jobs), Origin("uid:1"))

    @property
    def agent(self) -> int:
        process = self.parts.loopback._process
        assert process is not None
        return process.pid


@pytest.fixture
async def opened(tmp_path):
    """Opens a house with the settings it is given; all of them are closed at the end."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[None]] = []

        async def open_house(settings: Settings = Settings()) -> House:  # noqa: B008 - a constant
            where = places({"STABLENEW_HOME": str(tmp_path)})
            where.state.mkdir(parents=True, exist_ok=True)
            parts = await app.open_parts(where, settings, stack)
            house = House(parts)
            for following in (parts.views.follow, house.listen):
                batches = await stack.enter_async_context(parts.ledger.follow())
                tasks.append(group.create_task(following(batches)))
            tasks.append(group.create_task(parts.ledger.run()))
            await parts.ledger.observe(DaemonBegan(version="0", sqlite="0", host="test"))
            tasks.append(group.create_task(parts.node.run()))
            await parts.node.ready.wait()
            return house

        yield open_house
        for task in tasks:
            task.cancel()


async def test_a_run_goes_through_every_stage_and_leaves_the_agents_spool_empty(opened):
    house = await opened()
    await house.submit(count=2)
    await house.until(RunFinished)
    assert len(await house.until(StageFinished, 6)) == 6
    async with asyncio.timeout(SECONDS):
        while list((house.parts.places.agent / "spool").glob("*~*")):  # it forgets once the commit is told
            await asyncio.sleep(0.01)


async def test_a_killed_agent_costs_time_but_no_attempt(opened):
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.02)))
    await house.submit("txt2img.steps=60")
    await house.until(StageAssigned)
    os.kill(house.agent, signal.SIGKILL)
    await house.until(JobFinished)
    assert len(await house.until(StageLost)) == 1
    assert {event.attempt for event in await house.until(StageAssigned, 4)} == {1}


async def test_a_cancelled_job_frees_its_node_within_a_step(opened):
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.2)))
    await house.submit("txt2img.steps=200", count=2)
    [first] = await house.until(StageAssigned)
    await house.parts.ledger.command(CancelJobs(jobs=(first.job,)), Origin("uid:1"))
    [let_go] = await house.until(StageCancelled)
    assert let_go.job == first.job
    _, second = await house.until(StageAssigned, 2)
    assert second.job != first.job
    await house.parts.ledger.command(CancelJobs(jobs=(second.job,)), Origin("uid:1"))
    await house.until(RunFinished)


async def test_an_attempt_that_takes_too_long_is_let_go_and_counted(opened):
    settings = Settings(
        sketch=SketchSettings(step_seconds=0.5),
        daemon=DaemonSettings(stage_timeout=0.2, retries=1),
    )
    house = await opened(settings)
    await house.submit("txt2img.steps=500")
    [failed] = await house.until(StageFailed)
    assert failed.trouble == "backend"
    assert "not done after" in failed.reason


async def test_a_frozen_agent_is_given_up_and_its_work_done_again(opened, monkeypatch):
    monkeypatch.setattr(link, "SILENCE_SECONDS", 3.0)
    monkeypatch.setattr(link, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(loopback_node, "LOST_SECONDS", 1.0)
    monkeypatch.setattr(loopback, "STOP_SECONDS", 0.5)
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.02)))
    await house.submit("txt2img.steps=60")
    await house.until(StageAssigned)
    os.kill(house.agent, signal.SIGSTOP)
    await house.until(JobFinished)
    assert len(await house.until(StageLost)) == 1
    finished = await house.until(StageFinished, 3)
    assert len({event.stage for event in finished}) == len(finished) == 3
