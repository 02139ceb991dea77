"""Agents that are none, machines in the middle, and agents that break off: the daemon pairs with none of them."""

import asyncio
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world` and `rogue_world`

from pairing_certificates import Forged, ed, forged, p256, p384, rsa2048
from pairing_world import packed
from rogue_world import CODE, Told, World, rogues, scripted

from agent.pairing.contexts import open_context
from agent.pairing.pake import Run
from daemon.fleet.trust import calls
from daemon.fleet.trust.pairing import greet, pair
from schema.keys import new_identity, node_id_of
from schema.orders import Card
from schema.pairing import Bound, Closing, Hello, Opening, Reply
from schema.pake import secret_of_code


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with rogues(tmp_path, monkeypatch) as world:
        yield world


# Who it is ----------------------------------------------------------------------------------------


async def test_another_agent_at_the_address_of_the_one_that_was_chosen(world):
    rogue = await world.stands(scripted(world.hello()))
    refused = await world.refused(rogue.address, node=world.rig.kept.node)
    assert refused.kind == "foreign" and refused.node == world.rogue.node
    assert rogue.asked == ["GET /pair/0"], "it was asked no more than its name"


async def test_an_agent_that_claims_the_id_of_another(world):
    rogue = await world.stands(scripted(world.hello(node=world.rig.kept.node)))
    assert "claims the name of another" in str(await world.refused(rogue.address))
    assert rogue.asked == ["GET /pair/0"]


SERVERS: dict[str, Callable[[], Forged]] = {
    "RSA": lambda: forged(rsa2048()),
    "Ed25519": lambda: forged(ed()),
    "P-384": lambda: forged(p384()),
}


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
async def test_a_certificate_of_another_kind(world, server):
    context = server().server(world.folder / "x")
    rogue = await world.stands(scripted(world.hello()), context)
    assert "its certificate is not one of an agent" in str(await world.refused(rogue.address))


async def test_an_older_tls(world):
    rogue = await world.stands(scripted(world.hello()), forged(p256()).server(world.folder / "x", oldest=True))
    refused = await world.refused(rogue.address)
    assert refused.kind in ("gone", "foreign", "unreachable") and rogue.asked == []


async def test_nobody_at_all_and_what_is_no_address(world):
    for address in ("127.0.0.1:1", "", "http://rig2", "rig2:99999", "rig2:0", "a b:1", "10.0.0.1:7801/x", "u@rig2:1"):
        refused = await world.refused(address)
        assert refused.kind == "unreachable"


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"SSH-2.0-OpenSSH_9\r\n", b"", b"\x16\x03\x01\xff\xff"]
)
async def test_what_speaks_no_tls(world, said):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        refused = await world.refused(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert refused.kind in ("foreign", "unreachable")


# What it says -------------------------------------------------------------------------------------


def _redirect(status: int, world: World) -> web.Response:
    return web.Response(status=status, headers={"Location": f"https://{world.rig.address}/pair/0"})


GREETINGS: dict[str, Callable[[World], object]] = {
    "redirected": lambda world: _redirect(302, world),
    "redirected for good": lambda world: _redirect(308, world),
    "nothing": lambda world: b"",
    "garbage": lambda world: b"\xc1garbage",
    "JSON": lambda world: msgspec.json.encode(world.hello()),
    "truncated": lambda world: msgspec.msgpack.encode(world.hello())[:-1],
    "more after it": lambda world: msgspec.msgpack.encode(world.hello()) + b"\0",
    "nested beyond reading": lambda world: b"\x91" * 15000 + b"\xc0",
    "larger than any": lambda world: bytes(17 * 1024),
    "a name without end": lambda world: world.hello(name="x" * 10_000),
    "version 0": lambda world: world.hello(version=0),
    "version 2": lambda world: world.hello(version=2),
    "status 500": lambda world: web.Response(status=500),
    "status 404": lambda world: web.Response(status=404),
    "status 204": lambda world: web.Response(status=204),
    "packed": lambda world: web.Response(
        body=msgspec.msgpack.encode(world.hello()), headers={"Content-Encoding": "gzip"}
    ),
    "a giant header": lambda world: web.Response(headers={"X-A": "a" * 100_000}),
    "a secret nobody knows": lambda world: msgspec.msgpack.encode(
        {**msgspec.to_builtins(world.hello()), "secret": "none"}
    ),
    "waits with a token": lambda world: world.hello(secret="token", invite="00"),
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
async def test_a_greeting_that_is_none(world, greeting):
    rogue = await world.stands(scripted(greeting(world)))
    refused = await world.refused(rogue.address)
    assert refused.kind in ("foreign", "version", "secret")
    assert rogue.asked == ["GET /pair/0"], "the daemon went on"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_greeting_that_points_to_another_agent_is_not_followed(world, status):
    rogue = await world.stands(scripted(_redirect(status, world)))
    assert f"answers with status {status}" in str(await world.refused(rogue.address, world.rig.code))


async def test_an_older_or_newer_agent_is_named_as_that(world):
    for version, words in ((0, "on its machine"), (2, "on the daemon's machine")):
        rogue = await world.stands(scripted(world.hello(version=version)))
        assert f"Install a newer stablenew {words}" in str(await world.refused(rogue.address))


async def _endless(asked: web.Request, body: bytes) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(asked)
    while True:
        await answer.write(bytes(4096))


async def _silent(asked: web.Request, body: bytes) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def test_an_answer_without_end_is_cut_off(world):
    rogue = await world.stands(_endless)
    assert "answers more than" in str(await world.refused(rogue.address))


async def test_an_agent_that_never_answers_is_not_waited_for(world, monkeypatch):
    monkeypatch.setattr(calls, "CALL_SECONDS", 0.2)
    for answers in ((_silent,), (world.hello(), _silent)):
        rogue = await world.stands(scripted(*answers))
        refused = await world.refused(rogue.address)
        assert refused.kind == "silent" and "no answer in time" in str(refused)


# What it proves -----------------------------------------------------------------------------------


def _opening(body: bytes) -> Opening:
    return msgspec.msgpack.decode(body, type=Opening)


def _guess(world: World, code: str = "00000000") -> Told:
    """A rogue that knows the page and not the code."""
    return lambda asked, body: Run(_opening(body), secret_of_code(code), world.rogue.certificate, world.hello()).reply


REPLIES: dict[str, Callable[[World], object]] = {
    "guessed": _guess,
    "nothing": lambda world: b"",
    "garbage": lambda world: b"\xc1",
    "no point": lambda world: Reply(message=bytes(33), confirmation=bytes(32)),
    "no message": lambda world: Reply(message=b"", confirmation=b""),
    "too long": lambda world: Reply(message=b"B" * 5000, confirmation=b""),
    "the daemon's own message": lambda world: (
        lambda asked, body: Reply(message=_opening(body).message, confirmation=bytes(32))
    ),
    "the daemon's own message from the other side": lambda world: (
        lambda asked, body: Reply(message=b"B" + _opening(body).message[1:], confirmation=bytes(32))
    ),
    "redirected": lambda world: _redirect(307, world),
    "the closing's answer": lambda world: Bound(node=world.rogue.node),
    "status 500": lambda world: web.Response(status=500),
    "denied in words nobody knows": lambda world: packed({"reason": "\x1b[2Jgone"}, 403),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_a_reply_without_the_code(world, reply):
    closings: list[Closing] = []

    def closed(asked: web.Request, body: bytes) -> object:
        if asked.path == "/pair/2":
            closings.append(msgspec.msgpack.decode(body, type=Closing))
        return Bound(node=world.rogue.node)

    rogue = await world.stands(scripted(world.hello(), reply(world), closed, closed))
    refused = await world.refused(rogue.address)
    assert refused.kind in ("secret", "foreign") and "\x1b" not in str(refused)
    assert all(closing.confirmation == b"" for closing in closings), "the daemon proved the code to a rogue"


CONFIRMATIONS: dict[str, Callable[[bytes], bytes]] = {
    "first bit": lambda good: bytes([good[0] ^ 128]) + good[1:],
    "last bit": lambda good: good[:-1] + bytes([good[-1] ^ 1]),
    "empty": lambda good: b"",
    "shorter": lambda good: good[:-1],
    "longer": lambda good: good + b"\0",
    "zeros": lambda good: bytes(32),
}


@pytest.mark.parametrize("change", CONFIRMATIONS.values(), ids=CONFIRMATIONS)
async def test_a_confirmation_that_was_changed(world, change):
    """Even of one that has the code."""

    def reply(asked: web.Request, body: bytes) -> Reply:
        good = Run(_opening(body), secret_of_code(CODE), world.rogue.certificate, world.hello()).reply
        return msgspec.structs.replace(good, confirmation=change(good.confirmation))

    rogue = await world.stands(scripted(world.hello(), reply))
    assert (await world.refused(rogue.address)).kind == "secret"


async def test_a_name_that_was_changed_on_its_way(world):
    """What it has said of itself before is covered by its confirmation."""

    def reply(asked: web.Request, body: bytes) -> Reply:
        return Run(_opening(body), secret_of_code(CODE), world.rogue.certificate, world.hello()).reply

    for changed in ({"name": "rig3"}, {"release": "9"}):
        rogue = await world.stands(scripted(world.hello(**changed), reply))
        assert (await world.refused(rogue.address)).kind == "secret"


# After it -----------------------------------------------------------------------------------------


def _knowing(world: World) -> tuple[object, ...]:
    """An agent that has the code, up to the end of the pairing."""
    runs: list[Run] = []

    def reply(asked: web.Request, body: bytes) -> Reply:
        runs.append(Run(_opening(body), secret_of_code(CODE), world.rogue.certificate, world.hello()))
        return runs[0].reply

    return world.hello(), reply


AFTER: dict[str, Callable[[World], object]] = {
    "another agent is bound": lambda world: Bound(node=world.rig.kept.node),
    "nothing": lambda world: b"",
    "no room on its disk": lambda world: packed({"reason": "disk"}, 507),
    "too late": lambda world: packed({"reason": "nothing"}, 409),
}


@pytest.mark.parametrize("last", AFTER.values(), ids=AFTER)
async def test_a_pairing_that_the_agent_does_not_end(world, last):
    rogue = await world.stands(scripted(*_knowing(world), last(world)))
    refused = await world.refused(rogue.address)
    assert refused.kind in ("foreign", "denied") and refused.node == world.rogue.node


def _card(node: str) -> object:
    return Card(node=node, name="rig2", instance="one", version="0")  # type: ignore[arg-type]


CARDS: dict[str, Callable[[World], list[object]]] = {
    "the listener stays open": lambda world: [web.Response(status=404)] * 50,
    "the card of another": lambda world: [_card(world.rig.kept.node)],
    "no card": lambda world: [b"\xc1"],
    "redirected": lambda world: [_redirect(302, world)] * 50,
}


@pytest.mark.parametrize("cards", CARDS.values(), ids=CARDS)
async def test_an_agent_that_does_not_answer_as_a_paired_one(world, cards):
    rogue = await world.stands(scripted(*_knowing(world), Bound(node=world.rogue.node), *cards(world)))
    refused = await world.refused(rogue.address)
    assert refused.kind == "unproved" and refused.node == world.rogue.node
    assert "stablenew agent unpair" in refused.remedy


async def test_a_greeting_shows_no_certificate_of_the_daemon(world):
    """Who asks every stranger for its name does not tell everybody who it is."""
    context = open_context(world.rogue)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=world.keys.certificate)
    shown: list[object] = []

    def hello(asked: web.Request, body: bytes) -> Hello:
        assert asked.transport is not None
        shown.append(asked.transport.get_extra_info("ssl_object").getpeercert(True))
        return world.hello()

    rogue = await world.stands(hello, context)
    assert (await greet(rogue.address)).hello.name == "rig2"
    assert shown == [None]


async def test_a_name_that_drives_a_terminal_is_kept_without_that(world, tmp_path):
    def card(asked: web.Request, body: bytes) -> object:
        return _card(world.rogue.node)

    name = "\x1b]0;pwned\x07rig\u202e2\n"

    def reply(asked: web.Request, body: bytes) -> Reply:
        return Run(_opening(body), secret_of_code(CODE), world.rogue.certificate, world.hello(name=name)).reply

    rogue = await world.stands(scripted(world.hello(name=name), reply, Bound(node=world.rogue.node), card))
    assert (await pair(rogue.address, CODE, world.keys, 1, node=None)).name == "]0;pwnedrig2"


def test_an_id_follows_from_the_key_and_from_a_key_of_our_kind_only():
    first, second = (forged(p256()) for _ in range(2))
    assert node_id_of(first.der) != node_id_of(second.der)
    assert node_id_of(forged(first.key).der) == node_id_of(first.der), "another certificate of the same key"
    for other in (forged(rsa2048()), forged(ed()), forged(p384())):
        with pytest.raises(ValueError):
            node_id_of(other.der)
    with pytest.raises(ValueError):
        node_id_of(new_identity("x").key)
