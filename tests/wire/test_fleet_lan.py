"""Agents on the network, over real TLS on loopback: paired, proved, given work, lost, moved, doubted, unpaired."""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`

from fleet_world import until

from daemon.fleet import peer
from daemon.fleet.link import AgentLink, over_socket
from daemon.fleet.shared import Shared
from daemon.fleet.sightings import Sighting
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
from schema.pairing import SERVICE
from schema.settings import FleetSettings, Settings

pytestmark = [pytest.mark.story, pytest.mark.fleet]

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


@pytest.fixture
def away(tmp_path):
    """Starts one; killed at the end of the block if it still lives."""

    @asynccontextmanager
    async def start(name: str, *options: str, port: int = 0, where: str = "away") -> AsyncIterator[Away]:
        home = tmp_path / where / name
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "agent.sock"),
            "--node", name, "--network", "--port", str(port), *options, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
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
    async with away("rig", "--sketch-step-seconds", "0.2") as agent:
        pairing = asyncio.create_task(paired(house, agent))
        await house.until(NodePaired)
        await house.submit("detail.enabled=false", "upscale.enabled=false", node=agent.node)
        await pairing
        await house.until(JobFinished)
    names = [type(event).__name__ for event in house.events]
    assert names.index("NodeProbed") < names.index("StageAssigned")


async def test_a_wrong_code_pairs_nobody_and_stands_in_the_log(opened, away):
    house = await opened(QUICK)
    async with away("rig") as agent:
        wrong = "0000-0000" if await agent.code() != "0000-0000" else "1111-1111"
        with pytest.raises(Refused, match="not the one of the agent"):
            await house.parts.fleet.admission.add(agent.address, wrong)
        [failed] = await house.until(NodePairFailed)
        assert (failed.address, failed.name, failed.node) == (agent.address, "rig", agent.node)
        assert not house.parts.fleet.lan.peers
        await paired(house, agent)


async def test_who_is_added_without_a_code_is_noted_and_then_paired_by_name(opened, away):
    house = await opened(QUICK)
    async with away("rig") as agent:
        noted = await house.parts.fleet.admission.add(agent.address, None)
        assert (noted.paired, noted.name, noted.node) == (False, "rig", agent.node)
        [stranger] = house.parts.vitals.strangers
        assert (stranger.node, stranger.state, stranger.address) == (agent.node, "new", agent.address)
        done = await house.parts.fleet.admission.pair("rig", await agent.code())
        assert done.ready
        assert house.parts.vitals.strangers == ()
        with pytest.raises(Refused, match="no agent called nobody"):
            await house.parts.fleet.admission.pair("nobody", "0000-0000")


async def test_a_killed_agent_is_lost_after_its_time_and_back_at_its_address(opened, away):
    house = await opened(QUICK)
    async with away("rig", "--sketch-step-seconds", "0.02") as agent:
        await paired(house, agent)
        await house.submit("txt2img.steps=150", node=agent.node)
        await house.until(StageAssigned)
        agent.process.kill()
        [lost] = await house.until(NodeLost)
        assert lost.node == agent.node and "no sign of life" in lost.reason
        assert agent.node not in house.parts.vitals.silent
    async with away("rig", port=agent.port):
        await house.until(JobFinished)
    assert len(of(house, StageLost, agent.node)) == 1
    stages = [event.stage for event in house.events if isinstance(event, StageFinished)]
    assert len(stages) == len(set(stages)) == 3


async def test_a_frozen_agent_is_silent_then_lost_and_what_it_finishes_later_is_not_doubled(opened, away):
    house = await opened(QUICK)
    async with away("rig", "--sketch-step-seconds", "0.02") as agent:
        await paired(house, agent)
        await house.submit("txt2img.steps=150", node=agent.node)
        await until(lambda: house.parts.vitals.progress)
        agent.process.send_signal(signal.SIGSTOP)
        await until(lambda: house.parts.vitals.silent.get(agent.node, 0) >= 1.0)
        assert not of(house, NodeLost, agent.node)
        await house.until(StageLost)
        agent.process.send_signal(signal.SIGCONT)
        await house.until(JobFinished)
    stages = [event.stage for event in house.events if isinstance(event, StageFinished)]
    assert len(stages) == len(set(stages)) == 3


async def test_a_connection_that_breaks_is_no_loss(opened, away):
    house = await opened(QUICK)
    async with away("rig", "--sketch-step-seconds", "0.02") as agent:
        await paired(house, agent)
        await house.submit("txt2img.steps=100", node=agent.node)
        await until(lambda: house.parts.vitals.progress)
        node = house.parts.fleet.lan.peers[agent.node].node
        await node._link.close()
        await until(lambda: not node.connected)
        await house.until(JobFinished)
    assert not of(house, NodeLost, agent.node) and not of(house, StageLost, agent.node)
    assert len(of(house, NodeJoined, agent.node)) == 1


async def test_the_next_daemon_takes_over_what_runs_and_asks_for_no_code(opened, away):
    async with away("rig", "--sketch-step-seconds", "0.05") as agent:
        house = await opened(QUICK)
        await paired(house, agent)
        await house.submit("txt2img.steps=60", node=agent.node)
        await until(lambda: house.parts.vitals.progress)
        await house.close()
        again = await opened(QUICK)
        await again.until(JobFinished)
    assert not [event for event in again.events if isinstance(event, StageLost | NodeProbed)]
    stages = [event.stage for event in again.events if isinstance(event, StageFinished)]
    assert len(stages) == len(set(stages)) == 3


async def test_what_ran_on_one_that_does_not_come_back_goes_elsewhere_after_the_lost_time(opened, away):
    async with away("rig", "--sketch-step-seconds", "0.05") as agent:
        house = await opened(QUICK)
        await paired(house, agent)
        await house.submit("txt2img.steps=400", node=agent.node)
        await house.until(StageAssigned)
        await house.close()
    again = await opened(QUICK)
    [lost] = await again.until(StageLost)
    assert "no sign of life" in lost.reason


async def test_one_that_answers_at_another_address_is_known_by_its_key(opened, away):
    house = await opened(QUICK)
    async with away("rig") as agent:
        await paired(house, agent)
    async with away("rig") as moved:
        assert moved.node == agent.node and moved.port != agent.port
        found = await house.parts.fleet.admission.add(moved.address, None)
        assert found.paired and found.node == agent.node
        [addressed] = await house.until(NodeAddressed)
        assert addressed.address == moved.address
        await house.submit(node=agent.node)
        await house.until(JobFinished)


async def test_another_key_at_its_address_is_given_nothing(opened, away):
    house = await opened(QUICK)
    async with away("rig") as agent:
        await paired(house, agent)
    async with away("impostor", port=agent.port) as impostor:
        [refused] = await house.until(NodeRefused)
        assert (refused.node, refused.standing) == (agent.node, "untrusted")
        assert agent.address in refused.reason and "nothing was sent" in refused.reason
    assert not impostor.codes[1:]
    async with away("rig", port=agent.port):
        await until(lambda: len(of(house, NodeJoined, agent.node)) == 2)


async def test_two_that_live_at_once_with_one_key_are_given_nothing_until_one_has_gone(opened, away, monkeypatch):
    monkeypatch.setattr(peer, "TWIN_SECONDS", 0.5)
    house = await opened(QUICK)
    async with away("rig", "--sketch-step-seconds", "0.05") as agent:
        await paired(house, agent)
        await house.submit("txt2img.steps=400", node=agent.node)
        await house.until(StageAssigned)
        shutil.copytree(agent.home / "keys", agent.home.parent / "copy" / "keys")
        async with away("copy") as copy:
            assert copy.node == agent.node
            lan = house.parts.fleet.lan
            lan.sightings.saw(sighting(copy))
            lan._saw()
            [refused] = await house.until(NodeRefused)
            assert refused.standing == "conflicted"
            assert agent.address in refused.reason and copy.address in refused.reason
            assert len(await house.until(StageLost)) == 1
            await asyncio.sleep(1.0)  # several looks
            assert len(of(house, NodeRefused, agent.node)) == len(of(house, NodeJoined, agent.node)) == 1
        await until(lambda: len(of(house, NodeJoined, agent.node)) == 2)


async def test_unpairing_hangs_up_and_frees_the_agent_for_the_next(opened, away):
    house = await opened(QUICK)
    async with away("rig", "--sketch-step-seconds", "0.05") as agent:
        await paired(house, agent)
        await house.submit("txt2img.steps=400", node=agent.node)
        await house.until(StageAssigned)
        await house.parts.ledger.command(UnpairNode(node=agent.node), Origin("uid:1"))
        await house.until(NodeUnpaired)
        assert len(await house.until(StageLost)) == 1
        await until(lambda: len(agent.codes) == 2)  # it heard of it and shows a new one
        assert not house.parts.fleet.lan.peers and agent.node not in house.parts.vitals.cards
        await paired(house, agent)


async def test_a_token_brings_an_agent_in_without_a_code_and_once_only(opened, away, tmp_path):
    house = await opened(QUICK)
    token, until_when = await house.parts.fleet.admission.invite()
    assert token.startswith("snj1.") and until_when > 0
    lay(tmp_path / "away/rig", token)
    lay(tmp_path / "away/other", token)
    async with away("rig") as agent:
        assert not agent.codes
        done = await house.parts.fleet.admission.add(agent.address, None)
        assert done.ready and of(house, NodePaired, agent.node)[0].by == "token"
    async with away("other") as other:
        with pytest.raises(Refused, match="token"):
            await house.parts.fleet.admission.add(other.address, None)


async def test_one_that_was_unpaired_on_its_own_console_is_told_and_paired_anew(opened, away):
    house = await opened(QUICK)
    async with away("rig") as agent:
        await paired(house, agent)
        async with over_socket(agent.home / "agent.sock") as console:
            await console.unpair()
        [refused] = await house.until(NodeRefused)
        assert refused.standing == "untrusted" and "does not know this daemon any more" in refused.reason
        await until(lambda: len(agent.codes) == 2)
        await paired(house, agent)
        assert len(of(house, NodePaired, agent.node)) == 2
        await house.submit("detail.enabled=false", "upscale.enabled=false", node=agent.node)
        await house.until(JobFinished)


async def test_an_agent_of_this_machine_that_announces_itself_is_no_stranger(opened, away):
    house = await opened(QUICK)
    async with away("side", where="state/agents") as agent:
        await until(lambda: of(house, NodeJoined, agent.node))
        lan = house.parts.fleet.lan
        lan.sightings.saw(sighting(agent))
        lan._saw()
        assert house.parts.vitals.strangers == ()
        assert of(house, NodeJoined, agent.node)[0].link == "local"


@pytest.mark.parametrize("spoiled", [False, True])
async def test_results_are_taken_from_shared_storage_and_over_the_connection_where_it_lies(
    opened, away, tmp_path, monkeypatch, spoiled
):
    drive = tmp_path / "drive"
    drive.mkdir()
    settings = Settings(fleet=QUICK.fleet.model_copy(update={"shared": str(drive)}))
    house = await opened(settings)
    fetched = []
    blob, pieces = AgentLink.blob, Shared.pieces

    def counted(link, sha256, size=0):
        fetched.append(sha256)
        return blob(link, sha256, size)

    def read(shared, place, most):
        if spoiled:
            (drive / place).write_bytes(b"\x89PNG\r\n\x1a\n not what was made")
        return pieces(shared, place, most)

    async with away("rig", "--shared", str(drive)) as agent:
        await paired(house, agent)
        monkeypatch.setattr(AgentLink, "blob", counted)
        monkeypatch.setattr(Shared, "pieces", read)
        await house.submit("detail.enabled=false", "upscale.enabled=false", node=agent.node)
        await house.until(JobFinished)
        assert len(fetched) == spoiled
        await until(lambda: not list((drive / "results" / agent.node).glob("*")))


def lay(home: Path, token: str) -> None:
    """As `stablenew agent join` does."""
    (home / "keys").mkdir(parents=True, mode=0o700)
    (home / "keys/token").touch(mode=0o600)
    (home / "keys/token").write_text(token + "\n")


def sighting(agent: Away):
    """As mDNS would tell of it."""
    return Sighting(
        service=f"{agent.home.name}-{agent.node[:8]}.{SERVICE}", node=agent.node, name=agent.home.name,
        addresses=(agent.address,), open=False, protocol=1,
    )  # fmt: skip


@pytest.mark.damages
async def test_an_agent_that_worked_for_a_later_daemon_tells_that_the_log_is_an_older_one(opened, away, tmp_path):
    """State and data were put back together, so that no file on disk knows better."""
    async with away("rig") as agent:
        house = await opened(QUICK)
        await paired(house, agent)
        await house.close()
        for name in ("state", "data"):
            shutil.copytree(tmp_path / name, tmp_path / f"{name}.old")
        house = await opened(QUICK)
        await house.submit(node=agent.node)
        await house.until(JobFinished)
        await house.close()
        for name in ("state", "data"):
            shutil.rmtree(tmp_path / name)
            shutil.move(tmp_path / f"{name}.old", tmp_path / name)

        told: list[tuple[str, int]] = []
        house = await opened(QUICK)
        house.parts.fleet.later = lambda name, epoch: told.append((name, epoch))
        await until(lambda: told)
        assert {name for name, _ in told} == {"rig"} and told[0][1] > house.parts.ledger.durable
        assert not house.parts.fleet.lan.peers[agent.node].node.ready.is_set()
        assert not [event for event in house.events if isinstance(event, StageAssigned) and event.node == agent.node]
