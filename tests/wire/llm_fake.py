"""A chat server on a free port of this machine that answers as its script says, faults included."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    server: "FakeChat"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.path.endswith("/models"):
            self.server.list_models(self)
        elif self.path == "/api/version" and self.server.version:
            reply(self, 200, {"version": self.server.version})
        else:
            reply(self, 404, "404 page not found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        self.server.asked.append(body)
        self.server.credentials.append(self.headers.get("Authorization"))
        if self.path == "/v1/chat/completions":
            script = self.server.script
            (script.pop(0) if len(script) > 1 else script[0])(self)
        else:
            reply(self, 200, {})


Act = Callable[[Handler], None]


class FakeChat(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script: list[Act] = [streaming("a castle")]
        self.list_models: Act = models("toy:latest", "other:7b")
        self.version = "0.9.9"
        self.paths: list[str] = []
        self.asked: list[dict[str, object]] = []
        self.credentials: list[str | None] = []
        self._came: list[socket.socket] = []
        self.over = threading.Event()
        """Lets go of those that wait for ever."""
        self.hung_up = threading.Event()
        """Somebody left before the end of an answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._came.append(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def kill(self) -> None:
        """As by kill -9: nobody listens any more, and what was being said breaks off."""
        self.over.set()
        self.shutdown()
        self.server_close()
        for came in self._came:
            with suppress(OSError):
                came.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what many tests are about."""


@contextmanager
def fake_chat(port: int = 0) -> Iterator[FakeChat]:
    server = FakeChat(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.kill()
        thread.join()


# What it can be told to do --------------------------------------------------------------------------


def reply(
    handler: Handler, status: int, body: object, kind: str = "application/json", headers: dict[str, str] | None = None
) -> None:
    content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def answering(status: int, body: object, kind: str = "application/json", **headers: str) -> Act:
    return lambda handler: reply(
        handler, status, body, kind, {name.replace("_", "-"): value for name, value in headers.items()}
    )


def models(*names: str) -> Act:
    return answering(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def piece(content: str = "", finish: str | None = None, **delta: str) -> dict[str, object]:
    said = {"content": content, **delta} if content or not delta else dict(delta)
    return {"model": "toy:latest", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def begin(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()


def line(handler: Handler, content: object) -> None:
    text = content if isinstance(content, str) else "data: " + json.dumps(content)
    body = (text + "\n\n").encode()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
    handler.wfile.flush()


def end(handler: Handler) -> None:
    line(handler, "data: [DONE]")
    handler.wfile.write(b"0\r\n\r\n")


def streaming(*pieces: str, finish: str = "stop", usage: Sequence[int] = (11, 5)) -> Act:
    def act(handler: Handler) -> None:
        begin(handler)
        line(handler, ": keep-alive")
        for each in pieces:
            line(handler, piece(each))
        line(handler, piece(finish=finish))
        line(handler, {"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}})
        end(handler)

    return act


def lines(*contents: object, close: bool = False) -> Act:
    """These events; `close`: the connection breaks behind them instead of ending."""

    def act(handler: Handler) -> None:
        begin(handler)
        for content in contents:
            line(handler, content)
        if close:
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")

    return act


def dropping(handler: Handler) -> None:
    """Takes the question and hangs up without a word."""
    handler.close_connection = True


def falling_silent(*pieces: str, pings: bool = False) -> Act:
    """Says a little and then nothing any more, or nothing but comments."""

    def act(handler: Handler) -> None:
        begin(handler)
        for each in pieces:
            line(handler, piece(each))
        try:
            while not handler.server.over.wait(0.02):
                if pings:
                    line(handler, ": still here")
        except OSError:
            handler.server.hung_up.set()

    return act


def endless(handler: Handler) -> None:
    """A word every few milliseconds, for ever; tells when nobody listens any more."""
    begin(handler)
    try:
        while not handler.server.over.wait(0.005):
            line(handler, piece("word "))
    except OSError:
        handler.server.hung_up.set()
