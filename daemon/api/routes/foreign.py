"""Pictures of other programs: what they say of how they were made, and keeping them here."""

from collections.abc import AsyncIterator

from aiohttp import web

from daemon.api.asked import LIMIT, body, sent
from daemon.api.faults import WrongMedia
from daemon.api.house import House
from daemon.api.route import MIB, Route
from daemon.api.routes.images import tags_of
from daemon.api.told import answer
from daemon.api.wish import kept_for, origin
from daemon.ledger.mail import Origin
from schema.commands import TagImages
from schema.errors import Refused
from schema.events import Envelope, PictureImported
from schema.foreign import ImportAnswer, ImportedFile, ImportRequest, Understood
from schema.ids import CommandId, ImageId, RunId, Sha256

FILES = 64 * MIB
MOST = 1000
"""Files of one import: more come in several."""


async def read(house: House, request: web.Request) -> web.StreamResponse:
    """The bytes of a picture, or the text of a prompt file."""
    if request.content_type == "application/json":
        raise WrongMedia("a file is sent as it is.", where="Content-Type", remedy="Send application/octet-stream.")
    name = request.query.get("name") or "the file"
    return answer(await house.foreign.read(_pieces(request), name[:1000]))


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """On to the disk as they come: many large files at once are not held in memory."""
    came = False
    async for piece in sent(request, request[LIMIT], "a file"):
        came = True
        yield piece
    if not came:
        raise Refused("no file was sent.", where="body", remedy="Send its bytes.")


async def bring_in(house: House, request: web.Request) -> web.StreamResponse:
    """Pictures that were sent become those of a run that has ended. One that is here already is left alone."""
    asked = await body(request, ImportRequest)
    whose = origin(house, request, asked)
    kept = await kept_for(house, whose)
    if kept is not None:
        told = _told(kept.envelopes, repeated=True)
        await _tag(house, whose, told.images, tags_of(asked.tags))
        return answer(told)
    if not 0 < len(asked.files) <= MOST:
        raise Refused(f"1 to {MOST} files come in at once.", where="files", remedy="Send them in several imports.")
    tags = tags_of(asked.tags)
    await house.views.shown(house.ledger.durable)
    files, known = await _fresh(house, asked.files)
    if not files:
        return answer(ImportAnswer(known=known))
    run = RunId(house.draw_id())
    command = await house.foreign.import_of(run, asked.name or "imported", files, f"imported-{run}")
    await house.ledger.command(command, whose)
    images = tuple(one.image for one in command.pictures)
    await _tag(house, whose, images, tags)
    silent = tuple(one.name for one in command.pictures if one.program == "none")
    return answer(ImportAnswer(run=run, images=images, known=known, silent=silent))


async def _tag(house: House, whose: Origin, images: tuple[ImageId, ...], tags: tuple[str, ...]) -> None:
    """Under a key of its own: an import that was cut short before its tags gets them when it is sent again."""
    if not (tags and images):
        return
    key = None if whose.key is None else f"{whose.key}\ttags"
    await house.views.shown(house.ledger.durable)
    tagging = TagImages(images=await house.views.tagged(images), add=tags)
    await house.ledger.command(tagging, Origin(whose.actor, CommandId(house.draw_id()), key, whose.digest))


async def _fresh(house: House, files: tuple[ImportedFile, ...]) -> tuple[list[ImportedFile], tuple[str, ...]]:
    """Those whose content is not here yet, each once, and the names of the others."""
    have = await house.views.kept([one.sha256 for one in files])
    fresh: dict[Sha256, ImportedFile] = {}
    known: list[str] = []
    for one in files:
        if one.sha256 in have or one.sha256 in fresh:
            known.append(one.name)
        else:
            fresh[one.sha256] = one
    return list(fresh.values()), tuple(known)


def _told(envelopes: tuple[Envelope, ...], *, repeated: bool) -> ImportAnswer:
    """What an import of before has brought."""
    found = [one.event for one in envelopes if isinstance(one.event, PictureImported)]
    return ImportAnswer(
        run=found[0].run if found else None,
        images=tuple(one.image for one in found),
        silent=tuple(one.name for one in found if one.program == "none"),
        repeated=repeated,
    )


ROUTES = (
    Route(
        method="POST", path="/v1/foreign", run=read, gives=Understood, query=("name",), limit=FILES,
        takes_media="application/octet-stream",
        scope="run", does="Say how a picture was made, whatever program wrote it; or a prompt file.",
    ),
    Route(
        method="POST", path="/v1/images/import", run=bring_in, takes=ImportRequest, gives=ImportAnswer, limit=16 * MIB,
        scope="run", does="Keep pictures that were sent, with what they say of how they were made.",
    ),
)  # fmt: skip
