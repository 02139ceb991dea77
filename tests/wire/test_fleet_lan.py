"""Agents on the network, over real TLS on loopback: paired, proved, given work, lost, moved, doubted, unpaired."""

import asyncio
import contextlib
import json
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.fleet import peer
from daemon.ledger import Origin
from schema.commands import UnpairNode
from schema.errors import Refused
from schema.events import (
    JobFinished,
    NodeAddressed,
    NodeJoined,
    NodeLost,
    NodePaired,
    NodePairFailed,
    NodeProbed,
    NodeRefused,
    NodeUnpaired,
    StageAssigned,
    StageFinished,
    StageLost,
)
from schema.settings import FleetSettings, Settings

pytestmark = pytest.mark.story

SECONDS = 40
QUICK = Settings(fleet=FleetSettings(heartbeat=0.2, suspect_after=1.0, lost_after=3.0))


class Away:
    """An agent on a machine of its own, as far as the daemon can tell: found by nothing but its port."""

    def __init__(self, process: Process, home: Path, ready: dict) -> None:
        self.process, self.home = process, home
        self.node: str = ready["node"]
        self.port: int = ready["port"]
        self.address = f"127.0.0.1:{self.port}"
        self.codes: list[str] = []
        self.said: list[str] = []

    async def code(self) -> str:
        """The newest that it shows."""
        await until(lambda: self.codes)
        return self.codes[-1]

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode())
            self.codes += re.findall(r"Pairing code (\d{4}-\d{4})", self.said[-1])


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.02)


@pytest.fixture
def away(tmp_path):
    """Starts one; killed at the end of the block if it still lives."""

    @asynccontextmanager
    async def start(name: str, *options: str, port: int = 0) -> AsyncIterator[Away]:
        home = tmp_path / "away" / name
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "s"), "--node", name,
            "--network", "--port", str(port), *options, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            ready = json.loads(await process.stdout.readline())
        agent = Away(process, home, ready)
        reading = asyncio.create_task(agent.read())
        try:
            yield agent
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await reading

    return start


def of(house, kind: type, node: str) -> list:
    return [event for event in house.events if isinstance(event, kind) and event.node == node]


async def paired(house, agent: Away) -> None:
    done = await house.parts.fleet.admission.add(agent.address, await agent.code())
    assert (done.node, done.paired, done.ready) == (agent.node, True, True), done


async def test_an_agent_is_paired_by_its_code_proved_by_a_picture_and_given_work(opened, away):
    house = await opened(QUICK)
    async with away("rig") as agent:
        await paired(house, agent)
        [probe] = of(house, NodeProbed, agent.node)
        assert probe.ok and "512x512" in probe.reason and probe.seconds > 0
        [pin] = of(house, NodePaired, agent.node)
        assert pin.address == agent.address and pin.by == "code"
        [joined] = of(house, NodeJoined, agent.node)
        assert joined.link == "lan" and joined.name == "rig"
        await house.submit(count=2, node=agent.node)
        await house.until(JobFinished, 2)
    assert {event.node for event in house.events if isinstance(event, StageFinished)} == {agent.node}
    assert not list(house.parts.places.artifacts.glob(".tmp/*"))


async def test_nothing_is_given_before_the_probe_has_ended(opened, away):
    house = await opened(QUICK)
    async with away("rig", "--sketch-step-seconds", "0.3") as agent:
        pairing = asyncio.create_task(paired(house, agent))
        await house.until(NodePaired)
        await house.submit(node=agent.node)
        await pairing
        await house.until(JobFinished)
    names = [type(event).__name__ for event in house.events]
    assert names.index("NodeProbed") < names.index("StageAssigned")
