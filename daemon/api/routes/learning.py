"""Learning: what verdicts teach, experiments, the inbox, and what plans take over."""

import asyncio
from typing import Literal

import msgspec
from aiohttp import web

from daemon.api.asked import body, flag, number
from daemon.api.house import House
from daemon.api.lessons import InboxAsked
from daemon.api.route import MIB, Route
from daemon.api.routes.runs import PLANS
from daemon.api.told import answer, page_answer
from daemon.api.wish import wish
from daemon.records.checked import check_records
from schema.commands import (
    Command,
    DismissInsight,
    DropSuggestion,
    ForgetRecords,
    ImportRecords,
    SetLearningMode,
    SuggestPresets,
    TellInsights,
)
from schema.errors import Refused
from schema.experiments import LearningRunResult
from schema.ids import Sha256
from schema.insights import Insights, Report, TrackRecord
from schema.pages import ImageRow, Page
from schema.records import WholeRecord
from schema.requests_learning import (
    MOST_IMPORTED,
    AdoptRequest,
    DismissRequest,
    DropRequest,
    DuelAnswer,
    Favourites,
    ForgetRequest,
    ImportRequest,
    LearningModeRequest,
    LearningRuns,
    LearnStatus,
    Mixes,
    MixesRequest,
    Proposals,
    Suggestions,
    SuggestRequest,
    TellRequest,
)
from schema.scenes import Answer

USUAL_RUNS = 50
"""Newest runs that favourites are found in."""

MOST_RUNS = 100_000
LARGEST_MB = 1024


async def status(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.status())


async def insights(house: House, request: web.Request) -> web.StreamResponse:
    query = request.query
    await house.views.shown(house.ledger.durable)
    algorithm = number(request, "algorithm", 0) if query.get("algorithm") else None
    found = await house.learning.insights(query.get("pack", ""), query.get("as_of", ""), algorithm)
    return await asyncio.to_thread(answer, found)


async def report(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.report())


async def track(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.track())


async def profiles(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return await asyncio.to_thread(answer, await house.learning.profiles())


async def favourites(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    runs = number(request, "runs", USUAL_RUNS, MOST_RUNS)
    return answer(await house.learning.favourites(runs, _by(request.query.get("by") or "rating")))


def _by(text: str) -> Literal["rating", "uses"]:
    if text not in ("rating", "uses"):
        raise Refused(f"there is no order '{text[:40]}'.", where="by", remedy="Use rating or uses.")
    return "uses" if text == "uses" else "rating"


async def proposals(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.proposals(request.query.get("pack", "")))


async def mixes(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, MixesRequest)
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.mixes(asked))


async def list_runs(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.runs())


async def result(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    return answer(await house.learning.result(await house.views.run_id(request.match_info["run"])))


async def inbox(house: House, request: web.Request) -> web.StreamResponse:
    query = request.query
    await house.views.shown(house.ledger.durable)
    run = await house.views.run_id(query["run"]) if query.get("run") else ""
    offset, limit = number(request, "offset", 0), number(request, "limit", 50, 10_000)
    page = await house.learning.inbox(InboxAsked(query.get("pack", ""), run, offset, limit))
    rows = await asyncio.to_thread(lambda: tuple(_blind(house, row) for row in page.items))
    return await page_answer(msgspec.structs.replace(page, items=rows))


def _blind(house: House, row: ImageRow) -> ImageRow:
    """With a path that is called by content: file names of a run tell how its pictures were made."""
    try:
        return msgspec.structs.replace(row, path=str(house.blob(Sha256(row.sha256))))
    except Refused:
        return row


async def duel(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    pairs = filter(None, request.query.get("without", "").split(","))
    without = frozenset(frozenset(one.split(":")) for one in pairs)
    return answer(DuelAnswer(duel=await house.learning.duel(request.query.get("pack", ""), without)))


async def suggestions(house: House, request: web.Request) -> web.StreamResponse:
    return answer(await house.learning.suggestions())


async def records(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    lines = house.learning.records(number(request, "after", 0), whole=flag(request, "whole"))
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    async for line in lines:
        await response.write(line)
    await response.write_eof()
    return response


async def bundle(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    most = number(request, "max_mb", 0, LARGEST_MB)
    content = await house.learning.bundle(request.query.get("redact", ""), float(most))
    return web.Response(body=content, content_type="application/zip")


# Wishes -----------------------------------------------------------------------------------------


async def set_mode(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, LearningModeRequest)

    async def make() -> Command:
        return SetLearningMode(mode=asked.mode)

    return answer(await wish(house, request, asked, make))


async def tell(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, TellRequest)

    async def make() -> Command:
        return TellInsights(claims=asked.claims, withdrawn=asked.withdrawn, upto=asked.upto)

    return answer(await wish(house, request, asked, make))


async def dismiss(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, DismissRequest)

    async def make() -> Command:
        return DismissInsight(key=await house.learning.claim_key(asked.key), again=asked.again)

    return answer(await wish(house, request, asked, make))


async def adopt(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, AdoptRequest)

    async def make() -> Command:
        return await house.learning.advised(asked)

    return answer(await wish(house, request, asked, make))


async def suggest(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, SuggestRequest)

    async def make() -> Command:
        return SuggestPresets(suggestions=await house.learning.checked(asked.suggestions))

    return answer(await wish(house, request, asked, make))


async def drop(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, DropRequest)

    async def make() -> Command:
        return DropSuggestion(id=asked.id)

    return answer(await wish(house, request, asked, make))


async def import_records(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, ImportRequest)
    if len(asked.records) > MOST_IMPORTED:
        raise Refused(
            f"{len(asked.records)} records are too many at once.", where="records",
            remedy=f"Send at most {MOST_IMPORTED}, and the rest with the same source.",
        )  # fmt: skip

    await asyncio.to_thread(check_records, asked.source, asked.records)

    async def make() -> Command:
        return ImportRecords(source=asked.source, records=asked.records)

    return answer(await wish(house, request, asked, make))


async def forget(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, ForgetRequest)

    async def make() -> Command:
        return ForgetRecords(source=asked.source)

    return answer(await wish(house, request, asked, make))


ROUTES = (
    Route(
        method="GET", path="/v1/learn", run=status, gives=LearnStatus,
        scope="read", does="The mode of learning, and counts.",
    ),
    Route(
        method="GET", path="/v1/learn/insights", run=insights, gives=Insights, query=("pack", "as_of", "algorithm"),
        scope="read", does="What verdicts teach, with the evidence; `as_of` a seq, an ISO time or an age.",
    ),
    Route(
        method="GET", path="/v1/learn/report", run=report, gives=Report,
        scope="read", does="Which styles, LoRAs, values and settings do well, and of which nothing is proven.",
    ),
    Route(
        method="GET", path="/v1/learn/track", run=track, gives=TrackRecord,
        scope="read", does="How the program's claims fared.",
    ),
    Route(
        method="GET", path="/v1/learn/profiles", run=profiles, gives=Insights,
        scope="read", does="What works with each style, over all packs: the style stands where insights name the pack.",
    ),
    Route(
        method="GET", path="/v1/learn/favourites", run=favourites, gives=Favourites, query=("runs", "by"),
        scope="read", does="What the last runs used most, or what their best pictures were made with.",
    ),
    Route(
        method="GET", path="/v1/learn/proposals", run=proposals, gives=Proposals, query=("pack",),
        scope="read", does="Experiments that would teach most for a minute of a GPU.",
    ),
    Route(
        method="POST", path="/v1/learn/mixes", run=mixes, takes=MixesRequest, gives=Mixes, limit=PLANS,
        scope="run", does="How an explore run would mix its settings; nothing is queued.",
    ),
    Route(
        method="GET", path="/v1/learn/runs", run=list_runs, gives=LearningRuns,
        scope="read", does="Learning and explore runs.",
    ),
    Route(
        method="GET", path="/v1/learn/runs/{run}", run=result, gives=LearningRunResult,
        scope="read", does="A learning run's plan and what came out of it.",
    ),
    Route(
        method="GET", path="/v1/learn/inbox", run=inbox, gives=Page[ImageRow],
        query=("pack", "run", "limit", "offset"),
        scope="read", does="Final pictures without a verdict, in an order that tells nothing of how they were made.",
    ),
    Route(
        method="GET", path="/v1/learn/duel", run=duel, gives=DuelAnswer, query=("pack", "without"),
        scope="read", does="Two pictures worth comparing; `without=A:B,C:D`: none of these pairs.",
    ),
    Route(
        method="GET", path="/v1/learn/suggestions", run=suggestions, gives=Suggestions,
        scope="read", does="Presets that somebody else proposes, and what each would change.",
    ),
    Route(
        method="GET", path="/v1/learn/records", run=records, gives=WholeRecord, media="application/x-ndjson",
        query=("after", "whole"), scope="read", does="Every rated picture as a record, in the order of the verdicts.",
    ),
    Route(
        method="GET", path="/v1/learn/bundle", run=bundle, media="application/zip", query=("redact", "max_mb"),
        scope="read", does="Everything for a language model to read, as a zip.",
    ),
    Route(
        method="POST", path="/v1/learn/mode", run=set_mode, takes=LearningModeRequest, gives=Answer,
        scope="all", does="How runs learn that do not say otherwise: off, passive or active.",
    ),
    Route(
        method="POST", path="/v1/learn/told", run=tell, takes=TellRequest, gives=Answer, limit=4 * MIB,
        scope="rate", does="Note which claims a person was shown.",
    ),
    Route(
        method="POST", path="/v1/learn/dismiss", run=dismiss, takes=DismissRequest, gives=Answer,
        scope="rate", does="Have a claim not told again; with `again: true` after all.",
    ),
    Route(
        method="POST", path="/v1/learn/adopt", run=adopt, takes=AdoptRequest, gives=Answer,
        scope="all", does="Have plans of a pack take over what was learned; nobody's file is changed.",
    ),
    Route(
        method="POST", path="/v1/learn/suggest", run=suggest, takes=SuggestRequest, gives=Answer, limit=4 * MIB,
        scope="all", does="Keep presets that somebody else proposes; they are never applied by themselves.",
    ),
    Route(
        method="POST", path="/v1/learn/drop", run=drop, takes=DropRequest, gives=Answer,
        scope="all", does="Drop a suggestion.",
    ),
    Route(
        method="POST", path="/v1/learn/import", run=import_records, takes=ImportRequest, gives=Answer, limit=64 * MIB,
        scope="all", does="Take over records of another program or installation.",
    ),
    Route(
        method="POST", path="/v1/learn/forget", run=forget, takes=ForgetRequest, gives=Answer,
        scope="all", does="Forget all records of one source.",
    ),
)  # fmt: skip
