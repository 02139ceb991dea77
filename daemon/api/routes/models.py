"""Models: files here and names on nodes in one list, verdicts on them, and what sites offer where that is on."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from aiohttp import web

from daemon.api.asked import body, flag, no_body, number
from daemon.api.house import House
from daemon.api.once import ONCE
from daemon.api.route import PAGE, Route
from daemon.api.routes.images import tags_of
from daemon.api.shelf import ModelsAsked
from daemon.api.told import answer, line
from daemon.api.wish import check_open, wish
from schema.commands import Command, JudgeModels
from schema.errors import Refused
from schema.models import Candidate, Fetching, ModelRecord, ModelRow, ModelScan, ModelSelection, ModelWanted, Offer
from schema.scenes import Answer

Making = Callable[[ModelSelection], JudgeModels]

MOST_OFFERS = 100
EVERYTHING = 1_000_000


class Models(msgspec.Struct, frozen=True):
    items: tuple[ModelRow, ...]
    total: int


class Candidates(msgspec.Struct, frozen=True):
    items: tuple[Candidate, ...]
    total: int


class Offers(msgspec.Struct, frozen=True):
    items: tuple[Offer, ...]
    total: int


class FetchingLine(msgspec.Struct, frozen=True):
    progress: Fetching


class FetchedLine(msgspec.Struct, frozen=True):
    done: Fetching


async def list_models(house: House, request: web.Request) -> web.StreamResponse:
    query = request.query
    page = await house.models.page(
        ModelsAsked(
            filter=query.get("filter", ""),
            list=query.get("list", ""),
            node=query.get("node", ""),
            backend=query.get("backend", ""),
            sort=query.get("sort", ""),
            offset=number(request, "offset", 0),
            limit=number(request, "limit", EVERYTHING),
        )
    )
    return await asyncio.to_thread(answer, Models(page.items, page.total))


async def show(house: House, request: web.Request) -> web.StreamResponse:
    return answer(await house.models.record(request.match_info["model"], hashes=flag(request, "hashes")))


async def preview(house: House, request: web.Request) -> web.StreamResponse:
    size = number(request, "size", 256)
    if size not in (256, 1024):
        raise Refused(f"there are no previews of {size} pixels.", where="size", remedy="Use 256 or 1024.")
    path = await house.models.preview(request.match_info["model"], 1024 if size == 1024 else 256)
    return web.FileResponse(path, headers={"Content-Type": "image/webp"})


async def scan(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)
    return await request.app[ONCE].answer(house, request, "scan", house.models.scan)


async def candidates(house: House, request: web.Request) -> web.StreamResponse:
    found = await house.models.candidates(request.query.get("words", ""), request.query.get("base", ""))
    return answer(Candidates(found, len(found)))


async def search(house: House, request: web.Request) -> web.StreamResponse:
    query = request.query
    most = number(request, "limit", 20, MOST_OFFERS)
    found = await house.models.search(query.get("words", ""), query.get("source", ""), query.get("list", ""), most)
    return answer(Offers(found, len(found)))


async def fetch(house: House, request: web.Request) -> web.StreamResponse:
    """Lines of progress; a client that goes away does not stop the download. With a key only the last of them."""
    asked = await body(request, ModelWanted)
    check_open(house)
    if "Idempotency-Key" in request.headers:
        return await request.app[ONCE].answer(house, request, asked, partial(_to_the_end, house, asked))
    states = house.models.fetch(asked)
    first = await anext(states)  # what is refused is refused before anything is sent
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    await response.write(_line(first))
    async for state in states:
        await response.write(_line(state))
    await response.write_eof()
    return response


async def _to_the_end(house: House, asked: ModelWanted) -> msgspec.Struct:
    """What a repetition of the wish is answered with, too."""
    state = Fetching(id=asked.id)
    async for newer in house.models.fetch(asked):
        state = newer
    return FetchedLine(state)


def _line(state: Fetching) -> bytes:
    return line(FetchingLine(state) if state.state == "running" else FetchedLine(state))


def _verb(make: Making, *fields: str) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        asked = await body(request, ModelSelection)
        given = {
            "stars": asked.stars is not None, "favourite": asked.favourite is not None,
            "add": bool(asked.add), "remove": bool(asked.remove),
        }  # fmt: skip
        for name, is_given in given.items():
            if is_given and name not in fields:
                raise Refused(f"{request.path} has no such field.", where=name)
        return answer(await wish(house, request, asked, partial(_judging, house, asked, make(asked))))

    return run


async def _judging(house: House, asked: ModelSelection, command: JudgeModels) -> Command:
    return msgspec.structs.replace(command, models=await house.models.verdicts(asked.select))


def _tag(asked: ModelSelection) -> JudgeModels:
    if not asked.add and not asked.remove:
        raise Refused("no tag is named.", where="add", remedy="Name tags to add or to remove.")
    return JudgeModels(models=(), add=tags_of(asked.add), remove=tags_of(asked.remove))


def _rate(asked: ModelSelection) -> JudgeModels:
    if asked.stars is None or not 0 <= asked.stars <= 5:
        raise Refused("a rating is 0 to 5 stars; 0 takes it back.", where="stars")
    return JudgeModels(models=(), stars=asked.stars)


def _favour(asked: ModelSelection) -> JudgeModels:
    return JudgeModels(models=(), favourite=True if asked.favourite is None else asked.favourite)


VERBS = (
    ("tag", "Add tags to models, or remove them.", _verb(_tag, "add", "remove")),
    ("rate", "Give models stars; 0 takes a rating back.", _verb(_rate, "stars")),
    ("favourite", "Make models favourites, or with `favourite: false` no more.", _verb(_favour, "favourite")),
)

ROUTES = (
    Route(
        method="GET", path="/v1/models", run=list_models, gives=Models, query=(*PAGE, "list", "node", "backend"),
        scope="read", does="List model files and what nodes have; `list=all` shows samplers and the like too.",
    ),
    Route(
        method="GET", path="/v1/models/candidates", run=candidates, gives=Candidates, query=("words", "base"),
        scope="read", does="LoRAs that fit a prompt's words, best first.",
    ),
    Route(
        method="GET", path="/v1/models/search", run=search, gives=Offers, query=("words", "source", "list", "limit"),
        scope="all", does="What Civitai and Hugging Face offer, where [library] remote is on.",
    ),
    Route(
        method="GET", path="/v1/models/{model}", run=show, gives=ModelRecord, query=("hashes",),
        scope="read",
        does="Show a model by name, LIST/NAME or key; with `hashes=1` its whole file is read if it never was.",
    ),
    Route(
        method="GET", path="/v1/models/{model}/preview", run=preview, media="image/webp", query=("size",),
        scope="read", does="A small copy of its preview, 256 or 1024 pixels at most along its longer side.",
    ),
    Route(
        method="POST", path="/v1/models/scan", run=scan, gives=ModelScan,
        scope="all", does="Look through the folders of models.",
    ),
    Route(
        method="POST", path="/v1/models/get", run=fetch, takes=ModelWanted, gives=FetchingLine | FetchedLine,
        media="application/x-ndjson",
        scope="all", does="Download a model, where [library] remote is on; follow it as JSON lines.",
    ),
    *(
        Route(
            method="POST", path=f"/v1/models/{verb}", run=run, takes=ModelSelection, gives=Answer,
            scope="rate", does=does,
        )
        for verb, does, run in VERBS
    ),
)  # fmt: skip
