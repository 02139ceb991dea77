"""A small gallery: keeps pictures and favourites as `docs/gallery.md` says, and fails when a test wants it to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class FakeGallery:
    """`pictures` is what it has, by its own ids; `failures` are answered first, one each."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.url = ""
        self.pictures: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, object]] = {}
        self.favourites: set[str] = set()
        self.keys: dict[str, str] = {}
        self.failures: list[web.Response] = []
        self.asked: list[tuple[str, str]] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._first], client_max_size=64 << 20)
        app.router.add_post("/api/pictures", self._post)
        app.router.add_get("/api/pictures", self._list)
        app.router.add_put("/api/pictures/{id}/favourite", self._favour)
        return app

    @web.middleware
    async def _first(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        if self.failures:
            await request.read()
            return self.failures.pop(0)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "who are you?"}, status=401)
        return await handler(request)  # type: ignore[operator]

    async def _post(self, request: web.Request) -> web.Response:
        """The same key is the same picture."""
        key = request.headers["Idempotency-Key"]
        fields = await request.post()
        told, picture = fields["metadata"], fields["picture"]
        assert isinstance(picture, web.FileField)
        if key in self.keys:
            return web.json_response({"id": self.keys[key]})
        entry = f"g{len(self.pictures) + 1}"
        self.keys[key], self.pictures[entry] = entry, picture.file.read()
        self.metadata[entry] = json.loads(told)  # type: ignore[arg-type]
        return web.json_response({"id": entry}, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), min(2, int(request.query["limit"]))
        entries = list(self.pictures)[offset : offset + limit]
        items = [{"id": entry, "favourite": entry in self.favourites} for entry in entries]
        return web.json_response({"items": items, "total": len(self.pictures)})

    async def _favour(self, request: web.Request) -> web.Response:
        entry = request.match_info["id"]
        if entry not in self.pictures:
            return web.json_response({"error": "no such picture"}, status=404)
        (self.favourites.add if (await request.json())["favourite"] else self.favourites.discard)(entry)
        return web.json_response({"id": entry})


@asynccontextmanager
async def gallery(token: str | None = None) -> AsyncIterator[FakeGallery]:
    fake = FakeGallery(token)
    runner = web.AppRunner(fake.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}/api"
    try:
        yield fake
    finally:
        await runner.cleanup()
