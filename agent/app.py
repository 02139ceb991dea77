"""The agent's wiring: opens its home, listens, and stops in reverse order."""

import asyncio
import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from agent.absent import Absent, Unmakeable, unmakeable
from agent.backends import BACKENDS, Backend, Options
from agent.bench import Bench
from agent.blobs import Blobs
from agent.cards import Cards
from agent.feed import Feed
from agent.fence import Fence
from agent.identity import identified
from agent.lending import Lending
from agent.server import Server, listen
from agent.spool import Spool
from agent.start import Start, auth_for
from agent.talk import Talk
from schema.orders import CardChanged

log = logging.getLogger(__name__)

LOCK_SECONDS = 5.0
"""How long to wait for an earlier agent of this home, which is about to end."""

STOP_SECONDS = 0.6
"""What a running stage has, once the agent is told to stop, to cancel itself at its server."""

CLOSE_SECONDS = 0.25
"""What backends and listeners have after that."""

ABRUPT_SECONDS = 1.5
"""After its daemon is gone the process ends, whatever still hangs."""

TOLD_SECONDS = 1.1
"""After it was told to stop it ends too, unless a result is just on its way to the disk."""


class HomeTaken(Exception):
    """Another agent uses this home."""


async def run(start: Start) -> None:
    """Serves until it is told to stop. Raises HomeTaken, OSError."""
    start.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = await _lock(start.home, LOCK_SECONDS if start.loopback else 0.0)
    try:
        await _serve(start)
    finally:
        os.close(lock)


async def _serve(start: Start) -> None:
    stopping = _told_to_stop(start)
    backends = made(start, time.monotonic)
    spool = Spool(start.home / "spool")
    blobs = Blobs(start.home / "blobs", start.blob_limit_bytes)
    feed = Feed(lambda: bench.load())
    identity = identified(start.home, start.name, version("stablenew"))
    talk = None if start.loopback else Talk()

    def tell_card(news: CardChanged) -> None:
        feed.tell(news)
        if talk is not None:
            talk.hear(news.card)

    cards = Cards(backends, identity, clock=time.monotonic, tell=tell_card)
    fence = Fence(None if start.loopback else start.home / "epoch")
    cards.epoch = fence.epoch
    bench = Bench(
        backends, cards, spool, blobs, fence,
        clock=time.monotonic, tell=feed.tell, floor_bytes=start.floor_bytes,
    )  # fmt: skip

    server = Server(bench, spool, blobs, feed, cards)
    runner = web.AppRunner(server.app(), access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS)
    await runner.setup()
    listener = listen(start.socket)
    await web.SockSite(runner, listener).start()
    tending = [
        asyncio.create_task(cards.watch(lambda: bench.idle), name="watch"),
        asyncio.create_task(bench.lend(Lending(start.free_after)), name="lend"),
    ]
    _say_ready(start)
    await stopping.wait()
    _end_soon(start.socket, lambda: bench.writing)
    for task in tending:
        task.cancel()
    start.socket.unlink(missing_ok=True)
    feed.close()
    await asyncio.gather(bench.stop(STOP_SECONDS), runner.cleanup())
    cards.close()
    await _closed(backends)


def made(start: Start, clock: Callable[[], float]) -> Sequence[Backend]:
    """One that cannot be made here, for lack of a library or with a bad address, is there all the same and says why."""
    backends: list[Backend] = []
    for chosen in start.backends:
        folder = start.models
        if chosen.kind == "diffusers" and chosen.place:
            folder = Path(chosen.place).expanduser().absolute()
        options = Options(
            clock=clock,
            sketch=start.sketch,
            url="" if chosen.kind == "diffusers" else chosen.place,
            auth=auth_for(chosen.kind, start.auth),
            models=folder,
            home=start.home,
        )
        try:
            backends.append(BACKENDS[chosen.kind](options))
        except Unmakeable as fault:
            sentence = unmakeable(fault, chosen.place)
            backends.append(Absent(chosen.kind, sentence))
            log.error("%s cannot be driven: %s", chosen.kind, sentence)
    return backends


def _say_ready(start: Start) -> None:
    """For the program that started it; a person at a terminal is told in words."""
    if sys.stdout.isatty():
        return
    with suppress(OSError):  # nobody may be left to read it
        sys.stdout.write(json.dumps({"ready": True, "socket": str(start.socket)}) + "\n")
        sys.stdout.flush()


def _end_soon(socket: Path, writing: Callable[[], bool]) -> None:
    """Whatever a loaded machine or a server that does not answer would make the clean way take."""

    def end() -> None:
        time.sleep(TOLD_SECONDS)
        while writing():
            time.sleep(0.02)
        socket.unlink(missing_ok=True)
        os._exit(0)

    threading.Thread(target=end, name="end", daemon=True).start()


async def _closed(backends: Sequence[Backend]) -> None:
    """Each in a thread, not waited for beyond its time: the process ends in any case."""
    if not backends:
        return
    threads = ThreadPoolExecutor(len(backends), thread_name_prefix="close")
    loop = asyncio.get_running_loop()
    await asyncio.wait([loop.run_in_executor(threads, backend.close) for backend in backends], timeout=CLOSE_SECONDS)
    threads.shutdown(wait=False)


def _told_to_stop(start: Start) -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    if start.loopback:
        _end_with_parent(lambda: loop.call_soon_threadsafe(stopping.set), start.socket)
    return stopping


async def _lock(home: Path, patience: float) -> int:
    """The right to this home's spool, held until the descriptor is closed or the process ends."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise HomeTaken(f"another agent uses {home}. Stop it first, or choose another name") from None
            await asyncio.sleep(0.05)


def _end_with_parent(stop: Callable[[], object], socket: Path) -> None:
    """Stops when standard input closes: the daemon that held the other end is dead.

    What runs is cancelled at its server, so that the next agent finds it free. What hangs is left behind as abruptly
    as by kill -9, which everything here must bear anyway; the spool holds what has ended.
    """

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # the loop has ended already
            stop()
        time.sleep(ABRUPT_SECONDS)
        socket.unlink(missing_ok=True)
        os._exit(0)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
