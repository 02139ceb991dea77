"""The log: as lines of JSON, as a list in words, one event whole; the live state's hash; what programs wrote."""

import asyncio

import msgspec
from aiohttp import web

from daemon.api.asked import flag, number, window
from daemon.api.house import House
from daemon.api.logfilters import events_filter, lines_filter
from daemon.api.news import listening
from daemon.api.route import PAGE as PAGED
from daemon.api.route import Route
from daemon.api.told import answer, line, page_answer
from daemon.sieve import Part
from daemon.views.lists import Window
from daemon.views.select import NotFound
from schema.errors import Refused
from schema.events import Envelope
from schema.logpages import EventRow, EventWhole, ProgramLine, event_row, event_whole
from schema.pages import EventLine, Page, event_line
from schema.then import Difference

PAGE = 64
"""Events read and sent at once: what a client that stopped reading costs, and a hundred of them a hundred times."""

LOOK_SECONDS = 0.5
"""Between two looks whether the daemon stops."""

QUIET_SECONDS = 15.0
"""After so long without an event an empty line shows that the stream lives."""


MOST = 1000
"""Rows of one page of events or lines: each event is read and put into words."""

SORTS = ("oldest", "newest")


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
    return answer(event_whole(found[0], await house.log.hash_at(found[0].seq) or b""))


async def in_words(house: House, request: web.Request) -> web.StreamResponse:
    asked, head = _window(request), house.ledger.durable
    wanted = events_filter(asked.filter, house.clock(), f"uid:{house.uid}")
    newest = (asked.sort or SORTS[0]) == "newest"
    part = Part(head, wanted.since, wanted.until, asked.offset, asked.limit, newest)
    found = await house.log.sift(wanted.sieve, part)
    return await page_answer(Page(items=tuple(map(event_row, found.envelopes)), total=found.total, head=head))


async def lines(house: House, request: web.Request) -> web.StreamResponse:
    """Of a moment of the past: what had been written by then."""
    asked, moment = _window(request), house.moment
    sieve = lines_filter(asked.filter, house.clock())
    if moment is not None and moment.asked and moment.at is not None:
        sieve = sieve._replace(until=min(sieve.until or moment.at, moment.at))
    found = await asyncio.to_thread(house.lines, sieve)
    found = found[::-1] if (asked.sort or SORTS[0]) == "newest" else found
    part = found[asked.offset : asked.offset + asked.limit]
    return await page_answer(Page(items=part, total=len(found), head=house.ledger.durable))


def _window(request: web.Request) -> Window:
    asked = window(request)
    if asked.limit > MOST:
        raise Refused(f"a page has at most {MOST} rows.", where="limit", remedy="Read on with offset.")
    if asked.sort and asked.sort not in SORTS:
        remedy = f"Use one of {', '.join(SORTS)}."
        raise Refused(f"a list cannot be sorted by '{asked.sort[:40]}'.", where="sort", remedy=remedy)
    return asked


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
    Route(
        method="GET", path="/v1/log/{seq}", run=event, gives=EventWhole, scope="read",
        does="One event, with its hash in the chain.",
    ),
    Route(
        method="GET", path="/v1/events", run=in_words, gives=Page[EventRow], query=PAGED, scope="read",
        does="Events as a list, each a sentence.",
    ),
    Route(
        method="GET", path="/v1/lines", run=lines, gives=Page[ProgramLine], query=PAGED, scope="read",
        does="What daemon and agents on its machine wrote of themselves of late.",
    ),
    Route(
        method="GET", path="/v1/state", run=state, gives=StateHash,
        scope="read", does="The live state's canonical hash.",
    ),
    Route(
        method="GET", path="/v1/diff", run=difference, gives=Difference, query=("before", "after"),
        scope="read", does="What is different between two moments; `after` is now where it is left out.",
    ),
)  # fmt: skip
