"""A daemon in the test's own loop: the documented routes on a real Unix socket, over lists held in memory.

It keeps what it was asked, so that a test asserts messages first and pictures last.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import screen_inbox
import screen_learn
import screen_library
import screen_logs
import screen_run
import screen_runs
import screen_then
from aiohttp import WSMsgType, web
from screen_things import (
    CONFIG,
    DAYS,
    NODES,
    NOON,
    make_image,
    make_resources,
    make_row,
    matching,
    picture,
    planned,
    record_of,
    written,
)

from schema.ids import NodeId, RunId, StageId, Token
from schema.pages import FilmRecord, ImageRow, JobRecord, NodeDay, Page, RunRecord, RunRow
from schema.plans import RunSpec
from schema.scenes import (
    Counts,
    Delta,
    Frame,
    NodeScene,
    QueueScene,
    Row,
    RunningJob,
    RunScene,
    Scene,
    Standing,
    Step,
    Welcome,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeDaemon:
    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.nodes: tuple[NodeScene, ...] = NODES
        self.days: dict[NodeId, NodeDay] = {day.node: day for day in DAYS}
        """What nodes did in the last 24 hours."""
        self.resources = make_resources()
        self.shelf = screen_library.Shelf()
        self.lectern = screen_learn.Lectern()
        self.learned = screen_inbox.Learned()
        self.previews: dict[str, bytes] = {}
        """Job to the unfinished picture it has now."""
        self.uploads: list[bytes] = []
        self.latest: dict[str, object] = {}
        """What the last finished job used."""
        self.backend_of_runs: str | None = None
        self.pipeline_of_runs = "standard"
        self.config: dict[str, object] = CONFIG
        """What every job was planned with."""
        self.over: dict[str, tuple[object, str]] = {}
        """What packs and presets put over a pipeline: `stage.field` to the value and who says so."""
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
        """So many commands are done and the connection is cut before the answer."""
        self.taken_back: dict[str, object] = {"text": "cancel 2 jobs"}
        self.refuse: dict[str, tuple[str, str]] = {}
        """Path to the sentence and the remedy it is refused with."""
        self.feeds: list[web.WebSocketResponse] = []
        self.records: dict[str, JobRecord] = {}
        self.mode_costs = ("batches lose nothing", "the best node is idle by day", "one node of three is kept free")
        self.run_ends: dict[str, float] = {}
        """`eta_s` and `deadline` of the run under way."""
        self.came: dict[str, int] = {}
        """How many jobs of a run ended in which way."""
        self.films: dict[str, tuple[FilmRecord, str]] = {}
        """Of runs that ended, with where each lies."""
        self.paired: dict[str, object] = {"paired": True, "ready": True, "reason": "512 x 512 with toy-xl"}
        """What comes of an attempt to pair."""
        self.pairing = asyncio.Event()
        """Set: an attempt to pair ends."""
        self.pairing.set()
        self.asked_to_pair = asyncio.Event()
        self.now = NOON
        self.standing = Standing()
        self.past = screen_then.Past(self)
        self.journal = screen_logs.Journal(self)
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
                node_name=row.node_name or "",
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
                mode_costs=self.mode_costs,
            ),
            running=running,
            runs=(RunScene(run=RunId("kn00gt7a"), name="knights", jobs=40, finished=26, failed=1, **self.run_ends),),
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
        app.router.add_get("/v1/nodes/{id}/day", self.node_day)
        app.router.add_get("/v1/resources", self.list_resources)
        app.router.add_put("/v1/blobs", self.put_blob)
        app.router.add_get("/v1/runs/{id}", self.show_run)
        app.router.add_get("/v1/images", self.list_images)
        app.router.add_get("/v1/images/{id}", self.show_image)
        app.router.add_get("/v1/images/{id}/thumb", self.thumb)
        app.router.add_get("/v1/pipelines", self.pipelines)
        app.router.add_get("/v1/last", self.last)
        app.router.add_post("/v1/plan", self.plan)
        app.router.add_post("/v1/prompt", self.prompt)
        app.router.add_post("/v1/forecast", self.foretell)
        screen_library.add_routes(app, self.shelf)
        self.lectern.add_routes(app)
        screen_inbox.add_routes(app, self)
        screen_runs.add_routes(app, self)
        self.past.add_routes(app)
        self.journal.add_routes(app)
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
        if when := request.query.get("as_of"):
            self.note(request)
            return self.past.status(when)
        return web.json_response({"state": "ready", "version": "0.1.0", "pid": os.getpid()})

    async def feed(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        welcome = Welcome(protocol=1, version="0.1.0", scene=self.scene(), standing=self.standing)
        await socket.send_bytes(msgspec.msgpack.encode(welcome))
        self.feeds.append(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        self.feeds.remove(socket)
        return socket

    def note(self, request: web.Request) -> None:
        self.asked.append(request.path_qs)

    async def node_day(self, request: web.Request) -> web.Response:
        self.note(request)
        node = NodeId(request.match_info["id"])
        return reply(self.days.get(node, NodeDay(node=node)))

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
        run = next((word[4:] for word in words if word.startswith("run:")), None)
        job = next((word[4:] for word in words if word.startswith("job:")), None)
        words = [word for word in words if not word.startswith(("run:", "job:"))]
        images = [
            image
            for image in self.images
            if not image.trashed and all(w in image.name for w in words)
            if run in (None, image.run) and job in (None, image.job)
        ]
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
        row = RunRow(
            id=run, name="knights", state="active", created=NOON, jobs=40, folder="/results/knights", **self.came
        )
        spec = RunSpec(
            name="knights",
            base="0" * 64,
            plan_hash="ab12",
            seed=7,
            jobs=40,
            backend=self.backend_of_runs,
            pipeline=self.pipeline_of_runs,
        )  # type: ignore[arg-type]
        film, path = self.films.get(run, (None, None))
        return reply(RunRecord(row=row, spec=spec, film=film), {"manifest": None, "video": path})

    async def show_image(self, request: web.Request) -> web.Response:
        self.note(request)
        image = next((image for image in self.images if image.id == request.match_info["id"]), None)
        if image is None:
            return fault(f"there is no picture {request.match_info['id']}", status=404)
        row = next((row for row in self.rows if row.id == image.job), self.rows[20])
        record = record_of(msgspec.structs.replace(row, state="finished"))
        *before, last = record.stages
        stages = (*before, msgspec.structs.replace(last, reported=self.said))
        job = msgspec.structs.replace(record, stages=stages, spec=self.learned.spec_of(image, record.spec))
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

    async def pipelines(self, request: web.Request) -> web.Response:
        names = self.shelf.names["pipelines"]
        return web.json_response({"items": names, "total": len(names)})

    async def last(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"config": None, "effective": None, "run": None, "job": None, "seed": None, **self.latest}
        )

    async def plan(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.commands.append(("/v1/plan", body, ""))
        many = int(body.get("count", 1)) * (min(40, int(body.get("max_images", 40))) if body.get("packs") else 1)
        said = self.over if body.get("packs") or body.get("preset") else {}
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for number in range(many):
            line = {"prompt": body.get("prompt", "a knight"), "seed": 7 + number, "name": f"run-{number}"}
            line["config"] = {name: stage for name, stage in planned(body).items() if stage.get("enabled", True)}
            line["overlay"] = {key: value for key, (value, _) in said.items()}
            line["origins"] = {key: origin for key, (_, origin) in said.items()}
            await response.write(json.dumps(line).encode() + b"\n")
        base = {name: {"enabled": True, **stage} for name, stage in planned(body).items()}
        last = {"jobs": many, "plan_hash": "cafe01", "seed": 7, "warnings": [], "base": base}
        await response.write(json.dumps(last).encode() + b"\n")
        return response

    async def prompt(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.commands.append(("/v1/prompt", body, ""))
        try:
            return web.json_response(screen_library.tried(body))
        except ValueError as where:
            return fault("a brace is not closed.", "Close it, or write \\\\{ for a brace.", where=str(where))

    async def foretell(self, request: web.Request) -> web.Response:
        return reply(screen_run.foretold(json.loads(await request.read()), self.now))

    async def command(self, request: web.Request) -> web.Response:
        text = await request.read()
        key = request.headers.get("Idempotency-Key", "")
        self.commands.append((request.path, json.loads(text) if text else {}, key))
        if request.path in self.refuse:
            return fault(*self.refuse[request.path])
        if request.path in ("/v1/nodes/pair", "/v1/nodes/add"):
            self.asked_to_pair.set()
            await self.pairing.wait()
        if request.path == "/v1/learn/mixes":
            return reply(screen_learn.DEALT)
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
        if path == "/v1/images/tag":
            add, away = body.get("add", []), body.get("remove", [])
            assert isinstance(add, list) and isinstance(away, list)
            self.images = [
                msgspec.structs.replace(image, tags=(*(t for t in image.tags if t not in away), *add))
                if image.id in subjects
                else image
                for image in self.images
            ]
        if path == "/v1/images/trash":
            self.images = [image for image in self.images if image.id not in subjects]
        if path.startswith("/v1/learn/"):
            self.lectern.done(path, body)
        answer: dict[str, object] = {
            "command": f"c{len(self.answered) + 1}",
            "seq": 4300,
            "subjects": subjects,
            "changed": len(subjects),
        }
        if path in ("/v1/undo", "/v1/redo"):
            answer |= self.taken_back
        if path.startswith("/v1/nodes/") and path.endswith(("/refresh", "/free")):
            return b'{"done": true}'
        if path in ("/v1/nodes/pair", "/v1/nodes/add"):
            return json.dumps({"node": "newnode", "name": "laptop", **self.paired}).encode()
        if path.endswith("/probe"):
            return json.dumps({"ok": True, "reason": "512 x 512", "seconds": 1.94}).encode()
        if path.startswith("/v1/nodes/"):
            answer |= {"subjects": [path.split("/")[3]], "changed": 1}
        if path == "/v1/runs":
            answer |= {"run": "newrun22", "jobs": int(str(body.get("count", 1))), "plan_hash": "cafe01", "seed": 7}
        return json.dumps(answer).encode()

    def sent(self, path: str) -> list[dict[str, object]]:
        """Bodies of the commands to this route."""
        return [body for where, body, _ in self.commands if where == path]


@web.middleware
async def json_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """As the daemon's guard: a body of another type is not taken."""
    taken = "application/octet-stream" if request.path == "/v1/foreign" else "application/json"
    if request.method == "POST" and request.can_read_body and request.content_type != taken:
        return fault(f"a body of type {request.content_type} is not taken", "Send application/json.", status=415)
    return await handler(request)


def reply(value: msgspec.Struct, more: dict[str, object] | None = None) -> web.Response:
    return web.Response(
        body=json.dumps({**json.loads(written(value)), **(more or {})}).encode(), content_type="application/json"
    )


def page(items: list[Row] | list[ImageRow], request: web.Request) -> web.Response:
    offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
    part = tuple(items[offset : offset + limit])
    return reply(Page(items=part, total=len(items), head=4211))


def fault(sentence: str, remedy: str = "", *, status: int = 400, where: str = "") -> web.Response:
    return web.json_response({"error": sentence, "where": where, "remedy": remedy, "exit": 2}, status=status)
