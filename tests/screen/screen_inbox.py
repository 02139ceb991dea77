"""What the pretended daemon says of verdicts: which pictures wait for one, which pairs, which names are favourites."""

import json
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web
from screen_things import written

from schema.pages import ImageRow
from schema.plans import JobSpec

if TYPE_CHECKING:
    from screen_daemon import FakeDaemon


class Learned:
    """What it knows besides its pictures."""

    def __init__(self) -> None:
        self.favourites: list[dict[str, object]] = []
        self.pairs: list[tuple[str, str]] = []
        """Left and right, the first that is asked for first."""
        self.knob = "txt2img.cfg"
        self.levels: dict[str, tuple[str, int]] = {}
        """Picture to the value of the knob it was made with, and its seed."""

    def spec_of(self, image: ImageRow, spec: JobSpec) -> JobSpec:
        if image.id not in self.levels:
            return spec
        value, seed = self.levels[image.id]
        return msgspec.structs.replace(spec, axes={self.knob: value}, seed=seed)


def add_routes(app: web.Application, daemon: "FakeDaemon") -> None:
    learned = daemon.learned

    async def inbox(request: web.Request) -> web.Response:
        daemon.note(request)
        asked = request.query
        waiting = [
            image
            for image in daemon.images
            if image.stars == 0
            and not image.trashed
            and asked.get("pack", image.pack) == image.pack
            and asked.get("run", image.run) == image.run
        ]
        first, many = int(asked.get("offset", 0)), int(asked.get("limit", 50))
        items = [json.loads(written(image)) for image in waiting[first : first + many]]
        return web.json_response({"items": items, "total": len(waiting), "head": 4211})

    async def duel(request: web.Request) -> web.Response:
        daemon.note(request)
        seen = request.query.get("without", "").split(",")
        pair = next((pair for pair in learned.pairs if ":".join(pair) not in seen), None)
        jobs = {image.id: image.job for image in daemon.images}
        told = {"left": pair[0], "right": pair[1], "left_job": jobs[pair[0]], "right_job": jobs[pair[1]],
                "why": "same prompt and seed"} if pair else None  # fmt: skip
        return web.json_response({"duel": told})

    async def favourites(request: web.Request) -> web.Response:
        daemon.note(request)
        items = learned.favourites
        return web.json_response({"items": items, "total": len(items), "by": "rating", "runs": 20})

    app.router.add_get("/v1/learn/inbox", inbox)
    app.router.add_get("/v1/learn/duel", duel)
    app.router.add_get("/v1/learn/favourites", favourites)
