"""A ComfyUI for tests: its routes, queue, cache, validation and WebSocket over real sockets, with every fault it has.

One thread with an event loop; what a prompt "computes" is a picture of the right size. Faults are attributes.
"""

import asyncio
import base64
import heapq
import json
import threading
import uuid
from collections.abc import Callable

from aiohttp import WSMsgType, web
from comfy_checks import error
from comfy_nodes import Names, object_info
from comfy_run import NodeError, Works

__all__ = ["ComfyFake", "NodeError"]

TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"


class ComfyFake(Works):
    """`with ComfyFake() as fake:` listens on `fake.url`. `kill` and `start` play a server that dies and comes back."""

    def __init__(self, names: Names | None = None, **nodes: bool) -> None:
        super().__init__()
        self.names = names or Names()
        self.info = object_info(self.names, **nodes)
        self.embeddings = ["faded"]
        self.version = "0.3.64"
        self.devices = [{"name": "cpu", "type": "cpu", "vram_total": 0, "vram_free": 0}]
        self.uploads: dict[str, bytes] = {}
        # what tests look at
        self.prompts: list[dict[str, object]] = []
        self.interrupts: list[str | None] = []
        self.asked: list[str] = []
        self.freed = 0
        # how it answers; how it works, see Works
        self.auth: str | None = None
        self.instead: dict[str, Callable[[], web.StreamResponse]] = {}
        """Answers by the path's beginning, in place of its own."""
        self.sockets = True
        """False: no WebSocket, as behind a proxy that knows none."""
        self.truncated = False
        self.port = 0
        self._clean()

    # Life -------------------------------------------------------------------------------------

    def __enter__(self) -> "ComfyFake":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "ComfyFake":
        """Again after `kill`: same port, empty queue and history."""
        self._clean()
        begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(begun)), daemon=True)
        self._thread.start()
        assert begun.wait(10)
        return self

    def kill(self) -> None:
        """As `kill -9`: connections drop without a word."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    async def _main(self, begun: threading.Event) -> None:
        self._loop, self._end, self._work = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._transports: set[asyncio.BaseTransport] = set()
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 28)
        app.add_routes([
            web.get("/system_stats", self._stats), web.get("/object_info", self._object_info),
            web.get("/embeddings", self._embeddings), web.post("/prompt", self._prompt),
            web.get("/queue", self._queue), web.post("/queue", self._delete), web.post("/interrupt", self._interrupt),
            web.get("/history/{id}", self._history), web.get("/view", self._view), web.get("/ws", self._socket),
            web.post("/upload/image", self._upload), web.post("/free", self._free),
        ])  # fmt: skip
        runner = web.AppRunner(app, shutdown_timeout=0.0, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        worker = asyncio.create_task(self._worker())
        begun.set()
        await self._end.wait()
        worker.cancel()
        for transport in self._transports:
            transport.abort()
        await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.transport is not None:
            self._transports.add(request.transport)
        for path, answer in self.instead.items():
            if request.path.startswith(path):
                return answer()
        if (
            self.auth
            and request.headers.get("Authorization") != "Basic " + base64.b64encode(self.auth.encode()).decode()
        ):
            return web.Response(status=401)
        if request.headers.get("Origin", self.url) != self.url:
            return web.Response(status=403)
        return await handler(request)

    # Routes -----------------------------------------------------------------------------------

    async def _stats(self, _: web.Request) -> web.Response:
        return _json({"system": {"comfyui_version": self.version, "os": "posix"}, "devices": self.devices})

    async def _embeddings(self, _: web.Request) -> web.Response:
        return _json(self.embeddings)

    async def _object_info(self, _: web.Request) -> web.Response:
        info = json.loads(json.dumps(self.info))
        for kind in ("LoadImage", "LoadImageMask"):
            info[kind]["input"]["required"]["image"][0] = sorted(self.uploads)
        return _json(info)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        image = form.get("image")
        if not isinstance(image, web.FileField):
            return web.Response(status=400)
        content, name = image.file.read(), image.filename
        stem, _, ending = name.rpartition(".")
        number = 0
        while self.uploads.get(name, content) != content:
            number += 1
            name = f"{stem} ({number}).{ending}"
        self.uploads[name] = content  # garbage is taken too
        return _json({"name": name, "subfolder": "", "type": "input"})

    async def _prompt(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=500, text=TROUBLE)
        graph = body.get("prompt")
        if not graph:
            return _json(error("no_prompt", "No prompt provided"), 400)
        refused, faults, good = self.validated(graph)
        if refused:
            return _json(refused, 400)
        prompt_id = body.get("prompt_id") or str(uuid.uuid4())
        self.prompts.append(graph)
        heapq.heappush(self.pending, (self.number, prompt_id, {"graph": graph, "outputs": good}, body.get("client_id")))
        self._work.set()
        number, self.number = self.number, self.number + 1
        return _json({"prompt_id": prompt_id, "number": number, "node_errors": faults})

    async def _queue(self, _: web.Request) -> web.Response:
        def item(each: tuple) -> list[object]:
            return [each[0], each[1], each[2]["graph"], {"client_id": each[3]}, each[2]["outputs"]]

        running = [item(self.running)] if self.running else []
        return _json({"queue_running": running, "queue_pending": [item(each) for each in self.pending]})

    async def _delete(self, request: web.Request) -> web.Response:
        told = await request.json()
        gone = set(told.get("delete", []))
        self.pending = [each for each in self.pending if each[1] not in gone and not told.get("clear")]
        heapq.heapify(self.pending)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        told = await request.json() if request.can_read_body else {}
        prompt = told.get("prompt_id")
        self.interrupts.append(prompt)
        if not self.targeted or prompt is None or (self.running and self.running[1] == prompt):
            self.interrupt = True
        return web.Response()

    async def _history(self, request: web.Request) -> web.Response:
        prompt = request.match_info["id"]
        return _json({prompt: self.history[prompt]} if prompt in self.history else {})

    async def _view(self, request: web.Request) -> web.Response:
        told = request.query
        content = self.files.get((told.get("type", "output"), told.get("subfolder", ""), told["filename"]))
        if content is None:
            return web.Response(status=404)
        return web.Response(body=content[: len(content) // 2] if self.truncated else content, content_type="image/png")

    async def _free(self, request: web.Request) -> web.Response:
        await request.json()
        self.freed += 1
        self.cache.clear()
        return web.Response()

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not self.sockets:
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = request.query.get("clientId") or uuid.uuid4().hex
        self.clients[client] = socket  # a second one with this id takes the first one's place
        await socket.send_json(
            {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client}}
        )
        if self.running and self.running[3] == client:
            await socket.send_json({"type": "executing", "data": {"node": "1"}})  # whose it is, it does not say
        async for message in socket:
            if message.type is WSMsgType.TEXT and "feature_flags" in message.data:
                await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        self.clients.pop(client, None)  # also when a newer one has the id: that one hears nothing any more
        return socket


def _json(content: object, status: int = 200) -> web.Response:
    return web.json_response(content, status=status)
