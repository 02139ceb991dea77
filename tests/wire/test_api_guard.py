"""What keeps others, mistakes and floods out: checked on every route there is, over raw connections."""

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.api import connections, guard
from daemon.api.openapi import describe
from daemon.api.routes import ALL

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

MIB = 1024 * 1024


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        yield it


async def raw(it: World, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[int, dict]:
    """One request on a connection of its own; status and decoded JSON."""
    reader, writer = await asyncio.open_unix_connection(str(it.socket))
    path = re.sub(r"{\w+}", "x1", path)
    writer.write("\r\n".join([f"{method} {path} HTTP/1.1", "Host: d", *headers, "", ""]).encode() + body)
    try:
        return await answered(reader)
    finally:
        writer.close()


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    length = int(re.search(r"Content-Length: (\d+)", head)[1])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))


# Every route ----------------------------------------------------------------------------------------


async def test_no_route_answers_another_user(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "peer_uid", lambda connection: it.house.uid + 1)
    for route in ALL:
        status, told = await raw(it, route.method, route.path)
        assert (status, told["exit"]) == (403, 4) and "another user" in told["error"], route.path


@pytest.mark.parametrize("header", ["Origin: null", "Origin: http://localhost", "Sec-Fetch-Site: cross-site"])
async def test_no_route_answers_a_web_page(it: World, header: str) -> None:
    for route in ALL:
        status, told = await raw(it, route.method, route.path, header)
        assert (status, told["exit"]) == (403, 4), route.path


async def test_no_route_takes_more_bytes_than_it_says(it: World) -> None:
    """A body of a gigabyte is refused by its length alone; nothing of it is waited for."""
    for route in ALL:
        status, told = await raw(it, route.method, route.path, f"Content-Length: {1 << 30}")
        assert (status, told["exit"], told["where"]) == (413, 2, "body"), route.path


async def test_no_route_takes_encoded_bodies(it: World) -> None:
    headers = ("Content-Encoding: gzip", "Content-Type: application/json", "Content-Length: 2")
    for route in ALL:
        status, told = await raw(it, route.method, route.path, *headers, body=b"{}")
        assert (status, told["where"]) == (415, "Content-Encoding"), route.path


async def test_no_route_ignores_a_query_it_does_not_know(it: World) -> None:
    for route in ALL:
        status, told = await raw(it, route.method, route.path + "?colour=red")
        assert (status, told["where"]) == (400, "colour"), route.path


@pytest.mark.parametrize(
    ("media", "body", "status", "where"),
    [
        ("text/plain", b"{}", 415, "Content-Type"),
        ("application/x-www-form-urlencoded", b"a=b", 415, "Content-Type"),
        ("application/json", b"{", 400, "body"),
        ("application/json", b"\xff\xfe", 400, "body"),
        ("application/json", b'{"nonsense": 1}', 400, "nonsense"),
        ("application/json", b'{"pipeline":' + b"[" * 20_000, 400, None),
    ],
)
async def test_no_route_takes_a_body_that_is_not_its_json(
    it: World, media: str, body: bytes, status: int, where: str | None
) -> None:
    headers = (f"Content-Type: {media}", f"Content-Length: {len(body)}")
    for route in ALL:
        if route.method == "POST" and route.takes_media == "application/json":
            got, told = await raw(it, "POST", route.path, *headers, body=body)
            assert got == status and where in (None, told["where"]) and told["error"], route.path


async def test_what_is_not_there_is_told_as_json(it: World) -> None:
    assert (await raw(it, "GET", "/v1/nothing"))[0] == 404
    assert (await raw(it, "GET", "/../../etc/passwd"))[0] == 404
    status, told = await raw(it, "PUT", "/v1/status")
    assert status == 405 and "does not take PUT" in told["error"]


async def test_a_bug_is_told_without_its_inside(it: World, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    monkeypatch.setattr(it.ledger, "scene", lambda: 1 / 0)
    status, told = await raw(it, "GET", "/v1/queue")
    assert (status, told["exit"]) == (500, 1) and "ZeroDivision" not in str(told)
    assert "GET /v1/queue broke" in caplog.text


@pytest.mark.parametrize("key", ["", "k\u00e9", "k" * 201])
async def test_a_key_is_printable_ascii(it: World, key: str) -> None:
    status, told = await raw(it, "POST", "/v1/queue/pause", f"Idempotency-Key: {key}")
    assert (status, told["where"]) == (400, "--key")


# Connections ----------------------------------------------------------------------------------------


async def test_a_chunked_body_is_cut_off_at_the_limit(it: World) -> None:
    reader, writer = await asyncio.open_unix_connection(str(it.socket))
    head = ("POST /v1/jobs/cancel HTTP/1.1", "Host: d", "Content-Type: application/json", "Transfer-Encoding: chunked")
    writer.write("\r\n".join([*head, "", ""]).encode())
    for _ in range(40):  # 2.5 MiB
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    assert (await answered(reader))[0] == 413
    writer.close()


async def test_a_connection_that_says_nothing_is_closed(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_REQUEST_SECONDS", 0.1)
    for begun in (b"", b"GET /v1/status HTT", b"GET /v1/status HTTP/1.1\r\nHost: d\r\n"):
        reader, writer = await asyncio.open_unix_connection(str(it.socket))
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    await until(lambda: len(it.runner.connections) == 0)


async def test_a_body_that_never_comes_is_given_up(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.api.asked.BODY_SECONDS", 0.1)
    status, told = await raw(it, "POST", "/v1/undo", "Content-Type: application/json", "Content-Length: 10", body=b"{")
    assert status == 400 and "did not arrive" in told["error"]


async def all_of(pieces: AsyncIterator[bytes], *_: str) -> None:
    async for _piece in pieces:
        pass


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/foreign?name=a.png"), ("PUT", "/v1/blobs")])
async def test_a_file_that_drips_is_given_up(
    it: World, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """However long each single byte keeps the connection alive."""
    monkeypatch.setattr("daemon.api.asked.BODY_SECONDS", 0.2)
    monkeypatch.setattr(it.house.foreign, "read", all_of)
    reader, writer = await asyncio.open_unix_connection(str(it.socket))
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/octet-stream\r\nContent-Length: 999\r\n\r\n"
    )
    writer.write(head.encode())
    answer = asyncio.create_task(reader.readline())
    while not answer.done():
        writer.write(b"x")
        await asyncio.wait((answer,), timeout=0.02)
    assert b" 400 " in answer.result() and b"did not arrive" in await asyncio.wait_for(reader.read(2000), 5)
    writer.close()


async def test_many_silent_connections_keep_nobody_out(it: World) -> None:
    """Five times the limit of them; a question is answered at once, and the daemon holds no more than a crowd."""
    limit = it.settings.daemon.max_clients
    silent = [await asyncio.open_unix_connection(str(it.socket)) for _ in range(limit * 5)]
    took = []
    for _ in range(20):
        begun = time.perf_counter()
        assert (await raw(it, "GET", "/v1/status"))[0] == 200
        took.append(time.perf_counter() - begun)
    assert len(it.runner.connections) <= limit * connections.CROWD
    assert sorted(took)[-1] < 1.0
    for _, writer in silent:
        writer.close()


async def test_beyond_a_crowd_one_is_told_to_come_later(it: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CROWD", 1)
    monkeypatch.setattr(connections, "YOUNG_SECONDS", 60.0)
    silent = [await asyncio.open_unix_connection(str(it.socket)) for _ in range(it.settings.daemon.max_clients)]
    await until(lambda: len(it.runner.connections) == len(silent))
    reader, writer = await asyncio.open_unix_connection(str(it.socket))
    status, told = await answered(reader)
    assert (status, told["exit"]) == (503, 1)
    writer.close()
    for _, writer in silent:
        writer.close()


async def test_a_websocket_frame_of_a_gigabyte_is_refused_by_its_length(it: World) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader, writer = await asyncio.open_unix_connection(str(it.socket))
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    writer.write("\r\n".join(["GET /v1/feed HTTP/1.1", "Host: d", *upgrade, "", ""]).encode())
    assert b"101" in await reader.readline()
    writer.write(b"\x82\xff" + (1 << 30).to_bytes(8, "big") + b"mask" + b"x" * 70_000)
    await asyncio.wait_for(reader.read(), 5)  # to the end: the daemon hangs up
    writer.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


async def test_long_headers_are_refused(it: World) -> None:
    reader, writer = await asyncio.open_unix_connection(str(it.socket))
    writer.write(b"GET /v1/status HTTP/1.1\r\nHost: d\r\nX: " + b"x" * 2_000_000)
    assert b"400" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


# Its own description --------------------------------------------------------------------------------


def test_every_route_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    told = describe(ALL, "1")
    for route in ALL:
        assert route.method.lower() in told["paths"][route.path]
        assert f"`{route.method} {route.path}`" in page, f"{route.method} {route.path} is missing in docs/api.md"
    for place in re.findall(r"`(?:GET|POST|PUT) /v1[^ `]*`", page):
        method, path = place.strip("`").split()
        assert any((route.method, route.path) == (method, path) for route in ALL), f"docs/api.md tells of {place}"


async def test_the_description_is_served_and_every_reference_in_it_leads_somewhere(it: World) -> None:
    told = await it.get("/v1/openapi.json")
    text = json.dumps(told)
    for name in set(re.findall(r"#/components/schemas/([\w\[\].]+)", text)):
        assert name in told["components"]["schemas"]
    assert told["components"]["schemas"]["RunRow"]["properties"]["created"]["format"] == "date-time"
