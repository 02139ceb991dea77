"""Wishes that leave no command in the log, done once per idempotency key: what was answered is kept in memory.

A second request with the key waits for the first one's end. Forgotten with the daemon, and after so many others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from aiohttp import web

from daemon.api.house import House
from daemon.api.route import MIB
from daemon.api.told import answer
from daemon.api.wish import kept_for, origin, used_before

MOST = 4096
"""Keys that are remembered."""

MOST_BYTES = 64 * MIB
"""That the requests of all of them had: answers are about as long."""


class _Kept(NamedTuple):
    done: asyncio.Future[msgspec.Struct]
    bytes: int


class Once:
    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0
        self.digests: dict[tuple[str, str], bytes] = {}
        """What was wished with each key: the log's wishes look here, as these look into the log."""

    async def answer(
        self, house: House, request: web.Request, asked: object, do: Callable[[], Awaitable[msgspec.Struct]]
    ) -> web.Response:
        """What `do` gives, or gave the first time this key was used. A refusal is not kept. Raises Conflict."""
        whose = origin(house, request, asked)
        if whose.key is None or whose.digest is None:
            return answer(await do())
        name = (whose.actor, whose.key)
        if name not in self._kept:
            await kept_for(house, whose)
        if name in self._kept:
            if self.digests[name] != whose.digest:  # it came while we looked into the log
                raise used_before(whose.key)
            return answer(await asyncio.shield(self._kept[name].done))
        return answer(await self._first(name, whose.digest, request.content_length or 0, do))

    async def _first(
        self, name: tuple[str, str], digest: bytes, size: int, do: Callable[[], Awaitable[msgspec.Struct]]
    ) -> msgspec.Struct:
        """Goes on when the client hangs up: who asks again with the key is told its end."""
        doing = asyncio.ensure_future(do())
        kept = self._kept[name] = _Kept(doing, size)
        self.digests[name] = digest
        self._bytes += size
        while len(self._kept) > MOST or (self._bytes > MOST_BYTES and len(self._kept) > 1):
            self._forget(*next(iter(self._kept.items())))

        def ended(done: asyncio.Future[msgspec.Struct]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._forget(name, kept)

        doing.add_done_callback(ended)
        return await asyncio.shield(doing)

    def _forget(self, name: tuple[str, str], kept: _Kept) -> None:
        if self._kept.get(name) is kept:
            del self._kept[name], self.digests[name]
            self._bytes -= kept.bytes


ONCE = web.AppKey("once", Once)
