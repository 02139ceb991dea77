"""One try: the news to an address by POST, or to a command on its standard input.

No redirects, no proxies, no shell. The address and the token of a hook are used here and shown nowhere.
"""

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

from schema.errors import why
from schema.hooks import News
from schema.settings import HookSettings

AGAIN_STATUS = (408, 425, 429)
"""Besides those of 500 and more: a server that answers so may take it later."""

TAIL = 400
"""Bytes of a command's last words that are shown."""

MOST = 1 << 20
"""Bytes of what a command prints that are kept until it ends."""

LOOK_SECONDS = 0.1
"""Between two looks at how much that is."""

BLOCK = 512
"""Bytes, as `stat` counts them."""


class Outcome(NamedTuple):
    well: bool
    told: str
    again: bool = True
    """Whether another try may fare better."""


async def send(how: HookSettings, news: News) -> Outcome:
    """Ends in time, whatever the other side does."""
    body = msgspec.json.encode(news)
    return await _run(how, body) if how.command else await Post(how, news.id).send(body)


def shown(how: HookSettings) -> str:
    """Where it goes, without what may be a secret: neither paths of addresses nor arguments of programs."""
    if how.command:
        return printable(how.command[0])[:200]
    parts = urlsplit(how.url or "")
    return f"{parts.scheme}://{parts.netloc}"


class Post:
    def __init__(self, how: HookSettings, key: str) -> None:
        self._url, self._timeout = how.url or "", how.timeout
        self._headers = {"Content-Type": "application/json", "User-Agent": "stablenew", "Idempotency-Key": key}
        self._headers |= {"Authorization": f"Bearer {how.token}"} if how.token else {}

    async def send(self, body: bytes) -> Outcome:
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=self._timeout),
                    headers=self._headers,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                ) as self._session,
                self._session.post(self._url, data=body, allow_redirects=False) as answer,
            ):
                return _judged(answer.status)
        except TimeoutError:
            return Outcome(False, f"no answer within {self._timeout:g} s")
        except (aiohttp.InvalidURL, ValueError):
            return Outcome(False, "this is no address one can post to", again=False)
        except (aiohttp.ClientError, OSError) as fault:
            cause = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault
            return Outcome(False, why(cause))


def _judged(status: int) -> Outcome:
    """By the status alone: nobody reads what a stranger writes."""
    if 200 <= status < 300:
        return Outcome(True, f"answered {status}")
    if 300 <= status < 400:
        return Outcome(False, f"answered {status}: it wants to send us elsewhere, which is not followed", again=False)
    return Outcome(False, f"answered {status}", again=status >= 500 or status in AGAIN_STATUS)


async def _run(how: HookSettings, body: bytes) -> Outcome:
    """The news and what the command prints lie in files without a name: it may read and write as it likes."""
    try:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(body)
            given.seek(0)
            process = await asyncio.create_subprocess_exec(
                *_words(how.command), stdin=given, stdout=said, stderr=STDOUT, start_new_session=True,
                cwd=_home(), env=environment(os.environ),
            )  # fmt: skip
            return await _ended(process, how, said)
    except OSError as fault:
        return Outcome(False, f"could not be run: {why(fault)}", again=False)
    except (ValueError, RuntimeError):  # a NUL in its words; a home of nobody
        return Outcome(False, "could not be run: this is no command of this machine", again=False)


async def _ended(process: Process, how: HookSettings, said: IO[bytes]) -> Outcome:
    bounding = asyncio.create_task(_bounded(said))
    try:
        async with asyncio.timeout(how.timeout):
            code = await process.wait()
    except TimeoutError:
        _kill(process)
        await process.wait()
        return Outcome(False, f"took longer than {how.timeout:g} s and was killed")
    finally:
        bounding.cancel()
        _kill(process)
    if code == 0:
        return Outcome(True, "ended with 0")
    return Outcome(False, f"ended with {code}{_last_words(said)}")


async def _bounded(said: IO[bytes]) -> None:
    """Gives back the room of what it said before: one that never stops talking fills no disk. Ends when cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if os.fstat(said.fileno()).st_blocks * BLOCK > MOST:
            os.ftruncate(said.fileno(), 0)  # it writes on where it was, and what lies before that takes no room


def _kill(process: Process) -> None:
    """With all that it has started, where it did not end by itself."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _last_words(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - TAIL))
    lines = said.read().decode(errors="replace").strip("\0 \t\r\n").splitlines()
    words = printable(lines[-1]) if lines else ""
    return f": {words[:TAIL]}" if words else ""


def printable(words: str) -> str:
    return "".join(sign for sign in words if sign.isprintable())


def _words(command: Sequence[str]) -> tuple[str, ...]:
    """`~/bin/told` is in our home, as nobody else is there to say so."""
    return str(Path(command[0]).expanduser()), *command[1:]


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, but for settings, which may be secrets, and for what systemd told us alone."""
    return {name: value for name, value in ours.items() if not _private(name)}


def _private(name: str) -> bool:
    setting = name.startswith("STABLENEW_") and "__" in name
    return setting or name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "STABLENEW_AGENT_AUTH")


def _home() -> str:
    home = Path.home()
    return str(home) if home.is_dir() else "/"
