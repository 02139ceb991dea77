"""The library: what people wrote, and pictures they bring."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import get_args

import msgspec
from aiohttp import web

from daemon.api.asked import body, flag, no_body, number, sent
from daemon.api.faults import WrongMedia
from daemon.api.house import Config, House, Noun, Shown
from daemon.api.once import ONCE
from daemon.api.route import MIB, Route
from daemon.api.told import answer
from daemon.api.wish import check_open
from schema.errors import Refused
from schema.ids import JobId, RunId
from schema.plans import Scalar
from schema.prompts import CompletionKind, Completions
from schema.shelf import Said, Use

NOUNS: tuple[Noun, ...] = get_args(Noun)

PICTURES = 64 * MIB


class Names(msgspec.Struct, frozen=True):
    items: tuple[str, ...]
    total: int
    warnings: tuple[str, ...] = ()
    """With `check=1`: what is broken or left out, with file and line."""


class Item(msgspec.Struct, frozen=True):
    name: str
    text: str
    prompts: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    says: tuple[Said, ...] = ()
    path: str = ""
    builtin: bool = False


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class Renamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: str


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that is not saved yet."""

    noun: Noun
    text: str
    name: str = "draft"


class Checked(msgspec.Struct, frozen=True):
    warnings: tuple[str, ...] = ()


class Uses(msgspec.Struct, frozen=True):
    items: tuple[Use, ...]
    total: int


class Gone(msgspec.Struct, frozen=True):
    """What was renamed, by its new name, deleted or restored."""

    name: str


class Last(msgspec.Struct, frozen=True):
    """All null before anything was made."""

    config: dict[str, dict[str, Scalar]] | None = None
    """Stage id to the settings that `last` starts from."""
    effective: dict[str, dict[str, Scalar]] | None = None
    """The settings that were really used."""
    run: RunId | None = None
    job: JobId | None = None
    pipeline: str | None = None
    seed: int | None = None


class Blob(msgspec.Struct, frozen=True):
    sha256: str


def _list(noun: Noun) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        names = await asyncio.to_thread(house.library.names, noun)
        words = request.query.get("filter", "").casefold().split()
        fitting = tuple(name for name in names if all(word in name.casefold() for word in words)) if words else names
        first, most = number(request, "offset", 0), number(request, "limit", len(fitting))
        checked = request.query.get("check", "") not in ("", "0")
        warnings = await asyncio.to_thread(house.library.troubles, noun) if checked else ()
        return answer(Names(fitting[first : first + most], len(fitting), warnings))

    return run


def _show(noun: Noun) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        name, whole = request.match_info["name"], not flag(request, "text")
        shown: Shown = await asyncio.to_thread(house.library.show, noun, name, whole=whole)
        return answer(Item(*shown))

    return run


def _save(noun: Noun) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        asked, name = await body(request, Text), request.match_info["name"]
        check_open(house)

        async def saved() -> Item:
            shown = await asyncio.to_thread(house.library.save, noun, name, asked.text)
            house.vitals.library += 1
            return Item(*shown)

        return await request.app[ONCE].answer(house, request, asked, saved)

    return run


def _rename(noun: Noun) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        asked, name = await body(request, Renamed), request.match_info["name"]
        check_open(house)

        async def renamed() -> Gone:
            now = await asyncio.to_thread(house.library.rename, noun, name, asked.to)
            house.vitals.library += 1
            return Gone(now)

        return await request.app[ONCE].answer(house, request, asked, renamed)

    return run


def _delete(noun: Noun) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        await no_body(request)
        check_open(house)
        name = request.match_info["name"]

        async def deleted() -> Gone:
            await asyncio.to_thread(house.library.delete, noun, name)
            house.vitals.library += 1
            return Gone(name)

        return await request.app[ONCE].answer(house, request, "delete", deleted)

    return run


def _restore(noun: Noun) -> Callable[[House, web.Request], Awaitable[web.StreamResponse]]:
    async def run(house: House, request: web.Request) -> web.StreamResponse:
        await no_body(request)
        check_open(house)
        name = request.match_info["name"]

        async def restored() -> Gone:
            there = await asyncio.to_thread(house.library.restore, noun, name)
            house.vitals.library += 1
            return Gone(there)

        return await request.app[ONCE].answer(house, request, "restore", restored)

    return run


async def check(house: House, request: web.Request) -> web.StreamResponse:
    """Of a text as one types it. Refused with its line where it could not be saved."""
    asked = await body(request, Draft)
    return answer(Checked(await asyncio.to_thread(house.library.check, asked.noun, asked.name, asked.text)))


async def uses(house: House, request: web.Request) -> web.StreamResponse:
    noun, name = request.query.get("noun", ""), request.query.get("name", "")
    if noun not in (*NOUNS, "loras", "embeddings", "models"):
        raise Refused(f"there are no '{noun[:40]}' in the library.", where="noun")
    found = await asyncio.to_thread(house.library.uses, noun, name)
    return answer(Uses(found, len(found)))


async def completions(house: House, request: web.Request) -> web.StreamResponse:
    """`kind` where the text is such a name alone, as in a field of its own."""
    query = request.query
    text, kind = query.get("text", ""), query.get("kind")
    if kind is not None and kind not in get_args(CompletionKind):
        remedy = f"There are: {', '.join(get_args(CompletionKind))}."
        raise Refused(f"there is no kind '{kind[:40]}'.", where="kind", remedy=remedy)
    wanted: CompletionKind | None = next((one for one in get_args(CompletionKind) if one == kind), None)
    at, limit = number(request, "at", len(text)), number(request, "limit", 20)
    return answer(await asyncio.to_thread(house.library.complete, text, at, limit, wanted))


async def last(house: House, request: web.Request) -> web.StreamResponse:
    used = house.ledger.last
    config: Config | None = await asyncio.to_thread(house.library.last)
    if used is None or config is None:
        return answer(Last())
    await house.views.shown(house.ledger.durable)
    record = await house.views.job(used.job)
    return answer(
        Last(
            config={stage: dict(fields) for stage, fields in config.items()},
            effective={str(stage): dict(fields) for stage, fields in used.effective.items()},
            run=used.run,
            job=used.job,
            pipeline=used.pipeline,
            seed=record.spec.seed if record else None,
        )
    )


async def put_blob(house: House, request: web.Request) -> web.StreamResponse:
    """Kept only after it was verified to be a picture."""
    check_open(house)
    if request.content_type != "application/octet-stream" and not request.content_type.startswith("image/"):
        raise WrongMedia("this is no picture.", where="Content-Type", remedy="Send application/octet-stream.")
    return answer(Blob(await house.put_picture(sent(request, PICTURES, "a picture"))))


ROUTES = (
    *(
        Route(
            method="GET", path=f"/v1/{noun}", run=_list(noun), gives=Names,
            query=("filter", "offset", "limit", "check"), scope="read", does=f"List the library's {noun}.",
        )
        for noun in NOUNS
    ),
    *(
        Route(
            method="GET", path=f"/v1/{noun}/{{name}}", run=_show(noun), gives=Item, query=("text",),
            scope="read", does=f"Show one of the library's {noun}.",
        )
        for noun in NOUNS
    ),
    *(
        Route(
            method="PUT", path=f"/v1/{noun}/{{name}}", run=_save(noun), takes=Text, gives=Item, limit=16 * MIB,
            scope="all", does=f"Save one of the library's {noun}.",
        )
        for noun in NOUNS
    ),
    *(
        Route(
            method="POST", path=f"/v1/{noun}/{{name}}/rename", run=_rename(noun), takes=Renamed, gives=Gone,
            scope="all", does=f"Give one of the library's {noun} another name.",
        )
        for noun in NOUNS
    ),
    *(
        Route(
            method="POST", path=f"/v1/{noun}/{{name}}/delete", run=_delete(noun), gives=Gone,
            scope="all", does=f"Delete one of the library's {noun}; runs made with it keep what they need.",
        )
        for noun in NOUNS
    ),
    *(
        Route(
            method="POST", path=f"/v1/{noun}/{{name}}/restore", run=_restore(noun), gives=Gone,
            scope="all", does=f"Bring back the last of the library's {noun} that was deleted under this name.",
        )
        for noun in NOUNS
    ),
    Route(
        method="POST", path="/v1/check", run=check, takes=Draft, gives=Checked, limit=16 * MIB,
        scope="all", does="Check a text of the library before it is saved.",
    ),
    Route(
        method="GET", path="/v1/uses", run=uses, gives=Uses, query=("noun", "name"),
        scope="read", does="Which files of the library name one of its things, with the line.",
    ),
    Route(
        method="GET", path="/v1/completions", run=completions, gives=Completions,
        query=("text", "at", "limit", "kind"), scope="read", does="What may stand where the cursor of a prompt is.",
    ),
    Route(method="GET", path="/v1/last", run=last, gives=Last, scope="read", does="What the last finished job used."),
    Route(
        method="PUT", path="/v1/blobs", run=put_blob, gives=Blob, takes_media="application/octet-stream",
        limit=PICTURES, scope="run", does="Bring a picture for img2img or masks.",
    ),
)  # fmt: skip
