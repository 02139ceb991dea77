"""A real daemon as a process of its own, in a home of its own, and the plainest clients of its socket."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from schema.places import Places, places

PATIENCE = 180.0
"""Seconds until a daemon that is not ready is given up."""


class Wire:
    """One connection that is kept: a request, its answer, nothing between them. HTTP/1.1 over a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._rest = b""

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self._socket.sendall(request)
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._take()
        status, length = read_head(self._rest[:end])
        self._rest = self._rest[end + 4 :]
        while len(self._rest) < length:
            self._take()
        body, self._rest = self._rest[:length], self._rest[length:]
        return status, body

    def _take(self) -> None:
        piece = self._socket.recv(1 << 18)
        if not piece:
            raise ConnectionResetError("the daemon hung up")
        self._rest += piece

    def close(self) -> None:
        self._socket.close()


def read_head(head: bytes) -> tuple[int, int]:
    """Status and length of the body that follows."""
    first, *lines = head.split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line[:15].lower() == b"content-length:")
    return int(first.split(b" ", 2)[1]), length


def request(method: str, path: str, body: object | None = None, key: str | None = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: stablenew", f"Content-Length: {len(content)}"]
    if content:
        head.append("Content-Type: application/json")
    if key is not None:
        head.append(f"Idempotency-Key: {key}")
    return "\r\n".join([*head, "", ""]).encode() + content


async def ask_all(path: Path, requests: Iterator[bytes], connections: int) -> list[float]:
    """So many clients at once, each sending the next request as soon as it is answered; seconds of each answer."""
    took: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 22)
        for content in requests:
            began = time.perf_counter()
            writer.write(content)
            status, length = read_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
            body = await reader.readexactly(length)
            took.append(time.perf_counter() - began)
            if status >= 300:
                raise RuntimeError(f"{status}: {body.decode()}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return took


class Running:
    """A daemon that was started and is ready."""

    def __init__(self, process: subprocess.Popen[bytes], socket_path: Path, ready_after: float) -> None:
        self.process = process
        self.socket = socket_path
        self.ready_after = ready_after
        """Seconds from the start of the process until its status said ready."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def wire(self) -> Wire:
        return Wire(self.socket)

    def ask(self, method: str, path: str, body: object | None = None) -> dict[str, object]:
        wire = self.wire()
        try:
            status, content = wire.ask(request(method, path, body))
        finally:
            wire.close()
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {content.decode()}")
        answer: dict[str, object] = json.loads(content)
        return answer

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def home_of(folder: Path) -> Places:
    return places({"STABLENEW_HOME": str(folder)})


def start(folder: Path, env: Mapping[str, str] | None = None) -> Running:
    """Starts `python -m daemon` with everything below `folder` and waits until it says that it is ready."""
    where = home_of(folder)
    quiet = {"STABLENEW_BACKUP__NIGHTLY": "false", "STABLENEW_BACKUP__UPGRADE": "false"}
    whole = {**os.environ, **quiet, "STABLENEW_HOME": str(folder), **(env or {})}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-P", "-m", "daemon", "run"], env=whole, stdin=subprocess.DEVNULL)
    while time.perf_counter() - began < PATIENCE:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended with status {process.returncode}")
        with suppress(OSError, ValueError):
            found = json.loads(where.endpoint.read_text())
            if found["pid"] == process.pid and _is_ready(Path(found["socket"])):
                return Running(process, Path(found["socket"]), time.perf_counter() - began)
        time.sleep(0.005)
    process.kill()
    raise RuntimeError(f"the daemon is not ready after {PATIENCE:.0f} s")


def _is_ready(path: Path) -> bool:
    wire = Wire(path)
    try:
        return b'"state":"ready"' in wire.ask(request("GET", "/v1/status"))[1]
    finally:
        wire.close()


@contextmanager
def running(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    daemon = start(folder, env)
    try:
        yield daemon
    finally:
        daemon.stop()
