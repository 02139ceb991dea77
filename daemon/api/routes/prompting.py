"""Prompts as they are written: what varies in them, how many variants there are, and some. Nothing is queued."""

import asyncio

from aiohttp import web

from daemon.api.asked import body
from daemon.api.house import House
from daemon.api.route import Route
from daemon.api.routes.runs import PLANS
from daemon.api.told import answer
from schema.prompts import Trial, Tried


async def try_out(house: House, request: web.Request) -> web.StreamResponse:
    trial = await body(request, Trial)
    return answer(await asyncio.to_thread(house.try_out, trial))


ROUTES = (
    Route(
        method="POST", path="/v1/prompt", run=try_out, takes=Trial, gives=Tried, limit=PLANS,
        scope="run", does="Try a prompt out: its places to vary, its variants, and what would be sent.",
    ),
)  # fmt: skip
