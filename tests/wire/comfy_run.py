"""How a ComfyUI works off its queue: node by node, with its cache, its messages, its errors and interrupts."""

import asyncio
import contextlib
import heapq
import json
import struct
import threading
from collections.abc import Mapping

from aiohttp import web
from comfy_checks import Checks, is_link
from comfy_nodes import Thing, drawn, evaluate

JPEG = b"\xff\xd8\xff\xe0fake preview\xff\xd9"


class Interrupted(Exception):
    pass


class NodeError(Exception):
    """What a node raises at run time: class and words as ComfyUI tells them."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(message)


class Works(Checks):
    """The worker; whoever fills the queue sets `_work`."""

    def __init__(self) -> None:
        """How it behaves."""
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
        self.forgets_files = False
        self.shrinks = False
        """Pictures come out smaller than asked."""
        self.gate: dict[str, threading.Event] = {}
        """A node class waits here before it works."""
        self.mute = False
        """True: sockets stay open and say nothing, as half-open ones do."""

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
        order = [number for number in graph if number in set().union(*(self.below(graph, t, set()) for t in targets))]
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
        inputs = {name: self.cache[keys[value[0]]] if is_link(value) else value
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


def _key(graph: Mapping[str, dict], number: str) -> str:
    """Class and inputs, followed through the links: what the real cache compares."""
    node = graph[number]
    inputs = {name: [_key(graph, value[0]), value[1]] if is_link(value) else value
              for name, value in sorted(node["inputs"].items())}  # fmt: skip
    return json.dumps([node["class_type"], inputs])


def _sorted(graph: Mapping[str, dict], order: list[str]) -> list[str]:
    """Every node after those it needs."""
    found: list[str] = []

    def visit(number: str) -> None:
        if number in found:
            return
        for value in graph[number]["inputs"].values():
            if is_link(value):
                visit(value[0])
        found.append(number)

    for number in order:
        visit(number)
    return found
