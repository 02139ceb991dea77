"""Wishes that leave no command in the log, done once per idempotency key: what was answered is kept in memory.

A second request with the key waits for the first one's end. Forgotten with the daemon, and after so many others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from daemon.api.faults import Conflict
from daemon.api.house import House
from daemon.api.told import answer
from daemon.api.wish import check_open, origin

MOST = 256
"""Keys that are remembered."""


class Once:
    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, asyncio.Future[msgspec.Struct]]] = OrderedDict()

    async def answer(
        self, house: House, request: web.Request, asked: object, do: Callable[[], Awaitable[msgspec.Struct]]
    ) -> web.Response:
        """What `do` gives, or gave the first time this key was used. A refusal is not kept. Raises Conflict."""
        whose = origin(house, request, asked)
        check_open(house)
        if whose.key is None or whose.digest is None:
            return answer(await do())
        name = (whose.actor, whose.key)
        if name in self._kept:
            digest, done = self._kept[name]
            if digest != whose.digest:
                raise Conflict(
                    f"the key '{whose.key}' was used for another request.", where="--key",
                    remedy="Take a new key for a new one.",
                )  # fmt: skip
            return answer(await asyncio.shield(done))
        return answer(await self._first(name, whose.digest, do))

    async def _first(
        self, name: tuple[str, str], digest: bytes, do: Callable[[], Awaitable[msgspec.Struct]]
    ) -> msgspec.Struct:
        """Goes on when the client hangs up: who asks again with the key is told its end."""
        doing = asyncio.ensure_future(do())
        self._kept[name] = (digest, doing)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

        def ended(done: asyncio.Future[msgspec.Struct]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._kept.pop(name, None)

        doing.add_done_callback(ended)
        return await asyncio.shield(doing)


ONCE = web.AppKey("once", Once)
