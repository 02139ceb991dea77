"""A WebUI on a free port of this machine, of either flavour, with the API's faults; see `webui_engine.py` for its jobs.

Real HTTP on real sockets: handlers run in 40 threads at most, nothing stops a job but an interrupt, and a kill drops
every connection without a word.
"""

import base64
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from webui_engine import Engine
from webui_state import SAMPLERS, SCHEDULERS, Failure

API = "/sdapi/v1"
POOL = 40


class Handler(BaseHTTPRequestHandler):
    server: "FakeWebui"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._take("GET", None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._take("POST", json.loads(raw) if raw else None)

    def _take(self, method: str, body: Any) -> None:
        server, path = self.server, urlsplit(self.path).path
        server.seen.append((method, path, body))
        with server.pool:
            if server.mask(self, path):
                return
            if not self._allowed(path):
                return
            try:
                answer = server.answer(method, path, body, self.path)
            except Failure as fault:
                if fault.kind == "Dead":
                    server.drop(self.connection)
                else:
                    self._fail(fault)
            else:
                self.reply(200, json.dumps(answer).encode())

    def _allowed(self, path: str) -> bool:
        """Forge's ControlNet routes do not ask."""
        server = self.server
        if not server.auth or path.startswith("/controlnet/") or not path.startswith(API):
            return True
        given = self.headers.get("Authorization", "")
        if given == "Basic " + base64.b64encode(server.auth.encode()).decode():
            return True
        detail = "Incorrect username or password" if given else "Not authenticated"
        self.reply(401, json.dumps({"detail": detail}).encode(), {"WWW-Authenticate": "Basic"})
        return False

    def _fail(self, fault: Failure) -> None:
        """Four shapes."""
        a1111 = self.server.engine.flavour == "a1111"
        body: dict[str, object]
        if fault.kind == "schema":
            kind = "type_error.integer" if a1111 else "int_parsing"
            body = {"detail": [{"loc": ["body", fault.text], "msg": "value is not a valid integer", "type": kind}]}
        elif fault.kind == "NotFound":
            body = {"detail": "Not Found"}
        elif fault.kind == "HTTPException":
            body = {"error": "HTTPException", "detail": fault.text, "body": "", "errors": ""}
            body = body if a1111 else {"detail": fault.text}
        else:
            key = "errors" if a1111 else "message"
            body = {"error": fault.kind, "detail": "", "body": "", key: fault.text}
        self.reply(fault.status, json.dumps(body).encode())

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if self.server.engine.flavour == "a1111":
                self.send_header("x-process-time", "0.01")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


class FakeWebui(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, engine: Engine, *, tasks: bool = False, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine = engine
        self.tasks = tasks
        """With its web page: one request can be asked for by its id."""
        self.auth = ""
        self.face = ""
        """`page`, `redirect`, `no api`, `gateway`, `hang up`: what answers instead."""
        self.adetailer = False
        self.controlnet = engine.flavour == "forge"
        self.pool = threading.BoundedSemaphore(POOL)
        self.seen: list[tuple[str, str, Any]] = []
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self, method: str = "POST") -> list[str]:
        return [path for how, path, _ in self.seen if how == method]

    def bodies(self, path: str) -> list[Any]:
        return [body for _, seen, body in self.seen if seen == API + path]

    # Sockets --------------------------------------------------------------------------------------

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""

    def drop(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """As SIGKILL: nobody listens any more, and every connection breaks off."""
        self.engine.dead.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            self.drop(connection)

    def mask(self, handler: Handler, path: str) -> bool:
        """True: something else than a WebUI's API has answered."""
        match self.face:
            case "page":
                handler.reply(200, b"<!doctype html><html><title>Router</title></html>")
            case "redirect":
                handler.reply(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"})
            case "no api" if path.startswith("/sdapi"):
                handler.reply(404, b'{"detail":"Not Found"}')
            case "no api":
                handler.reply(200, b"<html><script>window.gradio_config = {}</script></html>")
            case "hang up":
                self.drop(handler.connection)
            case "gateway":
                handler.reply(502, b"<html>Bad Gateway</html>")
            case _:
                return False
        return True

    # Routes ---------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, body: Any, whole: str) -> object:
        if path.startswith(API):
            name = path[len(API) + 1 :]
            return self._post(name, body) if method == "POST" else self._get(name, whole)
        engine = self.engine
        match path:
            case "/openapi.json":
                return {"paths": {route: {} for route in self._routes()}}
            case "/internal/progress" if self.tasks:
                task = body["id_task"]
                queued = task in engine.pending
                return {"active": task == engine.current_task, "queued": queued, "completed": False}
            case "/controlnet/model_list" if self.controlnet:
                return {"model_list": ["None", "control_canny [ab12cd34]"]}
            case "/controlnet/module_list" if self.controlnet:
                return {"module_list": ["None", "canny", "invert (from white bg & black line)"]}
        raise Failure("NotFound", "", 404)

    def _routes(self) -> list[str]:
        own = "sd-modules" if self.engine.flavour == "forge" else "sd-vae"
        return [f"{API}/{own}", *(["/internal/progress"] if self.tasks else [])]

    def _get(self, name: str, whole: str) -> object:
        engine, forge = self.engine, self.engine.flavour == "forge"
        match name:
            case "progress":
                return self._progress("skip_current_image" not in whole)
            case "options":
                return engine.options.told()
            case "samplers":
                return [{"name": name, "aliases": [], "options": {}} for name in SAMPLERS]
            case "schedulers":
                return [{"name": name, "label": label} for name, label in SCHEDULERS]
            case "sd-models":
                return [{"title": n, "model_name": n.replace("/", "_").partition(".")[0], "filename": f"/models/{n}"}
                        for n in engine.models]  # fmt: skip
            case "sd-vae" if not forge:
                return [{"model_name": name, "filename": f"/models/VAE/{name}"} for name in engine.vaes]
            case "sd-modules" if forge:
                text = {"model_name": "t5.safetensors", "filename": "/models/text_encoder/t5.safetensors"}
                return [*({"model_name": name, "filename": f"/models/VAE/{name}"} for name in engine.vaes), text]
            case "upscalers":
                there = {"4x-sharp": "/models/ESRGAN/4x-sharp.pth", "None": None, "Lanczos": None, "LDSR": None}
                there["R-ESRGAN 4x+"] = "https://example.org/RealESRGAN_x4plus.pth"
                return [{"name": name, "model_path": path, "scale": 4} for name, path in there.items()]
            case "latent-upscale-modes":
                return [{"name": "Latent"}]
            case "loras":
                return [{"name": name, "alias": f"{name}_alias", "path": ""} for name in engine.loras]
            case "embeddings":
                return {"loaded": {name: {"vectors": 1} for name in engine.embeddings}, "skipped": {"sdxl_words": {}}}
            case "hypernetworks":
                return [{"name": "watercolour", "path": ""}]
            case "face-restorers":
                return [{"name": "CodeFormer", "cmd_dir": None}, {"name": "GFPGAN", "cmd_dir": None}]
            case "scripts":
                extra = ["adetailer"] * self.adetailer + ["controlnet"] * self.controlnet
                return {"txt2img": ["x/y/z plot", *extra], "img2img": ["sd upscale", *extra]}
            case "script-info":
                return self._script_info()
            case "memory":
                cuda = {"system": {"free": 4e9, "used": 8e9, "total": 12e9}}
                return {"ram": {}, "cuda": cuda}
            case "cmd-flags" if forge:
                raise Failure("ResponseValidationError", "1 validation error")
        raise Failure("NotFound", "", 404)

    def _script_info(self) -> object:
        units = [{"label": f"unit {number}", "value": None, "choices": None} for number in range(3)]
        choices = ["face_yolov8n.pt", "hand_yolov8n.pt", "None"]
        state = {"label": "", "value": {"ad_model": "None", **dict.fromkeys(self.engine.detail_fields, 0)}}
        detail = [{"label": "Enable"}, {"label": "ADetailer detector", "choices": choices}, state]
        there = {"controlnet": units} if self.controlnet else {}
        there |= {"adetailer": detail} if self.adetailer else {}
        return [{"name": name, "is_alwayson": True, "is_img2img": True, "args": args} for name, args in there.items()]

    def _progress(self, picture: bool) -> object:
        state = self.engine.state
        share = 0.0
        if state.job_count:
            share = 0.01 + state.job_no / max(1, state.job_count)
        image = self.engine.preview() if picture and state.sampling_step else None
        return {"progress": min(share, 1), "eta_relative": 85.0, "state": asdict(state), "current_image": image,
                "textinfo": None}  # fmt: skip

    def _post(self, name: str, body: Any) -> object:
        engine = self.engine
        match name:
            case "txt2img" | "img2img":
                self._check_scripts(body)
                if name == "img2img" and body.get("init_images") is None:
                    raise Failure("HTTPException", "Init image not found", 404)
                return engine.paint(name, body)
            case "extra-single-image":
                images, html = engine.extra(body, [body["image"]])
                return {"image": images[0], "html_info": html}
            case "extra-batch-images":
                images, html = engine.extra(body, [each["data"] for each in body["imageList"]])
                return {"images": images, "html_info": html}
            case "interrogate":
                if body["model"] not in ("clip", "deepdanbooru"):
                    raise Failure("HTTPException", "Model not found", 404)
                return {"caption": engine.caption(body["model"])}
            case "interrupt":
                engine.state.interrupted = True
                return {}
            case "skip":
                engine.state.skipped = True
                return None
            case "options":
                if body.get("sd_model_checkpoint", engine.models[0]) not in engine.models:
                    raise Failure("RuntimeError", f"model {body['sd_model_checkpoint']!r} not found")
                engine.options.posted.append(body)
                engine.options.set(body)
                return None
            case "unload-checkpoint":
                engine.loaded = ""
                return {}
            case "refresh-checkpoints" | "refresh-vae" | "refresh-loras" | "refresh-embeddings":
                return None
        raise Failure("NotFound", "", 404)

    def _check_scripts(self, body: Any) -> None:
        there = {"controlnet": self.controlnet, "adetailer": self.adetailer}
        for title in body.get("alwayson_scripts", {}):
            if not there.get(title.lower()):
                raise Failure("HTTPException", f"always on script {title} not found", 422)
        if body.get("script_name") not in (None, "SD upscale"):
            raise Failure("HTTPException", f"Script '{body['script_name']}' not found", 422)


@contextmanager
def fake_webui(engine: Engine | None = None, *, tasks: bool = False, port: int = 0) -> Iterator[FakeWebui]:
    server = FakeWebui(engine or Engine(), tasks=tasks, port=port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if not server.engine.dead.is_set():
            server.kill()
        thread.join()
