"""The loopback agent: a child process on a private socket, so that a fresh install needs no pairing.

It dies with the daemon (its standard input closes) and is started again when it dies alone.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from daemon.claim import short_folder
from schema.errors import Refused, why

log = logging.getLogger(__name__)

READY_SECONDS = 30.0
STOP_SECONDS = 3.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
"""Seconds before a dead agent is started again; doubles while it dies young."""


class Loopback:
    """`async for socket in loopback.lives():` one turn for every time the agent came up."""

    def __init__(
        self, home: Path, node: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        """`options` are further arguments, which others can read; `env` is what they must not, above our own."""
        self._home = home
        self._node = node
        self._options = options
        self._env = dict(env or {})
        self._process: asyncio.subprocess.Process | None = None
        self.trouble = ""
        """Why no agent is up, if one was tried."""

    async def lives(self) -> AsyncGenerator[tuple[Path, asyncio.Task[int]], None]:
        """The agent's socket, and the task that ends when that agent does. Ends never."""
        wait = FIRST_WAIT
        loop = asyncio.get_running_loop()
        while True:
            born = loop.time()
            try:
                process, path = await self._start()
            except (OSError, TimeoutError, Refused) as fault:
                self.trouble = f"the loopback agent did not start: {why(fault)}"
                log.error("%s", self.trouble)
            else:
                self.trouble = ""
                ended = asyncio.create_task(_end_of(process))
                yield path, ended
                self.trouble = f"the loopback agent ended with status {await ended}"
                log.warning("%s", self.trouble)
            wait = FIRST_WAIT if loop.time() - born > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _start(self) -> tuple[asyncio.subprocess.Process, Path]:
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = _agent_socket(self._home)
        path.unlink(missing_ok=True)
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "agent", "--loopback",
            "--home", str(self._home), "--socket", str(path), "--node", self._node, *self._options,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**_environment(), **self._env},
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            process.kill()
            raise
        if not line:
            raise OSError(f"it ended with status {await process.wait()} before it listened; see the logs")
        return process, path


async def _end_of(process: asyncio.subprocess.Process) -> int:
    """Its status. What a library may print meanwhile is read away, so that no full pipe stops the agent."""
    assert process.stdout is not None
    while await process.stdout.read(65_536):
        pass
    return await process.wait()


def _environment() -> dict[str, str]:
    """Ours, but for the settings in it (`STABLENEW_SECTION__NAME`): keys of galleries and sites are none of its."""
    return {name: value for name, value in os.environ.items() if not (name.startswith("STABLENEW_") and "__" in name)}


def _agent_socket(home: Path) -> Path:
    """In the agent's home, or in a short private folder where that path is too long for a socket."""
    path = home / "agent.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    return short_folder(home) / "a"
