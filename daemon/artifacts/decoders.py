"""Warm child processes that decode untrusted pictures: a stage costs milliseconds, an attack costs a child."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from daemon.artifacts.verifier import Verdict
from schema.stages import MAX_MEGAPIXELS

TIMEOUT = 10.0
"""Seconds one picture may take."""


class Decoders:
    """At most `most` children, started when they are first needed. `close` ends them; so does the parent's end."""

    def __init__(self, most: int = 2, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._free = asyncio.Semaphore(most)
        self._idle: list[Process] = []
        self._busy: set[Process] = set()

    async def verdict(self, path: Path) -> Verdict:
        """Of the picture in this file. Two children that die over it, or one that hangs, are a verdict, too."""
        line = msgspec.json.encode(str(path)) + b"\n"
        async with self._free:
            for _ in range(2):
                try:
                    async with self._child() as child, asyncio.timeout(self._timeout):
                        return await _ask(child, line)
                except TimeoutError:
                    return Verdict(fault=f"took longer than {self._timeout:g} seconds to decode")
                except (ConnectionError, EOFError):
                    continue
            return Verdict(fault="made its decoder crash")

    async def warm(self) -> None:
        """Starts the first child ahead of need."""
        async with self._free, self._child():
            pass

    async def close(self) -> None:
        for child in {*self._idle, *self._busy}:
            await _end(child)
        self._idle.clear()

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[Process]:
        """One that listens; it goes back to the idle ones unless the block raises."""
        while self._idle and self._idle[-1].returncode is not None:
            self._idle.pop()
        child = self._idle.pop() if self._idle else await _start()
        self._busy.add(child)
        try:
            yield child
        except BaseException:
            await _end(child)
            raise
        else:
            self._idle.append(child)
        finally:
            self._busy.discard(child)


async def _start() -> Process:
    """A child that has said that it listens. Raises OSError."""
    command = (sys.executable, "-P", "-m", "daemon.artifacts.verifier", str(int(MAX_MEGAPIXELS * 1e6)))
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        await _ask(child, b"")
    except EOFError as fault:
        await _end(child)
        raise OSError("the picture decoder could not be started") from fault
    except BaseException:
        await _end(child)
        raise
    return child


async def _ask(child: Process, line: bytes) -> Verdict:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(line)
    await child.stdin.drain()
    answer = await child.stdout.readline()
    if not answer.endswith(b"\n"):
        raise EOFError
    return msgspec.json.decode(answer, type=Verdict)


async def _end(child: Process) -> None:
    """Kills it and waits, so that neither a process nor its pipes outlive it."""
    with suppress(ProcessLookupError):
        child.kill()
    if child.stdin is not None:
        child.stdin.close()
    await child.wait()
