"""Whoever has not the code that an agent shows is not trusted by it: a table of attempts, none of which is accepted.

Every row runs against a real socket with real TLS. `accepted` is looked up on the disk after each.
"""

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world`

from pairing_certificates import ed, forged, p384, rsa2048
from pairing_world import HOST, MEDIA, Answer, Rig, keys_at, post, raw, request, rig_at

from agent.pairing import routes
from daemon.fleet.trust.keys import Keys
from daemon.fleet.trust.pairing import PairRefused, greet, pair
from daemon.fleet.trust.pake import Run
from schema.pairing import LARGEST, LOCK_SECONDS, PAIRING, RUN_SECONDS, TRIES, Closing, Denied, Opening, Reply
from schema.pake import secret_of_code


class World(NamedTuple):
    rig: Rig
    keys: Keys
    folder: Path

    async def run(self, code: str, keys: Keys | None = None) -> Run:
        greeting = await greet(self.rig.address)
        digits = secret_of_code(code.replace("-", ""))
        return Run(greeting.hello, greeting.certificate, digits, keys or self.keys, 1)

    async def opened(self, code: str, keys: Keys | None = None) -> tuple[Run, Reply]:
        run = await self.run(code, keys)
        answer = await post(self.rig, "/pair/1", run.opening)
        assert answer.status == 200, answer
        return run, msgspec.msgpack.decode(answer.body, type=Reply)


@pytest.fixture
async def world(tmp_path):
    async with rig_at(tmp_path / "agent") as rig:
        yield World(rig, keys_at(tmp_path / "daemon"), tmp_path)
        assert rig.trusted is None, "somebody was accepted"
        assert not rig.changed.is_set()
    assert not (tmp_path / "agent/keys/pin.json").exists()


async def refused(answer: Awaitable[Answer]) -> Denied:
    came = await answer
    assert came.status >= 400, came
    return msgspec.msgpack.decode(came.body, type=Denied)


# The code -----------------------------------------------------------------------------------------


async def test_a_wrong_code_is_refused_on_both_sides_and_the_terminal_names_who_tried(world):
    with pytest.raises(PairRefused, match=r"the code is not the one .* 4 tries are left") as told:
        await pair(world.rig.address, world.rig.wrong_code, world.keys, 1, node=None)
    assert told.value.kind == "secret" and told.value.node == world.rig.kept.node
    assert f"from {HOST}: it was given a wrong code" in world.rig.told[-1]
    assert "4 tries left" in world.rig.told[-1]


async def test_after_five_wrong_tries_the_code_is_gone_and_the_lock_doubles(world):
    rig, old, seconds = world.rig, world.rig.code, LOCK_SECONDS
    for _ in range(3):
        for left in reversed(range(TRIES)):
            with pytest.raises(PairRefused) as told:
                await pair(rig.address, rig.wrong_code, world.keys, 1, node=None)
            assert (f"{left} tr" if left else f"wait {seconds:.0f} s") in str(told.value)
        assert rig.desk.code is None
        with pytest.raises(PairRefused, match=f"takes no pairing for another {seconds:.0f} s"):
            await pair(rig.address, old, world.keys, 1, node=None)
        rig.clock.now += seconds - 1
        assert rig.desk.code is None
        rig.clock.now += 1.001
        assert rig.code != old
        seconds *= 2
    with pytest.raises(PairRefused, match="the code is not the one"):
        await pair(rig.address, old, world.keys, 1, node=None)


async def test_a_try_is_used_up_before_anything_is_computed(world, monkeypatch):
    run = await world.run(world.rig.code)

    class Broken(Exception):
        pass

    def broken(*_: object) -> None:
        raise Broken

    monkeypatch.setattr("agent.pairing.desk.Run", broken)
    for _ in range(TRIES - 1):
        with pytest.raises(Broken):
            world.rig.desk.open(run.opening, HOST)
    monkeypatch.undo()
    with pytest.raises(PairRefused, match="That was the last try"):
        await pair(world.rig.address, world.rig.wrong_code, world.keys, 1, node=None)


async def test_a_code_that_was_not_used_within_ten_minutes_is_worth_nothing(world):
    old = world.rig.code
    world.rig.clock.now += 600
    with pytest.raises(PairRefused, match="the code is not the one"):
        await pair(world.rig.address, old, world.keys, 1, node=None)


async def test_a_code_of_before_a_restart_is_worth_nothing(world):
    old = world.rig.code
    world.rig.start()
    world.rig.changed.set()
    assert world.rig.code != old
    with pytest.raises(PairRefused, match="the code is not the one"):
        await pair(world.rig.address, old, world.keys, 1, node=None)
    world.rig.changed.clear()


async def test_what_is_no_code_is_refused_before_anybody_is_called(world):
    for text in ("", "4829", "4829-13077", "four-eight", "４８２９1307x", "4829 1307 1"):
        with pytest.raises(Exception, match="eight digits"):
            await pair("192.0.2.1:1", text, world.keys, 1, node=None)


async def test_an_agent_that_its_own_machine_uses_takes_nobody(world):
    code = world.rig.code
    world.rig.desk.taken = "the daemon of this machine uses it"
    with pytest.raises(PairRefused, match="used by the daemon of its own machine"):
        await pair(world.rig.address, code, world.keys, 1, node=None)
    assert "the daemon of this machine uses it" in world.rig.told[-1]


# The run ------------------------------------------------------------------------------------------


async def test_only_one_run_is_under_way(world):
    await world.opened(world.rig.code)
    second = await world.run(world.rig.code)
    assert (await refused(post(world.rig, "/pair/1", second.opening))).reason == "busy"
    with pytest.raises(PairRefused, match="somebody else is just pairing"):
        await pair(world.rig.address, world.rig.code, world.keys, 1, node=None)


async def test_a_run_that_takes_too_long_is_over(world):
    run, reply = await world.opened(world.rig.code)
    world.rig.clock.now += RUN_SECONDS
    assert (await refused(post(world.rig, "/pair/2", run.close(reply)))).reason == "nothing"
    assert any("did not end it" in line for line in world.rig.told)


async def test_a_run_is_ended_only_by_who_began_it(world):
    run, reply = await world.opened(world.rig.code)
    answer = post(world.rig, "/pair/2", run.close(reply), source="127.0.0.2")
    assert (await refused(answer)).reason == "nothing"
    assert "127.0.0.2" in world.rig.told[-1]


async def test_a_run_that_is_recorded_is_worth_nothing_again(world, tmp_path):
    """Every message of a pairing that succeeded, sent again after the agent was unpaired."""
    rig = world.rig
    run, reply = await world.opened(rig.code)
    closing = run.close(reply)
    assert (await post(rig, "/pair/2", closing)).status == 200
    assert rig.trusted == world.keys.certificate
    rig.unpair()
    assert (await refused(post(rig, "/pair/2", closing))).reason == "nothing"
    answer = await post(rig, "/pair/1", run.opening)
    assert answer.status == 200, "an opening says nothing yet"
    assert (await refused(post(rig, "/pair/2", closing))).reason == "wrong"
    rig.changed.clear()


async def test_a_proof_of_another_run_with_the_same_code_is_none(world):
    run, reply = await world.opened(world.rig.code)
    closing = run.close(reply)
    await refused(post(world.rig, "/pair/2", run.give_up()))
    await world.opened(world.rig.code)
    assert (await refused(post(world.rig, "/pair/2", closing))).reason == "wrong"


async def test_a_closing_without_an_opening(world):
    closing = Closing(confirmation=bytes(32), fleet=world.keys.fleet, epoch=1)
    assert (await refused(post(world.rig, "/pair/2", closing))).reason == "nothing"


async def test_one_wrong_proof_ends_the_run(world):
    run, reply = await world.opened(world.rig.code)
    good = run.close(reply)
    bad = msgspec.structs.replace(good, confirmation=bytes(32))
    assert (await refused(post(world.rig, "/pair/2", bad))).reason == "wrong"
    assert (await refused(post(world.rig, "/pair/2", good))).reason == "nothing"


def _flipped(proof: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(proof))


PROOFS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "first bit": lambda good, agents: _flipped(good, 7),
    "last bit": lambda good, agents: _flipped(good, 248),
    "a bit amid": lambda good, agents: _flipped(good, 100),
    "empty": lambda good, agents: b"",
    "shorter": lambda good, agents: good[:-1],
    "longer": lambda good, agents: good + b"\0",
    "zeros": lambda good, agents: bytes(32),
    "the agent's own": lambda good, agents: agents,
    "twice": lambda good, agents: good + good,
}


@pytest.mark.parametrize("change", PROOFS.values(), ids=PROOFS)
async def test_a_proof_that_was_changed(world, change):
    run, reply = await world.opened(world.rig.code)
    closing = run.close(reply)
    bad = msgspec.structs.replace(closing, confirmation=change(closing.confirmation, reply.confirmation))
    assert (await refused(post(world.rig, "/pair/2", bad))).reason == "wrong"


async def test_what_a_proof_covers_cannot_be_changed_beside_it(world, tmp_path):
    other = keys_at(tmp_path / "other")
    for change in ({"epoch": 2}, {"fleet": other.fleet}, {"epoch": -1}, {"epoch": 2**63}):
        run, reply = await world.opened(world.rig.code)
        bad = msgspec.structs.replace(run.close(reply), **change)
        assert (await refused(post(world.rig, "/pair/2", bad))).reason in ("wrong", "content")
        world.rig.start()
        world.rig.changed.set()
        await asyncio.sleep(0)
    world.rig.changed.clear()


async def test_a_daemon_may_not_take_the_name_of_another_though_it_has_the_code(world, tmp_path):
    other = keys_at(tmp_path / "other")
    run, reply = await world.opened(world.rig.code, world.keys._replace(fleet=other.fleet))
    assert (await refused(post(world.rig, "/pair/2", run.close(reply)))).reason == "wrong"


async def test_a_daemon_with_the_code_and_an_epoch_that_is_none(world):
    greeting = await greet(world.rig.address)
    digits = secret_of_code(world.rig.code.replace("-", ""))
    run = Run(greeting.hello, greeting.certificate, digits, world.keys, -1)
    answer = await post(world.rig, "/pair/1", run.opening)
    closing = run.close(msgspec.msgpack.decode(answer.body, type=Reply))
    assert (await refused(post(world.rig, "/pair/2", closing))).reason == "wrong"


# Messages -----------------------------------------------------------------------------------------

POINTS = {
    "empty": b"",
    "one letter": b"A",
    "too short": b"A" + bytes(31),
    "too long": b"A" + bytes(33),
    "zero": b"A" + bytes(32),
    "a point and more": b"A\x58" + b"\x66" * 31 + b"\0",
    "identity": b"A" + b"\1" + bytes(31),
    "of order two": b"A" + (2**255 - 20).to_bytes(32, "little"),
    "of order eight": b"A" + bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "not on the curve": b"A" + b"\2" + bytes(31),
    "beyond the field": b"A" + b"\xff" * 32,
    "of the agent's side": b"B" + bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666"),
    "of no side": b"\0" + bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666"),
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
async def test_a_message_that_is_no_point_to_compute_with(world, point):
    opening = Opening(version=PAIRING, certificate=world.keys.certificate, message=point)
    denied = await refused(post(world.rig, "/pair/1", opening))
    assert denied.reason == "wrong" and denied.tries == TRIES - 1


async def test_the_agents_own_message_sent_back(world):
    run, reply = await world.opened(world.rig.code)
    await refused(post(world.rig, "/pair/2", run.give_up()))
    mirrored = b"A" + reply.message[1:]
    opening = msgspec.structs.replace(run.opening, message=mirrored)
    answer = await post(world.rig, "/pair/1", opening)
    assert answer.status == 200
    proof = Closing(confirmation=reply.confirmation, fleet=world.keys.fleet, epoch=1)
    assert (await refused(post(world.rig, "/pair/2", proof))).reason == "wrong"


CERTIFICATES: dict[str, Callable[[], bytes]] = {
    "none": lambda: b"",
    "garbage": lambda: b"\x30\x82" + bytes(500),
    "huge": lambda: bytes(8000),
    "RSA": lambda: forged(rsa2048()).der,
    "Ed25519": lambda: forged(ed()).der,
    "P-384": lambda: forged(p384()).der,
}


@pytest.mark.parametrize("certificate", CERTIFICATES.values(), ids=CERTIFICATES)
async def test_a_daemon_with_the_code_and_no_certificate_of_our_kind(world, certificate):
    keys = world.keys._replace(certificate=certificate())
    run = await world.run(world.rig.code, keys)
    assert (await refused(post(world.rig, "/pair/1", run.opening))).reason == "wrong"


async def test_a_certificate_changed_on_its_way(world, tmp_path):
    """Somebody puts his own into the place of the daemon's, and does not know the code."""
    other = keys_at(tmp_path / "other")
    run = await world.run(world.rig.code)
    opening = msgspec.structs.replace(run.opening, certificate=other.certificate)
    answer = await post(world.rig, "/pair/1", opening)
    reply = msgspec.msgpack.decode(answer.body, type=Reply)
    with pytest.raises(Exception):  # noqa: B017 - the daemon goes no further
        run.close(reply)
    proof = Closing(confirmation=reply.confirmation, fleet=other.fleet, epoch=1)
    assert (await refused(post(world.rig, "/pair/2", proof))).reason == "wrong"


@pytest.mark.parametrize("version", [0, 2, -1, 2**62])
async def test_another_version_of_pairing(world, version):
    run = await world.run(world.rig.code)
    denied = await refused(post(world.rig, "/pair/1", msgspec.structs.replace(run.opening, version=version)))
    assert denied.reason == "version" and denied.tries == TRIES
    assert f"it pairs by version {version}" in world.rig.told[-1]


def _deep() -> bytes:
    return b"\x91" * 15000 + b"\xc0"


BODIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda good: b"",
    "truncated": lambda good: good[:-1],
    "half": lambda good: good[: len(good) // 2],
    "more after it": lambda good: good + b"\0",
    "garbage": lambda good: b"\xc1\xff\x00garbage",
    "JSON": lambda good: b'{"version":1,"certificate":"","message":""}',
    "a list": lambda good: msgspec.msgpack.encode([1, b"", b""]),
    "a map of nothing": lambda good: b"\x80",
    "a map that claims four billion entries": lambda good: b"\xdf\xff\xff\xff\xff",
    "bytes that claim four billion": lambda good: b"\xc6\xff\xff\xff\xff",
    "nested beyond reading": lambda good: _deep(),
    "a version that is text": lambda good: msgspec.msgpack.encode({"version": "1", "certificate": b"", "message": b""}),
    "a certificate that is text": lambda good: msgspec.msgpack.encode(
        {"version": 1, "certificate": "x", "message": b""}
    ),
    "larger than any message": lambda good: bytes(LARGEST + 1),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/pair/1", "/pair/2"])
async def test_a_body_that_is_no_message(world, path, body):
    run = await world.run(world.rig.code)
    denied = await refused(post(world.rig, path, body(msgspec.msgpack.encode(run.opening))))
    assert denied.reason == "content" and denied.tries == TRIES, "nothing was computed, so nothing was guessed"
    assert HOST in world.rig.told[-1]


async def test_a_body_that_never_ends_is_cut_off(world, monkeypatch):
    monkeypatch.setattr(routes, "BODY_SECONDS", 60.0)
    chunk = b"1000\r\n" + bytes(0x1000) + b"\r\n"
    sent = request("POST", "/pair/1", b"", MEDIA, "Transfer-Encoding: chunked") + chunk * 200
    assert (await raw(world.rig.address, sent)).status == 413


async def test_a_body_that_never_comes_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(routes, "BODY_SECONDS", 0.1)
    sent = request("POST", "/pair/1", b"", MEDIA, "Content-Length: 400") + b"\x83"
    assert (await refused(raw(world.rig.address, sent))).reason == "content"


HEADERS = {
    "packed with gzip": (MEDIA, "Content-Encoding: gzip"),
    "packed with deflate": (MEDIA, "Content-Encoding: deflate"),
    "called not packed": (MEDIA, "Content-Encoding: identity"),
    "of a browser": (MEDIA, "Origin: http://localhost"),
    "of a browser's sandbox": (MEDIA, "Origin: null"),
    "of a browser's fetch": (MEDIA, "Sec-Fetch-Site: cross-site"),
    "a form": ("Content-Type: application/x-www-form-urlencoded",),
    "plain text": ("Content-Type: text/plain",),
    "of no kind": ("X-Nothing: 1",),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
async def test_a_request_that_no_daemon_sends(world, headers):
    run = await world.run(world.rig.code)
    assert (await refused(post(world.rig, "/pair/1", run.opening, *headers))).reason == "content"


# HTTP and TLS -------------------------------------------------------------------------------------

SMUGGLED = b"GET /v1/card HTTP/1.1\r\nHost: agent\r\n\r\n"

STRANGE = {
    "both lengths": request("POST", "/pair/1", SMUGGLED, MEDIA, "Content-Length: 5", "Transfer-Encoding: chunked"),
    "two lengths": request("POST", "/pair/1", SMUGGLED, MEDIA, "Content-Length: 5", "Content-Length: 50"),
    "a negative length": request("POST", "/pair/1", SMUGGLED, MEDIA, "Content-Length: -1"),
    "a length with a sign": request("POST", "/pair/1", SMUGGLED, MEDIA, "Content-Length: +5"),
    "a coding nobody knows": request("POST", "/pair/1", SMUGGLED, MEDIA, "Transfer-Encoding: xchunked"),
    "chunked twice": request("POST", "/pair/1", SMUGGLED, MEDIA, "Transfer-Encoding: chunked, chunked"),
    "a folded header": request("GET", "/pair/0", b"", "X-A: 1\r\n folded: 2"),
    "a header with a null byte": request("GET", "/pair/0", b"", "X-A: \0"),
    "a giant header": request("GET", "/pair/0", b"", "X-A: " + "a" * 100_000),
    "a giant path": request("GET", "/pair/0?" + "a" * 100_000),
    "headers without end": b"GET /pair/0 HTTP/1.1\r\n" + b"X-A: a\r\n" * 20_000 + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no HTTP": b"\0" * 1000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("sent", STRANGE.values(), ids=STRANGE)
async def test_http_that_can_be_read_in_two_ways(world, sent):
    answer = await raw(world.rig.address, sent)
    assert answer.status in (0, 400, 413, 415, 431), answer
    assert b"instance" not in answer.raw, "a card was given away"


ROUTES = [
    "GET /v1/card", "GET /v1/attempts", "PUT /v1/attempts/r.1~txt2img~1", "POST /v1/free", "GET /v1/feed",
    "DELETE /v1/pairing", "PUT /v1/blobs/" + "a" * 64, "GET /", "GET /pair", "GET /pair/3", "POST /pair/0",
    "GET /pair/1", "HEAD /pair/0", "GET /pair/0/../../v1/card", "GET //v1/card", "GET /pair/%2e%2e/v1/card",
    "OPTIONS /pair/1", "TRACE /pair/0", "CONNECT agent:443",
]  # fmt: skip


@pytest.mark.parametrize("asked", ROUTES)
async def test_nothing_but_pairing_answers_who_is_not_paired(world, asked):
    method, _, path = asked.partition(" ")
    answer = await raw(world.rig.address, request(method, path, b"", *(("Content-Length: 0",) * (method != "GET"))))
    assert answer.status in (0, 400, 404, 405), answer


async def test_plain_http(world):
    answer = await raw(world.rig.address, request("GET", "/pair/0"), plain=True)
    assert answer.status == 0 and b"rig2" not in answer.raw


async def test_an_older_tls(world):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert (await raw(world.rig.address, request("GET", "/pair/0"), context)).status == 0


async def test_a_flood_is_told_in_few_lines(world):
    for _ in range(200):
        await refused(post(world.rig, "/pair/2", b"")) if _ < 3 else world.rig.desk.declined("content", HOST, "x")
    assert len(world.rig.told) < 30
    world.rig.clock.now += 61
    world.rig.desk.declined("content", HOST, "x")
    assert any(line == "180 more attempts to pair were refused." for line in world.rig.told)
