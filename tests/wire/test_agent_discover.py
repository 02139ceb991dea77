"""What answers on this machine's ports is told apart by what it has; strangers are left alone, and never waited for."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent import discover as module
from agent.discover import Found, discover, main

STATS = {"system": {"os": "linux", "comfyui_version": "0.3.64"}, "devices": [
    {"name": "cuda:0 Example 4060", "type": "cuda", "vram_total": 8 << 30}]}  # fmt: skip
API = {"paths": {"/sdapi/v1/txt2img": {"post": {}}, "/sdapi/v1/samplers": {}}}
PAGE = {"paths": {"/internal/ping": {}, "/internal/progress": {}, "/": {}}}
MODELS = {"object": "list", "data": [{"id": f"m{number}", "owned_by": "library"} for number in range(4)]}


def routes(extra: str) -> dict[str, object]:
    return {"paths": {**API["paths"], extra: {}}}


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away belongs to these tests."""


@contextmanager
def serving(pages: Mapping[str, object], otherwise: tuple[int, str] = (404, "not here")) -> Iterator[int]:
    """Pages are JSON, or a status alone; everything else is answered alike."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            page = pages.get(self.path)
            status, text = (page, "{}") if isinstance(page, int) else (200, json.dumps(page)) if page else otherwise
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "https://elsewhere.example/")
            self.end_headers()
            self.wfile.write(text.encode())

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def speaking(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A port that speaks something of its own to everyone who comes."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    came, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=_talk, args=(came,), daemon=True).start()

        def _talk(came: socket.socket) -> None:
            with came, suppress(OSError):
                talk(came, over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def silent(came: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def greeting(came: socket.socket, over: threading.Event) -> None:
    came.sendall(b"SSH-2.0-Example\r\n")


def dripping(came: socket.socket, over: threading.Event) -> None:
    """One byte of a page now and then, so that it is never silent and never done."""
    came.recv(4096)
    came.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not over.wait(0.05):
        came.sendall(b" ")


def gushing(came: socket.socket, over: threading.Event) -> None:
    came.recv(4096)
    came.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        came.sendall(b"[" * 65536)


@pytest.mark.parametrize(
    ("pages", "kind", "release", "note"),
    [
        ({"/openapi.json": routes("/sdapi/v1/sd-modules"), "/sdapi/v1/samplers": [1]}, "webui", "forge", ""),
        ({"/openapi.json": routes("/sdapi/v1/sd-vae"), "/sdapi/v1/samplers": [1]}, "webui", "a1111", ""),
        ({"/openapi.json": API, "/sdapi/v1/samplers": 401}, "webui", "", "password"),
        ({"/system_stats": STATS}, "comfyui", "comfyui 0.3.64", "On cuda:0 Example 4060, 8 GB."),
        ({"/v1/models": MODELS, "/api/version": {"version": "0.9.9"}}, "llm", "ollama 0.9.9", "m0, m1, m2, …"),
        ({"/v1/models": {"data": [{"id": "toy.gguf", "owned_by": "llamacpp"}]}}, "llm", "llamacpp", "toy.gguf"),
        ({"/v1/models": {"object": "list", "data": None}}, "llm", "", "lists no model"),
    ],
)
def test_each_server_is_known_by_what_it_has(pages: Mapping[str, object], kind: str, release: str, note: str) -> None:
    with serving(pages) as port:
        (found,) = discover([port])
    assert (found.kind, found.release, found.usable) == (kind, release, True) and note in found.note
    assert found.url == f"http://127.0.0.1:{port}" + ("/v1" if kind == "llm" else "")


def test_a_webui_without_its_api_is_told_with_the_remedy_and_not_offered() -> None:
    with serving({"/openapi.json": PAGE}) as port:
        (found,) = discover([port])
    assert not found.usable and "--api" in found.note


@pytest.mark.parametrize(
    "otherwise",
    [(200, "<html>hello</html>"), (200, "{}"), (200, '{"data": "no"}'), (200, "[]"), (401, "{}"), (302, ""), (500, "")],
)
def test_other_web_servers_are_not_offered(otherwise: tuple[int, str]) -> None:
    with serving({}, otherwise) as port:
        assert discover([port]) == ()


def test_all_ports_are_looked_at_at_once_and_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.5)
    with ExitStack() as servers:
        ports = [servers.enter_context(speaking(talk)) for talk in (silent, greeting, dripping, gushing)]
        ports.append(servers.enter_context(serving({"/system_stats": STATS})))
        with socket.create_server(("127.0.0.1", 0)) as closed:
            ports.append(closed.getsockname()[1])
        began = time.monotonic()
        found = discover(ports, patience=1.0)
        assert time.monotonic() - began < 2.0
        assert [server.kind for server in found] == ["comfyui"]


def test_the_verb_prints_what_can_be_driven_and_what_cannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = (Found("comfyui", "http://127.0.0.1:1"), Found("webui", "http://127.0.0.1:2", "", "off", usable=False))
    monkeypatch.setattr(module, "discover", lambda: both)
    assert main(["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in told["items"]] == ["comfyui"]
    assert [each["note"] for each in told["others"]] == ["off"]
    assert main([]) == 0 and "http://127.0.0.1:1" in capsys.readouterr().out
