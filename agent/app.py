"""The agent's wiring: opens its home, listens, and stops in reverse order."""

import asyncio
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from agent.backends import BACKENDS, Backend, Options
from agent.bench import Bench
from agent.blobs import Blobs
from agent.card import drawn_instance, kept_node_id, make_card
from agent.feed import Feed
from agent.server import Server, listen
from agent.spool import Spool
from schema.settings import SketchSettings

LOCK_SECONDS = 5.0
"""How long to wait for an earlier agent of this home, which is about to end."""


class HomeTaken(Exception):
    """Another agent uses this home."""


class Start(NamedTuple):
    """The command line, read."""

    home: Path
    socket: Path
    name: str
    sketch: SketchSettings
    blob_limit_bytes: int
    floor_bytes: int


async def run(start: Start) -> None:
    """Serves until SIGTERM or SIGINT. Raises HomeTaken, OSError."""
    start.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = await _lock(start.home)
    try:
        await _serve(start)
    finally:
        os.close(lock)


async def _serve(start: Start) -> None:
    options = Options(clock=time.monotonic, sketch=start.sketch)
    backends: Sequence[Backend] = [make(options) for make in BACKENDS.values()]
    spool = Spool(start.home / "spool")
    blobs = Blobs(start.home / "blobs", start.blob_limit_bytes)
    feed = Feed(lambda: bench.load())
    bench = Bench(backends, spool, blobs, clock=time.monotonic, tell=feed.tell, floor_bytes=start.floor_bytes)
    node, instance, release = kept_node_id(start.home), drawn_instance(), version("stablenew")
    server = Server(bench, spool, blobs, feed, lambda: make_card(node, start.name, instance, release, backends))

    runner = web.AppRunner(server.app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    listener = listen(start.socket)
    await web.SockSite(runner, listener).start()
    stopping = _stop_signals()
    sys.stdout.write(json.dumps({"ready": True, "socket": str(start.socket)}) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    feed.close()
    await runner.cleanup()
    await bench.stop()
    start.socket.unlink(missing_ok=True)


def _stop_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    return stopping


async def _lock(home: Path) -> int:
    """The right to this home's spool, held until the descriptor is closed or the process ends."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise HomeTaken(f"another agent uses {home}. Stop it first") from None
            await asyncio.sleep(0.05)


def die_with_parent(socket: Path) -> None:
    """Ends this process at once when its standard input closes: the daemon that held the other end is dead.

    As abrupt as kill -9, which everything here must bear anyway; the spool holds what has ended.
    """

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        socket.unlink(missing_ok=True)
        os._exit(0)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
