"""The agent's wiring: opens its home, listens, and stops in reverse order."""

import asyncio
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
from agent.home import Home
from agent.identity import identified
from agent.lending import Lending
from agent.listening import Listening
from agent.server import Server
from agent.spool import Spool
from agent.start import Start, auth_for
from agent.talk import Talk
from schema.errors import Refused
from schema.orders import CardChanged

log = logging.getLogger(__name__)

LOCK_SECONDS = 5.0
"""How long to wait for an earlier agent of this home, which is about to end."""

HOME_SECONDS = 2.0
"""Between two looks whether its folder is still there."""

STOP_SECONDS = 0.6
"""What a running stage has, once the agent is told to stop, to cancel itself at its server."""

CLOSE_SECONDS = 0.25
"""What backends and listeners have after that."""

ABRUPT_SECONDS = 1.5
"""After its daemon is gone the process ends, whatever still hangs."""

TOLD_SECONDS = 1.1
"""After it was told to stop it ends too, unless a result is just on its way to the disk."""


async def run(start: Start) -> None:
    """Serves until it is told to stop. Raises HomeTaken, OSError, Refused where its folder is not its own any more."""
    home = await Home.take(start.home, LOCK_SECONDS if start.loopback else 0.0)
    try:
        await _serve(start, home)
        if not home.is_ours():
            raise Refused("the agent's folder was deleted or replaced while it ran.", where=str(start.home))
    finally:
        home.leave()


async def _serve(start: Start, home: Home) -> None:
    found_by: list[Listening] = []

    def leave() -> None:
        for listening in found_by:
            listening.forget()

    stopping = _told_to_stop(start, leave)
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
    found_by.append(listening := Listening(start.socket))
    await web.SockSite(runner, listening.socket).start()
    tending = [
        asyncio.create_task(cards.watch(lambda: bench.idle), name="watch"),
        asyncio.create_task(bench.lend(Lending(start.free_after)), name="lend"),
        asyncio.create_task(_end_when_alone(home, listening, stopping), name="home"),
    ]
    _say_ready(start)
    await stopping.wait()
    _end_soon(leave, lambda: bench.writing)
    for task in tending:
        task.cancel()
    leave()
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


def _end_soon(leave: Callable[[], None], writing: Callable[[], bool]) -> None:
    """Whatever a loaded machine or a server that does not answer would make the clean way take."""

    def end() -> None:
        time.sleep(TOLD_SECONDS)
        while writing():
            time.sleep(0.02)
        leave()
        os._exit(0)

    threading.Thread(target=end, name="end", daemon=True).start()


async def _end_when_alone(home: Home, listening: Listening, stopping: asyncio.Event) -> None:
    """Nobody finds an agent whose folder was deleted, and another of its name would drive the same server."""
    while home.is_ours() and listening.is_ours():  # noqa: ASYNC110 - nothing tells of a deleted folder
        await asyncio.sleep(HOME_SECONDS)
    log.error("the agent ends: its folder or its socket is not its own any more")
    stopping.set()


async def _closed(backends: Sequence[Backend]) -> None:
    """Each in a thread, not waited for beyond its time: the process ends in any case."""
    if not backends:
        return
    threads = ThreadPoolExecutor(len(backends), thread_name_prefix="close")
    loop = asyncio.get_running_loop()
    await asyncio.wait([loop.run_in_executor(threads, backend.close) for backend in backends], timeout=CLOSE_SECONDS)
    threads.shutdown(wait=False)


def _told_to_stop(start: Start, leave: Callable[[], None]) -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    if start.loopback:
        _end_with_parent(lambda: loop.call_soon_threadsafe(stopping.set), leave)
    return stopping


def _end_with_parent(stop: Callable[[], object], leave: Callable[[], None]) -> None:
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
        leave()
        os._exit(0)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
