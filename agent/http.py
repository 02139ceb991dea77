"""The client the backends talk to their servers with: blocking, one connection per call, closable from another thread.

No proxies, no redirects, no retries. Knows HTTP and what a person wants to read about it; no server's API.
"""

import base64
import contextlib
import copy
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from agent.answers import Answer, BadAnswer, NoServer, Redirected, ServerTrouble, Silent
from schema.errors import why

__all__ = [
    "Answer", "BadAnswer", "Call", "NoServer", "Redirected", "Server", "ServerTrouble", "Silent",
]  # fmt: skip

CONNECT = 5.0
"""Seconds until an address that does not answer counts as unreachable."""

LIMIT = 64 << 20
"""Bytes of an answer, where the caller does not say."""

WHOLE = 3
"""A short call may take so many times its longest silence in all: a server that drips bytes is not waited for."""

_REDIRECTS = (301, 302, 303, 307, 308)
_NOBODY: Mapping[str, str | int | float] = {}


class Server:
    """One address. Raises ValueError for none, and for one with a name or a password in it, which is never repeated."""

    def __init__(self, url: str, *, auth: str = "", timeout: float = 30.0) -> None:
        if "@" in url:
            raise ValueError("an address holds no name or password; set STABLENEW_AGENT_AUTH=USER:PASSWORD instead")
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is no address of a server; write it like http://127.0.0.1:7860")
        self.secure = parts.scheme == "https"
        self.host, self.port = parts.hostname, parts.port or (443 if self.secure else 80)
        self.base = parts.path.rstrip("/")
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"{parts.scheme}://{shown}{f':{parts.port}' if parts.port else ''}{self.base}"
        self.headers = _authorization(auth)
        self.timeout = timeout

    def at(self, base: str) -> "Server":
        """The same server with the same credentials from another path on: `""` for its root."""
        other = copy.copy(self)
        other.url, other.base = self.url.removesuffix(self.base) + base, base
        return other

    def get(
        self,
        path: str,
        query: Mapping[str, str | int | float] = _NOBODY,
        *,
        timeout: float | None = None,
        limit: int = LIMIT,
    ) -> Answer:
        """`path` unquoted. Answers of any status but redirects. Raises ServerTrouble."""
        return self._short(self.open("GET", path, query=query, timeout=timeout), limit)

    def post(
        self,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str | int | float] = _NOBODY,
        media: str = "",
        timeout: float | None = None,
        limit: int = LIMIT,
    ) -> Answer:
        """Bytes go as they are, None as an empty body, anything else as JSON. Raises ServerTrouble."""
        return self._short(self.open("POST", path, body, query=query, media=media, timeout=timeout), limit)

    def open(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str | int | float] = _NOBODY,
        media: str = "",
        timeout: float | None = None,
    ) -> "Call":
        """Nothing is sent before `answer`, `begin` or `lines`. `timeout`: seconds of silence, not of the whole."""
        target = self.base + quote(path, safe="/~") + (f"?{urlencode(query)}" if query else "")
        content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        headers = {"Accept": "*/*", "Connection": "close", "User-Agent": "stablenew", **self.headers}
        if body is not None:
            headers["Content-Type"] = media or (
                "application/octet-stream" if isinstance(body, bytes) else "application/json"
            )
        return Call(self, method, target, content, headers, self.timeout if timeout is None else timeout)

    def _short(self, call: "Call", limit: int) -> Answer:
        """The whole answer within a time, also where bytes go on coming. Raises ServerTrouble."""
        return call.answer(limit, within=call.timeout * WHOLE)


class Call:
    """One request and its answer. All but `close` belong to one thread."""

    def __init__(
        self, server: Server, method: str, target: str, content: bytes, headers: Mapping[str, str], timeout: float
    ) -> None:
        self.server = server
        self.sent = False
        self._method, self._target, self._content, self._headers = method, target, content, headers
        self.timeout = timeout
        """Seconds of silence."""
        self._late = False
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None
        self._closed = False
        self._busy = False
        """A thread is inside, and will clear up itself."""
        self._lock = threading.Lock()

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """From any thread, any number of times: whoever waits for the answer gets NoServer at once."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                # a closed file number would go on blocking the thread that reads it; an ended stream wakes it
                with contextlib.suppress(OSError, ValueError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            idle = not self._busy
        if idle:
            self._end()

    def answer(self, limit: int = LIMIT, *, within: float | None = None) -> Answer:
        """The whole of it. `within`: seconds for all of it; None: as long as it is not silent."""
        timer = threading.Timer(within, self._expire) if within is not None else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            status, headers = self.begin()
            parts, size = [], 0
            for part in self.parts():
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise BadAnswer(f"{self.server.url} answered more than {limit >> 20} MiB", sent=True)
            return Answer(status, headers, b"".join(parts), self.server.url + self._target[len(self.server.base) :])
        finally:
            if timer is not None:
                timer.cancel()
            self._end()

    def begin(self) -> tuple[int, Mapping[str, str]]:
        """Sends it and waits for status and headers (names in lower case)."""
        self._busy = True
        try:
            response = self._begun()
        except BaseException:
            self._end()
            raise
        finally:
            self._busy = False
        if response.status in _REDIRECTS:
            target = _without_credentials(response.getheader("Location") or "nowhere")[:300]
            self._end()
            told = f"{self.server.url} redirects to {target}; give the address that it really has"
            raise Redirected(told, sent=True)
        return response.status, {name.lower(): value for name, value in response.getheaders()}

    def parts(self) -> Iterator[bytes]:
        """The body as it comes. After `begin`. Raises NoServer when it ends before it is whole."""
        response = self._response
        assert response is not None, "begin() comes first"
        told, size = response.getheader("Content-Length"), 0
        self._busy = True
        try:
            while part := response.read1(1 << 18):
                size += len(part)
                yield part
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as fault:
            raise self._dropped(fault) from None
        finally:
            self._busy = False
            self._end()
        if self._closed:
            raise self._dropped(OSError("closed"))
        if told is not None and told.isdigit() and size < int(told):
            raise NoServer(f"{self.server.url} hung up after {size} of {told} bytes", sent=True)

    def lines(self, longest: int = 1 << 20) -> Iterator[bytes]:
        """The body's lines without their ends, each as soon as it is whole. After `begin`."""
        rest = b""
        for part in self.parts():
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                yield line.rstrip(b"\r")
            if len(rest) > longest:
                raise BadAnswer(f"{self.server.url} answered a line of more than {longest >> 10} KiB", sent=True)
        if rest:
            yield rest

    def _begun(self) -> http.client.HTTPResponse:
        connection = self._connect()
        self.sent = True
        try:
            # a server that refuses a large body may have answered before it hung up
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(self._method, self._target, self._content or None, dict(self._headers))
            self._response = connection.getresponse()
            return self._response
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise self._dropped(fault) from None

    def _connect(self) -> http.client.HTTPConnection:
        server = self.server
        if server.secure:
            self._connection = http.client.HTTPSConnection(
                server.host, server.port, timeout=min(CONNECT, self.timeout), context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(server.host, server.port, timeout=min(CONNECT, self.timeout))
        connection = self._connection
        try:
            connection.connect()
        except ssl.SSLError as fault:
            raise NoServer(f"{server.url} has no certificate that can be trusted: {why(fault)}", sent=False) from None
        except TimeoutError:
            raise NoServer(f"{server.url} does not answer", sent=False) from None
        except (OSError, UnicodeError) as fault:
            raise NoServer(f"{server.url} cannot be reached: {why(fault)}", sent=False) from None
        with self._lock:
            self._socket = connection.sock
            if self._closed:
                raise self._given_up()
        connection.sock.settimeout(self.timeout)
        return connection

    def _dropped(self, fault: Exception) -> ServerTrouble:
        url = self.server.url
        if self._closed:
            return self._given_up()
        match fault:
            case TimeoutError():
                return Silent(f"{url} said nothing for {self.timeout:g} seconds", sent=True)
            case http.client.RemoteDisconnected() | http.client.IncompleteRead() | ConnectionError():
                return NoServer(f"{url} hung up before its answer was whole", sent=True)
            case http.client.BadStatusLine() | http.client.HTTPException() | ValueError():
                return BadAnswer(f"{url} does not speak HTTP as expected", sent=True)
            case _:
                return NoServer(f"the connection to {url} broke: {why(fault)}", sent=True)

    def _expire(self) -> None:
        self._late = True
        self.close()

    def _given_up(self) -> NoServer:
        url = self.server.url
        if self._late:
            return Silent(f"{url} did not come to the end of its answer in time", sent=self.sent)
        return NoServer(f"the call to {url} was given up", sent=self.sent)

    def _end(self) -> None:
        for each in (self._response, self._connection):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()


def _without_credentials(address: str) -> str:
    scheme, slashes, rest = address.partition("//")
    host, slash, path = rest.partition("/")
    return scheme + slashes + host.rpartition("@")[2] + slash + path


def _authorization(auth: str) -> dict[str, str]:
    """`USER:PASSWORD` as Basic, anything else as a bearer's key."""
    if not auth:
        return {}
    if ":" in auth:
        return {"Authorization": "Basic " + base64.b64encode(auth.encode()).decode()}
    return {"Authorization": f"Bearer {auth}"}
