"""Agents that the daemon did not start: found by their sockets, given work, lost and back, refused where they clash."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`

from fleet_world import hurry, until

from daemon.fleet import fleet, local
from daemon.fleet.fleet import LOOPBACK
from schema.errors import Refused
from schema.events import JobFinished, NodeJoined, NodeLost, StageAssigned, StageFinished, StageLost
from schema.ids import NodeId
from schema.places import places

pytestmark = [pytest.mark.story, pytest.mark.fleet]

SECONDS = 30


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, look=0.1, gone=0.5)


def home_of(root: Path, name: str) -> Path:
    return places({"STABLENEW_HOME": str(root)}).agents / name


@asynccontextmanager
async def agent(root: Path, name: str, *options: str) -> AsyncIterator[Process]:
    """A process of its own, as `stablenew agent run` starts it; ready, and killed at the end if it still lives."""
    home = home_of(root, name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "agent.sock"),
        "--node", name, *options, stdin=DEVNULL, stdout=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            assert json.loads(await process.stdout.readline())["ready"]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def joined(house, name: str, times: int = 1) -> NodeJoined:
    """The node of this name, once it has joined so often."""

    def found() -> list[NodeJoined]:
        return [event for event in house.events if isinstance(event, NodeJoined) and event.name == name]

    await until(lambda: len(found()) >= times)
    return found()[-1]


async def test_an_agent_of_this_user_is_found_and_gets_the_work_that_is_meant_for_it(opened, tmp_path):
    house = await opened()
    async with agent(tmp_path, "side"):
        node = await joined(house, "side")
        assert node.link == "local" and node.backends == ("sketch", "words") and "txt2img" in node.kinds
        assert house.parts.vitals.cards[node.node].name == "side"
        await house.submit(count=2, node="side")
        await house.until(JobFinished, 2)
        finished = [event for event in house.events if isinstance(event, StageFinished)]
        assert {event.node for event in finished} == {node.node}
        await house.parts.fleet.refresh(node.node)
        await house.parts.fleet.free(node.node)
    lost = await house.until(NodeLost)
    assert lost[-1].node == node.node and "ended" in lost[-1].reason
    assert node.node not in house.parts.vitals.cards


async def test_one_that_was_there_before_the_daemon_is_found_too_and_its_log_stays_short(opened, tmp_path):
    async with agent(tmp_path, "side"):
        house = await opened()
        node = await joined(house, "side")
        for _ in range(3):
            await house.parts.fleet.refresh(node.node)
        await house.submit(node="side")
        await house.until(JobFinished)
    assert len([event for event in house.events if isinstance(event, NodeJoined) and event.name == "side"]) == 1


async def test_a_killed_one_loses_no_attempt_that_counts_and_is_back_with_its_id(opened, tmp_path):
    house = await opened()
    async with agent(tmp_path, "side", "--sketch-step-seconds", "0.02") as process:
        node = await joined(house, "side")
        await house.submit("txt2img.steps=100", node="side")
        await house.until(StageAssigned)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await house.until(NodeLost)
        assert len(await house.until(StageLost)) == 1
    async with agent(tmp_path, "side"):
        assert (await joined(house, "side", 2)).node == node.node
        await house.until(JobFinished)
    assert {event.attempt for event in await house.until(StageAssigned, 2)} == {1}


async def test_one_that_is_started_again_at_once_goes_on_without_being_lost(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "GONE_SECONDS", 20.0)
    house = await opened()
    async with agent(tmp_path, "side", "--sketch-step-seconds", "0.02") as process:
        await joined(house, "side")
        await house.submit("txt2img.steps=100", node="side")
        await house.until(StageAssigned)
        process.send_signal(signal.SIGTERM)
        await process.wait()
    async with agent(tmp_path, "side"):
        await house.until(JobFinished)
    assert not [event for event in house.events if isinstance(event, NodeLost | StageLost)]


async def test_an_attempt_goes_on_while_the_daemon_is_away_and_the_next_one_takes_it_over(opened, tmp_path):
    async with agent(tmp_path, "side", "--sketch-step-seconds", "0.05"):
        house = await opened()
        node = await joined(house, "side")
        await house.submit("txt2img.steps=40", node="side")
        await house.until(StageAssigned)
        await until(lambda: bool(house.parts.vitals.progress))
        await house.close()
        again = await opened()
        assert (await joined(again, "side")).node == node.node
        await again.until(JobFinished)
        assert not [event for event in again.events if isinstance(event, StageLost)]
        stages = [event.stage for event in again.events if isinstance(event, StageFinished)]
        assert len(stages) == len(set(stages)) == 3
        assert len([event for event in again.events if isinstance(event, StageAssigned)]) == 2


async def test_what_one_was_at_is_given_up_when_it_does_not_come_back(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(fleet, "LOST_SECONDS", 0.5)
    async with agent(tmp_path, "side", "--sketch-step-seconds", "0.05"):
        house = await opened()
        await joined(house, "side")
        await house.submit("txt2img.steps=400", node="side")
        await house.until(StageAssigned)
        await house.close()
    again = await opened()
    [lost] = await again.until(StageLost)
    assert "not come back" in lost.reason


async def test_two_agents_of_one_id_are_told_apart_and_the_second_is_not_used(opened, tmp_path, caplog):
    house = await opened()
    async with agent(tmp_path, "side"):
        node = await joined(house, "side")
        other = home_of(tmp_path, "copy")
        shutil.copytree(home_of(tmp_path, "side") / "keys", other / "keys")
        async with agent(tmp_path, "copy"):
            await until(lambda: "id" in house.parts.fleet.trouble)
            await asyncio.sleep(0.5)  # it is tried again and again, and said once
            assert [record.message for record in caplog.records].count(caplog.records[-1].message) == 1
            assert "remove the folder" in house.parts.fleet.trouble
            await house.submit(node=node.node)
            await house.until(JobFinished)
    assert {event.name for event in house.events if isinstance(event, NodeJoined)} >= {"side"}
    assert "copy" not in {event.name for event in house.events if isinstance(event, NodeJoined)}


async def test_dead_sockets_and_strangers_are_passed_by_in_silence(opened, tmp_path, caplog):
    dead = home_of(tmp_path, "dead")
    dead.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as bound:
        os.chdir(dead)
        bound.bind("agent.sock")
    (home_of(tmp_path, "file")).mkdir()
    (home_of(tmp_path, "file") / "agent.sock").write_text("no socket")
    house = await opened()
    async with agent(tmp_path, "side"):
        await joined(house, "side")
        await asyncio.sleep(0.5)  # several looks
    assert not [record for record in caplog.records if "dead" in record.getMessage() or "file" in record.getMessage()]


async def test_one_that_worked_for_a_newer_log_is_given_nothing(opened, tmp_path):
    side = home_of(tmp_path, "side")
    side.mkdir(parents=True)
    (side / "epoch").write_text("1000000\n")
    house = await opened()
    async with agent(tmp_path, "side"):
        await until(lambda: "epoch" in house.parts.fleet.trouble)
        assert not [event for event in house.events if isinstance(event, NodeJoined) and event.name == "side"]
    await until(lambda: not house.parts.fleet.trouble)


async def test_refresh_and_free_say_why_not(opened):
    house = await opened()
    with pytest.raises(Refused, match="not connected"):
        await house.parts.fleet.refresh(NodeId("nobody"))
    with pytest.raises(Refused, match="not connected"):
        await house.parts.fleet.free(NodeId("nobody"))
    await house.submit("txt2img.steps=500", "txt2img.width=1024", "txt2img.height=1024", node=LOOPBACK)
    await house.until(StageAssigned)
    await until(lambda: bool(house.parts.vitals.progress))
    with pytest.raises(Refused, match="runs or waits"):
        await house.parts.fleet.free(LOOPBACK)
