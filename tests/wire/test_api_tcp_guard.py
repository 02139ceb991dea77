"""The guard of the TCP listener as a table: a hundred wrong ways to ask, on every route, and one that is right."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from daemon.api.callers import RANKS, digest_of
from daemon.api.route import Route
from daemon.api.routes import ALL

sys.path.insert(0, str(Path(__file__).parent))  # for `tcp_world`

from tcp_world import TcpWorld, bearer, tcp_world

JSON = "Content-Type: application/json"
MORE = (
    "Authorization: Basic {secret}", "Authorization: {secret}", "Authorization: Bearer", "Authorization: Bearer ",
    "Authorization: Bearer {secret}x", "Authorization: Bearer x{secret}", "Authorization: Bearer {half}",
    "Authorization: Bearer {upper}", "Authorization: Bearer {digest}", "Authorization: Bearer {name}",
    "Authorization: Token {secret}", "Authorization: Bearer \u00e9\u00e9", "Authorization: Bearer \udcff\udcfe",
    "Authorization: Bearer {secret} {secret}", "Authorization: Bearer, {secret}", "Authorization: Bearer\t{secret}",
    "Authorization: ", "Authorization: Bearer null", "Authorization: Bearer undefined", "Authorization: Bearer *",
    "Authorization: Bearer {secret}\r\nAuthorization: Bearer {secret}",
    "Authorization: Bearer x\r\nAuthorization: Bearer {secret}", "Cookie: Authorization=Bearer {secret}",
    "Cookie: token={secret}", "X-Authorization: Bearer {secret}", "Proxy-Authorization: Bearer {secret}",
    "X-Api-Key: {secret}", "Authorization: Bearer {expired}", "Authorization: Bearer {revoked}",
)  # fmt: skip
"""What is no secret that holds."""

HOSTS = (
    "Host: localhost:{port}", "Host: 127.0.0.1", "Host: 127.0.0.1:1", "Host: 127.0.0.2:{port}", "Host: 127.1:{port}",
    "Host: 0.0.0.0:{port}", "Host: [::1]:{port}", "Host: 2130706433:{port}", "Host: 0x7f000001:{port}",
    "Host: evil.example", "Host: evil.example:{port}", "Host: 127.0.0.1.evil.example:{port}",
    "Host: evil.example#127.0.0.1:{port}", "Host: user@127.0.0.1:{port}", "Host: 127.0.0.1:{port}.evil.example",
    "Host: 127.0.0.1:{port},evil.example", "Host: 127.0.0.1:{port}/", "Host: 127.0.0.1:0{port}", "Host: ",
    "Host: 127.0.0.1:{port}\r\nHost: evil.example", "Host: evil.example\r\nHost: 127.0.0.1:{port}",
    "Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}", "X-Forwarded-Host: 127.0.0.1:{port}", "Host: \u00e9.example",
    "Host: 127.0.0.1:{port}.", "Host: 127.0.0.1.:{port}", "Host: http://127.0.0.1:{port}",
)  # fmt: skip
"""By other names than the one it listens at."""

PAGES = (
    "Origin: null", "Origin: http://127.0.0.1:{port}", "Origin: http://localhost", "Origin: https://evil.example",
    "Origin: file://", "Origin: chrome-extension://abc", "Origin: ", "Origin: http://127.0.0.1:{port}\r\nOrigin: null",
    "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: ",
    "Sec-Fetch-Site: None", "Sec-Fetch-Site: none, cross-site", "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: none\r\nOrigin: http://127.0.0.1:{port}",
)  # fmt: skip
"""What only a browser sends."""

METHODS = ("OPTIONS", "TRACE", "PATCH", "DELETE", "PUT", "POST", "GET", "PROPFIND", "QUERY", "CONNECT")

BODIES = (
    "Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded",
    "Content-Type: multipart/form-data; boundary=x", "Content-Type: TEXT/PLAIN; charset=utf-8",
    "Content-Type: text/plain; x=application/json", "Content-Encoding: gzip\r\n" + JSON,
    "Content-Encoding: identity\r\n" + JSON, "Content-Encoding: br\r\n" + JSON,
)  # fmt: skip
"""Kinds of bodies that a form sends, or that unpack themselves."""


class Row(NamedTuple):
    """One way to ask. What is not said is right."""

    what: str
    status: int
    host: str = "Host: {host}"
    proof: str = "Authorization: Bearer {secret}"
    more: str = ""


ROWS = (
    *(Row(f"proof {wrong!r}", 401, proof=wrong) for wrong in MORE),
    Row("no proof", 401, proof=""),
    *(Row(f"host {wrong!r}", 421, host=wrong) for wrong in HOSTS),
    Row("no host", 421, host=""),
    *(Row(f"page {wrong!r}", 403, more=wrong) for wrong in PAGES),
    *(Row(f"page without proof {wrong!r}", 403, proof="", more=wrong) for wrong in PAGES),
    *(Row(f"host without proof {wrong!r}", 421, proof="", host=wrong) for wrong in HOSTS[:6]),
    *(Row(f"body without proof {wrong!r}", 401, proof="", more=wrong + "\r\nContent-Length: 2") for wrong in BODIES),
    Row("a gigabyte without proof", 401, proof="", more=JSON + "\r\nContent-Length: 1073741824"),
)
WORDS = ("Authorization", "Host", "Origin")


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[TcpWorld]:
    async with tcp_world(tmp_path) as it:
        yield it


async def words(it: TcpWorld) -> dict[str, str]:
    secret = await it.secret("all")
    revoked, expired = await it.secret("all", "gone"), await it.secret("all", "over", days=1e-12)
    await it.world.post("/v1/access/gone/revoke")
    return {
        "secret": secret, "half": secret[: len(secret) // 2], "upper": secret.upper(), "digest": digest_of(secret),
        "name": "all", "revoked": revoked, "expired": expired, "host": it.host, "port": str(it.port),
    }  # fmt: skip


def lines(row: Row, known: dict[str, str]) -> list[str]:
    return [line.format(**known) for line in (row.host, row.proof, row.more) if line]


def test_there_are_a_hundred_rows() -> None:
    assert len(ROWS) >= 100 and len({row.what for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("part", range(2))
async def test_each_wrong_way_is_refused_on_some_route(it: TcpWorld, part: int) -> None:
    """Each on another one; the long suite asks each on every route."""
    known = await words(it)
    head = it.world.ledger.durable
    for number, row in enumerate(ROWS[part::2]):
        route = ALL[(number * 7 + part) % len(ALL)]
        await check(it, route, row, known)
    assert it.world.ledger.durable == head and not it.world.stopped


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
async def test_each_wrong_way_is_refused_on_every_route(it: TcpWorld, row: Row) -> None:
    known = await words(it)
    head = it.world.ledger.durable
    for route in ALL:
        await check(it, route, row, known)
    for path in ("/", "/v1/nothing", "/v1/../../etc/passwd", "/v1/status/"):
        got = await it.ask("GET", path, *lines(row, known))
        assert got.status in (row.status, 400), path
    assert it.world.ledger.durable == head and not it.world.stopped


async def check(it: TcpWorld, route: Route, row: Row, known: dict[str, str]) -> None:
    got = await it.ask(route.method, route.path, *lines(row, known))
    where = f"{route.method} {route.path}: {row.what}"
    if got.status == 400:  # the parser already takes it for no HTTP
        assert row.status == 421 or "\r\n" in row.proof + row.more, where
        return
    assert (got.status, got.told["exit"], got.told["where"] in WORDS) == (row.status, 4, True), (where, got)
    assert "Bearer" in got.headers.get("www-authenticate", "") or got.status != 401, where


# The one right way ------------------------------------------------------------------------------------


def test_every_route_says_whom_it_is_for() -> None:
    silent = [f"{route.method} {route.path}" for route in ALL if route.scope is None]
    assert not silent, f"say `scope=` of {silent}"


def test_scopes_are_as_they_are_listed_here() -> None:
    """Scopes by hand, so that a route does not slip into another one unseen."""
    of = {(route.method, route.path): route.scope for route in ALL}
    assert {scope for (method, _), scope in of.items() if method != "GET"} == {"rate", "run", "all", "socket"}
    assert not [place for place, scope in of.items() if scope == "read" and place[0] != "GET"]
    assert {path for (_, path), scope in of.items() if scope == "rate"} == {
        "/v1/images/rate", "/v1/images/tag", "/v1/images/compare", "/v1/models/rate", "/v1/models/tag",
        "/v1/models/favourite", "/v1/learn/told", "/v1/learn/dismiss",
    }  # fmt: skip
    assert {path for (_, path), scope in of.items() if scope == "socket"} >= {"/v1/access", "/v1/access/{name}/revoke"}
    dangerous = ("/v1/daemon", "/v1/nodes/", "/v1/disk", "/v1/images/trash", "/v1/models/get", "/v1/packs/{name}")
    assert not [
        place for place, scope in of.items()
        if place[0] != "GET" and place[1].startswith(dangerous) and scope not in ("all", "socket")
    ]  # fmt: skip


async def test_each_scope_reaches_its_routes_and_no_others(it: TcpWorld) -> None:
    """Each route by the scope that it names and by the one before. A query that no route knows is refused only once
    one is let in: so nothing is done on the way."""
    names = list(RANKS)
    secrets = {scope: await it.secret(scope) for scope in names}
    for route in ALL:
        least = names.index("all" if route.scope in (None, "socket") else route.scope)
        for rank in {least, least - 1} - {-1}:
            got = await it.ask(
                route.method, route.path + "?colour=red", f"Host: {it.host}", bearer(secrets[names[rank]])
            )
            if rank == least and route.scope in RANKS:
                assert (got.status, got.told["where"]) == (400, "colour"), (names[rank], route.path)
            else:
                assert (got.status, got.told["exit"]) == (403, 4), (names[rank], route.path)


@pytest.mark.parametrize("every", [pytest.param(True, marks=pytest.mark.long), False])
async def test_bodies_of_forms_and_packed_ones_are_refused_whoever_asks(it: TcpWorld, every: bool) -> None:
    routes = [route for route in ALL if route.method != "GET" and route.scope != "socket"]
    for number, kind in enumerate(BODIES):
        secret = await it.secret("all", f"all{number}")  # each has so many requests a second
        for route in routes if every else routes[number :: len(BODIES) * 2]:
            got = await it.ask(
                route.method, route.path, f"Host: {it.host}", bearer(secret), kind, "Content-Length: 2", body=b"{}"
            )
            assert got.status == 415, (kind, route.path)


async def test_methods_that_a_route_does_not_have_are_refused(it: TcpWorld) -> None:
    secret, head = await it.secret("all"), it.world.ledger.durable
    paths = ("/v1/status", "/v1/queue/pause", "/v1/packs/{name}", "/v1/runs")
    registered = {(route.method, route.path) for route in ALL}
    for path in paths:
        for method in METHODS:
            if (method, path) not in registered:
                got = await it.ask(method, path, f"Host: {it.host}", bearer(secret))
                assert got.status in (405, 400, 421), (method, path)  # CONNECT names its own host
                assert "access-control-allow-origin" not in got.headers
    assert it.world.ledger.durable == head
