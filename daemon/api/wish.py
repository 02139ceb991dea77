"""A wish that changes something: who wants it, whether it was wished before, and what the ledger made of it."""

import hashlib
import re
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from daemon.api.asked import ACTOR
from daemon.api.faults import Conflict, Unavailable
from daemon.api.house import House, KeptKey
from daemon.ledger.answers import answer_of
from daemon.ledger.mail import Origin
from schema.commands import Command
from schema.errors import Refused
from schema.ids import CommandId
from schema.scenes import Answer

REMEMBERED = web.AppKey("remembered", dict[tuple[str, str], bytes])
"""Keys of wishes that leave no event, by who used them, and what was wished with them."""

KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")


async def wish(house: House, request: web.Request, asked: object, make: Callable[[], Awaitable[Command]]) -> Answer:
    """The ledger's answer to the command that `make` gives.

    With a key that was used for the same request, the answer of then: before anything is looked up, for by now the
    look-up may find something else.
    """
    whose = origin(house, request, asked)
    kept = await kept_for(house, whose)
    if kept is not None:
        return stored(kept)
    await house.views.shown(house.ledger.durable)
    return await house.ledger.command(await make(), whose)


def origin(house: House, request: web.Request, asked: object) -> Origin:
    """`asked` is the whole wish: it tells a repetition from another wish. Raises Conflict."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return Origin(request[ACTOR], CommandId(house.draw_id()))
    if not KEY.fullmatch(key):
        raise Refused(
            "an idempotency key is 1 to 200 printable ASCII characters.", where="--key", remedy="Take a UUID, say."
        )
    digest, used = digest_of(request, asked), request.app[REMEMBERED].get((request[ACTOR], key))
    if used is not None and used != digest:
        raise used_before(key)
    return Origin(request[ACTOR], CommandId(house.draw_id()), key, digest)


def check_open(house: House) -> None:
    """Raises Unavailable where nothing is changed now, with what is in the way."""
    condition = house.condition()
    if condition in ("read-only", "stopping"):
        told = house.trouble() if condition == "read-only" else ""
        raise Unavailable(
            f"the daemon is {condition} and changes nothing now.", remedy=told or "`stablenew status` says more."
        )


def digest_of(request: web.Request, asked: object) -> bytes:
    """SHA-256 of method, path and the decoded wish in canonical form: spaces and order of fields do not count."""
    canonical = msgspec.json.encode(asked, order="sorted")
    return hashlib.sha256(b"\0".join((request.method.encode(), request.path.encode(), canonical))).digest()


async def kept_for(house: House, whose: Origin) -> KeptKey | None:
    """The command that brought this key before; None: none has, and it may be carried out.

    Raises Conflict when it was another wish, Unavailable where it is none that was carried out and nothing is now.
    """
    kept = None if whose.key is None else await house.log.find_key(whose.actor, whose.key)
    if kept is not None and kept.digest != whose.digest:
        raise used_before(whose.key or "")
    if kept is None:
        check_open(house)
    return kept


def used_before(key: str) -> Conflict:
    return Conflict(
        f"the key '{key}' was used for another request.", where="--key", remedy="Take a new key for a new one."
    )


def stored(kept: KeptKey) -> Answer:
    return msgspec.structs.replace(answer_of(kept.command, kept.envelopes), repeated=True)
