"""A daemon in the test's own loop: the documented routes on a real Unix socket, over lists held in memory.

It keeps what it was asked, so that a test asserts messages first and pictures last.
"""

import asyncio
import hashlib
import io
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import WSMsgType, web
from rich.cells import cell_len
from textual.pilot import Pilot

from schema.ids import ImageId, JobId, NodeId, RunId, StageId, Token, run_of
from schema.pages import ImageRecord, ImageRow, JobRecord, Page, Resource, RunRecord, RunRow, StageRecord, iso
from schema.plans import JobSpec, Measures, Picture, RunSpec, StageStep
from schema.scenes import (
    BackendScene,
    Counts,
    Delta,
    Frame,
    NodeScene,
    QueueScene,
    Row,
    RunningJob,
    RunScene,
    Scene,
    Step,
    Welcome,
)
from tui.app import StableNew
from tui.preferences import Preferences

asyncio.set_event_loop(None)
"""Else pytest-asyncio makes one when a sync test came first, and leaves it open."""

NOON = 1_763_726_460.0
"""2025-11-21 12:01 UTC: the tests' now."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STAGES = ("txt2img", "detail", "upscale")
NAMES = (
    "knights-07-v3",
    "knights-07-v4",
    "city-fly-through",
    "mech-sheet-front",
    "rainy-street-02",
    "old-mill-at-dusk",
)


def make_row(number: int) -> Row:
    """A queue with two running, some waiting, one held, one broken, and history."""
    run = RunId(f"kn{number // 40:02d}gt7a")
    job = JobId(f"{run}.{number % 40 + 1}")
    name = f"{NAMES[number % len(NAMES)]}-s{88000 + number}"
    base = {"id": job, "run": run, "name": name, "created": NOON - 600 - number, "stages": STAGES, "pack": "knights"}
    if number < 2:
        return Row(**base, state="running", stage="txt2img", node=NodeId(("rtx3090", "rtx4070")[number]), seed=number)
    if number == 7:
        return Row(**base, state="held", reason="needs model")
    if number < 12:
        return Row(**base, state="queued")
    if number == 12:
        return Row(**base, state="failed", node=NodeId("rtx4070"), reason="out of memory", seconds=31.0)
    if number == 15:
        return Row(**base, state="cancelled", node=NodeId("rtx4070"))
    return Row(**base, state="finished", node=NodeId("rtx3090"), seconds=120.0 + number % 9, stars=(number * 7) % 6)


def make_image(number: int) -> ImageRow:
    run = RunId(f"kn{number // 40:02d}gt7a")
    return ImageRow(
        id=ImageId(f"im{number:06d}"),
        job=JobId(f"{run}.{number % 40 + 1}"),
        run=run,
        stage=StageId("upscale"),
        name=f"{NAMES[number % len(NAMES)]}-s{88000 + number}",
        final=True,
        created=NOON - 3600 - number * 60,
        media="image/png",
        bytes=1_300_000,
        width=832,
        height=1216,
        sha256=f"{number:064x}",
        pixels=f"{number:064x}",
        stars=(number * 7) % 6 if number % 3 else 0,
        tags=("keep", "wallpaper") if number % 5 == 1 else (),
        pack="knights",
        model="juggernautXL_v9",
        seed=88000 + number,
        path=f"/results/2025-11-21/knights/{NAMES[number % len(NAMES)]}-s{88000 + number}.png",
    )


NODES = (
    NodeScene(
        node=NodeId("rtx3090"),
        name="studio",
        state="busy",
        backends=("webui", "llm"),
        vram_gb=24.0,
        vram_used_gb=19.2,
        running=JobId("kn00gt7a.1"),
        servers=(
            BackendScene(kind="webui", state="ready", release="forge f2.0.1", url="http://127.0.0.1:7860"),
            BackendScene(kind="llm", state="ready", release="ollama 0.3", url="http://127.0.0.1:11434/v1"),
        ),
        resident=("juggernautXL_v9",),
    ),
    NodeScene(
        node=NodeId("rtx4070"),
        name="attic",
        state="busy",
        backends=("comfyui", "webui"),
        vram_gb=12.0,
        running=JobId("kn00gt7a.2"),
        servers=(
            BackendScene(kind="comfyui", state="ready", release="0.3.40", url="http://127.0.0.1:8188"),
            BackendScene(kind="webui", state="starting", url="http://127.0.0.1:7860", trouble="It loads a model."),
        ),
    ),
    NodeScene(
        node=NodeId("den"),
        name="den",
        state="lost",
        backends=("webui",),
        servers=(
            BackendScene(
                kind="webui",
                state="disconnected",
                url="http://127.0.0.1:7860",
                trouble="Nobody answers on http://127.0.0.1:7860. Start SD WebUI there with --api.",
            ),
        ),
        why_idle="it has not been heard of for 2 h",
    ),
)


def make_resources(models: int = 40) -> list[Resource]:
    """What the nodes have; `models` of them, as people's folders look."""
    both = {"nodes": ("attic", "studio"), "backends": ("comfyui", "webui")}
    studio = {"nodes": ("studio",), "backends": ("webui",)}
    names = [f"sdxl/{NAMES[n % len(NAMES)]}_v{n}.safetensors" for n in range(models)]
    found = [Resource(list="models", name=name, **(both if n % 2 else studio)) for n, name in enumerate(names)]
    found += [Resource(list="models", name="juggernautXL_v9.safetensors", **both)]
    found += [Resource(list="vaes", name=name, **both) for name in ("sdxl_vae.safetensors", "vae-ft-mse.safetensors")]
    found += [Resource(list="samplers", name=name, **both) for name in ("DPM++ 2M", "Euler", "Euler a", "Heun")]
    found += [Resource(list="schedulers", name=name, **both) for name in ("Automatic", "Karras", "Simple")]
    found += [Resource(list="upscalers", name=name, **studio) for name in ("4x-sharp", "Lanczos", "R-ESRGAN 4x+")]
    found += [Resource(list="detectors", name=name, **studio) for name in ("face_yolov8n.pt", "hand_yolov8n.pt")]
    found += [Resource(list="controls", name="control_canny.safetensors", **both)]
    found += [Resource(list="control_processors", name=name, **studio) for name in ("canny", "depth_midas")]
    found += [Resource(list="loras", name=name, **both) for name in ("sky/film_grain.safetensors", "line art [b].pt")]
    found += [Resource(list="embeddings", name="badhands.pt", **both)]
    return sorted(found, key=lambda one: (one.list, one.name.lower()))


CONFIG = {
    "txt2img": {"type": "txt2img", "model": None, "vae": None, "sampler": None, "scheduler": None, "steps": 20,
                "cfg": 7.0, "width": 512, "height": 512, "clip_skip": 1, "hires": None, "refiner": None,
                "hypernetwork": None, "batch": 1, "tiling": False, "controls": None, "workflow": None},
    "detail": {"type": "detail", "detector": "face", "model": None, "sampler": None, "denoise": 0.4, "steps": 20},
    "upscale": {"type": "upscale", "upscaler": None, "factor": 2.0, "tile": 512, "overlap": 32},
    "video": {"type": "video", "fps": 8.0},
}  # fmt: skip
"""Of the standard pipeline, as a plan's lines tell it."""


class FakeDaemon:
    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.nodes: tuple[NodeScene, ...] = NODES
        self.resources = make_resources()
        self.previews: dict[str, bytes] = {}
        """Job to the unfinished picture it has now."""
        self.uploads: list[bytes] = []
        self.latest: dict[str, object] = {}
        """What the last finished job used."""
        self.backend_of_runs: str | None = None
        self.pipeline_of_runs = "standard"
        self.config: dict[str, object] = CONFIG
        """What every job was planned with."""
        self.said: dict[str, str | float] = {}
        """What the last stage of every picture's job reported."""
        self.rows = [make_row(n) for n in range(131)]
        self.images = [make_image(n) for n in range(318)]
        self.commands: list[tuple[str, dict[str, object], str]] = []
        """Path, body and key of every command that reached it, also those whose answer was lost."""
        self.asked: list[str] = []
        """Path and query of every question."""
        self.answered: dict[str, bytes] = {}
        """Key to the answer: a command that comes again is not done again."""
        self.lose_answers = 0
        self.taken_back: dict[str, object] = {"text": "cancel 2 jobs"}
        """So many commands are done and the connection is cut before the answer."""
        self.refuse: dict[str, tuple[str, str]] = {}
        """Path to the sentence and the remedy it is refused with."""
        self.feeds: list[web.WebSocketResponse] = []
        self.records: dict[str, JobRecord] = {}
        self.now = NOON
        self._runner: web.AppRunner | None = None

    # The state it tells -----------------------------------------------------------------------------

    def scene(self) -> Scene:
        states = [row.state for row in self.rows]
        running = tuple(
            RunningJob(
                job=row.id,
                name=row.name,
                stage=StageId(row.stage or "txt2img"),
                stage_number=1,
                stages=3,
                node=row.node,
                token=Token(100 + n),
                since=self.now - 30,
                step=(19, 4)[n % 2],
                steps=30,
                eta_s=(41.0, 115.0)[n % 2],
            )
            for n, row in enumerate(row for row in self.rows if row.state == "running")
        )
        return Scene(
            head=4211,
            queue=QueueScene(
                counts=Counts(queued=states.count("queued"), held=states.count("held"), running=len(running)),
                eta_s=4320.0,
            ),
            running=running,
            runs=(RunScene(run=RunId("kn00gt7a"), name="knights", jobs=40, finished=26, failed=1),),
            nodes=self.nodes,
            undo="cancel 2 jobs",
        )

    async def tell(self, frame: Frame) -> None:
        for feed in list(self.feeds):
            await feed.send_bytes(msgspec.msgpack.encode(frame))

    async def change(self, index: int, row: Row) -> None:
        """A job becomes another, and everybody who listens is told."""
        self.rows[index] = row
        scene = self.scene()
        await self.tell(Delta(head=4212, queue=scene.queue, running=scene.running, jobs=(row.id,)))

    async def progress(self, token: int, step: int) -> None:
        await self.tell(Step(progress=((token, step, 30, 30.0 - step),)))

    # Routes -----------------------------------------------------------------------------------------

    async def begin(self) -> None:
        app = web.Application(client_max_size=1 << 24, middlewares=[json_only])
        app.router.add_get("/v1/status", self.status)
        app.router.add_get("/v1/feed", self.feed)
        app.router.add_get("/v1/jobs", self.list_jobs)
        app.router.add_get("/v1/jobs/{id}", self.show_job)
        app.router.add_get("/v1/jobs/{id}/explain", self.explain)
        app.router.add_get("/v1/jobs/{id}/preview", self.preview)
        app.router.add_get("/v1/resources", self.list_resources)
        app.router.add_put("/v1/blobs", self.put_blob)
        app.router.add_get("/v1/runs/{id}", self.show_run)
        app.router.add_get("/v1/images", self.list_images)
        app.router.add_get("/v1/images/{id}", self.show_image)
        app.router.add_get("/v1/images/{id}/thumb", self.thumb)
        app.router.add_get("/v1/packs", self.packs)
        app.router.add_get("/v1/pipelines", self.pipelines)
        app.router.add_get("/v1/last", self.last)
        app.router.add_post("/v1/plan", self.plan)
        app.router.add_post("/v1/{path:.*}", self.command)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        self.socket.unlink(missing_ok=True)
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def end(self) -> None:
        for feed in list(self.feeds):
            await feed.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None
        self.socket.unlink(missing_ok=True)

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response({"state": "ready", "version": "0.1.0", "pid": os.getpid()})

    async def feed(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(msgspec.msgpack.encode(Welcome(protocol=1, version="0.1.0", scene=self.scene())))
        self.feeds.append(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        self.feeds.remove(socket)
        return socket

    def note(self, request: web.Request) -> None:
        self.asked.append(request.path_qs)

    async def list_jobs(self, request: web.Request) -> web.Response:
        self.note(request)
        rows = matching(self.rows, request.query.get("filter", ""))
        if rows is None:
            return fault("colour: is no key of a filter", remedy="Keys: state run pack node model stars tag since.")
        if request.query.get("sort") == "name":
            rows = sorted(rows, key=lambda row: row.name)
        return page(rows, request)

    async def list_images(self, request: web.Request) -> web.Response:
        self.note(request)
        words = request.query.get("filter", "").split()
        images = [image for image in self.images if not image.trashed and all(w in image.name for w in words)]
        return page(images, request)

    async def show_job(self, request: web.Request) -> web.Response:
        self.note(request)
        row = next((row for row in self.rows if row.id == request.match_info["id"]), None)
        if row is None:
            return fault(f"no job is called {request.match_info['id']}", status=404)
        return reply(self.records.get(row.id) or record_of(row), {"config": self.config})

    async def explain(self, request: web.Request) -> web.Response:
        text = "It is third in its lane; rtx3090 takes it next, for it has the model loaded."
        return web.json_response({"job": request.match_info["id"], "text": text, "stages": []})

    async def show_run(self, request: web.Request) -> web.Response:
        run = RunId(request.match_info["id"])
        row = RunRow(id=run, name="knights", state="active", created=NOON, jobs=40, folder="/results/knights")
        spec = RunSpec(
            name="knights",
            base="0" * 64,
            plan_hash="ab12",
            seed=7,
            jobs=40,
            backend=self.backend_of_runs,
            pipeline=self.pipeline_of_runs,
        )  # type: ignore[arg-type]
        return reply(RunRecord(row=row, spec=spec), {"manifest": None, "video": None})

    async def show_image(self, request: web.Request) -> web.Response:
        self.note(request)
        image = next((image for image in self.images if image.id == request.match_info["id"]), None)
        if image is None:
            return fault(f"there is no picture {request.match_info['id']}", status=404)
        row = next((row for row in self.rows if row.id == image.job), self.rows[20])
        record = record_of(msgspec.structs.replace(row, state="finished"))
        *before, last = record.stages
        stages = (*before, msgspec.structs.replace(last, reported=self.said))
        job = msgspec.structs.replace(record, stages=stages)
        return web.json_response({"image": json.loads(written(image)), "job": json.loads(written(job))})

    async def thumb(self, request: web.Request) -> web.Response:
        self.note(request)
        number = int(request.match_info["id"].removeprefix("im"))
        size = int(request.query["size"])
        return web.Response(body=await asyncio.to_thread(picture, number, size), content_type="image/webp")

    async def preview(self, request: web.Request) -> web.Response:
        self.note(request)
        job = request.match_info["id"]
        if job not in self.previews:
            return fault(f"{job} shows no unfinished picture now", status=404)
        return web.Response(body=self.previews[job], content_type="image/jpeg")

    async def list_resources(self, request: web.Request) -> web.Response:
        self.note(request)
        asked = request.query
        if strange := set(asked) - {"list", "node", "backend", "filter", "offset", "limit"}:
            return fault(f"this route has no parameter {strange.pop()}")
        found = [
            one
            for one in self.resources
            if one.list == asked.get("list", "models")
            and asked.get("filter", "").lower() in one.name.lower()
            and asked.get("backend", "") in ("", *one.backends)
        ]
        first = int(asked.get("offset", 0))
        items = [msgspec.to_builtins(one) for one in found[first : first + int(asked.get("limit", len(found)))]]
        return web.json_response({"items": items, "total": len(found)})

    async def put_blob(self, request: web.Request) -> web.Response:
        self.uploads.append(await request.read())
        return web.json_response({"sha256": hashlib.sha256(self.uploads[-1]).hexdigest()})

    async def packs(self, request: web.Request) -> web.Response:
        return web.json_response({"items": ["knights", "city [bold]"], "total": 2})

    async def pipelines(self, request: web.Request) -> web.Response:
        return web.json_response({"items": ["standard", "quick"], "total": 2})

    async def last(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"config": None, "effective": None, "run": None, "job": None, "seed": None, **self.latest}
        )

    async def plan(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.commands.append(("/v1/plan", body, ""))
        many = int(body.get("count", 1)) * (40 if body.get("packs") else 1)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for number in range(many):
            line = {"prompt": body.get("prompt", "a knight"), "seed": 7 + number, "name": f"run-{number}"}
            line["config"] = planned(body)
            await response.write(json.dumps(line).encode() + b"\n")
        last = {"jobs": many, "plan_hash": "cafe01", "seed": 7, "warnings": []}
        await response.write(json.dumps(last).encode() + b"\n")
        return response

    async def command(self, request: web.Request) -> web.Response:
        text = await request.read()
        key = request.headers.get("Idempotency-Key", "")
        self.commands.append((request.path, json.loads(text) if text else {}, key))
        if request.path in self.refuse:
            return fault(*self.refuse[request.path])
        if key not in self.answered:
            self.answered[key] = self.do(request.path, json.loads(text) if text else {})
        if self.lose_answers:
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=self.answered[key], content_type="application/json")

    def do(self, path: str, body: dict[str, object]) -> bytes:
        chosen = body.get("select", [])
        subjects = [str(name) for name in chosen] if isinstance(chosen, list) else []
        if path == "/v1/images/rate":
            self.images = [
                msgspec.structs.replace(image, stars=body["stars"]) if image.id in subjects else image
                for image in self.images
            ]
        if path == "/v1/images/trash":
            self.images = [image for image in self.images if image.id not in subjects]
        answer: dict[str, object] = {"command": "c1", "seq": 4300, "subjects": subjects, "changed": len(subjects)}
        if path in ("/v1/undo", "/v1/redo"):
            answer |= self.taken_back
        if path.startswith("/v1/nodes/") and path.endswith(("/refresh", "/free")):
            return b'{"done": true}'
        if path.startswith("/v1/nodes/"):
            answer |= {"subjects": [path.split("/")[3]], "changed": 1}
        if path == "/v1/runs":
            answer |= {"run": "newrun22", "jobs": int(str(body.get("count", 1))), "plan_hash": "cafe01", "seed": 7}
        return json.dumps(answer).encode()

    def sent(self, path: str) -> list[dict[str, object]]:
        """Bodies of the commands to this route."""
        return [body for where, body, _ in self.commands if where == path]


def flat(stage: dict[str, object]) -> dict[str, object]:
    """Tables within a stage as `table.field`."""
    told: dict[str, object] = {}
    for name, value in stage.items():
        told |= {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return {name: value for name, value in told.items() if name != "id"}


def planned(body: dict[str, object]) -> dict[str, object]:
    """Stage to its settings, as the pipeline that was named has them."""
    pipeline = body.get("pipeline")
    if isinstance(pipeline, dict):
        stages = json.loads(pipeline["text"])["stages"]
        return {stage["type"]: {**CONFIG.get(stage["type"], {}), **flat(stage)} for stage in stages}
    return {name: stage for name, stage in CONFIG.items() if name == "txt2img" or pipeline != "quick"}


@web.middleware
async def json_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """As the daemon's guard: a body of another type is not taken."""
    if request.method == "POST" and request.can_read_body and request.content_type != "application/json":
        return fault(f"a body of type {request.content_type} is not taken", "Send application/json.", status=415)
    return await handler(request)


def record_of(row: Row) -> JobRecord:
    done = row.state == "finished"
    stages = tuple(
        StageRecord(
            id=StageId(name),
            kind=name,
            state="done" if done else "running" if row.stage == name else "waiting",
            attempts=1 if done else 0,
            node=row.node if done else None,
            backend="sketch" if done else None,
            started=row.created + 60 * n if done or row.stage == name else None,
            ended=row.created + 60 * n + 44 if done else None,
            measures=Measures(executed_s=44.0),
            effective={"width": 832, "height": 1216, "steps": 30} if done else {},
            images=(
                ImageRecord(
                    id=ImageId(f"im{n}"),
                    index=0,
                    file=Picture(sha256="0" * 64, pixels="0" * 64, media="image/png", bytes=9, width=832, height=1216),  # type: ignore[arg-type]
                ),
            )
            if done
            else (),
        )
        for n, name in enumerate(STAGES)
    )
    spec = JobSpec(
        name=row.name,
        pack=row.pack,
        prompt_number=7,
        variant=3,
        template="masterpiece, knight in rain, (rim light:1.2), __armor/steel__, [dusk:night:0.4]",
        prompt="masterpiece, knight in rain, (rim light:1.2), gothic plate armour, [dusk:night:0.4]",
        negative="lowres, bad anatomy, extra fingers",
        seed=row.seed or 88123,
        overlay={"txt2img.cfg": 6.0, "txt2img.steps": 30},
        origins={"txt2img.cfg": "knights.yaml:12", "txt2img.steps": "--set"},
        stages=tuple(StageStep(id=StageId(name), kind=name, steps=30 if name == "txt2img" else 0) for name in STAGES),  # type: ignore[arg-type]
    )
    ended = row.created + 170 if row.state in ("finished", "failed", "cancelled") else None
    return JobRecord(
        id=row.id,
        run=run_of(row.id),
        state=row.state,
        created=row.created,
        spec=spec,
        stages=stages,
        node=row.node,
        ended=ended,
        reason=row.reason,
    )


def matching(rows: list[Row], text: str) -> list[Row] | None:
    """The rows a FILTER leaves: words of the name, `state:` and `pack:`. None: it is no filter."""
    for word in text.split():
        key, colon, value = word.partition(":")
        if not colon:
            rows = [row for row in rows if word in row.name]
        elif key == "state":
            rows = [row for row in rows if row.state in value.split("|")]
        elif key == "pack":
            rows = [row for row in rows if row.pack == value]
        else:
            return None
    return rows


def written(value: msgspec.Struct) -> bytes:
    """As the routes write it: times in ISO 8601."""
    plain = msgspec.to_builtins(value)
    return json.dumps(timed(plain)).encode()


def timed(value: object) -> object:
    if isinstance(value, dict):
        return {
            k: iso(v) if k in ("created", "started", "ended") and isinstance(v, float) else timed(v)
            for k, v in value.items()
        }
    return [timed(item) for item in value] if isinstance(value, (list, tuple)) else value


def reply(value: msgspec.Struct, more: dict[str, object] | None = None) -> web.Response:
    return web.Response(
        body=json.dumps({**json.loads(written(value)), **(more or {})}).encode(), content_type="application/json"
    )


def page(items: list[Row] | list[ImageRow], request: web.Request) -> web.Response:
    offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
    part = tuple(items[offset : offset + limit])
    return reply(Page(items=part, total=len(items), head=4211))


def fault(sentence: str, remedy: str = "", *, status: int = 400) -> web.Response:
    return web.json_response({"error": sentence, "where": "", "remedy": remedy, "exit": 2}, status=status)


def picture(number: int, size: int) -> bytes:
    """A landscape of our own: a sky, a sun, hills; another for every number."""
    from PIL import Image, ImageDraw

    wide, high = (size * 832 // 1216, size)
    image = Image.new("RGB", (wide, high))
    draw = ImageDraw.Draw(image)
    hue = number * 37 % 200
    for y in range(high):
        t = y / high
        draw.line([(0, y), (wide, y)], fill=(40 + int(150 * t), 50 + hue // 3, 190 - int(120 * t) - hue // 4))
    x, y, r = wide * (20 + number * 13 % 60) // 100, high * (15 + number * 7 % 30) // 100, size // 10
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(250, 220, 140))
    for layer in range(3):
        top = high * (50 + layer * 15) // 100
        points = [(0, high)]
        points += [(i * wide // 8, top + (number * (i + 3) * (layer + 5) % 23 - 11) * size // 160) for i in range(9)]
        draw.polygon([*points, (wide, high)], fill=(30 + hue // 5, 90 - layer * 25, 60 - layer * 12))
    kept = io.BytesIO()
    image.save(kept, "WEBP", quality=80)
    return kept.getvalue()


# Fixtures -------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quiet_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is told by the developer's terminal, and clocks show UTC."""
    for name in ("SSH_CONNECTION", "TMUX", "DISPLAY", "WAYLAND_DISPLAY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    fake = FakeDaemon(tmp_path / "api.sock")
    await fake.begin()
    yield fake
    await fake.end()


class Eyes:
    """The app under test, its pilot, and ways to wait for what a person would see."""

    def __init__(self, app: StableNew, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    def text(self) -> str:
        """The screen as lines of text, exactly as wide and high as the terminal."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def until(self, holds: Callable[[], object], why: str = "") -> None:
        async with asyncio.timeout(8):
            while not holds():
                await self.pilot.pause(0.01)

    async def sees(self, *words: str) -> None:
        try:
            await self.until(lambda: all(word in self.text() for word in words))
        except TimeoutError:
            raise AssertionError(f"never seen together: {words}\n{self.text()}") from None

    async def quiet(self) -> None:
        """Until nothing is being read."""
        quick = ("pages", "reread", "look", "commands", "pictures")
        await self.until(lambda: not any(worker.group in quick for worker in self.app.workers))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)


@pytest.fixture
def show(daemon: FakeDaemon) -> Callable[..., object]:
    """`async with show(width, height, ui=...) as eyes`: the app on the fake daemon, linked and filled."""

    @asynccontextmanager
    async def shown(
        width: int = 120, height: int = 36, *, ui: Preferences | None = None, env: dict[str, str] | None = None
    ) -> AsyncIterator[Eyes]:
        app = StableNew(lambda: daemon.socket, ui=ui, env=env or {}, clock=lambda: daemon.now)
        app.animation_level = "none"
        async with app.run_test(size=(width, height), notifications=True) as pilot:
            eyes = Eyes(app, pilot)
            await eyes.until(lambda: app.live.linked)
            yield eyes

    return shown


@pytest.fixture
def picture_of() -> Callable[[Eyes, str], None]:
    """Compares the screen with `snapshots/NAME.txt`; `STABLENEW_SNAPSHOTS=write` writes it instead."""

    def compare(eyes: Eyes, name: str) -> None:
        width, height = eyes.app.size
        seen = eyes.text()
        lines = seen.split("\n")
        assert (len(lines), {cell_len(line) for line in lines}) == (height, {width}), "the picture is not whole"
        kept = Path(__file__).parent / "snapshots" / f"{name}.txt"
        if os.environ.get("STABLENEW_SNAPSHOTS") == "write":
            kept.write_text(seen + "\n", "utf-8")
        assert seen + "\n" == kept.read_text("utf-8"), f"{name} looks otherwise:\n{seen}"

    return compare
