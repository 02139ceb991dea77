"""The running daemon, as a verb that works on the files beside it asks it: its state, and to stop."""

import http.client
import socket
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import msgspec

_PATIENCE_S: Final = 30.0
_AGAIN_S: Final = 0.05

T = TypeVar("T")


class Live(msgspec.Struct, frozen=True):
    """Its state, by seq and canonical hash."""

    seq: int
    hash: str


class _Status(msgspec.Struct, frozen=True):
    state: str


class _Stopping(msgspec.Struct, frozen=True):
    stopping: bool


class _Endpoint(msgspec.Struct, frozen=True):
    socket: str


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE_S)
        self.sock.connect(self._path)


def live(endpoint: Path) -> Live | None:
    """None when no daemon runs or it cannot tell yet."""
    return _asked(endpoint, "GET", "/v1/state", Live)


def condition(endpoint: Path) -> str:
    """`ready`, `read-only` and so on; empty when nobody answers."""
    status = _asked(endpoint, "GET", "/v1/status", _Status)
    return status.state if status else ""


def stop(endpoint: Path) -> bool:
    """Asks it to; whether it will."""
    answer = _asked(endpoint, "POST", "/v1/daemon/stop", _Stopping)
    return answer is not None and answer.stopping


def wait_gone(endpoint: Path) -> None:
    """Until it has tidied its endpoint file away, or patience is over."""
    deadline = time.monotonic() + _PATIENCE_S
    while endpoint.exists() and time.monotonic() < deadline:
        time.sleep(_AGAIN_S)


def _asked(endpoint: Path, method: str, route: str, wanted: type[T]) -> T | None:
    try:
        path = msgspec.json.decode(endpoint.read_bytes(), type=_Endpoint).socket
        with closing(_Connection(path)) as connection:
            body = b"{}" if method == "POST" else None
            connection.request(method, route, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            told = answer.read()
        if answer.status == http.HTTPStatus.OK:
            return msgspec.json.decode(told, type=wanted)
        sys.stderr.write(f"the daemon does not answer {route} ({answer.status} {answer.reason}).\n")
    except (OSError, http.client.HTTPException):
        pass  # no endpoint, or nobody listens: no daemon runs
    except msgspec.MsgspecError:
        sys.stderr.write("the daemon's answer cannot be read. Is it of another version?\n")
    return None
