"""A ComfyUI for tests: its routes, queue, cache, validation and WebSocket over real sockets, with every fault it has.

One thread with an event loop; what a prompt "computes" is a picture of the right size. Faults are attributes.
"""

import asyncio
import base64
import contextlib
import heapq
import json
import struct
import threading
import uuid
from collections.abc import Callable, Mapping

from aiohttp import WSMsgType, web
from comfy_nodes import Names, Thing, drawn, evaluate, object_info

JPEG = b"\xff\xd8\xff\xe0fake preview\xff\xd9"
TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"


class Interrupted(Exception):
    pass


class NodeError(Exception):
    """What a node raises at run time: class and words as ComfyUI tells them."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(message)


class ComfyFake:
    """`with ComfyFake() as fake:` listens on `fake.url`. `kill` and `start` play a server that dies and comes back."""

    def __init__(self, names: Names | None = None, **nodes: bool) -> None:
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
        # how it behaves
        self.step_seconds = 0.0
        self.previews = 0
        """Binary event 1 or 4; 0: none."""
        self.targeted = True
        """False: an old version, where an interrupt hits whatever runs."""
        self.deaf: frozenset[str] = frozenset()
        """Node classes within which an interrupt is not seen before their end, as when a model loads."""
        self.fails: dict[str, NodeError] = {}
        self.more: dict[str, object] = {}
        """Of an execution_error, besides."""
        self.auth: str | None = None
        self.instead: dict[str, Callable[[], web.StreamResponse]] = {}
        """Answers by the path's beginning, in place of its own."""
        self.sockets = True
        """False: no WebSocket, as behind a proxy that knows none."""
        self.mute = False
        """True: sockets stay open and say nothing, as half-open ones do."""
        self.truncated = False
        self.forgets_files = False
        self.shrinks = False
        """Pictures come out smaller than asked."""
        self.gate: dict[str, threading.Event] = {}
        """A node class waits here before it works."""
        self.port = 0
        self._clean()

    def _clean(self) -> None:
        """What a restart loses."""
        self.number = 0
        self.running: tuple[int, str, dict[str, object], str | None] | None = None
        self.pending: list[tuple[int, str, dict[str, object], str | None]] = []
        self.history: dict[str, dict[str, object]] = {}
        self.files: dict[tuple[str, str, str], bytes] = {}
        self.cache: dict[str, object] = {}
        self.clients: dict[str, web.WebSocketResponse] = {}
        self.interrupt = False

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
            return _json(_error("no_prompt", "No prompt provided"), 400)
        refused, faults, good = self._validated(graph)
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

    # Validation -------------------------------------------------------------------------------

    def _validated(self, graph: Mapping[str, dict]) -> tuple[dict | None, dict[str, object], list[str]]:
        """(refusal, faults by node, outputs that can run)."""
        for number, node in graph.items():
            kind = node.get("class_type")
            if kind not in self.info:
                words = f"Cannot execute because node {kind} does not exist."
                return _error("invalid_prompt", words, f"Node ID '#{number}'"), {}, []
        outputs = [number for number, node in graph.items() if self.info[node["class_type"]]["output_node"]]
        if not outputs:
            return _error("prompt_no_outputs", "Prompt has no outputs"), {}, []
        faults: dict[str, object] = {}
        good = []
        for output in outputs:
            below = self._below(graph, output, set())
            wrong = {number: found for number in below if number in graph and (found := self._faults(graph, number))}
            for number, found in wrong.items():
                faults[number] = {"errors": found, "dependent_outputs": [output],
                                  "class_type": graph[number]["class_type"]}  # fmt: skip
            good += [] if wrong else [output]
        if good:
            return None, faults, good
        told = _error("prompt_outputs_failed_validation", "Prompt outputs failed validation")
        return {**told, "node_errors": faults}, faults, []

    def _below(self, graph: Mapping[str, dict], number: str, seen: set[str]) -> set[str]:
        if number in seen or number not in graph:
            return seen
        seen.add(number)
        for value in graph[number]["inputs"].values():
            if _is_link(value):
                self._below(graph, value[0], seen)
        return seen

    def _faults(self, graph: Mapping[str, dict], number: str) -> list[dict[str, object]]:
        node = graph[number]
        words = self.info[node["class_type"]]["input"]
        found = []
        for name in words["required"]:
            if name not in node["inputs"]:
                found.append(_fault("required_input_missing", "Required input is missing", name, name))
        for name, value in node["inputs"].items():
            spec = words["required"].get(name) or words.get("optional", {}).get(name)
            if spec is not None and (fault := self._fault(graph, name, value, spec)):
                if self.info[node["class_type"]]["output_node"]:
                    fault["type"] = fault["type"].replace("_inner_validation", "_validation")
                found.append(fault)
        return found

    def _fault(self, graph: Mapping[str, dict], name: str, value: object, spec: list) -> dict[str, object] | None:
        kind, more = spec[0], spec[1] if len(spec) > 1 else {}
        if _is_link(value):
            if value[0] not in graph:
                return _fault("exception_during_inner_validation", "Exception when validating inner node",
                              f"'{value[0]}'", name)  # fmt: skip
            output = self.info[graph[value[0]]["class_type"]]["output"]
            if value[1] >= len(output) or output[value[1]] != kind:
                return _fault("return_type_mismatch", "Return type mismatch between linked nodes", f"{name}", name)
            return None
        if "image_upload" in more:
            if value not in self.uploads:
                return _fault("custom_validation_failed", "Custom validation failed for node",
                              f"{name} - Invalid image file: {value}", name)  # fmt: skip
            return None
        options = kind if isinstance(kind, list | tuple) else more.get("options")
        if options is not None and value not in options:
            details = (
                f"{name}: '{value}' not in {options if len(options) <= 20 else f'(list of length {len(options)})'}"
            )
            return _fault("value_not_in_list", "Value not in list", details, name, value)
        if kind in ("INT", "FLOAT"):
            return _number_fault(name, value, kind, more)
        if kind in ("MODEL", "IMAGE", "LATENT", "CLIP", "VAE", "CONDITIONING"):
            return _fault("bad_linked_input", "Bad linked input, must be a length-2 list", name, name, value)
        return None

    # Running ----------------------------------------------------------------------------------

    async def _worker(self) -> None:
        while True:
            while not self.pending:
                self._work.clear()
                await self._work.wait()
            self.running = heapq.heappop(self.pending)
            self.interrupt = False
            _, prompt, told, client = self.running
            status, outputs = await self._run(prompt, told["graph"], told["outputs"], client)
            # both at once: nothing is ever in neither
            self.history[prompt] = {"prompt": [0, prompt, told["graph"], {}, told["outputs"]], "outputs": outputs,
                                    "status": status, "meta": {}}  # fmt: skip
            self.running = None
            await self._say(client, "status", {"status": {"exec_info": {"queue_remaining": len(self.pending)}}})
            await self._say(client, "executing", {"node": None, "prompt_id": prompt})

    async def _run(
        self, prompt: str, graph: Mapping[str, dict], targets: list[str], client: str | None
    ) -> tuple[dict[str, object], dict[str, object]]:
        said: list[list[object]] = []

        async def say(what: str, **told: object) -> None:
            said.append([what, {"prompt_id": prompt, **told}])
            await self._say(client, what, {"prompt_id": prompt, **told})

        outputs: dict[str, object] = {}
        order = [number for number in graph if number in set().union(*(self._below(graph, t, set()) for t in targets))]
        keys = {number: _key(graph, number) for number in order}
        await say("execution_start")
        await say("execution_cached", nodes=[number for number in order if keys[number] in self.cache])
        number = ""
        try:
            for number in _sorted(graph, order):
                await self._node(prompt, graph, number, keys, outputs, client)
        except Interrupted:
            await say("execution_interrupted", node_id=number, node_type=graph[number]["class_type"], executed=[])
        except NodeError as fault:
            told = {"exception_message": fault.message, "exception_type": fault.kind, "traceback": [], **self.more}
            await say("execution_error", node_id=number, node_type=graph[number]["class_type"], executed=[], **told)
        else:
            await say("execution_success")
            return {"status_str": "success", "completed": True, "messages": said}, outputs
        return {"status_str": "error", "completed": False, "messages": said}, {}

    async def _node(
        self, prompt: str, graph: Mapping[str, dict], number: str, keys: Mapping[str, str],
        outputs: dict[str, object], client: str | None,
    ) -> None:  # fmt: skip
        kind = graph[number]["class_type"]
        if keys[number] in self.cache:
            if self.info[kind]["output_node"]:  # the OLD files' names
                outputs[number] = self.cache[keys[number]]
                await self._say(client, "executed", {"node": number, "output": outputs[number], "prompt_id": prompt})
            return
        await self._say(client, "executing", {"node": number, "display_node": number, "prompt_id": prompt})
        inputs = {name: self.cache[keys[value[0]]] if _is_link(value) else value
                  for name, value in graph[number]["inputs"].items()}  # fmt: skip
        while kind in self.gate and not self.gate[kind].is_set():
            await self._pause(kind)
        if kind in self.fails:
            raise self.fails[kind]
        steps = int(graph[number]["inputs"].get("steps", 0))
        for step in range(steps):
            await self._pause(kind)
            told = {"value": step + 1, "max": steps, "prompt_id": prompt}
            await self._say(client, "progress_state", {"prompt_id": prompt, "nodes": {number: told}})
            await self._preview(client, prompt, number)
            await self._say(client, "progress", {**told, "node": number})
        await self._pause(kind, 0.0)
        try:
            made: object = evaluate(kind, inputs, lambda name: self.uploads[name])
        except OSError as fault:
            raise NodeError(f"PIL.{type(fault).__name__}", str(fault)) from None
        if kind in ("SaveImage", "PreviewImage"):
            made = outputs[number] = {"images": [self._saved(graph, number, inputs["images"])]}
            await self._say(client, "executed", {"node": number, "output": made, "prompt_id": prompt})
        self.cache[keys[number]] = made

    async def _pause(self, kind: str, seconds: float | None = None) -> None:
        """Between two steps: where an interrupt is seen."""
        await asyncio.sleep(self.step_seconds if seconds is None and self.step_seconds else 0.002)
        if self.interrupt and kind not in self.deaf:
            raise Interrupted

    def _saved(self, graph: Mapping[str, dict], number: str, image: Thing) -> dict[str, str]:
        prefix = str(graph[number]["inputs"].get("filename_prefix", "ComfyUI_temp"))
        if ".." in prefix:
            raise NodeError("Exception", "Saving image outside the output folder is not allowed.")
        kind = "output" if "filename_prefix" in graph[number]["inputs"] else "temp"
        folder, _, stem = prefix.rpartition("/")
        count = 1 + sum(1 for _, sub, name in self.files if sub == folder and name.startswith(f"{stem}_"))
        name = f"{stem}_{count:05}_.png"
        size = (image.size[0] // 2, image.size[1] // 2) if self.shrinks else image.size
        if not self.forgets_files:
            self.files[(kind, folder, name)] = drawn(image._replace(size=size), graph)
        return {"filename": name, "subfolder": folder, "type": kind}

    async def _preview(self, client: str | None, prompt: str, number: str) -> None:
        socket = self.clients.get(client or "")
        if socket is None or not self.previews:
            return
        if self.previews == 1:
            message = struct.pack(">II", 1, 1) + JPEG
        else:
            told = json.dumps({"node_id": number, "prompt_id": prompt, "image_type": "image/jpeg"}).encode()
            message = struct.pack(">II", 4, len(told)) + told + JPEG
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(message)

    async def _say(self, client: str | None, what: str, told: Mapping[str, object]) -> None:
        """Only to the one who sent the prompt."""
        socket = self.clients.get(client or "")
        if socket is not None and not self.mute:
            with contextlib.suppress(ConnectionError):
                await socket.send_json({"type": what, "data": dict(told)})


def _json(content: object, status: int = 200) -> web.Response:
    return web.json_response(content, status=status)


def _error(kind: str, message: str, details: str = "") -> dict[str, object]:
    return {"error": {"type": kind, "message": message, "details": details, "extra_info": {}}, "node_errors": {}}


def _fault(kind: str, message: str, details: str, name: str, value: object = None) -> dict[str, object]:
    extra = {"input_name": name, "input_config": None, "received_value": value}
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _number_fault(name: str, value: object, kind: str, more: Mapping[str, float]) -> dict[str, object] | None:
    try:
        number = float(str(value))
    except ValueError:
        return _fault("invalid_input_type", f"Failed to convert an input value to a {kind} value", name, name, value)
    if number < more.get("min", number):
        return _fault("value_smaller_than_min", f"Value {value} smaller than min of {more['min']}", name, name, value)
    if number > more.get("max", number):
        return _fault("value_bigger_than_max", f"Value {value} bigger than max of {more['max']}", name, name, value)
    return None


def _is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _key(graph: Mapping[str, dict], number: str) -> str:
    """Class and inputs, followed through the links: what the real cache compares."""
    node = graph[number]
    inputs = {name: [_key(graph, value[0]), value[1]] if _is_link(value) else value
              for name, value in sorted(node["inputs"].items())}  # fmt: skip
    return json.dumps([node["class_type"], inputs])


def _sorted(graph: Mapping[str, dict], order: list[str]) -> list[str]:
    """Every node after those it needs."""
    found: list[str] = []

    def visit(number: str) -> None:
        if number in found:
            return
        for value in graph[number]["inputs"].values():
            if _is_link(value):
                visit(value[0])
        found.append(number)

    for number in order:
        visit(number)
    return found
