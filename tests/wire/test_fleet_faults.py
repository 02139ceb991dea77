"""What may go wrong between ledger, artifact store and agent: one job or one node suffers, never the daemon."""

import asyncio
import errno
import hashlib

import pytest
from PIL import Image

from agent.spool import Spool
from daemon.artifacts.store import ArtifactStore
from daemon.fleet import dispatcher, results
from daemon.fleet.link import AgentLink
from daemon.ledger.mail import Origin
from schema.commands import CancelJobs, SubmitRun
from schema.events import (
    JobFailed,
    JobFinished,
    StageAssigned,
    StageCancelled,
    StageLost,
)
from schema.orders import AttemptReport, Product, Result
from schema.places import places
from schema.requests import RunRequest
from schema.settings import Settings, SketchSettings

pytestmark = pytest.mark.fleet

SECONDS = 20


@pytest.mark.damages
async def test_a_job_whose_base_config_is_gone_fails_alone(opened):
    house = await opened()
    plan = house.parts.planner.plan(RunRequest(prompt="boats", seed=1), house.run)
    await house.parts.ledger.command(SubmitRun(run=house.run, spec=plan.spec, jobs=plan.jobs), Origin("uid:1"))
    [failed] = await house.until(JobFailed)
    assert plan.spec.base[:12] in failed.reason


async def test_a_job_whose_picture_is_gone_fails_alone(opened, tmp_path, monkeypatch):
    """It was there when the run was planned."""
    Image.new("RGB", (64, 64)).save(tmp_path / "there.png")
    house = await opened()
    monkeypatch.setattr(house.parts.planner, "_path_of", lambda sha256: tmp_path / "there.png")
    await house.submit(image="0" * 64)
    [failed] = await house.until(JobFailed)
    assert "0" * 12 in failed.reason


@pytest.mark.damages
async def test_results_of_a_log_that_is_gone_are_forgotten(opened, tmp_path):
    """The log was deleted or an older one restored; the agent's spool still holds what it made."""
    spool = Spool(places({"STABLENEW_HOME": str(tmp_path)}).agent / "spool")
    picture = b"whatever it was"
    sha256 = hashlib.sha256(picture).hexdigest()
    result = Result(backend="sketch", products=(Product(sha256=sha256, bytes=len(picture)),))
    spool.write(AttemptReport(job="gone2345.1", stage="txt2img", token=2, state="done", result=result), [picture])
    house = await opened()
    assert not list((house.parts.places.agent / "spool").glob("*.report"))


async def test_a_result_that_the_full_disk_does_not_take_is_brought_in_when_there_is_room(opened, monkeypatch):
    monkeypatch.setattr(results, "FULL_SECONDS", 0.05)
    house = await opened()
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
    put_blob = ArtifactStore.put_blob

    async def full(self, data):
        tries.append(data)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return await put_blob(self, data)

    monkeypatch.setattr(ArtifactStore, "put_blob", full)
    await opened()
    assert len(tries) == 3


async def test_an_order_that_was_on_its_way_when_its_job_was_cancelled_is_let_go(opened, monkeypatch):
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.2)))
    start = AgentLink.start
    cancel = AgentLink.cancel
    on_its_way, go_on, let_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(self, attempt, order):
        on_its_way.set()
        await go_on.wait()
        return await start(self, attempt, order)

    async def told(self, attempt):
        if known := await cancel(self, attempt):
            let_go.set()
        return known

    monkeypatch.setattr(AgentLink, "start", slow)
    monkeypatch.setattr(AgentLink, "cancel", told)
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

    async def deaf(self, attempt):
        return True

    monkeypatch.setattr(AgentLink, "cancel", deaf)
    await house.submit("txt2img.steps=500")
    [first] = await house.until(StageAssigned)
    await house.parts.ledger.command(CancelJobs(jobs=(first.job,)), Origin("uid:1"))
    async with asyncio.timeout(10):
        await house.until(StageCancelled)
