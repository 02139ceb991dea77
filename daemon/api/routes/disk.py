"""The disk: what takes room, deleting for good by rule or from the trash, and a look at every file."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from daemon.api.asked import body, window
from daemon.api.faults import Conflict
from daemon.api.house import House
from daemon.api.route import PAGE, Route
from daemon.api.told import answer, line, page_answer
from daemon.api.wish import check_open, wish
from daemon.core.decide.keeping import LookedTooSoon
from daemon.views.doomed import Doomed, Rule
from daemon.views.filters import Since, parse_when
from schema.commands import Command, DeletePictures, Looked
from schema.diskuse import Checked, CheckLine, CheckRequest, Cut, Deleted, DiskUse, EmptyRequest, PruneRequest, RunUse
from schema.errors import Refused
from schema.events import PicturesDeleted
from schema.ids import CommandId
from schema.pages import Page
from schema.scenes import Answer

PATIENCE = 20.0
"""Seconds that an answer waits for the files to be gone; they go anyway."""

LOOKS = 20
"""Times that pictures are chosen, where each time somebody wishes something meanwhile."""


async def use(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.disk.use())


async def runs(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return await page_answer(await house.views.rooms(window(request)))


async def prune(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, PruneRequest)
    if not (asked.filter.strip() or asked.older_than or asked.keep_best is not None or asked.stages):
        raise Refused(
            "nothing says which pictures.", where="filter",
            remedy="Give a FILTER, --older-than, --keep-best or --stages; --dry-run shows what it would delete.",
        )  # fmt: skip
    if asked.keep_best is not None and not 0 <= asked.keep_best <= 1_000_000:
        raise Refused("0 to 1000000 pictures of a run can be kept.", where="keep_best")

    async def rule() -> Rule:
        return Rule(
            wanted=await house.views.image_filter(asked.filter), before=_before(house, asked.older_than),
            keep_best=asked.keep_best, stages=asked.stages, rated=asked.rated,
        )  # fmt: skip

    return await _delete(house, request, asked, rule, _words(asked), dry=asked.dry_run)


async def empty(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, EmptyRequest)

    async def rule() -> Rule:
        only = frozenset(await house.views.resolve_trashed(asked.select)) if asked.select else None
        before = _before(house, asked.older_than)
        return Rule(before=before, rated=asked.rated, trash=True, only=only)

    return await _delete(house, request, asked, rule, "trash", dry=asked.dry_run)


async def check(house: House, request: web.Request) -> web.StreamResponse:
    """Streamed: a large store takes its time."""
    asked = await body(request, CheckRequest)
    if not 0 < asked.percent <= 100:
        raise Refused("above 0 and up to 100 percent can be checked.", where="percent")
    check_open(house)
    found = Checked()
    response: web.StreamResponse | None = None
    async for found in house.disk.check(asked.percent):
        if response is None:
            response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            await response.prepare(request)
        await response.write(line(CheckLine(progress=found)))
    if response is None:
        raise Refused("nobody looked.")
    await response.write(line(CheckLine(done=found)))
    await response.write_eof()
    return response


async def _delete(
    house: House, request: web.Request, asked: object, rule: Callable[[], Awaitable[Rule]], reason: str, *, dry: bool
) -> web.StreamResponse:
    chosen: list[Doomed] = []

    async def choose() -> Doomed:
        chosen.append(await house.views.doomed(await rule()))
        return chosen[-1]

    async def make() -> Command:
        looked = Looked(await house.ledger.undo_top(), await house.ledger.redo_top())
        await house.views.shown(house.ledger.durable)
        doomed = await choose()
        return DeletePictures(
            images=doomed.images, files=doomed.files, bytes=doomed.cut.bytes, reason=reason, looked=looked
        )

    if dry:
        await house.views.shown(house.ledger.durable)
        cut = (await choose()).cut
        return answer(_dry(cut))
    done = await _wished(house, request, asked, make)
    if not done.repeated:
        await _gone(house, done.seq)
    return answer(await _told(house, done, chosen[-1].cut if chosen else None))


async def _wished(house: House, request: web.Request, asked: object, make: Callable[[], Awaitable[Command]]) -> Answer:
    """A picture that is rated or restored while others are chosen is not deleted: it is chosen anew."""
    for _ in range(LOOKS):
        with suppress(LookedTooSoon):
            return await wish(house, request, asked, make)
    raise Conflict("other wishes came each time pictures were chosen.", remedy="Nothing was deleted; try again.")


async def _gone(house: House, seq: int) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await house.disk.gone(seq)
    except TimeoutError:
        return


async def _told(house: House, done: Answer, cut: Cut | None) -> Deleted:
    """With what the events say was freed: also when the key comes again."""
    events = [one.event for one in await house.log.events_of(done.command)]
    deleted = [event for event in events if isinstance(event, PicturesDeleted)]
    return Deleted(
        command=done.command, seq=done.seq, subjects=done.subjects, changed=done.changed, repeated=done.repeated,
        files=sum(len(event.files) for event in deleted), bytes=sum(event.bytes for event in deleted), cut=cut,
        nothing=done.nothing,
    )  # fmt: skip


def _dry(cut: Cut) -> Deleted:
    return Deleted(
        command=CommandId(""), seq=0, subjects=cut.images, changed=cut.finals + cut.stages, files=cut.files,
        bytes=cut.bytes, cut=cut, nothing=True,
    )  # fmt: skip


def _before(house: House, text: str) -> Since | None:
    if not text.strip():
        return None
    try:
        return parse_when(text.strip(), house.clock())
    except (ValueError, OverflowError):
        raise Refused(
            f"'{text[:40]}' is no time.", where="older_than", remedy="Write an age (30d), a date (2026-11-20) or a seq."
        ) from None


def _words(asked: PruneRequest) -> str:
    """The rule as one would type it: the log tells why a picture is gone."""
    words = [
        asked.filter.strip(), f"--older-than {asked.older_than}" if asked.older_than else "",
        "" if asked.keep_best is None else f"--keep-best {asked.keep_best}", "--stages" if asked.stages else "",
        "--rated" if asked.rated else "",
    ]  # fmt: skip
    return f"prune {' '.join(filter(None, words))}"


ROUTES = (
    Route(
        method="GET", path="/v1/disk", run=use, gives=DiskUse, scope="read",
        does="What takes room: pictures by kind, folders, and what is free on their disks.",
    ),
    Route(
        method="GET", path="/v1/disk/runs", run=runs, gives=Page[RunUse], query=PAGE, scope="read",
        does="Runs by what their pictures take: `sort` is size, newest, oldest, name, stages or trash.",
    ),
    Route(
        method="POST", path="/v1/disk/prune", run=prune, takes=PruneRequest, gives=Deleted, scope="all",
        does="Delete pictures for good by a rule; rated ones stay unless asked for.",
    ),
    Route(
        method="POST", path="/v1/disk/empty", run=empty, takes=EmptyRequest, gives=Deleted, scope="all",
        does="Delete for good what is in the trash; rated pictures stay in it unless asked for.",
    ),
    Route(
        method="POST", path="/v1/disk/check", run=check, takes=CheckRequest, gives=CheckLine, scope="all",
        media="application/x-ndjson", does="Read files and hold them against their names; mend what can be mended.",
    ),
)  # fmt: skip
