"""Who asks over TCP: known by the secret that each request brings, cut off as soon as it holds no more.

The secret has 256 random bits and is told once; the log holds its SHA-256. Nobody can guess it, so wrong ones need no
lock; each costs a connection of its own.
"""

import asyncio
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from secrets import token_urlsafe
from typing import NamedTuple

from aiohttp import web

from daemon.api.connections import Connection
from daemon.api.faults import NotAllowed, Stranger, TooOften
from daemon.api.house import House
from daemon.api.news import listening
from daemon.api.route import Route
from daemon.ledger.mail import Committed
from schema.keeping import Access, AccessRevoked, Scope

RATE = 200.0
"""Requests a second that one access has, in the long run."""

BURST = 400.0
"""And at once, after a rest."""

PREFIX = "stablenew_"
"""Of every secret, so that one that was published by mistake is recognised for what it is."""

RANKS: dict[Scope, int] = {"read": 0, "rate": 1, "run": 2, "all": 3}
"""Each may what those before it may."""

SOCKET_ONLY = "Ask over the socket, on the daemon's own machine."


def new_secret() -> str:
    """For an `Authorization: Bearer` header."""
    return PREFIX + token_urlsafe(32)


def digest_of(secret: str) -> str:
    """64 hex digits. Whatever bytes a header may hold have one: they only fit nobody's."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class _Asking(NamedTuple):
    """One request of an access that is being answered."""

    name: str
    connection: Connection


class Callers:
    def __init__(self, house: House) -> None:
        self._house = house
        self._asking: set[_Asking] = set()
        self._left: dict[str, tuple[float, float]] = {}
        """By name: requests that it still has, and when that was so, on the loop's clock."""
        self.seen: dict[str, float] = {}
        """When each asked last, Unix seconds. Forgotten with the process."""

    async def run(self) -> None:
        """Cuts off who was revoked, streams too; ends with the ledger."""
        async with listening(self._house.ledger, self._take) as news:
            while not news.over:
                await news.wait(None)

    def known(self, request: web.Request) -> Access:
        """Whose secret it brings. Raises Stranger, TooOften."""
        given = request.headers.getall("Authorization", [])
        kind, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        digest = digest_of(secret.strip())
        held = [each for each in self._house.ledger.access.values() if hmac.compare_digest(each.digest, digest)]
        now = self._house.clock()
        if kind.lower() != "bearer" or not held:
            raise Stranger(
                "who asks here needs a secret.", where="Authorization",
                remedy="Send `Authorization: Bearer SECRET`; `stablenew token new` gives one.",
            )  # fmt: skip
        access = held[0]
        if access.expires is not None and access.expires <= now:
            raise Stranger(
                f"the access {access.name} has expired.", where="Authorization",
                remedy="Revoke it and take a new one with `stablenew token new`.",
            )  # fmt: skip
        self._take_one(access.name)
        self.seen[access.name] = now
        return access

    @contextmanager
    def asking(self, access: Access, connection: Connection) -> Iterator[None]:
        """While a request of it is answered; it ends with the access, be it revoked or expired."""
        one = _Asking(access.name, connection)
        self._asking.add(one)
        end = None
        if access.expires is not None:
            rest = max(0.0, access.expires - self._house.clock())
            end = asyncio.get_running_loop().call_later(rest, connection.cut)
        try:
            yield
        finally:
            self._asking.discard(one)
            if end is not None:
                end.cancel()

    def _take(self, batch: Committed) -> None:
        for envelope in batch.envelopes:
            if isinstance(envelope.event, AccessRevoked):
                for one in [one for one in self._asking if one.name == envelope.event.name]:
                    one.connection.cut()

    def _take_one(self, name: str) -> None:
        now = asyncio.get_running_loop().time()
        left, since = self._left.get(name, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        if left < 1.0:
            self._left[name] = (left, now)
            raise TooOften(f"{name} asks more than {RATE:.0f} times a second.", remedy="Try again in a moment.")
        self._left[name] = (left - 1.0, now)


def check_scope(access: Access, route: Route | None) -> None:
    """Raises NotAllowed. A route that is not there is refused by nobody here: there is nothing behind it."""
    if route is None:
        return
    if route.scope is None or route.scope == "socket":
        raise NotAllowed("this is not answered over TCP.", where="Authorization", remedy=SOCKET_ONLY)
    if RANKS[access.scope] < RANKS[route.scope]:
        raise NotAllowed(
            f"{access.name} may not: this needs the scope `{route.scope}`, and it has `{access.scope}`.",
            where="Authorization", remedy=f"`stablenew token new NAME --scope {route.scope}` gives such an access.",
        )  # fmt: skip


CALLERS = web.AppKey("callers", Callers)
