"""How a refusal becomes an answer: status, one sentence, and the exit code for the command line."""

import os
import sqlite3

import msgspec
from aiohttp import web

from daemon.api.told import answer
from daemon.disk import AWAY, FULL
from daemon.views.select import NotFound
from daemon.views.views import Behind
from schema.errors import Away, Exit, Refused, why


class Unavailable(Refused):
    """Not now: the daemon is starting or stopping, reads only, or has no room."""


class NotAllowed(Refused):
    """This client may not ask."""


class Stranger(Refused):
    """It asks over TCP without a secret that holds."""


class Elsewhere(Refused):
    """It asks for a machine of another name: some web page's, say, whose name leads here."""


class TooOften(Refused):
    """More requests in a second than one access has."""


class Conflict(Refused):
    """What was asked fits what is there no more: a used key, another plan."""


class TooLarge(Refused):
    """More bytes than this route takes."""


class WrongMedia(Refused):
    """A body of a kind this route does not take."""


class Told(msgspec.Struct, frozen=True):
    """The body of every answer that is none."""

    error: str
    where: str
    remedy: str
    exit: int


SQLITE_GROUND = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
)  # fmt: skip
FREE = "Free some space or bring the folder back; `stablenew status` says what the daemon makes of it."

CONFLICTS = frozenset({"--plan-hash"})
"""Refusals about these flags say that something is no longer as the asker thinks."""


def refusal(fault: Refused) -> web.Response:
    status, code = 400, Exit.REFUSED
    match fault:
        case Unavailable() | Behind() | Away():
            status, code = 503, Exit.FAILED
        case NotAllowed():
            status, code = 403, Exit.NOT_ALLOWED
        case Stranger():
            return _stranger(fault)
        case Elsewhere():
            status, code = 421, Exit.NOT_ALLOWED
        case TooOften():
            status, code = 429, Exit.FAILED
        case NotFound():
            status = 404
        case TooLarge():
            status = 413
        case WrongMedia():
            status = 415
        case Conflict():
            status = 409
        case _ if fault.where in CONFLICTS:
            status = 409
    return answer(Told(fault.sentence, fault.where, fault.remedy, code), status)


def _stranger(fault: Stranger) -> web.Response:
    """It has to connect anew for another guess."""
    response = answer(Told(fault.sentence, fault.where, fault.remedy, Exit.NOT_ALLOWED), 401)
    response.headers["WWW-Authenticate"] = 'Bearer realm="stablenew"'
    response.force_close()
    return response


def no_http(status: int) -> web.Response:
    """For bytes that are no request."""
    return answer(Told("this is no request that can be understood.", "", "Speak HTTP/1.1.", Exit.REFUSED), status)


def of_http(fault: web.HTTPException, request: web.Request) -> web.Response:
    """aiohttp's own refusals, in our words."""
    match fault.status:
        case 404:
            told = Told(f"there is no {request.path}.", "", "GET /v1/openapi.json lists the routes.", Exit.REFUSED)
        case 405:
            told = Told(f"{request.path} does not take {request.method}.", "", "", Exit.REFUSED)
        case 413:
            told = Told("the request is too large.", "", "", Exit.REFUSED)
        case _:
            told = Told(f"{fault.reason}.", "", "", Exit.REFUSED)
    return answer(told, fault.status)


def of_ground(fault: Exception) -> Unavailable | None:
    """What a disk that takes nothing, or is away, means for the one who asks; None: it is no such fault."""
    if isinstance(fault, OSError):
        if fault.errno not in FULL | AWAY:
            return None
        where = os.fsdecode(fault.filename) if isinstance(fault.filename, str | bytes) else ""
        return Unavailable(f"the disk does not take it: {why(fault)}.", where=where, remedy=FREE)
    if not isinstance(fault, sqlite3.Error) or getattr(fault, "sqlite_errorcode", 0) & 0xFF not in SQLITE_GROUND:
        return None
    return Unavailable(f"the disk does not take it: {why(fault)}.", remedy=FREE)


def bug() -> web.Response:
    told = Told("something went wrong in the daemon.", "", "Its log in the state folder says more.", Exit.FAILED)
    return answer(told, 500)
