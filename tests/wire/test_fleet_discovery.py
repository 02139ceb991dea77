"""Agents that are found by mDNS, in a network namespace of their own: seen, paired by name, moved, doubled, gone.

The tests run twice removed: the one that is collected lays a network without privileges and runs this file in it.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`

from fleet_world import until

from daemon.fleet import admission, discovery, peer
from daemon.fleet.discovery import Discovery
from daemon.fleet.sightings import Sightings
from schema.errors import Refused
from schema.events import NodeAddressed, NodeJoined, NodePaired, NodeRefused
from schema.pairing import SERVICE
from schema.settings import FleetSettings, Settings

pytestmark = [pytest.mark.story, pytest.mark.fleet]

INSIDE = "STABLENEW_TEST_NETWORK"
SECONDS = 40
QUICK = Settings(fleet=FleetSettings(heartbeat=0.2, suspect_after=1.0, lost_after=3.0))
LAY = (
    "ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 && "
    "ip addr add 10.9.0.2/24 dev v0 && ip link set v0 addrgenmode none && ip link set v1 addrgenmode none && "
    "ip link set v0 up && ip link set v1 up"
)

if INSIDE not in os.environ:

    def test_agents_are_found_in_a_network_of_their_own():
        if shutil.which("unshare") is None or shutil.which("ip") is None:
            pytest.skip("needs unshare and ip, of Linux")
        run = f'{LAY} && exec "$0" -m pytest -q -m fleet -p no:cacheprovider --timeout 60 "$1"'
        done = subprocess.run(
            ["unshare", "-Urn", "sh", "-c", run, sys.executable, __file__],
            env={**os.environ, INSIDE: "1"}, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        if "Operation not permitted" in done.stderr or "unshare failed" in done.stderr:
            pytest.skip(f"this machine lends no namespaces: {done.stderr.strip()[-100:]}")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]

else:

    async def test_an_agent_is_seen_within_two_seconds_paired_by_its_name_and_known_when_it_moves(opened, away):
        house = await opened(QUICK, discover=True)
        await until(lambda: house.parts.fleet.lan.keys.done())
        async with away("rig") as agent:
            began = time.monotonic()
            await until(lambda: house.parts.vitals.strangers)
            assert time.monotonic() - began < 4.0  # two, on a machine that has nothing else to do
            [stranger] = house.parts.vitals.strangers
            assert (stranger.node, stranger.name, stranger.state) == (agent.node, "rig", "new")
            assert re.fullmatch(rf"10\.9\.0\.[12]:{agent.port}", stranger.address)
            done = await house.parts.fleet.admission.pair("rig", await agent.code())
            assert done.ready
            await until(lambda: not house.parts.vitals.strangers)
        async with away("rig") as moved:
            await until(lambda: len([event for event in house.events if isinstance(event, NodeJoined)]) == 3)
            addresses = [event.address for event in house.events if isinstance(event, NodeAddressed)]
            assert addresses and addresses[-1].endswith(f":{moved.port}")

    async def test_one_that_ends_with_a_goodbye_is_not_shown_any_more(opened, away):
        house = await opened(QUICK, discover=True)
        async with away("rig") as agent:
            await until(lambda: house.parts.vitals.strangers)
            agent.process.terminate()
            await until(lambda: not house.parts.vitals.strangers)

    async def test_one_that_waits_with_a_token_of_this_daemon_is_brought_in_by_itself(opened, away, tmp_path):
        house = await opened(QUICK, discover=True)
        token, _ = await house.parts.fleet.admission.invite()
        keys = tmp_path / "away/rig/keys"
        keys.mkdir(parents=True, mode=0o700)
        (keys / "token").touch(mode=0o600)
        (keys / "token").write_text(token + "\n")
        async with away("rig") as agent:
            [pin] = await house.until(NodePaired)
            assert (pin.node, pin.by) == (agent.node, "token")

    async def test_a_copied_disk_on_the_network_is_noticed_by_itself(opened, away, monkeypatch):
        monkeypatch.setattr(peer, "TWIN_SECONDS", 0.5)
        house = await opened(QUICK, discover=True)
        async with away("rig") as agent:
            await until(lambda: house.parts.vitals.strangers)
            await house.parts.fleet.admission.pair("rig", await agent.code())
            shutil.copytree(agent.home / "keys", agent.home.parent / "copy" / "keys")
            async with away("copy") as copy:
                [refused] = await house.until(NodeRefused)
                assert refused.standing == "conflicted"
                assert f":{agent.port}" in refused.reason and f":{copy.port}" in refused.reason

    async def test_an_agent_of_another_daemon_is_shown_as_taken_and_not_paired(opened, away, tmp_path, monkeypatch):
        monkeypatch.setattr(admission, "SEEN_SECONDS", 0.5)
        house = await opened(QUICK, discover=True)
        async with away("rig") as agent:
            await until(lambda: house.parts.vitals.strangers)
            await house.parts.fleet.admission.pair("rig", await agent.code())
            await house.close()
            for mine in ("state", "data"):
                shutil.rmtree(tmp_path / mine)
            other = await opened(QUICK, discover=True)
            await until(lambda: [one.state for one in other.parts.vitals.strangers] == ["taken"])
            with pytest.raises(Refused, match="another daemon"):
                await other.parts.fleet.admission.pair("rig", "0000-0000")

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket that zeroconf leaves open
    async def test_a_new_interface_is_used_and_a_network_that_is_not_there_ends_nothing(monkeypatch):
        monkeypatch.setattr(discovery, "POLL_SECONDS", 0.2)
        found = Discovery(Sightings(), lambda: None, lambda: False)
        task = asyncio.create_task(found.run())
        try:
            await asyncio.sleep(0.5)
            ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
            ip("addr", "add", "10.9.1.1/24", "dev", "w0")
            ip("link", "set", "w0", "up")
            ip("link", "set", "w1", "up")
            await asyncio.sleep(1.0)
            ip("link", "del", "w0")
            await asyncio.sleep(1.0)
            assert not task.done() and not found.trouble
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def test_a_flood_of_services_neither_stops_the_loop_nor_fills_the_memory():
        sightings = Sightings()
        found = Discovery(sightings, lambda: None, lambda: False)
        from zeroconf import ServiceStateChange

        began = time.monotonic()
        for number in range(20_000):
            found._heard(None, SERVICE, f"flood-{number:08d}.{SERVICE}", ServiceStateChange.Added)  # type: ignore[arg-type]
        assert time.monotonic() - began < 4.0  # under 0.2 ms each
        assert len(sightings.names()) == len(found._due) == 64


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Away:
    def __init__(self, process: asyncio.subprocess.Process, home: Path, ready: dict) -> None:
        self.process, self.home = process, home
        self.node: str = ready["node"]
        self.port: int = ready["port"]
        self.codes: list[str] = []

    async def code(self) -> str:
        await until(lambda: self.codes)
        return self.codes[-1]

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.codes += re.findall(r"Pairing code (\d{4}-\d{4})", line.decode())


@pytest.fixture
def away(tmp_path):
    """Starts an agent that announces itself; killed at the end of the block if it still lives."""

    @asynccontextmanager
    async def start(name: str) -> AsyncIterator[Away]:
        home = tmp_path / "away" / name
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent", "--home", str(home), "--socket", str(home / "s"), "--node", name,
            "--network", "--port", "0", stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
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
