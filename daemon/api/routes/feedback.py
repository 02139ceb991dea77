"""What looks at pictures tell: effects of prompts' components, the overlay of weights, and its switch."""

import msgspec
from aiohttp import web

from daemon.api.asked import body, number
from daemon.api.house import House
from daemon.api.route import Route
from daemon.api.told import answer, page_answer
from daemon.api.wish import wish
from daemon.core.folds.feedback import tables
from daemon.prompting.looks.compare import plain_name
from daemon.prompting.looks.effects import effects
from schema.commands import Command, ResetFeedback, SwitchFeedback
from schema.errors import Refused
from schema.feedback import Effect, FeedbackShown, Leaning, Look
from schema.ids import ImageId
from schema.pages import Page
from schema.requests import ResetRequest, SwitchRequest
from schema.scenes import Answer

KINDS = ("wildcard", "slot", "choice", "lora", "style")
MOST = 10_000


async def show(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    feedback = house.ledger.feedback
    weights = [
        Leaning(kind=kind, name=name, value=value, weight=weight)
        for kind, table in tables(feedback)
        for name, values in table.items()
        for value, weight in values.items()
    ]
    return answer(FeedbackShown(on=feedback.on, weights=tuple(weights), looks=await house.views.looks()))


async def list_effects(house: House, request: web.Request) -> web.StreamResponse:
    """Of every component, or of those of one name or kind."""
    kind, name = request.query.get("kind", ""), request.query.get("name")
    if kind and kind not in KINDS:
        raise Refused(f"there is no kind '{kind[:40]}'.", where="kind", remedy=f"Use one of {', '.join(KINDS)}.")
    await house.views.shown(house.ledger.durable)
    counted = await house.views.counted(None, (kind,) if kind else KINDS)
    wanted = None if name is None else {name, plain_name(name)}
    found = [effect for effect in effects(counted) if wanted is None or effect.name in wanted]
    offset, limit = number(request, "offset", 0), number(request, "limit", 1000, MOST)
    feedback = house.ledger.feedback
    shown = tuple(_with_factor(effect, feedback.wildcards) for effect in found[offset : offset + limit])
    return await page_answer(Page[Effect](items=shown, total=len(found), head=house.views.seq))


def _with_factor(effect: Effect, weights: dict[str, dict[str, float]]) -> Effect:
    if effect.kind not in ("wildcard", "slot"):
        return effect
    return msgspec.structs.replace(effect, factor=weights.get(effect.name, {}).get(effect.value, 1.0))


async def list_looks(house: House, request: web.Request) -> web.StreamResponse:
    """At one picture."""
    await house.views.shown(house.ledger.durable)
    image: ImageId = await house.views.image_id(request.match_info["image"])
    found = await house.views.looks_of((image,))
    return await page_answer(Page[Look](items=found, total=len(found), head=house.views.seq))


async def switch(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, SwitchRequest)

    async def make() -> Command:
        return SwitchFeedback(on=asked.on)

    return answer(await wish(house, request, asked, make))


async def reset(house: House, request: web.Request) -> web.StreamResponse:
    asked = await body(request, ResetRequest)

    async def make() -> Command:
        feedback = house.ledger.feedback
        plain = (plain_name(name) if plain_name(name) in feedback.wildcards else name for name in asked.names)
        return ResetFeedback(names=tuple(dict.fromkeys(plain)))

    return answer(await wish(house, request, asked, make))


ROUTES = (
    Route(
        method="GET", path="/v1/feedback", run=show, gives=FeedbackShown,
        scope="read", does="What plans lean to, if switched on.",
    ),
    Route(
        method="POST", path="/v1/feedback/switch", run=switch, takes=SwitchRequest, gives=Answer,
        scope="all", does="Have plans lean to what looks at pictures tell, or no more.",
    ),
    Route(
        method="POST", path="/v1/feedback/reset", run=reset, takes=ResetRequest, gives=Answer,
        scope="all", does="Forget what was adjusted, of some names or of all.",
    ),
    Route(
        method="GET", path="/v1/effects", run=list_effects, gives=Page[Effect],
        query=("name", "kind", "limit", "offset"),
        scope="read", does="How well components of prompts came out, by the looks at their pictures.",
    ),
    Route(
        method="GET", path="/v1/images/{image}/looks", run=list_looks, gives=Page[Look],
        scope="read", does="What was seen in a picture, held against its prompt.",
    ),
)  # fmt: skip
