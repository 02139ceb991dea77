"""Pictures: list, show, their files, and verdicts on them."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from daemon.api.asked import body, flag, number, window
from daemon.api.house import House
from daemon.api.route import PAGE, Answering, Route
from daemon.api.told import answer, page_answer
from daemon.api.wish import wish
from daemon.views.select import NotFound
from schema.commands import Command, CompareImages, RateImages, RestoreImages, RunRating, TagImages, TrashImages
from schema.errors import Refused
from schema.ids import ImageId, Sha256
from schema.keeping import Scope
from schema.pages import ImageRow, JobRecord, Page
from schema.requests import ImageSelection
from schema.scenes import Answer

Making = Callable[[House, ImageSelection], Awaitable[Command]]

EQUAL = "="
"""Instead of the better one: neither is."""

MOST_TAG = 80
"""Characters of a tag."""

FOREVER = "private, max-age=31536000, immutable"
"""A picture never changes under its id."""


class ImageAnswer(msgspec.Struct, frozen=True):
    image: ImageRow
    job: JobRecord
    damaged: bool = False
    """Its file was found damaged or gone, and there is no good copy."""


async def list_images(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    page = await house.views.images(window(request), final=flag(request, "final"))
    rows = await asyncio.to_thread(lambda: tuple(_with_path(house, row) for row in page.items))
    return await page_answer(msgspec.structs.replace(page, items=rows))


async def show(house: House, request: web.Request) -> web.StreamResponse:
    row = await _row(house, request)
    job = await house.views.job(row.job)
    assert job is not None  # a picture is stored for a job that was submitted
    return answer(ImageAnswer(_with_path(house, row), job, row.sha256 in house.ledger.damaged))


async def file(house: House, request: web.Request) -> web.StreamResponse:
    """Also of a film, by the film's id."""
    await house.views.shown(house.ledger.durable)
    film = await house.views.film(ImageId(request.match_info["image"]))
    if film is not None:
        return _sent(house.blob(film[1].file.sha256), film[1].file.media)
    row = await _row(house, request)
    return _sent(house.blob(Sha256(row.sha256)), row.media)


async def thumb(house: House, request: web.Request) -> web.StreamResponse:
    size = number(request, "size", 256)
    if size not in (256, 1024):
        raise Refused(f"there are no thumbnails of {size} pixels.", where="size", remedy="Use 256 or 1024.")
    row = await _row(house, request)
    return _sent(await house.thumbnail(Sha256(row.sha256), 1024 if size == 1024 else 256), "image/webp")


async def _row(house: House, request: web.Request) -> ImageRow:
    await house.views.shown(house.ledger.durable)
    image = await house.views.image_id(request.match_info["image"])
    row = await house.views.image(image)
    if row is None:
        raise NotFound(f"there is no picture {image}.")
    return row


def _with_path(house: House, row: ImageRow) -> ImageRow:
    """Where it lies; empty when the file is gone."""
    path = house.in_results(row)
    if path is None:
        try:
            path = house.blob(Sha256(row.sha256))
        except Refused:
            return row
    return msgspec.structs.replace(row, path=str(path))


def _sent(path: Path, media: str) -> web.FileResponse:
    return web.FileResponse(path, headers={"Content-Type": media, "Cache-Control": FOREVER})


def _verb(make: Making, *fields: str) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        asked = await body(request, ImageSelection)
        given = {"stars": asked.stars is not None, "add": asked.add, "remove": asked.remove, "better": asked.better}
        for name, value in given.items():
            if value and name not in fields:
                raise Refused(f"{request.path} has no such field.", where=name)
        return answer(await wish(house, request, asked, partial(make, house, asked)))

    return run


async def _rate(house: House, asked: ImageSelection) -> Command:
    if asked.stars is None or not 0 <= asked.stars <= 5:
        raise Refused("a rating is 0 to 5 stars; 0 takes it back.", where="stars")
    views = house.views
    images = await views.resolve_images(asked.select)
    ratings = await views.rated(images, asked.stars)
    named = await views.runs_named(asked.select)
    runs = [RunRating(run=run, stars=asked.stars, was=await views.run_stars(run)) for run in named]
    if named:
        whole = frozenset(await views.resolve_images(named))
        ratings = tuple(msgspec.structs.replace(one, whole=one.image in whole) for one in ratings)
    add = tags_of(asked.add)
    return RateImages(ratings=ratings, runs=tuple(runs), images=await views.tagged(images) if add else (), add=add)


async def _tag(house: House, asked: ImageSelection) -> Command:
    if not asked.add and not asked.remove:
        raise Refused("no tag is named.", where="add", remedy="Name tags to add or to remove.")
    images = await house.views.tagged(await house.views.resolve_images(asked.select))
    return TagImages(images=images, add=tags_of(asked.add), remove=tags_of(asked.remove))


def tags_of(written: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_tag_text(tag) for tag in written))


def _tag_text(text: str) -> str:
    tag = text.strip()
    if not tag or len(tag) > MOST_TAG or not tag.isprintable() or '"' in tag:
        raise Refused(f"a tag is 1 to {MOST_TAG} printable characters without quotes.", where="tag")
    return tag


async def _compare(house: House, asked: ImageSelection) -> Command:
    images = [await house.views.image_id(name) for name in asked.select]
    if len(images) != 2 or images[0] == images[1]:
        raise Refused("two different pictures are compared.", where="select", remedy="Name two.")
    if asked.better is None:
        raise Refused("this field is missing.", where="better", remedy="Name the better one of the two.")
    if asked.better == EQUAL:
        return CompareImages(better=images[0], worse=images[1], tie=True)
    better = await house.views.image_id(_side(asked))
    if better not in images:
        raise Refused(f"{better} is none of the two.", where="better", remedy="Name one of them.")
    return CompareImages(better=better, worse=images[0] if better == images[1] else images[1])


def _side(asked: ImageSelection) -> str:
    """`A` and `B` stand for the first and the second."""
    better = asked.better or ""
    return {"A": asked.select[0], "B": asked.select[1]}.get(better.upper() if len(better) == 1 else "", better)


async def _trash(house: House, asked: ImageSelection) -> Command:
    return TrashImages(images=await house.views.resolve_images(asked.select))


async def _restore(house: House, asked: ImageSelection) -> Command:
    return RestoreImages(images=await house.views.resolve_trashed(asked.select))


VERBS: tuple[tuple[str, str, Answering, Scope], ...] = (
    (
        "rate",
        "Give pictures stars, and tags if any; 0 takes a rating back. A run is rated as a whole with its pictures.",
        _verb(_rate, "stars", "add"),
        "rate",
    ),
    ("tag", "Add tags to pictures, or remove them.", _verb(_tag, "add", "remove"), "rate"),
    ("compare", "Say which of two pictures is better.", _verb(_compare, "better"), "rate"),
    ("trash", "Hide pictures; nothing is deleted.", _verb(_trash), "all"),
    ("restore", "Bring pictures back from the trash.", _verb(_restore), "all"),
)

ROUTES = (
    Route(
        method="GET", path="/v1/images", run=list_images, gives=Page[ImageRow], query=(*PAGE, "final"),
        scope="read", does="List pictures; with `final=1` only those of each job's last stage.",
    ),
    Route(
        method="GET", path="/v1/images/{image}", run=show, gives=ImageAnswer,
        scope="read", does="Show a picture and its job.",
    ),
    Route(
        method="GET", path="/v1/images/{image}/file", run=file, media="image/*",
        scope="read", does="The bytes of a picture or a film.",
    ),
    Route(
        method="GET", path="/v1/images/{image}/thumb", run=thumb, media="image/webp", query=("size",),
        scope="read", does="A small copy, 256 or 1024 pixels at most along its longer side.",
    ),
    *(
        Route(
            method="POST", path=f"/v1/images/{verb}", run=run, takes=ImageSelection, gives=Answer,
            scope=scope, does=does,
        )
        for verb, does, run, scope in VERBS
    ),
)  # fmt: skip
