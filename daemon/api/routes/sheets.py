"""A run's pictures on one page."""

import asyncio

from aiohttp import web

from daemon.api.asked import number
from daemon.api.house import House
from daemon.api.route import Route
from daemon.views.select import NotFound
from schema.errors import Refused

SMALLEST, LARGEST = 32, 1024
"""Longer side of a picture on it, in pixels."""


async def sheet(house: House, request: web.Request) -> web.StreamResponse:
    await house.views.shown(house.ledger.durable)
    run = await house.views.run_id(request.match_info["run"])
    record = await house.views.run(run)
    if record is None:
        raise NotFound(f"there is no run {run}.")
    cell = number(request, "cell", 0) or None
    if cell is not None and not SMALLEST <= cell <= LARGEST:
        raise Refused(f"{cell} is not between {SMALLEST} and {LARGEST} pixels.", where="cell")
    jobs = await house.views.jobs_of(run)
    x, y = request.query.get("x") or None, request.query.get("y") or None
    drawn = await asyncio.to_thread(house.sheet, record, jobs, x, y, cell)
    return web.Response(body=drawn, content_type="image/png")


ROUTES = (
    Route(
        method="GET", path="/v1/runs/{run}/sheet", run=sheet, media="image/png", query=("x", "y", "cell"),
        scope="read",
        does="A run's pictures on one page: `x` and `y` are what columns and rows stand for, axes of a grid or places.",
    ),
)  # fmt: skip
