"""The dispatcher with a real agent process, a real ledger and a real log: what a node may do to us."""

import asyncio
import os
import signal

import pytest

from daemon.fleet import fleet, link, loopback
from daemon.ledger.mail import Origin
from schema.commands import CancelJobs
from schema.events import (
    JobFinished,
    RunFinished,
    StageAssigned,
    StageCancelled,
    StageFailed,
    StageFinished,
    StageLost,
)
from schema.settings import DaemonSettings, Settings, SketchSettings

pytestmark = pytest.mark.fleet

SECONDS = 60


async def test_a_run_goes_through_every_stage_and_leaves_the_agents_spool_empty(opened):
    house = await opened()
    await house.submit(count=2)
    await house.until(RunFinished)
    assert len(await house.until(StageFinished, 6)) == 6
    async with asyncio.timeout(SECONDS):
        while list((house.parts.places.agent / "spool").glob("*~*")):  # noqa: ASYNC110 - another process forgets it
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
    monkeypatch.setattr(fleet, "LOST_SECONDS", 1.0)
    monkeypatch.setattr(loopback, "STOP_SECONDS", 0.5)
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.02)))
    await house.submit("txt2img.steps=60")
    await house.until(StageAssigned)
    os.kill(house.agent, signal.SIGSTOP)
    await house.until(JobFinished)
    assert len(await house.until(StageLost)) == 1
    finished = await house.until(StageFinished, 3)
    assert len({event.stage for event in finished}) == len(finished) == 3


async def test_somebody_who_comes_in_the_middle_of_a_stage_is_shown_it(opened):
    house = await opened(Settings(sketch=SketchSettings(step_seconds=0.05)))
    await house.submit("txt2img.steps=300")
    vitals = house.parts.vitals
    async with asyncio.timeout(SECONDS):
        while not any(progress.step > 1 for progress in vitals.progress.values()):  # noqa: ASYNC110 - a process tells
            await asyncio.sleep(0.01)
        assert not vitals.previews
        vitals.watchers = 1
        while not vitals.previews:  # noqa: ASYNC110 - a process tells
            await asyncio.sleep(0.01)
    assert not [event for event in house.events if isinstance(event, JobFinished)]
