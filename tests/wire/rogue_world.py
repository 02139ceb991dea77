"""A true agent that waits to be paired, and a rogue that would be taken for it."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from aiohttp import web
from pairing_world import Rig, Rogue, keys_at, rig_at, rogue_at

from agent.pairing.contexts import open_context
from agent.pairing.keys import Kept, kept_identity
from daemon.fleet.trust import pairing
from daemon.fleet.trust.keys import Keys
from daemon.fleet.trust.pairing import PairRefused, pair
from schema.pairing import PAIRING, Hello

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


@asynccontextmanager
async def rogues(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """At the end the true agent trusts nobody."""
    monkeypatch.setattr(pairing, "PROOF_SECONDS", 0.4)
    async with AsyncExitStack() as stack, rig_at(folder / "agent") as rig:
        rogue = kept_identity(folder / "rogue", "rig2")
        yield World(rig, keys_at(folder / "daemon"), rogue, folder, stack)
        assert rig.trusted is None, "somebody was accepted"


def scripted(hello: object, *more: object) -> Told:
    """Answers the greeting, and then one message after the other; what is called answers by itself."""
    answers = [hello, *more]

    def answer(asked: web.Request, body: bytes) -> object:
        said = answers.pop(0) if answers else web.Response(status=500)
        return said(asked, body) if callable(said) else said

    return answer
