"""The gallery: finished pictures go there, favourites come and go."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from daemon.api.asked import ACTOR, body, no_body
from daemon.api.house import House
from daemon.api.once import ONCE
from daemon.api.route import Route
from daemon.api.wish import check_open
from daemon.ledger.mail import Origin
from schema.commands import Command
from schema.errors import Refused
from schema.foreign import Posted, Synced
from schema.ids import CommandId
from schema.pages import ImageRow, JobRecord
from schema.requests import ImageSelection

MOST = 100
"""Pictures of one request: more are sent in several."""


async def post(house: House, request: web.Request) -> web.StreamResponse:
    """Each picture is noted as it is sent: a second time nothing is sent twice."""
    asked = await body(request, ImageSelection)
    if asked.stars is not None or asked.add or asked.remove or asked.better:
        raise Refused("only `select` says what is posted.", where="body")
    check_open(house)
    await house.views.shown(house.ledger.durable)
    images = await house.views.resolve_images(asked.select)
    if len(images) > MOST:
        raise Refused(f"{len(images)} pictures are meant; {MOST} go at once.", where="select", remedy="Send fewer.")
    wanted: list[tuple[ImageRow, JobRecord]] = []
    for image in images:
        row = await house.views.image(image)
        job = await house.views.job(row.job) if row is not None else None
        if row is not None and job is not None:
            wanted.append((row, job))
    return await request.app[ONCE].answer(
        house, request, asked, lambda: house.gallery.post(wanted, _note(house, request))
    )


async def sync(house: House, request: web.Request) -> web.StreamResponse:
    await no_body(request)
    check_open(house)
    await house.views.shown(house.ledger.durable)
    return await request.app[ONCE].answer(house, request, "sync", lambda: house.gallery.sync(_note(house, request)))


def _note(house: House, request: web.Request) -> Callable[[Command], Awaitable[None]]:
    async def note(command: Command) -> None:
        """Told to the views as well, before the next is sent."""
        await house.ledger.command(command, Origin(request[ACTOR], CommandId(house.draw_id())))
        await house.views.shown(house.ledger.durable)

    return note


ROUTES = (
    Route(
        method="POST", path="/v1/images/post", run=post, takes=ImageSelection, gives=Posted,
        scope="all", does="Post pictures with their metadata to the gallery of the settings.",
    ),
    Route(
        method="POST", path="/v1/images/sync", run=sync, gives=Synced,
        scope="all", does="Bring favourites here and in the gallery into step.",
    ),
)  # fmt: skip
