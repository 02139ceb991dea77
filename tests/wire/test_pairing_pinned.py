"""A paired agent answers the one daemon it was paired with, and no route of it answers anybody else."""

import asyncio
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world`

from pairing_certificates import NOW, YEAR, Forged, ed, forged, p256, p384, rsa2048, stolen
from pairing_world import Rig, keys_at, raw, request, rig_at, shows

from agent.pairing.contexts import open_context, pinned_context
from agent.pairing.keys import kept_identity
from agent.pairing.pins import Pin
from daemon.fleet.trust import contexts as daemons
from daemon.fleet.trust.keys import Keys
from daemon.fleet.trust.pairing import PairRefused, pair
from schema.keys import der_of, pem_of

CARD = request("GET", "/v1/card")


class World(NamedTuple):
    rig: Rig
    keys: Keys
    folder: Path

    @property
    def pinned(self) -> ssl.SSLContext:
        return daemons.pinned_context(self.keys, pem_of(self.rig.kept.certificate).decode("ascii"))


@pytest.fixture
async def world(tmp_path):
    """Paired; at the end the pin is what it was, and nothing was given away but the card of the pairing itself."""
    async with rig_at(tmp_path / "agent") as rig:
        keys = keys_at(tmp_path / "daemon")
        await pair(rig.address, rig.code, keys, 1, node=rig.kept.node)
        rig.served = 0
        yield World(rig, keys, tmp_path)


@pytest.fixture
async def closed(world):
    yield world
    assert world.rig.trusted == world.keys.certificate
    assert world.rig.served == 0, "a card was given away"


async def test_the_pinned_daemon_is_answered(world):
    assert (await raw(world.rig.address, CARD, world.pinned)).status == 200
    assert world.rig.served == 1


def _same_name(world: World, **more: object) -> ssl.SSLContext:
    pinned = stolen(world.keys.key_file).certificate
    return forged(p256(), subject=pinned.subject, **more).client(world.folder / "x")


def _signed(world: World, *chain: bytes, authority: bool = False) -> ssl.SSLContext:
    """What the holder of the pinned key alone could make: and even that is another certificate."""
    return forged(p256(), by=stolen(world.keys.key_file), authority=authority).client(world.folder / "x", *chain)


def _anew(world: World) -> ssl.SSLContext:
    """The same key and name under a new certificate: OpenSSL alone would find a way from it to the pin."""
    pinned = stolen(world.keys.key_file)
    return forged(pinned.key, subject=pinned.certificate.subject, authority=True).client(world.folder / "x")


def _pretending(world: World) -> ssl.SSLContext:
    """A key of its own, and the pinned certificate beside it as if it were the rest of the chain."""
    return forged(p256()).client(world.folder / "x", pem_of(world.keys.certificate))


CLIENTS: dict[str, Callable[[World], ssl.SSLContext]] = {
    "no certificate": lambda world: daemons.Stranger().context,
    "another daemon's": lambda world: shows(keys_at(world.folder / "other")),
    "another of its own kind": lambda world: forged(p256()).client(world.folder / "x"),
    "RSA": lambda world: forged(rsa2048()).client(world.folder / "x"),
    "Ed25519": lambda world: forged(ed()).client(world.folder / "x"),
    "P-384": lambda world: forged(p384()).client(world.folder / "x"),
    "expired": lambda world: forged(p256(), begins=NOW - 2 * YEAR, ends=NOW - YEAR).client(world.folder / "x"),
    "not yet valid": lambda world: forged(p256(), begins=NOW + YEAR, ends=NOW + 2 * YEAR).client(world.folder / "x"),
    "an authority": lambda world: forged(p256(), authority=True).client(world.folder / "x"),
    "the same name, another key": _same_name,
    "the same name, another key, RSA": lambda world: forged(
        rsa2048(), subject=stolen(world.keys.key_file).certificate.subject
    ).client(world.folder / "x"),
    "an authority of the same name": lambda world: _same_name(world, authority=True),
    "the same key, another certificate": _anew,
    "signed by the pinned one": _signed,
    "signed by the pinned one, as an authority": lambda world: _signed(world, authority=True),
    "signed by the pinned one, with the chain": lambda world: _signed(world, pem_of(world.keys.certificate)),
    "the pinned one beside its own": _pretending,
    "the agent's own": lambda world: shows(world.rig.kept),
    "TLS 1.2 with the right one": lambda world: stolen(world.keys.key_file).client(world.folder / "x", oldest=True),
    "TLS 1.2 without any": lambda world: _older(),
}


def _older() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
async def test_nobody_else_gets_through_the_handshake(closed, client):
    answer = await raw(closed.rig.address, CARD, client(closed))
    assert answer.raw == b"", "it was answered"


OTHERS: dict[str, Callable[[Forged], Forged]] = {
    "another of its own kind": lambda pinned: forged(p256()),
    "RSA": lambda pinned: forged(rsa2048()),
    "Ed25519": lambda pinned: forged(ed()),
    "P-384": lambda pinned: forged(p384()),
    "the same name": lambda pinned: forged(p256(), subject=pinned.certificate.subject),
    "the same key": lambda pinned: forged(pinned.key, subject=pinned.certificate.subject),
    "signed by the pinned one": lambda pinned: forged(p256(), by=pinned),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("side", ["agent", "daemon"])
async def test_a_mixed_up_trust_store_is_not_enough(tmp_path, other, side):
    """Should OpenSSL's judgement pass another certificate, the comparison with the pin does not, on either side."""
    kept, keys = kept_identity(tmp_path / "agent", "rig"), keys_at(tmp_path / "daemon")
    false = other(stolen((keys if side == "agent" else kept).key_file))
    if side == "agent":
        judged = server = pinned_context(kept, Pin(keys.certificate, keys.fleet, 1))
        client = false.client(tmp_path / "false")
    else:
        judged = client = daemons.pinned_context(keys, pem_of(kept.certificate).decode())
        server = false.server(tmp_path / "false")
    judged.load_verify_locations(cadata=false.der)
    seen = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server) as listening:
        address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        assert (await raw(address, CARD, client)).raw == b""
    assert seen in ([], [b""]), "something was sent before the comparison"


async def test_plain_http(closed):
    assert b"HTTP" not in (await raw(closed.rig.address, CARD, plain=True)).raw


async def test_a_paired_agent_is_not_paired_again_by_anybody(closed):
    other = keys_at(closed.folder / "other")
    for keys in (other, closed.keys):
        with pytest.raises(PairRefused, match="stablenew agent unpair") as told:
            await pair(closed.rig.address, "12345678", keys, 1, node=None)
        assert told.value.kind == "paired"
    for path in ("/pair/0", "/pair/1", "/pair/2"):
        assert (await raw(closed.rig.address, request("GET", path), closed.pinned)).status == 404


async def test_a_paired_desk_takes_nobody_even_if_its_routes_were_open(closed):
    """The listener and the desk do not rely on one another."""
    from agent.pairing.desk import Declined
    from schema.pairing import Opening

    with pytest.raises(Declined, match="paired"):
        closed.rig.desk.open(Opening(version=1, certificate=b"", message=b""), "10.0.0.9")
    assert closed.rig.desk.code is None


async def test_a_daemon_that_was_left_is_not_answered_any_more(world):
    old = world.pinned
    world.rig.unpair()
    other = keys_at(world.folder / "other")
    deadline = asyncio.get_running_loop().time() + 5
    while True:  # its listener changes
        try:
            await pair(world.rig.address, world.rig.code, other, 1, node=None)
            break
        except PairRefused:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
    world.rig.served = 0
    assert (await raw(world.rig.address, CARD, old)).raw == b""
    assert world.rig.served == 0 and world.rig.trusted == other.certificate


async def test_an_unpaired_agent_gives_its_old_daemon_nothing_but_pairing(world):
    world.rig.unpair()
    deadline = asyncio.get_running_loop().time() + 5
    while (answer := await raw(world.rig.address, CARD, world.pinned)).status == 0:
        assert asyncio.get_running_loop().time() < deadline
    assert answer.status == 404 and world.rig.served == 0


async def test_a_session_of_before_opens_nothing(closed, tmp_path):
    """No tickets are given out: each connection shows its certificate anew."""

    def sessions(context: ssl.SSLContext) -> list[bool]:
        import socket

        seen, session = [], None
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", closed.rig.port), timeout=5) as plain,
                context.wrap_socket(plain, session=session) as secure,
            ):
                secure.sendall(request("GET", "/none"))
                while secure.recv(4096):
                    pass
                session = secure.session
                seen.append(secure.session_reused or (session is not None and session.has_ticket))
        return seen

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(closed.keys.certificate_file, closed.keys.key_file)
    assert await asyncio.to_thread(sessions, context) == [False, False]


async def test_no_clock_of_either_machine_matters(tmp_path):
    """The pinned certificates have expired, or are not valid yet: who they are does not follow from dates."""
    for number, (begins, ends) in enumerate(((NOW - 2 * YEAR, NOW - YEAR), (NOW + YEAR, NOW + 2 * YEAR))):
        agent, daemon = (forged(p256(), begins=begins, ends=ends) for _ in range(2))
        kept = kept_identity(tmp_path / f"agent{number}", "rig")
        certificate, key = agent.files(tmp_path / f"agent{number}")
        kept = kept._replace(certificate=agent.der, certificate_file=certificate, key_file=key)
        own = keys_at(tmp_path / f"daemon{number}")
        certificate, key = daemon.files(tmp_path / f"daemon{number}")
        own = own._replace(certificate=daemon.der, certificate_file=certificate, key_file=key)
        server = pinned_context(kept, Pin(daemon.der, own.fleet, 1))

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 204 OK\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server) as listening:
            address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            client = daemons.pinned_context(own, agent.pem().decode())
            assert (await raw(address, CARD, client)).status == 204


def test_both_contexts_are_as_narrow_as_they_should_be(tmp_path):
    kept = kept_identity(tmp_path / "agent", "rig")
    keys = keys_at(tmp_path / "daemon")
    pin = Pin(keys.certificate, keys.fleet, 1)
    pinned = (pinned_context(kept, pin), daemons.pinned_context(keys, pem_of(kept.certificate).decode()))
    for context in (*pinned, open_context(kept), daemons.Stranger().context):
        assert context.minimum_version == context.maximum_version == ssl.TLSVersion.TLSv1_3
        assert context.keylog_filename is None
    for context in pinned:
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.cert_store_stats()["x509"] == 1
    assert der_of(kept.certificate_file.read_bytes()) == kept.certificate
