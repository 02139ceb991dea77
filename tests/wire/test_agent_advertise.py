"""The agent's name on the network: which addresses are told, when anew, and what happens where nothing can be told."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
import zeroconf
from zeroconf._dns import DNSAddress, DNSRecord, DNSService
from zeroconf.asyncio import AsyncServiceInfo

from agent import advertise
from agent.adapters import Adapter, published
from agent.advertise import Advertiser, Said
from schema.ids import NodeId
from schema.pairing import SERVICE

NODE = NodeId("k3v9x2mpabcdefghijklmnopqr")
HOME = Adapter("eth0", ("10.0.0.12", "fd00::12", "fe80::12"))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([Adapter("lo", ("127.0.0.1", "::1"))], ()),
        ([HOME, Adapter("lo", ("127.0.0.1", "::1"))], ("10.0.0.12", "fd00::12")),
        ([Adapter("docker0", ("172.17.0.1",)), Adapter("br-0af31", ("172.18.0.1",))], ()),
        ([Adapter("virbr0", ("192.168.122.1",)), Adapter("podman0", ("10.88.0.1",))], ()),
        ([Adapter("br0", ("192.168.1.4",))], ("192.168.1.4",)),
        ([Adapter("tailscale0", ("100.80.1.2",)), Adapter("wlan0", ("192.168.1.4",))], ("192.168.1.4", "100.80.1.2")),
        ([Adapter("eth0", ("8.8.8.8", "2001:db8::1", "10.0.0.1"))], ("10.0.0.1", "8.8.8.8", "2001:db8::1")),
        ([Adapter("eth0", ("169.254.7.7", "fe80::7"))], ("169.254.7.7",)),
        ([Adapter("eth0", ("169.254.7.7", "10.0.0.1"))], ("10.0.0.1",)),
        ([Adapter("eth0", tuple(f"10.0.0.{n}" for n in range(10, 30)))], tuple(f"10.0.0.{n}" for n in range(10, 18))),
        ([Adapter("eth0", ("10.0.0.1",)), Adapter("eth1", ("10.0.0.1",))], ("10.0.0.1",)),
    ],
)  # fmt: skip
def test_only_addresses_that_others_can_use_are_told_the_likeliest_first(
    found: list[Adapter], told: tuple[str, ...]
) -> None:
    assert published(found) == told


class FakeZeroconf:
    """What was asked of it, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.infos: list[AsyncServiceInfo] = []
        self.fault: Exception | None = None
        self.heard: list[DNSRecord] = []
        """On the network."""

    @property
    def zeroconf(self) -> "FakeZeroconf":
        return self

    @property
    def cache(self) -> "FakeZeroconf":
        return self

    def entries_with_name(self, name: str) -> list[DNSRecord]:
        return [record for record in self.heard if record.name == name]

    async def async_register_service(self, info: AsyncServiceInfo, *, cooperating_responders: bool) -> None:
        assert cooperating_responders, "asking whose name it is takes more than a second"
        self._take("register", info)

    async def async_unregister_service(self, info: AsyncServiceInfo) -> None:
        self.asked.append("unregister")

    async def async_update_service(self, info: AsyncServiceInfo) -> None:
        self._take("update", info)

    async def async_update_interfaces(self) -> None:
        self.asked.append("interfaces")

    async def async_close(self) -> None:
        self.asked.append("goodbye")

    def _take(self, what: str, info: AsyncServiceInfo) -> None:
        self.asked.append(what)
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        assert all(info is not other for other in self.infos), "zeroconf compares it with the one it holds"
        self.infos.append(info)


class Place:
    def __init__(self) -> None:
        self.adapters: tuple[Adapter, ...] = (HOME,)
        self.zeroconf = FakeZeroconf()
        self.made = 0
        self.cannot: Exception | None = None
        self.told: list[str] = []
        self.advertiser = Advertiser(
            NODE, "rig 2", "beef01", 7801, self.told.append, look=lambda: self.adapters, make=self._make,  # type: ignore[arg-type, return-value]
        )  # fmt: skip

    def _make(self) -> FakeZeroconf:
        self.made += 1
        if self.cannot is not None:
            raise self.cannot
        return self.zeroconf

    def text(self) -> dict[bytes, bytes | None]:
        return dict(self.zeroconf.infos[-1].properties)

    async def until(self, *asked: str) -> None:
        async with asyncio.timeout(5):
            while tuple(self.zeroconf.asked) != asked:  # noqa: ASYNC110 - another task asks
                await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advertise, "LOOK_SECONDS", 0.02)


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[Place]:
    task = asyncio.create_task(place.advertiser.run())
    try:
        yield place
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def test_it_is_announced_under_a_unique_name_with_what_a_daemon_wants_to_know() -> None:
    place = Place()
    place.advertiser.say(Said(pair=True, join="abcdefgh"))
    async with running(place):
        await place.until("register")
        info = place.zeroconf.infos[0]
        assert info.type == SERVICE and info.name == f"rig-2-k3v9x2mp.{SERVICE}"
        assert info.server == "rig-2-k3v9x2mp.local." and info.port == 7801
        assert info.parsed_addresses() == ["10.0.0.12", "fd00::12"]
        assert place.text() == {b"id": NODE.encode(), b"v": b"1", b"pair": b"1", b"join": b"abcdefgh"}
        place.advertiser.say(Said(pair=False))
        await place.until("register", "update")
        assert place.text() == {b"id": NODE.encode(), b"v": b"1", b"pair": b"0"}
        await place.advertiser.stop()
        assert place.zeroconf.asked[-1] == "goodbye"


async def test_nothing_new_is_not_told_again() -> None:
    place = Place()
    async with running(place):
        await place.until("register")
        await asyncio.sleep(0.15)
        assert place.zeroconf.asked == ["register"]


async def test_a_new_address_is_told_after_the_interfaces_were_looked_at() -> None:
    place = Place()
    async with running(place):
        await place.until("register")
        place.adapters = (Adapter("eth0", ("10.0.9.9",)),)
        await place.until("register", "interfaces", "update")
        assert place.zeroconf.infos[-1].parsed_addresses() == ["10.0.9.9"]
        place.adapters = (Adapter("docker0", ("172.17.0.1",)), Adapter("eth0", ("10.0.9.9",)))
        await place.until("register", "interfaces", "update", "interfaces")


async def test_a_machine_without_network_is_announced_once_it_has_one() -> None:
    place = Place()
    place.adapters = (Adapter("lo", ("127.0.0.1",)),)
    async with running(place):
        await asyncio.sleep(0.1)
        assert place.made == 0 and not place.told
        place.adapters = (HOME,)
        await place.until("register")
        place.adapters = ()  # the cable is pulled, and back
        await asyncio.sleep(0.1)
        place.adapters = (HOME,)
        await asyncio.sleep(0.1)
        assert place.made == 1 and place.zeroconf.infos[-1].parsed_addresses() == ["10.0.0.12", "fd00::12"]


def at(address: str, ttl: int = 120) -> DNSAddress:
    return DNSAddress("rig-2-k3v9x2mp.local.", 1, 1, ttl, ip_address(address).packed)


def listens(port: int) -> DNSService:
    return DNSService(f"rig-2-k3v9x2mp.{SERVICE}", 33, 1, 120, 0, 0, port, "rig-2-k3v9x2mp.local.")


@pytest.mark.parametrize("heard", [at("10.0.0.99"), listens(7802)])
async def test_a_name_that_somebody_else_has_is_changed_and_still_ends_with_the_node(heard: DNSRecord) -> None:
    place = Place()
    async with running(place):
        await place.until("register")
        place.zeroconf.heard = [at("10.0.0.12"), listens(7801), heard]
        await place.until("register", "unregister", "register")
        assert place.zeroconf.infos[-1].name == f"rig-2-beef-k3v9x2mp.{SERVICE}"
        place.zeroconf.heard.append(DNSAddress("rig-2-beef-k3v9x2mp.local.", 1, 1, 120, b"evil"))
        await asyncio.sleep(0.1)
        assert len(place.zeroconf.asked) == 3, "it steps aside once"


async def test_what_it_has_said_itself_is_nobody_else() -> None:
    place = Place()
    async with running(place):
        await place.until("register")
        place.zeroconf.heard = [at("10.0.0.12"), at("10.0.0.77", ttl=0), listens(7801)]
        place.adapters = (Adapter("eth0", ("10.0.9.9",)),)
        await place.until("register", "interfaces", "update")
        place.zeroconf.heard.append(at("10.0.9.9"))
        await asyncio.sleep(0.1)
        assert place.zeroconf.asked == ["register", "interfaces", "update"]


@pytest.mark.parametrize("fault", [OSError(98, "Address already in use"), zeroconf.NotRunningException()])
async def test_where_nothing_can_be_announced_it_is_told_once_with_the_remedy_and_tried_again(fault: Exception) -> None:
    place = Place()
    place.cannot = fault
    async with running(place):
        async with asyncio.timeout(5):
            while place.made < 4:  # noqa: ASYNC110 - another task tries
                await asyncio.sleep(0.002)
        assert len(place.told) == 1 and "`stablenew node add 10.0.0.12:7801`" in place.told[0]
        assert place.advertiser.trouble and not place.advertiser.is_announced
        place.cannot = None
        await place.until("register")
        await asyncio.sleep(0)
        assert place.advertiser.is_announced


@pytest.mark.parametrize(
    ("name", "told"),
    [("rig2", "rig2"), ("gpu box", "gpu-box"), ("кошка", "agent"), ("-a.b-", "a-b"), ("x" * 90, "x" * 48)],
)
def test_a_name_becomes_part_of_a_host_name(name: str, told: str) -> None:
    assert advertise.label(name) == told


FOUND = """
import asyncio, sys
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf
from agent.advertise import Advertiser, Said
from schema.pairing import SERVICE

async def main():
    loop, seen = asyncio.get_running_loop(), asyncio.Queue()
    zc = AsyncZeroconf(ip_version=IPVersion.All)
    def heard(zeroconf, service_type, name, state_change):
        seen.put_nowait((state_change.name, name))
    browser = AsyncServiceBrowser(zc.zeroconf, [SERVICE], handlers=[heard])
    advertiser = Advertiser("k3v9x2mpabcdefghijklmnopqr", "rig2", "beef", 7801, print)
    advertiser.say(Said(True))
    began = loop.time()
    running = asyncio.create_task(advertiser.run())
    async with asyncio.timeout(10):
        state, name = await seen.get()
    found = loop.time() - began
    info = AsyncServiceInfo(SERVICE, name)
    assert await info.async_request(zc.zeroconf, 3000)
    print(state, name, info.parsed_addresses(), info.properties[b"pair"].decode(), found < 2.0)
    running.cancel()
    await advertiser.stop()
    async with asyncio.timeout(10):
        while (await seen.get())[0] != "Removed":
            pass
    print("Removed")
    await zc.async_close()

asyncio.run(main())
"""


@pytest.mark.story
def test_a_browser_of_this_network_finds_it_in_two_seconds_and_hears_its_goodbye() -> None:
    """In a network namespace of its own, with one cable, both ends of it here."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs unshare and ip, of Linux")
    lay = (
        "ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.9.0.1/24 dev v0 && "
        "ip link set v0 up && ip link set v1 up"
    )
    words = ["unshare", "-Urn", "sh", "-c", f'{lay} && exec "$0" -c "$1"', sys.executable, FOUND]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )  # fmt: skip
    if "Operation not permitted" in done.stderr or "unshare failed" in done.stderr:
        pytest.skip(f"this machine lends no namespaces: {done.stderr.strip()[-100:]}")
    assert done.stdout.splitlines() == [
        f"Added rig2-k3v9x2mp.{SERVICE} ['10.9.0.1'] 1 True", "Removed",
    ], done.stderr  # fmt: skip


LATE = """
import asyncio, os, subprocess
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf
from agent.advertise import Advertiser, Said
from schema.pairing import SERVICE

def ip(*words):
    subprocess.run(["ip", *words], check=True)

async def main():
    loop, seen = asyncio.get_running_loop(), asyncio.Queue()
    advertiser = Advertiser("k3v9x2mpabcdefghijklmnopqr", "rig2", "beef", 7801, print)
    running = asyncio.create_task(advertiser.run())
    await asyncio.sleep(0.5)
    assert not advertiser.is_announced and not advertiser.trouble
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    ip("addr", "add", "10.9.0.1/24", "dev", "v0")
    for end in ("v0", "v1"):
        ip("link", "set", end, "up")
    began = loop.time()
    zc = AsyncZeroconf(ip_version=IPVersion.All)
    def heard(zeroconf, service_type, name, state_change):
        seen.put_nowait(name)
    AsyncServiceBrowser(zc.zeroconf, [SERVICE], handlers=[heard])
    async with asyncio.timeout(10):
        name = await seen.get()
    print(name.partition(".")[0], loop.time() - began < 5)
    ip("addr", "del", "10.9.0.1/24", "dev", "v0")
    ip("addr", "add", "10.9.0.7/24", "dev", "v0")
    await zc.async_update_interfaces()
    began = loop.time()
    while True:
        info = AsyncServiceInfo(SERVICE, name)
        await info.async_request(zc.zeroconf, 1000)
        if info.parsed_addresses()[:1] == ["10.9.0.7"]:
            break
        await asyncio.sleep(0.2)
    print("moved", loop.time() - began < 8)
    running.cancel()
    await advertiser.stop()
    await zc.async_close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.story
def test_without_network_at_first_it_is_found_once_there_is_one_and_again_at_its_new_address() -> None:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs unshare and ip, of Linux")
    words = ["unshare", "-Urn", "sh", "-c", 'ip link set lo up && exec "$0" -c "$1"', sys.executable, LATE]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )  # fmt: skip
    if "Operation not permitted" in done.stderr or "unshare failed" in done.stderr:
        pytest.skip(f"this machine lends no namespaces: {done.stderr.strip()[-100:]}")
    assert done.stdout.splitlines() == ["rig2-k3v9x2mp True", "moved True"], done.stderr
