"""The log, as lines of JSON, and the live state's hash."""

import msgspec
from aiohttp import web

from daemon.api.asked import flag, number
from daemon.api.house import House
from daemon.api.news import listening
from daemon.api.route import Route
from daemon.api.told import answer, line
from daemon.views.select import NotFound
from schema.errors import Refused
from schema.events import Envelope
from schema.pages import EventLine, event_line
from schema.then import Difference

PAGE = 64
"""Events read and sent at once: what a client that stopped reading costs, and a hundred of them a hundred times."""

LOOK_SECONDS = 0.5
"""Between two looks whether the daemon stops."""

QUIET_SECONDS = 15.0
"""After so long without an event an empty line shows that the stream lives."""


class StateHash(msgspec.Struct, frozen=True):
    seq: int
    hash: str


async def events(house: House, request: web.Request) -> web.StreamResponse:
    after, limit = number(request, "after", 0), number(request, "limit", 2**62)
    following = flag(request, "follow") and not (house.moment and house.moment.asked)  # the past does not go on
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    if following:
        await _follow(house, response, after, limit)
    else:
        await _write(house, response, after, limit)
    await response.write_eof()
    return response


async def _write(house: House, response: web.StreamResponse, after: int, limit: int) -> tuple[int, int]:
    """What is there. Returns the last seq written and how many may still be."""
    while limit > 0 and (envelopes := await house.log.read(after, min(PAGE, limit))):
        await response.write(b"".join(map(_line, envelopes)))
        after, limit = envelopes[-1].seq, limit - len(envelopes)
    return after, limit


async def _follow(house: House, response: web.StreamResponse, after: int, limit: int) -> None:
    """Commits only wake it: events are read from the log, so a slow client costs no memory."""
    async with listening(house.ledger) as news:
        quiet = 0.0
        while not (news.over or house.condition() == "stopping"):
            before = after
            after, limit = await _write(house, response, after, limit)
            if limit == 0:
                return
            quiet = 0.0 if after > before else quiet
            if not await news.wait(LOOK_SECONDS):
                quiet += LOOK_SECONDS
            if quiet >= QUIET_SECONDS:
                await response.write(b"\n")
                quiet = 0.0


async def event(house: House, request: web.Request) -> web.StreamResponse:
    text = request.match_info["seq"]
    if not text.isdigit() or not (found := await house.log.read(max(0, int(text[:18]) - 1), 1)) or text == "0":
        raise NotFound(f"the log has no event {text[:40]}.", remedy=f"It goes from 1 to {house.ledger.durable}.")
    return answer(event_line(found[0]))


async def state(house: House, request: web.Request) -> web.StreamResponse:
    return answer(StateHash(*await house.ledger.state_hash()))


async def difference(house: House, request: web.Request) -> web.StreamResponse:
    before = request.query.get("before")
    if not before:
        raise Refused("which moment is to be compared?", where="before", remedy="Give a seq, an ISO time or an age.")
    upto = str(house.moment.seq) if house.moment is not None else None
    return answer(await house.differ(before, request.query.get("after") or upto))


def _line(envelope: Envelope) -> bytes:
    return line(event_line(envelope))


ROUTES = (
    Route(
        method="GET", path="/v1/log", run=events, gives=EventLine, media="application/x-ndjson",
        query=("after", "limit", "follow"), scope="read", does="Events in order; with `follow=1` also those to come.",
    ),
    Route(method="GET", path="/v1/log/{seq}", run=event, gives=EventLine, scope="read", does="One event."),
    Route(
        method="GET", path="/v1/state", run=state, gives=StateHash,
        scope="read", does="The live state's canonical hash.",
    ),
    Route(
        method="GET", path="/v1/diff", run=difference, gives=Difference, query=("before", "after"),
        scope="read", does="What is different between two moments; `after` is now where it is left out.",
    ),
)  # fmt: skip
