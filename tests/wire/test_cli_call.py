"""The small HTTP client, byte by byte: whole answers in any pieces, and every way an answer can break off."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schema.errors import Exit, Refused
from tui.link.call import Daemon, HungUp, Refusal
from tui.link.query import query_of

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

Serve = Callable[[list[bytes]], Daemon]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A daemon that reads one request and then sends exactly these pieces."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()
    threads: list[threading.Thread] = []

    def begin(pieces: list[bytes]) -> Daemon:
        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000_000)
                for piece in pieces:
                    connection.sendall(piece)

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        return Daemon(str(tmp_path / "s"))

    yield begin
    for thread in threads:
        thread.join(10)
    server.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b'Content-Length: 7\r\n\r\n{"a":1}'],
        [bytes([byte]) for byte in HEAD + b'content-length:7\r\n\r\n{"a":1}'],
        [HEAD + b'\r\n{"a":1}'],
        [CHUNKED + b'3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n'],
    ],
)
def test_an_answer_is_whole_in_any_pieces(serve: Serve, pieces: list[bytes]) -> None:
    assert serve(pieces).get("/").fields == {"a": 1}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1",
        b"SSH-2.0-whatever\r\n",
        HEAD + b'Content-Length: 9\r\n\r\n{"a":1}',
        HEAD + b"Content-Length: many\r\n\r\n{}",
        CHUNKED + b'9\r\n{"a":1}',
        CHUNKED + b'7\r\n{"a":1}\r\n',
        CHUNKED + b"xyz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 3\r\n\r\n{a}",
        HEAD + b"Content-Length: 2\r\n\r\n\xff\xfe",
    ],
)
def test_an_answer_that_breaks_off_or_is_none_is_told_as_such(serve: Serve, answer: bytes) -> None:
    with pytest.raises(HungUp):
        serve([answer]).get("/")


def test_lines_arrive_as_they_are_sent(serve: Serve) -> None:
    lines = serve([CHUNKED + b'9\r\n{"a":1}\n{\r\n', b'a\r\n"a":2}\n\n{"\r\n', b'5\r\na":3}\r\n0\r\n\r\n']).lines("/")

    assert [line.whole("a") for line in lines] == [1, 2, 3]


def test_what_came_before_a_stream_broke_is_kept(serve: Serve) -> None:
    lines = serve([CHUNKED + b'8\r\n{"a":1}\n\r\n']).lines("/")

    assert next(lines).whole("a") == 1
    with pytest.raises(HungUp):
        next(lines)


def test_a_refusal_is_read_though_the_body_was_not(serve: Serve) -> None:
    told = b'{"error": "too large", "where": "body", "remedy": "Split it.", "exit": 2}'
    daemon = serve([b"HTTP/1.1 413 No\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told)])

    with pytest.raises(Refusal) as refused:
        daemon.put("/v1/blobs", b"x" * 5_000_000)

    assert refused.value.told() == "body: too large. Split it."
    assert (refused.value.code, refused.value.status) == (Exit.REFUSED, 413)


@pytest.mark.parametrize("key", ["", " ", "a\r\nX: y", "ключ", "k" * 201, " padded"])
def test_a_key_that_could_not_be_a_header_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(Refused, match="idempotency key"):
        Daemon("/nowhere").post("/v1/undo", {}, key)


def test_queries_are_percent_encoded() -> None:
    assert query_of({"filter": 'stars:>=4 "ä&b"', "limit": 0, "sort": None, "select": ("a", "b")}) == (
        "?filter=stars%3A%3E%3D4%20%22%C3%A4%26b%22&limit=0&select=a&select=b"
    )
