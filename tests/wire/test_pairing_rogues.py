"""Agents that are none, machines in the middle, and agents that break off: the daemon pairs with none of them."""

import asyncio
import ssl
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world`

from pairing_certificates import Forged, ed, forged, p256, p384, rsa2048
from pairing_world import MEDIA, Answer, Rig, Rogue, keys_at, packed, raw, request, rig_at, rogue_at

from agent.pairing.contexts import open_context
from agent.pairing.keys import Kept, kept_identity
from agent.pairing.pake import Run
from daemon.fleet.trust import calls, pairing
from daemon.fleet.trust.keys import Keys
from daemon.fleet.trust.pairing import PairRefused, greet, pair
from schema.keys import new_identity, node_id_of
from schema.orders import Card
from schema.pairing import PAIRING, Bound, Closing, Hello, Opening, Reply
from schema.pake import secret_of_code

CODE = "48291307"

Told = Callable[[web.Request, bytes], object]


class World(NamedTuple):
    rig: Rig
    keys: Keys
    rogue: Kept
    """The rogue's own identity."""
    folder: Path
    stack: AsyncExitStack

    async def stands(self, answer: Told, context: ssl.SSLContext | None = None) -> Rogue:
        return await self.stack.enter_async_context(rogue_at(context or open_context(self.rogue), answer))

    def hello(self, **changed: object) -> Hello:
        said = Hello(version=PAIRING, node=self.rogue.node, name="rig2", release="0.1.0", secret="code")
        return msgspec.structs.replace(said, **changed)

    async def refused(self, address: str, code: str = CODE, **more: object) -> PairRefused:
        more.setdefault("node", None)
        with pytest.raises(PairRefused) as told:
            await pair(address, code, self.keys, 1, **more)  # type: ignore[arg-type]
        assert told.value.remedy, told.value
        return told.value


@pytest.fixture
async def world(tmp_path, monkeypatch):
    """A true agent that waits, and a rogue; at the end the true one trusts nobody."""
    monkeypatch.setattr(pairing, "PROOF_SECONDS", 0.4)
    async with AsyncExitStack() as stack, rig_at(tmp_path / "agent") as rig:
        rogue = kept_identity(tmp_path / "rogue", "rig2")
        yield World(rig, keys_at(tmp_path / "daemon"), rogue, tmp_path, stack)
        assert rig.trusted is None, "somebody was accepted"


def scripted(hello: object, *more: object) -> Told:
    """Answers the greeting, and then one message after the other; what is called answers by itself."""
    answers = [hello, *more]

    def answer(asked: web.Request, body: bytes) -> object:
        said = answers.pop(0) if answers else web.Response(status=500)
        return said(asked, body) if callable(said) else said

    return answer


# In the middle ------------------------------------------------------------------------------------


class Middle:
    """Ends TLS on both sides, and hands on what it hears, changed as a test wants it."""

    def __init__(self, rig: Rig, change: dict[str, Callable[[object], object]]) -> None:
        self._rig = rig
        self._change = change
        self.heard: list[object] = []

    async def __call__(self, asked: web.Request, body: bytes) -> web.Response:
        kinds = {"/pair/0": (None, Hello), "/pair/1": (Opening, Reply), "/pair/2": (Closing, Bound)}
        there, back = kinds[asked.path]
        if there is not None:
            body = self._passed(there, body)
        headers = (MEDIA,) if there else ()
        answer: Answer = await raw(self._rig.address, request(asked.method, asked.path, body, *headers))
        said = self._passed(back, answer.body) if answer.status == 200 else answer.body
        return packed(said, answer.status)

    def _passed(self, kind: type, body: bytes) -> bytes:
        message = msgspec.msgpack.decode(body, type=kind)
        self.heard.append(message)
        change = self._change.get(kind.__name__)
        return msgspec.msgpack.encode(change(message)) if change else body


def _claims(world: World) -> Callable[[object], object]:
    return lambda hello: msgspec.structs.replace(hello, node=world.rogue.node)


async def test_a_relay_with_a_certificate_of_its_own_is_found_out_by_both_sides(world):
    middle = Middle(world.rig, {"Hello": _claims(world)})
    rogue = await world.stands(middle)
    refused = await world.refused(rogue.address, world.rig.code)
    assert refused.kind == "secret" and "somebody stands between" in str(refused)
    assert isinstance(middle.heard[-1], Closing) and middle.heard[-1].confirmation == b"", "the daemon proved nothing"
    assert "somebody stands between" in world.rig.told[-1]


async def test_a_relay_that_claims_to_be_the_agent_it_relays(world):
    rogue = await world.stands(Middle(world.rig, {}))
    refused = await world.refused(rogue.address, world.rig.code)
    assert refused.kind == "foreign" and "claims the name of another" in str(refused)


async def test_a_relay_that_puts_its_own_certificate_in_the_daemons_place(world):
    own = keys_at(world.folder / "middle")
    swapped: Callable[[object], object] = lambda said: msgspec.structs.replace(said, certificate=own.certificate)  # noqa: E731
    rogue = await world.stands(Middle(world.rig, {"Hello": _claims(world), "Opening": swapped}))
    assert (await world.refused(rogue.address, world.rig.code)).kind == "secret"


async def test_a_relay_that_proves_itself_with_what_it_heard(world):
    """It sends the agent's confirmation back as the daemon's."""
    heard: list[Reply] = []
    changes: dict[str, Callable[[object], object]] = {
        "Hello": _claims(world),
        "Reply": lambda said: heard.append(said) or said,
        "Closing": lambda said: msgspec.structs.replace(said, confirmation=heard[0].confirmation),
    }
    rogue = await world.stands(Middle(world.rig, changes))
    assert (await world.refused(rogue.address, world.rig.code)).kind == "secret"


class Swapping:
    """A port of its own that hands bytes on: the first `first` connections to one place, all later ones to another."""

    def __init__(self, one: str, other: str, first: int) -> None:
        self._places = [one] * first
        self._other = other

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = (self._places.pop() if self._places else self._other).partition(":")
        there, thence = None, None
        try:
            there, thence = await asyncio.open_connection(host, int(port))
            async with asyncio.TaskGroup() as group:
                group.create_task(_poured(reader, thence))
                group.create_task(_poured(there, writer))
        except* OSError:
            pass
        finally:
            writer.close()
            if thence is not None:
                thence.close()


async def _poured(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("first", [1, 2, 3], ids=["after the greeting", "after the opening", "after the closing"])
async def test_a_certificate_that_is_swapped_between_two_calls(world, first, tmp_path):
    """Every later call reaches the holder of the certificate that was greeted, or nobody."""
    code = world.rig.code
    rogue = await world.stands(lambda asked, body: web.Response(status=500))
    swap = Swapping(world.rig.address, rogue.address, first)
    async with await asyncio.start_server(swap, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        refused = await world.refused(address, code)
    assert rogue.asked == [], "the rogue got as far as HTTP"
    assert refused.kind in ("foreign", "unproved")
    if first == 3:  # by then the true agent was paired rightly; that it cannot be reached is told
        assert world.rig.trusted == world.keys.certificate
        world.rig.unpair()


async def test_a_rogue_that_was_greeted_first_does_not_become_the_true_agent(world):
    rogue = await world.stands(scripted(world.hello()))
    swap = Swapping(rogue.address, world.rig.address, 1)
    async with await asyncio.start_server(swap, "127.0.0.1", 0) as server:
        refused = await world.refused(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", world.rig.code)
    assert refused.kind == "foreign"


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
