"""The daemon's link to a paired agent over the network: to that agent, and nowhere else, whatever it answers."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))  # for `pairing_world`

from pairing_world import HOST, keys_at, rogue_at

from agent.pairing.contexts import open_context, pinned_context
from agent.pairing.keys import kept_identity
from agent.pairing.pins import Pin
from daemon.fleet.link import AgentLink, LinkLost, Unwilling, over_network
from daemon.fleet.trust import contexts
from schema.ids import Sha256
from schema.keys import pem_of

SHA = Sha256("ab" * 32)


@pytest.fixture
async def canary() -> AsyncIterator[str]:
    """The address of what stands elsewhere in the daemon's network, and is not even to be connected to."""
    came: list[object] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield f"{HOST}:{server.sockets[0].getsockname()[1]}"
        assert came == [], "the daemon went where the agent had sent it"


class Place:
    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.kept, self.keys = kept_identity(folder / "agent", "rig"), keys_at(folder / "daemon")
        self.other = kept_identity(folder / "other", "rig")

    async def link(self, answer: object, *, other: bool = False) -> AgentLink:
        """To an agent that answers so; `other`: another one has taken its address."""
        pin = Pin(self.keys.certificate, self.keys.fleet, 1)
        context = open_context(self.other) if other else pinned_context(self.kept, pin)
        rogue = await self._stack.enter_async_context(rogue_at(context, answer))  # type: ignore[arg-type]
        certificate = pem_of(self.kept.certificate).decode("ascii")
        trusted = contexts.pinned_context(self.keys, certificate)
        link = over_network(rogue.address, trusted, lambda transport: contexts.is_pinned(transport, certificate))
        return await self._stack.enter_async_context(link)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(tmp_path, stack)


async def _fed(link: AgentLink) -> None:
    async for _ in link.feed(asyncio.Event()):
        pass


async def _blob(link: AgentLink) -> None:
    async for _ in link.blob(SHA):
        pass


CALLS = {
    "card": lambda link: link.card(),
    "attempts": lambda link: link.attempts(),
    "feed": _fed,
    "blob": _blob,
    "has": lambda link: link.has_blob(SHA),
    "free": lambda link: link.free(),
    "unpair": lambda link: link.unpair(),
    "cancel": lambda link: link.cancel("j~s~1"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_answer_sends_the_daemon_elsewhere(place, canary, call, status):
    target = f"http://{canary}/latest/meta-data"
    link = await place.link(lambda asked, body: web.Response(status=status, headers={"Location": target}))
    with pytest.raises(LinkLost):
        await call(link)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_who_has_taken_the_agents_address_is_asked_nothing(place, call):
    asked: list[str] = []
    link = await place.link(lambda request, body: asked.append(request.path) or b"", other=True)
    with pytest.raises(LinkLost):
        await call(link)
    assert asked == []


async def test_an_answer_that_unpacks_itself_is_not_unpacked(place):
    packed = io.BytesIO()
    import gzip

    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(msgspec.msgpack.encode([]))
    body = packed.getvalue()
    link = await place.link(lambda asked, _: web.Response(body=body, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(LinkLost, match="another protocol"):
        await link.attempts()


async def test_words_of_a_refusal_are_cut(place):
    link = await place.link(lambda asked, _: web.Response(status=500, text="no" * 1_000_000))
    with pytest.raises(Unwilling) as told:
        await link.card()
    assert len(str(told.value)) <= 1000
