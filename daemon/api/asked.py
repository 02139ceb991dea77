"""What a request asks, read with one sentence for everything that is wrong with it."""

import asyncio
import hashlib
import re
from typing import TypeVar

import msgspec
from aiohttp import web

from daemon.api.faults import Conflict, TooLarge, Unavailable, WrongMedia
from daemon.api.house import House
from daemon.mail import Origin
from daemon.views.lists import Window
from schema.errors import Refused
from schema.ids import CommandId

Body = TypeVar("Body")

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")

ACTOR = web.RequestKey("actor", str)
"""Who asks: `uid:1000`. Set by the guard."""

LIMIT = web.RequestKey("limit", int)
"""Bytes its body may have. Set by the guard."""


async def body(request: web.Request, kind: type[Body]) -> Body:
    """The JSON body as `kind`. An empty one is taken for `{}`. Refused with the field at fault."""
    content = await _content(request)
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except msgspec.ValidationError as fault:
        raise _field_fault(str(fault)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Refused(f"the body is no JSON: {fault}.", where="body") from None


async def no_body(request: web.Request) -> None:
    """For verbs that need nothing said: an empty body or `{}`."""
    await body(request, Nothing)


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


async def origin(house: House, request: web.Request, asked: object) -> Origin:
    """Who wants what, for the ledger. `asked` is the whole wish, for telling a repetition from another wish."""
    if house.condition() in ("read-only", "stopping"):
        raise Unavailable(
            f"the daemon is {house.condition()} and changes nothing now.",
            remedy="`stablenew daemon status` says more.",
        )
    key = request.headers.get("Idempotency-Key")
    digest = None
    if key is not None:
        if not KEY.fullmatch(key):
            raise Refused("an idempotency key is 1 to 200 printable ASCII characters.", where="--key")
        digest = digest_of(request, asked)
    return Origin(request[ACTOR], CommandId(house.draw_id()), key, digest)


def digest_of(request: web.Request, asked: object) -> bytes:
    """SHA-256 of method, path and the decoded wish in canonical form: spaces and order of fields do not count."""
    canonical = msgspec.json.encode(asked, order="sorted")
    return hashlib.sha256(b"\0".join((request.method.encode(), request.path.encode(), canonical))).digest()


def key_reused(key: str) -> Conflict:
    return Conflict(
        f"the key '{key}' was used for another request.", where="--key", remedy="Take a new key for a new wish."
    )


def window(request: web.Request) -> Window:
    return Window(
        filter=request.query.get("filter", ""),
        sort=request.query.get("sort", ""),
        offset=number(request, "offset", 0),
        limit=number(request, "limit", 100),
    )


def number(request: web.Request, name: str, otherwise: int, most: int = 2**62) -> int:
    """A whole number of the query, from 0."""
    text = request.query.get(name)
    if text is None or text == "":
        return otherwise
    if not text.isdigit() or len(text) > 19 or int(text) > most:
        raise Refused(f"'{text[:40]}' is no whole number from 0 to {most}.", where=name)
    return int(text)


def flag(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "0").lower()
    if text not in ("0", "1", "false", "true", ""):
        raise Refused(f"'{text[:40]}' is neither 0 nor 1.", where=name)
    return text in ("1", "true")


async def _content(request: web.Request) -> bytes:
    if not request.can_read_body:
        return b""
    if request.content_type != "application/json":
        raise WrongMedia(
            f"a body of type {request.content_type} is not taken.",
            where="Content-Type",
            remedy="Send application/json.",
        )
    pieces = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.content.iter_any():
                pieces += piece
                if len(pieces) > request[LIMIT]:
                    raise TooLarge(f"the body has more than {request[LIMIT]} bytes.", where="body")
    except TimeoutError:
        raise Refused(f"the body did not arrive within {BODY_SECONDS:.0f} s.", where="body") from None
    return bytes(pieces)


_AT = re.compile(r" - at `(.*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)


def _field_fault(text: str) -> Refused:
    """msgspec's sentence in ours: the field first, then what is wrong with it."""
    at = _AT.search(text)
    path = at[1].removeprefix("$").removeprefix(".") if at else ""
    sentence = text[: at.start()] if at else text
    if unknown := _UNKNOWN.fullmatch(sentence):
        return Refused("there is no such field.", where=".".join(filter(None, (path, unknown[1][:80]))))
    if missing := _MISSING.fullmatch(sentence):
        return Refused("this field is missing.", where=".".join(filter(None, (path, missing[1]))))
    return Refused(sentence[0].lower() + sentence[1:] + ".", where=path or "body")
