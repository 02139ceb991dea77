"""Paired agents that are stopped, and strangers at their addresses: told at once, believed only with the key."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agent_net import running
from fleet_world import until

from daemon.fleet import lan
from daemon.fleet.link import over_network
from daemon.fleet.seam import LinkLost, NotKnown, Refusing
from daemon.fleet.trust.contexts import is_pinned, pinned_context
from daemon.fleet.trust.keys import kept_keys
from schema.errors import Refused
from schema.events import JobFinished, NodeLost, NodeRefused, StageAssigned, StageLost
from schema.keys import pem_of
from schema.settings import FleetSettings, Settings

pytestmark = pytest.mark.fleet

SLOW = Settings(fleet=FleetSettings(heartbeat=0.5, suspect_after=15.0, lost_after=30.0))

ALERT = bytes.fromhex("15 03 03 00 02 02 30")
"""TLS, fatal: the certificate's authority is not known."""


async def paired(house, agent) -> str:
    done = await house.parts.fleet.admission.add(agent.address, await agent.code())
    assert done.ready, done
    return done.node


async def seen(house, node: str):
    scene = house.parts.ledger.scene()
    return next(one for one in scene.nodes if one.node == node)


@pytest.mark.story
async def test_one_that_is_stopped_is_suspect_at_once_keeps_its_stage_and_is_well_when_it_is_back(opened, tmp_path):
    house = await opened(SLOW)
    async with running(tmp_path / "rig", "--sketch-step-seconds", "0.03", name="rig") as agent:
        node = await paired(house, agent)
        await house.submit("txt2img.steps=60", "detail.enabled=false", "upscale.enabled=false", node=node)
        await house.until(StageAssigned)
        await agent.end("terminate")
        async with asyncio.timeout(5.0):
            await until(lambda: node in house.parts.vitals.silent)
        told = await seen(house, node)
        assert told.state == "suspect" and "its agent was stopped" in told.trouble
        port = str(agent.ready["port"])
    async with running(tmp_path / "rig", name="rig", port=port):
        await until(lambda: node not in house.parts.vitals.silent)
        await house.until(JobFinished)
        assert (await seen(house, node)).trouble == ""
    assert not [event for event in house.events if isinstance(event, NodeLost | StageLost)]


@pytest.mark.story
async def test_one_that_is_killed_is_not_said_to_be_stopped(opened, tmp_path):
    house = await opened(SLOW)
    async with running(tmp_path / "rig", name="rig") as agent:
        node = await paired(house, agent)
        await agent.end("kill")
        await until(lambda: not house.parts.fleet.lan.peers[node].node.connected)
        await asyncio.sleep(1.5)
        assert node not in house.parts.vitals.silent


@pytest.mark.story
async def test_whoever_ends_the_handshake_where_a_node_was_makes_it_no_less_trusted(opened, tmp_path):
    """Anybody on the network can say at its address that the daemon's key is not known."""
    house = await opened(SLOW)
    async with running(tmp_path / "rig", name="rig") as agent:
        node = await paired(house, agent)
        await agent.end("kill")
        async with Alerting(int(str(agent.ready["port"]))) as calls:
            await until(lambda: len(calls) > 2)
    assert not [event for event in house.events if isinstance(event, NodeRefused)]
    assert (await seen(house, node)).state != "untrusted"


@pytest.mark.story
async def test_a_daemon_whose_keys_were_taken_away_goes_on_and_says_so(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(lan, "KEYS_SECONDS", 0.2)
    house = await opened(SLOW)
    async with running(tmp_path / "rig", name="rig") as agent:
        node = await paired(house, agent)
        fleet, keys = house.parts.fleet, house.parts.fleet.lan.keys_folder
        [peer] = fleet.lan.peers.values()
        keys.rename(keys.with_name("away"))
        pin = fleet.lan._certificates[node]
        again = asyncio.create_task(fleet.lan._serve(peer, pin))
        await until(lambda: "Put its folder back from a backup" in fleet.trouble)
        keys.with_name("away").rename(keys)
        await until(lambda: not fleet.trouble)
        again.cancel()
        await asyncio.wait((again,))


@pytest.mark.story
async def test_a_node_that_is_away_is_named_as_people_call_it(opened, tmp_path):
    house = await opened(SLOW)
    async with running(tmp_path / "rig", name="rig") as agent:
        node = await paired(house, agent)
        known = await house.parts.fleet.admission.add(agent.address, None)
        assert (known.name, known.ready) == ("rig", True)
        await agent.end("kill")
        await until(lambda: not house.parts.fleet.lan.peers[node].node.connected)
        with pytest.raises(Refused, match="node rig is not connected"):
            await house.parts.fleet.probe(node)


async def test_an_alert_before_the_key_is_proved_says_nothing(tmp_path):
    keys = kept_keys(tmp_path, "house")
    pin = pem_of(keys.certificate).decode()
    async with Alerting(0) as calls:
        link = over_network(calls.address, pinned_context(keys, pin), lambda transport: is_pinned(transport, pin))
        async with link:
            with pytest.raises(LinkLost) as lost:
                await link.card()
    assert not isinstance(lost.value, NotKnown)
    async with link_to_nobody(calls.address, keys, pin) as link:
        with pytest.raises(Refusing):
            await link.card()


def link_to_nobody(address: str, keys, pin: str):
    return over_network(address, pinned_context(keys, pin), lambda transport: is_pinned(transport, pin))


class Alerting:
    """Somebody who answers every greeting with the same alert."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.calls: list[int] = []
        self.address = ""

    def __len__(self) -> int:
        return len(self.calls)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls.append(1)
        await reader.read(4096)
        writer.write(ALERT)
        writer.close()
