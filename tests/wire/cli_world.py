"""A small daemon that answers the documented routes, and the command line as a child on it."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

RUN = {
    "run": "k3mpw7ab",
    "plan_hash": "ab" * 32,
    "seed": 7,
    "jobs": 3,
    "name": "lighthouse",
    "folder": "/r/k",
    "seq": 9,
}
RUN_ROW = {"id": "k3mpw7ab", "name": "lighthouse", "state": "finished", "jobs": 3, "folder": "/results/k3mpw7ab"}
DONE = {
    "run": "k3mpw7ab", "plan_hash": "ab" * 32, "seed": 7, "jobs": 3, "finished": 3, "failed": 0, "cancelled": 0,
    "folder": "/results/k3mpw7ab", "manifest": "/results/k3mpw7ab/manifest.json", "video": None,
}  # fmt: skip
PROGRESS = {
    "jobs": 3, "finished": 1, "failed": 0, "cancelled": 0, "attention": 0, "eta_s": 12.0, "film": "none",
    "running": [{"job": "k3mpw7ab.2", "stage": "detail", "stage_number": 2, "stages": 3, "step": 4, "steps": 20}],
}  # fmt: skip
JOB_ROW = {
    "id": "k3mpw7ab.1", "run": "k3mpw7ab", "name": "lighthouse-01", "state": "finished", "stars": 4,
    "created": "2026-11-20T22:04:05.123Z", "seconds": 75.0,
}  # fmt: skip
IMAGE_ROW = {
    "id": "p2q4r6s8", "job": "k3mpw7ab.1", "run": "k3mpw7ab", "stage": "upscale", "final": True, "width": 1024,
    "height": 1024, "created": "2026-11-20T22:04:05.123Z", "path": "/r/a.png", "sha256": "cd" * 32, "seed": 7,
}  # fmt: skip
NODE = {"node": "here", "name": "here", "state": "ready", "backends": ["sketch"], "vram_gb": 8.0}
QUEUE = {"counts": {"queued": 2}, "eta_s": 31.0}
STATUS = {
    "version": "0.1.0", "pid": 4711, "socket": "/s", "head": 42, "state": "ready", "started": "2026-11-20T22:00:00Z",
    "results": "/r", "queue": QUEUE, "nodes": [NODE], "undo": "cancel 2 jobs",
}  # fmt: skip
ANSWER = {"command": "c0mmand1", "seq": 17, "subjects": ["k3mpw7ab.1"], "changed": 1}
EVENT = {
    "seq": 42, "at": "2026-11-20T22:04:05.123Z", "epoch": 1, "actor": "uid:1000", "type": "QueuePaused",
    "event": {"type": "QueuePaused"},
}  # fmt: skip


def page(*items: object) -> dict[str, object]:
    return {"items": list(items), "total": len(items), "head": 42}


class Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    key: str | None

    @property
    def fields(self) -> dict[str, object]:
        return dict(json.loads(self.body or b"{}"))


class FakeDaemon:
    """Answers every documented route; `answers` overrides one, `asked` is what came in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.asked: list[Asked] = []
        self.answers: dict[str, tuple[int, object]] = {}
        self.follow: list[object] = [{"progress": PROGRESS}, {"done": DONE}]
        path = home / "s"
        self._server = _Server(str(path), _Handler)
        self._server.fake = self
        (home / "state").mkdir(parents=True)
        endpoint = {"socket": str(path), "pid": os.getpid(), "boot": "x"}
        (home / "state" / "endpoint.json").write_text(json.dumps(endpoint))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> tuple[int, object]:
        if asked.path in self.answers:
            return self.answers[asked.path]
        if asked.method == "POST" and asked.path.startswith(
            ("/v1/jobs/", "/v1/images/", "/v1/queue/", "/v1/nodes/", "/v1/runs/")
        ):
            return 200, ANSWER
        if asked.path.startswith("/v1/nodes/") and asked.path.endswith("/day"):
            return 200, DAY
        return {
            "/v1/status": (200, STATUS),
            "/v1/runs": (201, RUN) if asked.method == "POST" else (200, page(RUN_ROW)),
            "/v1/runs/k3mpw7ab": (200, {"row": RUN_ROW, "spec": {"seed": 7}, "manifest": None, "video": None}),
            "/v1/plan": (200, [{"prompt": "a", "negative": "", "seed": 7, "config": {}}, PLAN_END]),
            "/v1/jobs": (200, page(JOB_ROW)),
            "/v1/jobs/k3mpw7ab.1": (200, {"id": "k3mpw7ab.1", "state": "finished", "spec": {"prompt": "a"}}),
            "/v1/jobs/k3mpw7ab.1/explain": (200, {"job": "k3mpw7ab.1", "text": "It is done.", "stages": []}),
            "/v1/images": (200, page(IMAGE_ROW)),
            "/v1/images/p2q4r6s8": (200, {"image": IMAGE_ROW, "job": {"spec": {"prompt": "a lighthouse", "seed": 7}}}),
            "/v1/queue": (200, QUEUE),
            "/v1/nodes": (200, page(NODE)),
            "/v1/packs": (200, page("knights")),
            "/v1/pipelines": (200, page("standard")),
            "/v1/presets": (200, page("soft")),
            "/v1/undo": (200, {**ANSWER, "text": "cancel 2 jobs"}),
            "/v1/redo": (200, {**ANSWER, "text": "cancel 2 jobs"}),
            "/v1/follow": (200, self.follow),
            "/v1/log": (200, [EVENT]),
            "/v1/log/42": (200, EVENT),
            "/v1/blobs": (200, {"sha256": "ef" * 32}),
        }.get(asked.path, (404, {"error": "there is no such thing", "where": "x", "remedy": "Look.", "exit": 2}))


DAY = {
    "node": "n", "stages": 164, "pictures": 85, "finals": 28, "clock_s": 10800.0, "worked_s": 4920.0, "per_hour": 28.33,
    "p50_s": 41.2, "p95_s": 190.0,
}  # fmt: skip
"""What every node did in the last 24 hours."""

PLAN_END = {"jobs": 1, "plan_hash": "ab" * 32, "seed": 7, "warnings": []}


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    fake: FakeDaemon


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.command, parts.path, parse_qs(parts.query), body, self.headers.get("Idempotency-Key"))
        self.server.fake.asked.append(asked)
        status, document = self.server.fake.answer(asked)
        self.send_response(status)
        if isinstance(document, list):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in document:
                content = json.dumps(line).encode() + b"\n"
                for piece in (content[:5], content[5:]):  # lines need not arrive whole
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        else:
            content = json.dumps(document).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class Told(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, object]:
        """Of a `--json` verb: exactly one line, one document."""
        assert self.out.endswith("\n") and self.out.count("\n") == 1, self
        return dict(json.loads(self.out))


def stablenew(home: Path, *words: str, folder: Path | None = None, **env: str) -> Told:
    command = [sys.executable, "-P", "-m", "tui.cli", *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STABLENEW")}
    done = subprocess.run(
        command, env={**kept, "STABLENEW_HOME": str(home), **env}, cwd=folder, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return Told(done.returncode, done.stdout, done.stderr)
