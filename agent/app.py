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

from aiohttp import web

from agent.backends import Backend
from agent.guards import for_local
from agent.home import Home
from agent.lending import Lending
from agent.listening import Listening
from agent.parts import Parts, assembled
from agent.start import Start
from schema.errors import Exit, Refused

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
    parts = assembled(start)
    runner = web.AppRunner(
        parts.server.app(for_local(parts.holder)),
        access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS,
    )  # fmt: skip
    await runner.setup()
    found_by.append(listening := Listening(start.socket))
    await web.SockSite(runner, listening.socket).start()
    tending = await _tended(start, parts, asyncio.create_task(_end_when_alone(home, listening, stopping)))
    faults = _minded(tending, stopping)
    _say_ready(start, parts)
    await stopping.wait()
    _end_soon(leave, lambda: parts.bench.writing, lambda: Exit.FAILED if faults else Exit.DONE)
    for task in tending:
        task.cancel()
    leave()
    parts.feed.close()
    closing = [parts.bench.stop(STOP_SECONDS), runner.cleanup()]
    await asyncio.gather(*closing, *([parts.reach.close()] if parts.reach else []))
    parts.cards.close()
    parts.meter.close()
    await _closed(parts.backends)
    if faults:
        raise faults[0]


async def _tended(start: Start, parts: Parts, *more: asyncio.Task[None]) -> Sequence[asyncio.Task[None]]:
    """What goes on for ever beside the routes."""
    work = {
        "watch": parts.cards.watch(lambda: parts.bench.idle),
        "lend": parts.bench.lend(Lending(start.free_after)),
        "meter": parts.meter.run(),
    }
    if parts.reach is not None:
        await parts.reach.begin()
        work["reach"] = parts.reach.run()
    return [*more, *(asyncio.create_task(each, name=name) for name, each in work.items())]


def _minded(tending: Sequence[asyncio.Task[None]], stopping: asyncio.Event) -> Sequence[BaseException]:
    """What should go on for ever and breaks is a bug: the process ends, and systemd starts it anew."""
    faults: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.critical("%s broke, and the agent ends", task.get_name(), exc_info=fault)
            faults.append(fault)
            stopping.set()

    for task in tending:
        task.add_done_callback(ended)
    return faults


def _say_ready(start: Start, parts: Parts) -> None:
    """For the program that started it; a person at a terminal is told in words."""
    if sys.stdout.isatty():
        return
    said: dict[str, object] = {"ready": True, "socket": str(start.socket)}
    if parts.reach is not None:
        told = parts.reach.told()
        said |= {"node": told.node, "name": told.name, "port": told.port, "state": told.state}
    with suppress(OSError):  # nobody may be left to read it
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def _end_soon(leave: Callable[[], None], writing: Callable[[], bool], code: Callable[[], int]) -> None:
    """Whatever a loaded machine or a server that does not answer would make the clean way take."""

    def end() -> None:
        time.sleep(TOLD_SECONDS)
        while writing():
            time.sleep(0.02)
        leave()
        os._exit(code())

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
