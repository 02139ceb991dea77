"""Words written by a language model for a real daemon and its agent: killed while it writes, and hostile."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `llm_fake`

from fleet_world import until
from llm_fake import fake_chat, falling_silent, streaming

from daemon.ledger import Origin
from schema.commands import SubmitRun
from schema.events import JobFinished, JobParked, StageAssigned, StageFailed, StageFinished, StageLost
from schema.ids import JobId
from schema.requests import RunRequest, TextFile
from schema.settings import AgentSettings, DaemonSettings, Settings
from schema.words import words_in

pytestmark = pytest.mark.servers

FLOW = [
    {"id": "enrich", "type": "llmEnhance"},
    {"id": "match", "type": "selectLoras"},
    {"id": "hand", "type": "dispatch"},
    {"id": "paint", "type": "txt2img", "width": 64, "height": 64, "steps": 2},
]


def settings(url: str) -> Settings:
    return Settings(agent=AgentSettings(llm=url), daemon=DaemonSettings(backoff=0.1))


async def submit(house) -> None:
    pipeline = TextFile(name="flow.json", text=json.dumps(FLOW))
    plan = house.parts.planner.plan(RunRequest(prompt="a boat", seed=1, pipeline=pipeline), house.run)
    await house.parts.store.put_blob(plan.base)
    await house.parts.ledger.command(SubmitRun(run=house.run, spec=plan.spec, jobs=plan.jobs), Origin("uid:1"))


async def made_of(house) -> str:
    """What the pictures of the job were made from, as its record says."""
    await house.parts.views.reached(house.parts.ledger.durable)
    record = await house.parts.views.job(JobId(f"{house.run}.1"))
    assert record is not None
    return words_in(record).prompt


async def test_a_model_that_dies_while_it_writes_costs_no_attempt_and_the_job_goes_on_when_it_is_back(opened):
    with fake_chat() as server:
        server.script = [falling_silent("a boat", " at dawn,")]
        house = await opened(settings(server.url))
        await submit(house)
        await until(lambda: any(one.doing == "writing" for one in house.parts.vitals.progress.values()))
        server.kill()
        await house.until(StageLost)
        assert not [event for event in house.events if isinstance(event, StageFinished)]
        with fake_chat(server.server_port) as again:
            again.script = [streaming("a boat at dusk")]
            await house.until(JobFinished)
    assert not [event for event in house.events if isinstance(event, StageFailed | JobParked)]
    assert [event.stage for event in house.events if isinstance(event, StageFinished)] == ["enrich", "match", "paint"]
    assert {event.attempt for event in house.events if isinstance(event, StageAssigned)} == {1}
    assert await made_of(house) == "a boat at dusk"


async def test_what_is_no_prompt_is_asked_for_again_and_nothing_of_it_reaches_a_picture(opened):
    with fake_chat() as server:
        server.script = [
            streaming(""),
            streaming("I'm sorry, I cannot help with that."),
            streaming("a boat\x1b[31m <lora:nobody_has_it:9>,", " red\x00 sails"),
        ]
        house = await opened(settings(server.url))
        await submit(house)
        await house.until(JobFinished)
    reasons = [event.reason for event in house.events if isinstance(event, StageFailed)]
    assert len(reasons) == 2 and "refused" in reasons[1]
    assert await made_of(house) == "a boat [31m , red sails".replace(" ,", ",")
