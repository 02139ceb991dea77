"""What a request asks, read with one sentence for everything that is wrong with it."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from aiohttp import web

from daemon.api.faults import TooLarge, WrongMedia
from daemon.views.lists import Window
from schema.errors import Refused

Body = TypeVar("Body")

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

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


async def sent(request: web.Request, most: int, what: str) -> AsyncIterator[bytes]:
    """A file as it comes, within the time a body may take. Raises TooLarge, Refused."""
    until, total = asyncio.get_running_loop().time() + BODY_SECONDS, 0
    while True:
        try:
            async with asyncio.timeout_at(until):
                piece = await request.content.readany()
        except TimeoutError:
            raise Refused(f"the body did not arrive within {BODY_SECONDS:.0f} s.", where="body") from None
        if not piece:
            return
        total += len(piece)
        if total > most:
            raise TooLarge(f"{what} has at most {most} bytes.", where="body")
        yield piece


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
