"""Notices that something below the models' folders changed: by inotify, and by looking where it tells nothing.

A change is told once it has been quiet for `QUIET`, or after `LONGEST` of a file that goes on growing.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Literal

from daemon.disk import UNFINISHED
from daemon.library.models.folders import is_folder

log = logging.getLogger(__name__)

QUIET = 2.0
LONGEST = 10.0
LOOK = 600.0
"""Even where nothing is told, everything is looked through this often: changes can be missed."""

POLL = 5.0
READY = 1000
"""Milliseconds of silence after which listening has surely begun."""

ROOTS = 30.0
"""Between two looks whether a folder has come that was not there."""

REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.rclone", "virtiofs", "drvfs"})
"""File systems whose changes by others nobody tells."""

Paths = Collection[str] | None
"""What changed; None: anything may have."""

Mode = Literal["auto", "poll", "off"]


class Watch:
    def __init__(self, roots: Sequence[Path], mode: Mode, changed: Callable[[Paths], Awaitable[None]]) -> None:
        self._roots = roots
        self._mode = mode
        self._changed = changed
        self._touched = asyncio.Event()
        self._paths: Paths = frozenset()

    async def run(self) -> None:
        """Until cancelled."""
        if self._mode == "off" or not self._roots:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear())
            while True:
                heard = await self._settled()
                paths, self._paths = self._paths, frozenset()
                await self._changed(paths if heard else None)

    async def _settled(self) -> bool:
        """Returns once something changed and has come to rest; False after `LOOK` without a word."""
        try:
            async with asyncio.timeout(LOOK):
                await self._touched.wait()
        except TimeoutError:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                while self._touched.is_set():
                    self._touched.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(QUIET):
                            await self._touched.wait()
        return True

    async def _hear(self) -> None:
        """Watches the folders that are there; begins anew when another one comes or one goes."""
        polled = self._mode == "poll"
        while True:
            there = [root for root in self._roots if await asyncio.to_thread(is_folder, root)]
            if not there:
                await asyncio.sleep(ROOTS)
            else:
                polling = polled or await asyncio.to_thread(any_remote, there)
                try:
                    await self._listen(there, polling)
                except (OSError, RuntimeError) as fault:
                    log.warning("models are looked for every few seconds, as changes cannot be heard: %s", fault)
                    polled = True
                    await asyncio.sleep(QUIET)
            self._paths = None
            self._touched.set()

    async def _listen(self, there: Sequence[Path], polling: bool) -> None:
        """Returns when the folders that are there are others."""

        async def taking() -> None:
            async with aclosing(changes(there, polling)) as told:
                async for paths in told:
                    self._paths = None if self._paths is None or paths is None else {*self._paths, *paths}
                    self._touched.set()

        listening = asyncio.create_task(taking())
        try:
            while not listening.done():
                await asyncio.wait((listening,), timeout=ROOTS)
                if [root for root in self._roots if await asyncio.to_thread(is_folder, root)] != there:
                    return
            listening.result()
        finally:
            listening.cancel()
            await asyncio.wait((listening,))


async def changes(folders: Sequence[Path], polling: bool) -> AsyncGenerator[Paths, None]:
    """The paths of each bundle of changes that concern models; None once listening has begun: what came before that was
    not heard. Raises OSError or RuntimeError where nothing can be heard.
    """
    heard: asyncio.Queue[Paths | Exception] = asyncio.Queue()
    loop, stop = asyncio.get_running_loop(), Event()

    def tell(what: Paths | Exception) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            if not stop.is_set():
                loop.call_soon_threadsafe(heard.put_nowait, what)

    Thread(target=_listen, args=(folders, polling, stop, tell), name="models-watch", daemon=True).start()
    try:
        while True:
            what = await heard.get()
            if isinstance(what, Exception):
                raise what
            yield what
    finally:
        stop.set()


def _listen(folders: Sequence[Path], polling: bool, stop: Event, tell: Callable[[Paths | Exception], None]) -> None:
    """On a thread of its own: to begin, every folder is walked through."""
    import watchfiles

    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    begun = False
    try:
        for bundle in watchfiles.watch(
            *folders,
            watch_filter=lambda change, path: _concerns(path),
            debounce=500,
            step=250,
            rust_timeout=READY,
            yield_on_timeout=True,
            stop_event=stop,
            force_polling=polling,
            poll_delay_ms=int(POLL * 1000),
            ignore_permission_denied=True,
        ):
            if bundle or not begun:
                tell({path for _, path in bundle} if begun else None)
            begun = True
    except (OSError, RuntimeError) as fault:  # the latter of watchfiles
        tell(fault)


def _concerns(path: str) -> bool:
    name = path.rpartition("/")[2]
    return not name.startswith((UNFINISHED, ".git"))


def any_remote(folders: Sequence[Path]) -> bool:
    return any(map(is_remote, folders))


def is_remote(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether it lies on another machine's disk."""
    try:
        lines = mounts.read_text().splitlines()
        where = str(folder.resolve())
    except OSError:
        return False
    kinds = {fields[1].replace("\\040", " "): fields[2] for line in lines if len(fields := line.split(" ")) > 2}
    over = [mount for mount in kinds if where == mount or where.startswith(mount.rstrip("/") + "/")]
    return kinds[max(over, key=len)] in REMOTE if over else False
