"""The backends' HTTP client against servers that refuse, break off, redirect, talk nonsense or never stop."""

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from agent.http import Answer, BadAnswer, NoServer, Redirected, Server, ServerTrouble, Silent

Talk = Callable[[socket.socket], None]


@contextmanager
def serving(talk: Talk) -> Iterator[Server]:
    """Bytes of our own for whoever comes; the request has been read up to its empty line."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    came, _ = listening.accept()
                except OSError:
                    return
                with came, suppress(OSError):
                    talk(came)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}/base/", timeout=2.0)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def head(came: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        part = came.recv(65536)
        if not part:
            break
        content += part
    return content


def saying(content: bytes, asked: list[bytes] | None = None) -> Talk:
    def talk(came: socket.socket) -> None:
        request = head(came)
        if asked is not None:
            asked.append(request)
        came.sendall(content)

    return talk


def ok(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", *headers, b"Content-Length: %d" % len(body), b"", body))


def test_a_request_goes_where_it_should_and_its_answer_comes_back() -> None:
    asked: list[bytes] = []
    with serving(saying(ok(b'{"a": [1, 2]}', b"X-Kind: toy"), asked)) as server:
        answer = server.get("/list of/ä", {"max items": 3, "x": "a&b"})
        assert answer.ok and answer.json() == {"a": [1, 2]} and answer.headers["x-kind"] == "toy"
        assert asked[0].startswith(b"GET /base/list%20of/%C3%A4?max+items=3&x=a%26b HTTP/1.1\r\n")
        server.at("").post("/free", {"all": True})
        assert asked[1].startswith(b"POST /free HTTP/1.1") and b"application/json" in asked[1]
        server.post("/upload", b"\0\1", media="image/png")
        assert b"Content-Type: image/png" in asked[2] and b"Content-Length: 2" in asked[2]


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ("", None),
        ("me:p:w", b"Basic " + base64.b64encode(b"me:p:w")),
        ("sk-key", b"Bearer sk-key"),
    ],
)
def test_credentials_travel_in_the_header_and_never_in_the_address(auth: str, sent: bytes | None) -> None:
    asked: list[bytes] = []
    with serving(saying(ok(b""), asked)) as plain:
        server = Server(f"http://127.0.0.1:{plain.port}", auth=auth)
        server.get("/")
        assert server.url == f"http://127.0.0.1:{plain.port}"
    lines = [line for line in asked[0].split(b"\r\n") if line.startswith(b"Authorization: ")]
    assert lines == ([b"Authorization: " + sent] if sent else [])


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http:///path", "", "http://host:port", "http://[::1"])
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(ValueError):
        Server(url)


@pytest.mark.parametrize(
    "url", ["http://ann:secret@host", "ann:secret@host:7860", "http://ann:secret@host:port", "ftp://ann:se/cret@host"]
)
def test_an_address_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="STABLENEW_AGENT_AUTH") as told:
        Server(url)
    assert "ret" not in str(told.value) and "ann" not in str(told.value)


def test_a_password_in_a_redirect_is_not_repeated() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://ann:secret@elsewhere/x//y\r\nContent-Length: 0\r\n\r\n"
    with serving(saying(moved)) as server, pytest.raises(BadAnswer, match="redirects to http://elsewhere/x//y;"):
        server.get("/")


def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(saying(ok(b"here"))) as server:
        assert server.get("/").body == b"here"


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", NoServer, "hung up before"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", NoServer, "after 3 of 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", NoServer, "hung up before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", NoServer, "hung up before"),
        (b"SSH-2.0-Example\r\n", BadAnswer, "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", BadAnswer, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", BadAnswer, "does not speak HTTP"),
        (b"HTTP/1.1 307 T\r\nLocation: http://elsewhere/x\r\n\r\n", Redirected, "redirects to http://elsewhere/x"),
        (b"HTTP/1.1 301 M\r\n\r\n", Redirected, "redirects to nowhere"),
    ],
)  # fmt: skip
def test_each_broken_answer_is_told(content: bytes, kind: type[ServerTrouble], words: str) -> None:
    with serving(saying(content)) as server, pytest.raises(kind, match=words) as told:
        server.get("/")
    assert told.value.sent is True


def test_nobody_there_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"127.0.0.1:{port}", "http://name.invalid"):
        with pytest.raises(NoServer, match="cannot be reached") as told:
            Server(url).post("/prompt", {})
        assert told.value.sent is False


def test_silence_is_timed_and_not_the_whole() -> None:
    def slowly(came: socket.socket) -> None:
        head(came)
        came.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            time.sleep(0.05)
            came.sendall(b"x")

    with serving(slowly) as server:
        assert server.get("/", timeout=0.25).body == b"x" * 8
    with serving(lambda came: head(came) and time.sleep(0.4)) as server:  # type: ignore[arg-type, func-returns-value]
        with pytest.raises(NoServer, match=r"said nothing for 0\.1 seconds") as told:
            server.get("/", timeout=0.1)
        assert told.value.sent


def dripping(came: socket.socket) -> None:
    """A byte now and then, for as long as somebody listens."""
    head(came)
    came.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        came.sendall(b" ")
        time.sleep(0.02)


def dripping_headers(came: socket.socket) -> None:
    head(came)
    came.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        came.sendall(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize("talk", [dripping, dripping_headers])
def test_an_answer_that_drips_is_given_up_after_three_times_the_patience(talk: Talk) -> None:
    with serving(talk) as server:
        began = time.monotonic()
        with pytest.raises(Silent, match="did not come to the end of its answer in time") as told:
            server.get("/", timeout=0.2)
        assert 0.5 < time.monotonic() - began < 2.0 and told.value.sent


def test_an_answer_without_end_is_given_up() -> None:
    def gushing(came: socket.socket) -> None:
        head(came)
        came.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            came.sendall(b"x" * 65536)

    with serving(gushing) as server:
        with pytest.raises(BadAnswer, match="more than 1 MiB"):
            server.get("/", limit=1 << 20)
        with server.open("GET", "/") as call, pytest.raises(BadAnswer, match="a line of more"):
            call.begin()
            list(call.lines(longest=1 << 16))


def test_a_refusal_of_a_large_body_is_heard() -> None:
    def refusing(came: socket.socket) -> None:
        came.recv(1000)
        came.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
        came.shutdown(socket.SHUT_WR)
        while came.recv(1 << 20):
            pass

    with serving(refusing) as server:
        answer = server.post("/", b"x" * (4 << 20))
        assert (answer.status, answer.told()) == (413, "no!")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_another_thread_can_end_a_call_that_waits(said: bytes) -> None:
    over = threading.Event()

    def waiting(came: socket.socket) -> None:
        head(came)
        came.sendall(said)
        over.wait(10)

    with serving(waiting) as server:
        call = server.open("GET", "/", timeout=30.0)
        threading.Timer(0.2, call.close).start()
        began = time.monotonic()
        with pytest.raises(NoServer, match="given up"):
            call.answer()
        assert time.monotonic() - began < 2
        over.set()
        call.close()


def test_a_call_that_was_closed_before_is_never_sent() -> None:
    asked: list[bytes] = []
    with serving(saying(ok(b""), asked)) as server:
        call = server.open("POST", "/", {})
        call.close()
        with pytest.raises(NoServer, match="given up") as told:
            call.answer()
        assert told.value.sent is False and asked in ([], [b""])


def test_lines_come_as_soon_as_they_are_whole() -> None:
    go = threading.Event()

    def talking(came: socket.socket) -> None:
        head(came)
        came.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\none\r\ntwo\r\n")
        assert go.wait(5)
        came.sendall(b"3\r\n!\nx\r\n0\r\n\r\n")

    with serving(talking) as server, server.open("GET", "/") as call:
        status, _ = call.begin()
        lines = call.lines()
        assert (status, next(lines)) == (200, b"one")
        go.set()
        assert list(lines) == [b"two!", b"x"]


class Shape(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><p>hi", "answered a web page instead of JSON"),
        (b"oops\n  again", "answered oops again instead of JSON"),
        (b"", "answered nothing instead of JSON"),
        (b"\xff\xfe", "instead of JSON"),
        (b'{"nam": 1}', "unknown shape"),
        (b"[" * 300_000, "in an unknown shape"),
        (b'{"name": "x", "beside": ' + b"[" * 300_000 + b"]" * 300_000 + b"}", "instead of JSON"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_told(body: bytes, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        Answer(200, {}, body, "http://x/y").read(Shape)


def test_retry_after_is_read_where_it_is_a_number() -> None:
    waits = [Answer(503, {"retry-after": text}, b"").wait_s() for text in ("2", "0.5", "-1", "Wed, 21 Oct", "")]
    assert waits == [2.0, 0.5, 0.0, None, None]
