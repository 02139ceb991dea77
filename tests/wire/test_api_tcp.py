"""The API over TCP: who is let in and for how long, and what slow, silent and endless clients cost the others."""

import asyncio
import json
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.api import callers, connections, tcp
from schema.settings import ApiSettings, Settings

sys.path.insert(0, str(Path(__file__).parent))  # for `tcp_world`

from api_world import until, world
from tcp_world import SETTINGS, TcpWorld, bearer, reply, request, tcp_world

JSON = "Content-Type: application/json"
UPGRADE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
DOORS = ("socket", "tcp")


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[TcpWorld]:
    async with tcp_world(tmp_path) as it:
        yield it


# Who is let in ------------------------------------------------------------------------------------------


async def test_nobody_listens_unless_settings_say_where(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        status = await it.get("/v1/status")
        assert status["api"] == {"address": "", "alone": True, "accesses": 0, "connections": 0}
        assert [family for family, *_ in map(_family, it.runner.sites)] == [socket.AF_UNIX]


def _family(site: object) -> tuple[socket.AddressFamily]:
    return (site._server.sockets[0].family,)  # type: ignore[attr-defined]


async def test_a_secret_is_told_once_and_the_log_holds_what_it_is_recognised_by(it: TcpWorld) -> None:
    asked = {"name": "gallery", "scope": "rate", "days": 90}
    first = await it.world.post("/v1/access", asked, key="g1")
    again = await it.world.post("/v1/access", asked, key="g1")
    other = await it.world.post("/v1/access", {**asked, "scope": "all"}, key="g1")
    twice = await it.world.post("/v1/access", asked)

    assert (again["repeated"], again["secret"], again["seq"]) == (True, None, first["seq"])
    assert (other["status"], twice["status"]) == (409, 400) and "already" in twice["error"]
    (event,) = [line for line in await it.world.get("/v1/log") if line["type"] == "AccessGranted"]
    assert event["event"]["access"]["digest"] == sha256(first["secret"].encode()).hexdigest()
    assert first["secret"] not in json.dumps(event) and first["subjects"] == ["gallery"]
    (row,) = (await it.world.get("/v1/access"))["items"]
    assert (row["name"], row["scope"], row["expired"], row["latest"]) == ("gallery", "rate", False, None)


async def test_what_is_wished_over_tcp_is_by_that_access_and_its_keys_are_its_own(it: TcpWorld) -> None:
    one, two = await it.secret("run", "one"), await it.secret("run", "two")
    for secret in (one, one, two):
        got = await it.ask(
            "POST", "/v1/queue/pause", f"Host: {it.host}", bearer(secret), "Idempotency-Key: k",
        )  # fmt: skip
        assert got.status == 200
    by = [line["actor"] for line in await it.world.get("/v1/log") if line["key"] == "k"]
    assert by == ["api:one", "api:two"]
    status = await it.world.get("/v1/status")
    assert status["queue"]["paused"] and status["api"]["address"] == it.host and status["api"]["accesses"] == 2


@pytest.mark.long
async def test_only_who_may_everything_takes_back_what_others_wished(it: TcpWorld) -> None:
    """Else `run` would reach through undo what it may not wish: a drained machine, say, or what was put away."""
    one, every = await it.secret("run", "one"), await it.secret("all", "every")
    host = f"Host: {it.host}"

    async def asked(secret: str, path: str) -> int:
        return (await it.ask("POST", path, host, bearer(secret))).status

    await it.world.post("/v1/queue/pause")
    assert await asked(one, "/v1/undo") == 403 and (await it.world.get("/v1/status"))["queue"]["paused"]
    assert await asked(every, "/v1/undo") == 200
    assert await asked(one, "/v1/redo") == 403
    assert [await asked(one, f"/v1/{path}") for path in ("queue/pause", "undo", "redo")] == [200] * 3


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_what_it_is_being_sent_ends_with_the_access(it: TcpWorld, end: str) -> None:
    await it.world.submit()
    secret = await it.secret("read", "stream", days=0.1 / 86_400 if end == "expired" else None)
    streams = []
    for path in ("/v1/log?follow=1", "/v1/feed", "/v1/follow?select=state:open"):
        reader, writer = await it.connect()
        writer.write(request("GET", path, f"Host: {it.host}", bearer(secret), *(UPGRADE if "feed" in path else ())))
        assert b"101" in (first := await reader.readline()) or b"200" in first
        streams.append((reader, writer))
    if end == "revoked":
        await it.world.post("/v1/access/stream/revoke")
    for reader, writer in streams:
        with pytest.raises((ConnectionError, EOFError)):
            await asyncio.wait_for(_to_the_end(reader), 10)
        writer.close()
    it.world.house.clock.now += 1.0  # the world's own clock stands still, the timer's went on
    assert (await it.ask("GET", "/v1/status", f"Host: {it.host}", bearer(secret))).status == 401


async def _to_the_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass
    raise EOFError


@pytest.mark.long
async def test_another_access_goes_on(it: TcpWorld) -> None:
    stays, goes = await it.secret("read", "stays"), await it.secret("read", "goes")
    reader, writer = await it.connect()
    writer.write(request("GET", "/v1/log?follow=1", f"Host: {it.host}", bearer(stays)))
    await reader.readuntil(b"AccessGranted")
    await it.world.post("/v1/access/goes/revoke")
    await asyncio.wait_for(reader.readuntil(b"AccessRevoked"), 5)
    writer.close()
    assert (await it.ask("GET", "/v1/status", f"Host: {it.host}", bearer(goes))).status == 401


async def test_too_many_requests_are_told_to_come_later(it: TcpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "BURST", 3.0)
    monkeypatch.setattr(callers, "RATE", 0.001)
    hasty, other = await it.secret("read", "hasty"), await it.secret("read", "other")
    told = [(await it.ask("GET", "/v1/queue", f"Host: {it.host}", bearer(hasty))).status for _ in range(5)]
    assert told == [200, 200, 200, 429, 429]
    assert (await it.ask("GET", "/v1/queue", f"Host: {it.host}", bearer(other))).status == 200


async def test_names_are_plain(it: TcpWorld) -> None:
    for name in ("", "a b", "../x", "x" * 41, "\u202egallery", "-x", "a/b", "\x1b[31m"):
        told = await it.world.post("/v1/access", {"name": name, "scope": "read"})
        assert (told["status"], told["where"]) == (400, "name"), name


async def test_a_port_that_is_taken_is_told_and_taken_once_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "AGAIN_SECONDS", 0.01)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        settings = Settings(api=ApiSettings(listen=f"127.0.0.1:{port}"))
        manager = world(tmp_path, settings=lambda: settings)
        it = await manager.__aenter__()
        status = await it.get("/v1/status")
        assert status["api"]["address"] == "" and "address already in use" in status["concerns"][0]
    await until(lambda: bool(it.runner.app[tcp.TCP].address))
    assert (await it.get("/v1/status"))["concerns"] == []
    await manager.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("listen", "alone"), [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("0.0.0.0:1", False),
                          ("[::]:1", False), ("192.168.1.2:1", False), ("nas.local:1", False), ("", True)]
)  # fmt: skip
def test_whether_others_can_reach_it_is_known(listen: str, alone: bool) -> None:
    assert tcp.TcpDoor(ApiSettings(listen=listen)).alone is alone


def test_hosts_are_exactly_what_settings_say() -> None:
    assert tcp.hosts_of(("127.0.0.1:7860", "NAS.local:80")) == {"127.0.0.1:7860", "nas.local:80", "nas.local"}


# Slow, silent and endless clients, at both doors -----------------------------------------------------------


BEGUN = (b"", b"GET /v1/status HTT", b"GET /v1/status HTTP/1.1\r\nHost: d\r\n", b"\x16\x03\x01")


async def test_half_a_request_is_not_waited_for(it: TcpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.05)
    begun = [(await opened(it, door), start) for door in DOORS for start in BEGUN]
    for (_, writer), start in begun:
        writer.write(start)
    for (reader, writer), _ in begun:
        got = await asyncio.wait_for(reader.read(), 5)
        assert got == b"" or b" 400 " in got
        writer.close()


@pytest.mark.long
async def test_a_head_that_drips_is_not_waited_for(it: TcpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.1)
    for door in DOORS:
        reader, writer = await opened(it, door)
        over = asyncio.create_task(reader.read())
        while not over.done():
            writer.write(b"G")
            await asyncio.wait((over,), timeout=0.01)
        writer.close()


@pytest.mark.long
async def test_crowds_at_one_door_keep_nobody_from_the_other(it: TcpWorld) -> None:
    limit = SETTINGS.api.max_clients
    crowd = [await it.connect() for _ in range(limit * (connections.CROWD + 2))]
    await until(lambda: len(it.world.runner.over_tcp) >= limit)
    assert (await it.world.get("/v1/status"))["api"]["connections"] <= limit * connections.CROWD
    assert len(it.world.runner.connections) <= 2
    for _, writer in crowd:
        writer.close()


async def test_who_is_not_let_in_is_not_read(it: TcpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte without a secret, a chunked one without an end, and one that asks first whether it may."""
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.05)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in ("Content-Length: 1073741824", "Transfer-Encoding: chunked"):
        reader, writer = await it.connect()
        writer.write(request("PUT", "/v1/blobs", f"Host: {it.host}", JSON, kind))
        writer.write((b"10000\r\n" if "chunked" in kind else b"") + b"x" * 0x10000)
        got = await reply(reader)
        assert (got.status, got.headers["connection"]) == (401, "close")
        await asyncio.wait_for(_closed(reader), 5)
        writer.close()
    reader, writer = await it.connect()
    writer.write(request("PUT", "/v1/blobs", f"Host: {it.host}", "Expect: 100-continue", "Content-Length: 5"))
    assert (await reply(reader)).status == 401
    writer.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


async def _closed(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        assert await reader.read() == b""


@pytest.mark.long
async def test_who_is_let_in_is_told_to_go_on(it: TcpWorld) -> None:
    secret = await it.secret("run")
    reader, writer = await it.connect()
    head = (f"Host: {it.host}", bearer(secret), JSON, "Expect: 100-continue", "Content-Length: 19")
    writer.write(request("POST", "/v1/generate", *head))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b'{"pipeline": "none"}')
    assert (await reply(reader)).status == 400
    writer.close()


@pytest.mark.long
async def test_one_that_leaves_what_it_is_sent_unread_is_closed(it: TcpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.05)
    secret = await it.secret("read")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", it.port))
        for _ in range(60):
            slow.sendall(request("GET", "/v1/openapi.json", f"Host: {it.host}", bearer(secret)))
        await until(lambda: len(it.world.runner.over_tcp) == 1)
        await until(lambda: len(it.world.runner.over_tcp) == 0)


@pytest.mark.long
async def test_a_frame_of_a_gigabyte_ends_its_feed(it: TcpWorld) -> None:
    secret = await it.secret("read")
    reader, writer = await it.connect()
    writer.write(request("GET", "/v1/feed", f"Host: {it.host}", bearer(secret), *UPGRADE))
    assert b"101" in await reader.readline()
    writer.write(b"\x82\xff" + (1 << 30).to_bytes(8, "big") + b"mask" + b"x" * 70_000)
    with pytest.raises((ConnectionError, EOFError)):
        await asyncio.wait_for(_to_the_end(reader), 5)
    writer.close()


async def opened(it: TcpWorld, door: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await it.connect() if door == "tcp" else await asyncio.open_unix_connection(str(it.world.socket))
