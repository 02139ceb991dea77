"""A small blocking HTTP/1.1 client over the daemon's Unix socket, for verbs that ask once and for streams of lines.

Hand-made because `http.client` brings `email` with it and costs more start-up time than everything else here.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from schema.errors import Exit, NoDaemon, Refused
from tui.link.doc import Doc
from tui.link.query import Query, query_of

PATIENCE = 120.0
"""Seconds without a byte before an answer is given up; a plan of a hundred thousand jobs takes some of them."""


class Refusal(Refused):
    """What the daemon refused, with the exit code it names and the HTTP status it came with."""

    def __init__(self, sentence: str, *, where: str = "", remedy: str = "", code: int = Exit.REFUSED, status: int = 0):
        super().__init__(sentence, where=where, remedy=remedy)
        self.code = code
        self.status = status


class HungUp(NoDaemon):
    """The daemon ended, or fell silent, in the middle of an answer."""


class Daemon:
    """The daemon behind one socket. Every call opens a connection of its own.

    Each raises NoDaemon where nobody listens, HungUp where the answer breaks off, and Refusal for what was refused.
    """

    def __init__(self, path: str, as_of: str | None = None) -> None:
        """`as_of`: the moment that questions are about; None: now."""
        self.path = path
        self.as_of = as_of

    def get(self, path: str, query: Query | None = None, patience: float = PATIENCE) -> Doc:
        asked = query if self.as_of is None else {"as_of": self.as_of, **(query or {})}
        return _document(self._ask("GET", path + query_of(asked), patience=patience))

    def content(self, path: str, query: Query | None = None, patience: float = PATIENCE) -> bytes:
        """What is no JSON: the bytes of a picture."""
        return self._ask("GET", path + query_of(query), patience=patience).body()

    def post(
        self, path: str, body: Mapping[str, object] | None = None, key: str | None = None, patience: float = PATIENCE
    ) -> Doc:
        return _document(self._ask("POST", path, _encoded(body), key, patience))

    def put(self, path: str, body: bytes) -> Doc:
        return _document(self._ask("PUT", path, body))

    def delete(self, path: str) -> None:
        self._ask("DELETE", path).body()

    def lines(
        self,
        path: str,
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
        patience: float | None = PATIENCE,
    ) -> Iterator[Doc]:
        """A stream of JSON objects, one per line, as they arrive. With a body it is a POST.

        `patience`: seconds of silence after which the daemon is taken for gone; None: never.
        """
        method, content = ("GET", b"") if body is None else ("POST", _encoded(body))
        reply = self._ask(method, path + query_of(query), content, patience=patience)
        with reply.stream:
            rest = b""
            for piece in reply.pieces():
                *whole, rest = (rest + piece).split(b"\n")
                yield from (_decoded(line) for line in whole if line.strip())
            if rest.strip():
                yield _decoded(rest)

    def _ask(
        self, method: str, target: str, body: bytes = b"", key: str | None = None, patience: float | None = PATIENCE
    ) -> "_Reply":
        """Sends the request and reads the head of the answer."""
        head = [f"{method} {target} HTTP/1.1", "Host: stablenew", "Connection: close", f"Content-Length: {len(body)}"]
        if body:
            head.append(
                "Content-Type: application/json" if method == "POST" else "Content-Type: application/octet-stream"
            )
        if key is not None:
            head.append(f"Idempotency-Key: {_checked(key)}")
        stream = self._connect()
        stream.settimeout(patience)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused unread: the answer says why
                stream.sendall("\r\n".join([*head, "", ""]).encode() + body)
            reply = _Reply.begin(stream.makefile("rb"))
        except OSError as fault:
            raise HungUp(_broken(fault)) from None
        finally:
            stream.close()  # the file made from it keeps the connection
        if reply.status >= 400:
            raise _refusal(reply)
        return reply

    def _connect(self) -> socket.socket:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.connect(self.path)
        except PermissionError:
            stream.close()
            raise Refusal(
                "this socket belongs to another user", where=self.path, code=Exit.NOT_ALLOWED,
                remedy="Ask as that user, or start a daemon of your own.",
            ) from None  # fmt: skip
        except (OSError, UnicodeEncodeError, ValueError):
            stream.close()
            raise NoDaemon(f"No daemon answers on {self.path}.") from None
        return stream


class _Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    stream: BinaryIO

    @classmethod
    def begin(cls, stream: BinaryIO) -> "_Reply":
        """Raises OSError where what comes is no HTTP answer."""
        first = stream.readline(4096).split(b" ", 2)
        if len(first) < 2 or not first[0].startswith(b"HTTP/1.") or not first[1].isdigit():
            stream.close()
            raise ConnectionResetError("the connection was closed before an answer came")
        headers = {}
        while line := stream.readline(65_536).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return cls(int(first[1]), headers, stream)

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. Raises HungUp where it breaks off."""
        try:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                yield from self._chunks()
            elif (length := self.headers.get("content-length")) is not None:
                yield self._exactly(int(length))
            else:
                yield self.stream.read()
        except OSError as fault:
            raise HungUp(_broken(fault)) from None
        except ValueError:
            raise HungUp("What answers on the socket does not speak as the daemon does.") from None

    def body(self) -> bytes:
        with self.stream:
            return b"".join(self.pieces())

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = self.stream.readline(1024).split(b";")[0].strip()
            if not size:
                raise ConnectionResetError("the answer broke off")
            if (length := int(size, 16)) == 0:
                return
            yield self._exactly(length)
            self.stream.readline(16)

    def _exactly(self, length: int) -> bytes:
        content = self.stream.read(length)
        if len(content) < length:
            raise ConnectionResetError("the answer broke off")
        return content


def _document(reply: _Reply) -> Doc:
    return _decoded(reply.body() or b"{}")


def _decoded(text: bytes) -> Doc:
    try:
        value = json.loads(text)
    except ValueError:
        raise HungUp("The daemon's answer is not JSON; its log says more.") from None
    return Doc(value if isinstance(value, dict) else {"value": value})


def _encoded(body: Mapping[str, object] | None) -> bytes:
    return json.dumps(body or {}, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _refusal(reply: _Reply) -> Refusal:
    try:
        told = _decoded(reply.body())
        sentence = told.text("error") or f"the daemon answered with status {reply.status}"
    except HungUp:
        told, sentence = Doc({}), f"the daemon answered with status {reply.status}"
    code = told.whole("exit", Exit.REFUSED if reply.status < 500 else Exit.FAILED)
    return Refusal(
        sentence, where=told.text("where"), remedy=told.text("remedy"), code=code, status=reply.status
    )  # fmt: skip


def _checked(key: str) -> str:
    if not key or len(key) > 200 or not key.isascii() or not key.isprintable() or key != key.strip():
        raise Refused(
            "an idempotency key is 1 to 200 printable ASCII characters", where="--key", remedy="Take a UUID, say."
        )
    return key


def _broken(fault: OSError) -> str:
    if isinstance(fault, TimeoutError):
        return f"The daemon said nothing for {PATIENCE:.0f} s."
    return "The daemon ended before it had answered."
