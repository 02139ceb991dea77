"""Who may ask over TCP: granted, listed and revoked over the socket alone."""

import msgspec
from aiohttp import web

from daemon.api.asked import body, no_body
from daemon.api.callers import CALLERS, digest_of, new_secret
from daemon.api.house import House
from daemon.api.route import Route
from daemon.api.tcp import TCP
from daemon.api.told import answer
from daemon.api.wish import wish
from schema.commands import Command, GrantAccess, RevokeAccess
from schema.errors import Refused
from schema.ids import CommandId
from schema.keeping import Access, Scope
from schema.requests import GrantRequest
from schema.scenes import Answer

DAY_SECONDS = 86_400.0
MOST_DAYS = 36_500.0


class AccessRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    scope: Scope
    created: float
    until: float | None
    """Null: it does not expire."""
    expired: bool
    latest: float | None
    """When it asked last, since the daemon started."""


class Accesses(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[AccessRow, ...]
    total: int
    address: str
    """Where the API listens over TCP; empty: nowhere."""
    trouble: str
    """Why it does not, although it should."""


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    command: CommandId
    seq: int
    subjects: tuple[str, ...]
    changed: int
    repeated: bool
    name: str
    scope: Scope
    until: float | None
    secret: str | None
    """For `Authorization: Bearer`. Told this once; null when the wish was granted before."""
    address: str


async def list_all(house: House, request: web.Request) -> web.StreamResponse:
    now, callers, door = house.clock(), request.app[CALLERS], request.app[TCP]
    rows = tuple(
        AccessRow(
            name=each.name, scope=each.scope, created=each.granted, until=each.expires,
            expired=each.expires is not None and each.expires <= now, latest=callers.seen.get(each.name),
        )
        for each in house.ledger.access.values()
    )  # fmt: skip
    return answer(Accesses(items=rows, total=len(rows), address=door.address, trouble=door.trouble))


async def grant(house: House, request: web.Request) -> web.StreamResponse:
    """The secret is drawn here and told here; the log gets what it can be recognised by."""
    asked = await body(request, GrantRequest)
    if asked.days is not None and not 0.0 < asked.days <= MOST_DAYS:
        raise Refused(f"an access holds for up to {MOST_DAYS:.0f} days.", where="days", remedy="Without it, for ever.")
    secret = new_secret()
    until = None if asked.days is None else house.clock() + asked.days * DAY_SECONDS

    async def make() -> Command:
        access = Access(name=asked.name, digest=digest_of(secret), scope=asked.scope, expires=until)
        return GrantAccess(access=access)

    done = await wish(house, request, asked, make)
    mine = not done.repeated
    return answer(
        Granted(
            command=done.command, seq=done.seq, subjects=done.subjects, changed=done.changed, repeated=done.repeated,
            name=asked.name, scope=asked.scope, until=until if mine else None, secret=secret if mine else None,
            address=request.app[TCP].address,
        ),
        201,
    )  # fmt: skip


async def revoke(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    name = request.match_info["name"]

    async def make() -> Command:
        return RevokeAccess(name=name)

    return answer(await wish(house, request, name, make))


ROUTES = (
    Route(
        method="GET", path="/v1/access", run=list_all, gives=Accesses, scope="socket",
        does="Who may ask over TCP, and where.",
    ),
    Route(
        method="POST", path="/v1/access", run=grant, takes=GrantRequest, gives=Granted, status=201, scope="socket",
        does="Let somebody ask over TCP; the secret is told this once.",
    ),
    Route(
        method="POST", path="/v1/access/{name}/revoke", run=revoke, gives=Answer, scope="socket",
        does="Let them ask no more; what they are being sent ends as well.",
    ),
)  # fmt: skip
