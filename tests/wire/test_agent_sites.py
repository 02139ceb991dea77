"""One listening socket, one site at a time: changing hands loses no connection, and nobody holds a place for ever."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent import network
from agent.network import Network, listening
from agent.pairing.contexts import open_context, pinned_context
from agent.pairing.keys import Kept, kept_identity
from agent.pairing.pins import Pin
from daemon.fleet.trust.contexts import pinned_context as daemons_context
from daemon.fleet.trust.keys import Keys, kept_keys
from schema.errors import Refused
from schema.keys import pem_of


def app(said: str) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=said)

    made = web.Application()
    made.router.add_get("/", answer)
    return made


def anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Port:
    def __init__(self, folder: Path) -> None:
        self.kept: Kept = kept_identity(folder / "agent", "rig2")
        self.keys: Keys = kept_keys(folder / "keys", "daemon")
        self.pin = Pin(self.keys.certificate, self.keys.fleet, 1)
        self.network = Network(listening(0, folder / "port"))
        self.daemon = daemons_context(self.keys, pem_of(self.kept.certificate).decode("ascii"))

    async def strangers(self) -> None:
        await self.network.serve(app("pairing"), open_context(self.kept))

    async def pinned(self) -> None:
        await self.network.serve(app("work"), pinned_context(self.kept, self.pin))

    async def ask(self, context: ssl.SSLContext) -> str:
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        timeout = aiohttp.ClientTimeout(total=5)
        url = f"https://127.0.0.1:{self.network.port}/"
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, session.get(url) as answer:
            return await answer.text()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Port]:
    port = Port(folder)
    try:
        yield port
    finally:
        await port.network.close()


async def test_whoever_calls_while_it_changes_hands_is_answered_by_the_one_or_the_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as port:
        await port.strangers()
        answers: list[str] = []
        stopping = asyncio.Event()

        async def call() -> None:
            while not stopping.is_set():
                answers.append(await port.ask(port.daemon))

        calling = [asyncio.create_task(call()) for _ in range(4)]
        for _ in range(4):
            await port.pinned()
            await asyncio.sleep(0.03)
            await port.strangers()
            await asyncio.sleep(0.03)
        stopping.set()
        await asyncio.gather(*calling)  # none of them waited in vain
        assert set(answers) == {"pairing", "work"}


@pytest.mark.parametrize("turns", range(12))
async def test_at_whatever_turn_of_the_loop_somebody_comes_he_is_answered_or_hung_up_on(
    tmp_path: Path, turns: int
) -> None:
    async with opened(tmp_path) as port:
        await port.strangers()
        change = asyncio.create_task(port.pinned())
        for _ in range(turns):
            await asyncio.sleep(0)
        connected = socket.create_connection(("127.0.0.1", port.network.port))
        connected.setblocking(False)
        async with asyncio.timeout(3):
            try:
                reader, writer = await asyncio.open_connection(sock=connected, ssl=port.daemon, server_hostname="a")
                writer.write(b"GET / HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
                await reader.read()
                writer.close()
            except OSError:
                pass
        await change


async def test_a_connection_of_before_does_not_outlive_the_change(tmp_path: Path) -> None:
    async with opened(tmp_path) as port:
        await port.pinned()
        reader, writer = await asyncio.open_connection("127.0.0.1", port.network.port, ssl=port.daemon)
        await port.strangers()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert await port.ask(anybody()) == "pairing"


async def test_a_stranger_who_says_nothing_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "STRANGER_SECONDS", 0.1)
    async with opened(tmp_path) as port:
        await port.strangers()
        reader, writer = await asyncio.open_connection("127.0.0.1", port.network.port, ssl=anybody())
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_a_daemon_stays_as_long_as_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "STRANGER_SECONDS", 0.05)
    async with opened(tmp_path) as port:
        await port.pinned()
        reader, writer = await asyncio.open_connection("127.0.0.1", port.network.port, ssl=port.daemon)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: agent\r\n\r\n")
            async with asyncio.timeout(5):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(4) == b"work"
            await asyncio.sleep(0.06)
        writer.close()


async def test_no_more_are_let_in_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST", 2)
    async with opened(tmp_path) as port:
        await port.strangers()
        held = [await asyncio.open_connection("127.0.0.1", port.network.port, ssl=anybody()) for _ in range(2)]
        with pytest.raises(aiohttp.ClientError):
            await port.ask(anybody())
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await port.ask(anybody()) == "pairing"
                    break
                except aiohttp.ClientError:  # the other side has not seen them go yet
                    await asyncio.sleep(0.01)


def test_a_port_is_taken_again_and_again_and_refused_where_it_cannot_be(tmp_path: Path) -> None:
    with listening(0, tmp_path / "port") as first:
        number = first.getsockname()[1]
        assert not (tmp_path / "port").exists()  # any port was wished for, also the next time
        with pytest.raises(Refused, match="is taken by another program"):
            listening(number, tmp_path / "other")
    listening(number, tmp_path / "port").close()
    assert (tmp_path / "port").read_text() == f"{number}\n"
    with listening(None, tmp_path / "port") as second:
        assert second.getsockname()[1] == number
    for odd in ("99999", "-1", "many", ""):
        (tmp_path / "port").write_text(odd)
        listening(None, tmp_path / "port").close()
