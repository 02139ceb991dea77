"""Warm child processes for what strangers made: work costs milliseconds, an attack costs a child.

A child answers one line with one line, for as long as its standard input is open, and says first that it listens.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Children:
    """At most `most` children, started when they are first needed. `close` ends them; so does the parent's end."""

    def __init__(self, module: str, *words: str, most: int, timeout: float, longest: int = 1 << 16) -> None:
        """`longest`: bytes of an answer."""
        self._command = (sys.executable, "-P", "-m", module, *words)
        self._timeout = timeout
        self._longest = longest
        self._free = asyncio.Semaphore(most)
        self._idle: list[Process] = []
        self._busy: set[Process] = set()

    async def ask(self, line: bytes) -> bytes:
        """Raises TimeoutError for one that hangs over it, EOFError when two children have died of it, OSError."""
        async with self._free:
            for _ in range(2):
                try:
                    async with self._child() as child, asyncio.timeout(self._timeout):
                        return await _answer(child, line)
                except (ConnectionError, EOFError):
                    continue
            raise EOFError

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
        child = self._idle.pop() if self._idle else await self._start()
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

    async def _start(self) -> Process:
        """A child that has said that it listens. Raises OSError."""
        child = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=self._longest, env=_environment()
        )
        try:
            await _answer(child, b"")
        except EOFError as fault:
            await _end(child)
            raise OSError(f"{self._command[3]} could not be started") from fault
        except BaseException:
            await _end(child)
            raise
        return child


def _environment() -> dict[str, str]:
    """Ours, but for what the settings keep in it: who takes a child over finds no key there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STABLENEW_")}


async def _answer(child: Process, line: bytes) -> bytes:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(line)
    await child.stdin.drain()
    try:
        answer = await child.stdout.readline()
    except ValueError as fault:  # longer than any answer may be
        raise EOFError from fault
    if not answer.endswith(b"\n"):
        raise EOFError
    return answer


async def _end(child: Process) -> None:
    """Kills it and waits, so that neither a process nor its pipes outlive it."""
    with suppress(ProcessLookupError):
        child.kill()
    if child.stdin is not None:
        child.stdin.close()
    await child.wait()
