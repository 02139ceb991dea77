"""What may go wrong between ledger, artifact store and agent: one job or one node suffers, never the daemon."""

import asyncio
import errno
import hashlib
from contextlib import AsyncExitStack

import pytest

from agent.spool import Spool
from daemon import app
from daemon.fleet import dispatcher
from daemon.ledger.mail import Origin
from schema.commands import CancelJobs, SubmitRun
from schema.events import (
    JobFailed,
    JobFinished,
    StageAssigned,
    StageCancelled,
    StageLost,
)
from schema.ids import RunId
from schema.observations import DaemonBegan
from schema.orders import AttemptReport, Product, Result
from schema.places import places
from schema.requests import RunRequest
from schema.settings import Settings, SketchSettings

SECONDS = 20
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

    async def submit(self, *sets: str, count: int = 1, image: str | None = None) -> None:
        small = () if image else ("txt2img.width=64", "txt2img.height=64", "txt2img.steps=4")
        request = RunRequest(prompt="boats", seed=1, count=count, set=(*small, *sets), image=image)
        plan = self.parts.planner.plan(request)
        await self.parts.store.put_blob(plan.base)
        await self.parts.ledger.command(SubmitRun(run=RUN, spec=plan.spec, jobs=plan.jobs), Origin("uid:1"))


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
            return house

        yield open_house
        for task in tasks:
            task.cancel()


async def test_a_job_whose_base_config_is_gone_fails_alone(opened):
    house = await opened()
    await house.parts.node.ready.wait()
    plan = house.parts.planner.plan(RunRequest(prompt="boats", seed=1))
    await house.parts.ledger.command(SubmitRun(run=RUN, spec=plan.spec, jobs=plan.jobs), Origin("uid:1"))
    [failed] = await house.until(JobFailed)
    assert plan.spec.base[:12] in failed.reason


async def test_a_job_whose_picture_is_gone_fails_alone(opened):
    house = await opened()
    await house.parts.node.ready.wait()
    await house.submit(image="0" * 64)
    [failed] = await house.until(JobFailed)
    assert "0" * 12 in failed.reason


async def test_results_of_a_log_that_is_gone_are_forgotten(opened, tmp_path):
    """The log was deleted or an older one restored; the agent's spool still holds what it made."""
    spool = Spool(places({"STABLENEW_HOME": str(tmp_path)}).agent / "spool")
    picture = b"whatever it was"
    sha256 = hashlib.sha256(picture).hexdigest()
    result = Result(backend="sketch", products=(Product(sha256=sha256, bytes=len(picture)),))
    spool.write(AttemptReport(job="gone2345.1", stage="txt2img", token=2, state="done", result=result), [picture])
    house = await opened()
    async with asyncio.timeout(SECONDS):
        await house.parts.node.ready.wait()
    assert not list((house.parts.places.agent / "spool").glob("*.report"))


async def test_a_result_that_the_full_disk_does_not_take_is_brought_in_when_there_is_room(opened, monkeypatch):
    monkeypatch.setattr(dispatcher, "FULL_SECONDS", 0.05, raising=False)
    house = await opened()
    await house.parts.node.ready.wait()
    accept, tries = house.parts.store.accept, []

    async def full(*args, **kwargs):
        tries.append(args)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return await accept(*args, **kwargs)

    monkeypatch.setattr(house.parts.store, "accept", full)
    await house.submit()
    await house.until(JobFinished)
    assert await house.until(StageAssigned, 3) and not [one for one in house.events if isinstance(one, StageLost)]


async def test_a_card_that_the_full_disk_does_not_take_delays_the_node(opened, monkeypatch):
    tries = []
    put_blob = app.ArtifactStore.put_blob

    async def full(self, data):
        tries.append(data)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return await put_blob(self, data)

    monkeypatch.setattr(app.ArtifactStore, "put_blob", full)
    house = await opened()
    async with asyncio.timeout(SECONDS):
        await house.parts.node.ready.wait()


async def test_an_order_that_was_on_its_way_when_its_job_was_cancelled_is_let_go(opened, monkeypatch):
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.2)))
    await house.parts.node.ready.wait()
    start = dispatcher.AgentLink.start
    cancel = dispatcher.AgentLink.cancel
    on_its_way, go_on, let_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(self, attempt, order):
        on_its_way.set()
        await go_on.wait()
        return await start(self, attempt, order)

    async def told(self, attempt):
        if known := await cancel(self, attempt):
            let_go.set()
        return known

    monkeypatch.setattr(dispatcher.AgentLink, "start", slow)
    monkeypatch.setattr(dispatcher.AgentLink, "cancel", told)
    await house.submit("txt2img.steps=300")
    await on_its_way.wait()
    [first] = await house.until(StageAssigned)
    await house.parts.ledger.command(CancelJobs(jobs=(first.job,)), Origin("uid:1"))
    await house.until(StageCancelled)
    go_on.set()
    await asyncio.wait_for(let_go.wait(), SECONDS)


async def test_an_agent_that_never_lets_go_of_a_cancelled_attempt_is_killed(opened, monkeypatch):
    monkeypatch.setattr(dispatcher, "CANCEL_SECONDS", 0.5)
    monkeypatch.setattr(dispatcher, "WATCH_SECONDS", 0.1)
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.05)))
    await house.parts.node.ready.wait()

    async def deaf(self, attempt):
        return True

    monkeypatch.setattr(dispatcher.AgentLink, "cancel", deaf)
    await house.submit("txt2img.steps=500")
    [first] = await house.until(StageAssigned)
    await house.parts.ledger.command(CancelJobs(jobs=(first.job,)), Origin("uid:1"))
    async with asyncio.timeout(10):
        await house.until(StageCancelled)
