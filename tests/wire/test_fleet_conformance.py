"""What every way to reach an agent must hold: one suite over the embedded one, one of this machine, one on the network.

Real agents as processes of their own, the real ledger and the real log; whatever happens, every stage ends once.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`

from fleet_world import until

from daemon.fleet import fleet, link, local, loopback
from daemon.fleet.fleet import LOOPBACK
from daemon.fleet.link import AgentLink
from daemon.ledger import Origin
from schema.commands import CancelJobs
from schema.events import (
    JobFinished,
    NodeJoined,
    RunFinished,
    StageAssigned,
    StageCancelled,
    StageFinished,
    StageLost,
)
from schema.ids import JobId, StageId, Token
from schema.orders import Order, attempt_id
from schema.places import places
from schema.settings import FleetSettings, Settings, SketchSettings
from schema.stages import Txt2Img

pytestmark = [pytest.mark.story, pytest.mark.fleet]

SECONDS = 50
LINKS = ("loopback", "local", "lan")
ONE_STAGE = ("detail.enabled=false", "upscale.enabled=false")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after one second and a loss after three, over every link."""
    monkeypatch.setattr(link, "SILENCE_SECONDS", 5.0)
    monkeypatch.setattr(link, "CALL_SECONDS", 5.0)
    monkeypatch.setattr(loopback, "STOP_SECONDS", 0.5)
    for where in (fleet, local):
        monkeypatch.setattr(where, "LOST_SECONDS", 3.0)
        monkeypatch.setattr(where, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(local, "GONE_SECONDS", 1.0)
    monkeypatch.setattr(local, "HANG_SECONDS", 0.2)


class Bench:
    """One node behind one link, and what may be done to its agent."""

    def __init__(self, root: Path, reach: str, house, step_seconds: float) -> None:
        self.root, self.reach, self.house = root, reach, house
        self.node = LOOPBACK
        self._step = step_seconds
        self._process: Process | None = None
        self._port = 0
        self._reading: list[asyncio.Task[None]] = []
        self._codes: list[str] = []

    async def start(self) -> None:
        """Its agent; joined when this returns."""
        if self.reach == "loopback":
            return
        where = places({"STABLENEW_HOME": str(self.root)}).agents if self.reach == "local" else self.root / "away"
        home, network = where / "side", ("--network", "--port", str(self._port)) if self.reach == "lan" else ()
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "agent.sock"),
            "--node", "side", "--sketch-step-seconds", str(self._step), *network,
            stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            ready = json.loads(await process.stdout.readline())
        first, self._port = not self._port, ready.get("port", 0)
        self._reading.append(asyncio.create_task(self._read(process)))
        if self.reach == "lan" and first:
            await until(lambda: self._codes)
            done = await self.house.parts.fleet.admission.add(f"127.0.0.1:{self._port}", self._codes[0])
            assert done.ready, done
        await until(lambda: any(one.name == "side" for one in self.of(NodeJoined)))
        self.node = next(one.node for one in self.of(NodeJoined) if one.name == "side")

    async def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await asyncio.gather(*self._reading)

    @property
    def pid(self) -> int:
        return self.house.agent if self._process is None else self._process.pid

    async def kill(self) -> None:
        """As a power cut would; the embedded one is started again by the daemon, the others by their machine."""
        os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()
            await self.start()

    async def submit(self, *sets: str, count: int = 1) -> None:
        await self.house.submit(*sets, count=count, node=self.node)

    def of(self, kind: type) -> list:
        return [event for event in self.house.events if isinstance(event, kind)]

    async def working(self) -> None:
        await until(lambda: any(progress.step > 2 for progress in self.house.parts.vitals.progress.values()))

    def check(self, jobs: int = 1, stages: int = 1) -> None:
        """Every stage has ended once."""
        ended = Counter((event.job, event.stage) for event in self.of(StageFinished))
        assert set(ended.values()) == {1} and len(ended) == jobs * stages
        assert len(self.of(JobFinished)) == jobs

    async def _read(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._codes += re.findall(r"Pairing code (\d{4}-\d{4})", line.decode())


def settings(step_seconds: float) -> Settings:
    timers = FleetSettings(heartbeat=0.3, suspect_after=1.0, lost_after=3.0)
    return Settings(fleet=timers, sketch=SketchSettings(step_seconds=step_seconds))


@pytest.fixture
def bench(opened, tmp_path, request):
    @asynccontextmanager
    async def behind(reach: str, step_seconds: float = 0.02) -> AsyncIterator[Bench]:
        bench = Bench(tmp_path, reach, await opened(settings(step_seconds)), step_seconds)
        try:
            await bench.start()
            yield bench
        finally:
            await bench.stop()

    return behind


@pytest.mark.parametrize("reach", LINKS)
async def test_an_agent_that_is_killed_in_a_stage_costs_time_and_no_picture(bench, reach):
    async with bench(reach) as one:
        await one.submit("txt2img.steps=60", *ONE_STAGE, count=2)
        await one.working()
        await one.kill()
        await one.house.until(JobFinished, 2)
        one.check(jobs=2)
        assert {event.attempt for event in one.of(StageAssigned)} == {1}


@pytest.mark.parametrize("reach", LINKS)
async def test_one_that_is_frozen_past_its_lease_loses_its_stage_and_doubles_nothing_when_it_goes_on(
    bench, reach, monkeypatch
):
    monkeypatch.setattr(link, "SILENCE_SECONDS", 2.5)
    monkeypatch.setattr(link, "CALL_SECONDS", 1.0)
    for where in (fleet, local):
        monkeypatch.setattr(where, "LOST_SECONDS", 1.0)
    async with bench(reach) as one:
        await one.submit("txt2img.steps=60", *ONE_STAGE)
        await one.working()
        os.kill(frozen := one.pid, signal.SIGSTOP)
        await one.house.until(StageLost)
        with contextlib.suppress(ProcessLookupError):  # the embedded one was ended by the daemon
            os.kill(frozen, signal.SIGCONT)
        await one.house.until(JobFinished)
        one.check()


@pytest.mark.parametrize("reach", LINKS)
async def test_the_next_daemon_ends_what_the_last_one_began(bench, reach, opened):
    async with bench(reach) as one:
        await one.submit("txt2img.steps=60", *ONE_STAGE)
        await one.working()
        before = one.of(StageFinished)
        await one.house.close()
        one.house = await opened(settings(0.02))
        await one.house.until(JobFinished)
        one.house.events[:0] = before
        one.check()


@pytest.mark.parametrize("reach", LINKS)
async def test_a_cancel_is_heeded_within_a_second_and_frees_the_node(bench, reach):
    async with bench(reach, 0.1) as one:
        await one.submit("txt2img.steps=100", *ONE_STAGE, count=2)
        await one.working()
        [first] = one.of(StageAssigned)
        asked = time.monotonic()
        await one.house.parts.ledger.command(CancelJobs(jobs=(first.job,)), Origin("uid:1"))
        [let_go] = await one.house.until(StageCancelled)
        assert time.monotonic() - asked < 2.0  # one, on a machine that has nothing else to do
        assert let_go.job == first.job
        _, second = await one.house.until(StageAssigned, 2)
        await one.house.parts.ledger.command(CancelJobs(jobs=(second.job,)), Origin("uid:1"))
        await one.house.until(RunFinished)


@pytest.mark.parametrize("reach", LINKS)
async def test_an_order_that_is_sent_twice_runs_once_and_a_slow_picture_holds_nobody_up(bench, reach, monkeypatch):
    sent: list[str] = []
    start, blob, go = AgentLink.start, AgentLink.blob, asyncio.Event()

    async def twice(self: AgentLink, attempt: str, order: Order):
        sent.append(attempt)
        await start(self, attempt, order)
        return await start(self, attempt, order)

    async def slowly(self: AgentLink, sha256, size=0):
        first = not fetched
        fetched.append(sha256)
        async for piece in blob(self, sha256, size):
            if first:
                await go.wait()
            yield piece

    fetched: list[str] = []
    async with bench(reach, 0.0) as one:
        monkeypatch.setattr(AgentLink, "start", twice)
        monkeypatch.setattr(AgentLink, "blob", slowly)
        await one.submit(*ONE_STAGE, count=4)
        await one.house.until(JobFinished, 3)  # while the first picture is still on its way
        go.set()
        await one.house.until(JobFinished, 4)
        assert len(sent) == len(set(sent)) == 4
        one.check(jobs=4)


@pytest.mark.parametrize("reach", LINKS)
async def test_an_agent_tells_of_an_attempt_it_ended_until_it_is_told_to_forget(bench, reach):
    async with bench(reach, 0.0) as one:
        proof = await one.house.parts.fleet.probe(one.node)
        assert proof.ok, proof
        node = one.house.parts.fleet._nodes[one.node]
        epoch = await one.house.parts.ledger.ask(lambda state: int(state.epoch))
        config = Txt2Img(id="txt2img", width=64, height=64, steps=2)
        order = Order(
            job=JobId("probe"), stage=StageId("txt2img"), token=Token(1), epoch=epoch, seed=1,
            config=msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json"))),
        )  # fmt: skip
        name = attempt_id(order.job, order.stage, order.token)
        agent = node._link
        assert agent is not None
        assert (await agent.start(name, order)).state == "accepted"
        async with asyncio.timeout(SECONDS):
            while [report.state for report in await agent.attempts()] != ["done"]:  # noqa: ASYNC110 - a process ends it
                await asyncio.sleep(0.02)
        assert (await agent.start(name, order)).state == "accepted"  # and does not run again
        [report] = await agent.attempts()
        assert report.result is not None and len(report.result.products) == 1
        product = report.result.products[0]
        assert len(b"".join([piece async for piece in agent.blob(product.sha256, product.bytes)])) == product.bytes
        await agent.forget(name)
        await agent.forget(name)
        assert await agent.attempts() == []


async def test_five_hundred_stages_over_three_links_end_once_each(opened, tmp_path):
    house = await opened(settings(0.0))
    async with AsyncExitStack() as stack:
        for reach in ("local", "lan"):
            one = Bench(tmp_path, reach, house, 0.0)
            stack.push_async_callback(one.stop)
            await one.start()
        await house.submit("txt2img.steps=1", *ONE_STAGE, count=500)
        await house.until(RunFinished)
        ended = Counter((event.job, event.stage) for event in house.events if isinstance(event, StageFinished))
        assert len(ended) == 500 and set(ended.values()) == {1}
        by_node = Counter(event.node for event in house.events if isinstance(event, StageFinished))
        assert len(by_node) == 3, by_node
        assert not [event for event in house.events if isinstance(event, StageLost)]
