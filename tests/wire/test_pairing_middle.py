"""Machines between the daemon and the agent it pairs with: whatever they pass on or put in, both sides find out."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world` and `rogue_world`

from pairing_world import MEDIA, Answer, Rig, keys_at, packed, raw, request
from rogue_world import World, rogues, scripted

from schema.pairing import Bound, Closing, Hello, Opening, Reply


@pytest.fixture
async def world(tmp_path, monkeypatch):
    async with rogues(tmp_path, monkeypatch) as world:
        yield world


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
