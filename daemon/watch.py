"""Watches the daemon itself: write-ahead files, open files and memory that grow, a loop or a writer that stands.

Says so in `status`, and to systemd that all is well; only a loop that turns and a writer that writes are well.
"""

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec

from daemon.concerns import Concerns
from daemon.notify import Notifier
from daemon.stalls import Stalls
from schema.places import Places
from schema.readings import Readings
from schema.scenes import Scene

log = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
NOTED_SECONDS = 3600.0
"""Between two lines in the daemon's own log, which show growth over days."""

WAL_BYTES = 64 << 20
TIDY_BYTES = 20 << 20
"""More than the views keep where nobody reads for long."""

MEMORY_BYTES = 2 << 30
FILES_SHARE = 0.8
"""Of as many as may be open."""

WRITER_SECONDS = 20.0
"""A batch that the disk takes longer over is told of."""


SETTLED_SECONDS = 3600.0
"""After so long its memory and files are what it needs; what comes on top of that many times over is growth."""

TIMES = 2
MORE_MEMORY, MORE_FILES = 500 << 20, 200
"""Growth is more than so many times as much, and at least so much more."""


class Writer(Protocol):
    """Who writes the log (`daemon.log.store.LogFile`)."""

    def stands(self) -> float:
        """Seconds for which what it was given has not moved; infinite where it is gone."""
        ...


class Watch:
    def __init__(
        self, places: Places, notifier: Notifier, concerns: Concerns, writer: Writer | None,
        tidy: Callable[[], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        """`writer`: None while the log can only be read. `tidy` empties the write-ahead file of the views."""
        self._places, self._notifier, self._concerns, self._writer = places, notifier, concerns, writer
        self._tidy = tidy
        self._stalls: Stalls | None = None
        self._settled: Readings | None = None
        """What was read once it had settled."""
        self.readings = Readings()

    async def run(self, status: Callable[[], str]) -> None:
        """Begun whenever the daemon answers anew; never ends. `status`: one line on what goes on, for systemd."""
        self._notifier.ready()
        with Stalls(asyncio.get_running_loop()) as self._stalls:
            await self._rounds(status)

    async def _rounds(self, status: Callable[[], str]) -> None:
        clock = asyncio.get_running_loop().time
        pause = min(ROUND_SECONDS, (self._notifier.watchdog or ROUND_SECONDS) / 3)
        looked = noted = float("-inf")
        began = clock()
        while True:
            if clock() - looked >= ROUND_SECONDS:
                looked = clock()
                await self.look()
                if self._settled is None and looked - began >= SETTLED_SECONDS:
                    self._settled = self.readings
                self._notifier.status(status())
            if clock() - noted >= NOTED_SECONDS:
                noted = clock()
                log.info("readings: %s", msgspec.json.encode(self.readings).decode())
            if self.is_well():
                self._notifier.alive()
            await asyncio.sleep(pause)

    def is_well(self) -> bool:
        return self._writer is None or self._writer.stands() < (self._notifier.watchdog or float("inf"))

    async def look(self) -> None:
        """Reads everything anew and tells what a person should know."""
        read = await asyncio.to_thread(read_now, self._places)
        if self._tidy is not None and read.views_wal > TIDY_BYTES:
            await self._tidy()
            read = await asyncio.to_thread(read_now, self._places)
        stalls = self._stalls
        if stalls is not None:
            read = msgspec.structs.replace(read, stalls=stalls.count, longest_stall=round(stalls.longest, 3))
        self.readings = read
        stands = self._writer.stands() if self._writer is not None else 0.0
        grown = (growth(read, self._settled or read),)
        for subject, is_so, sentence in (*findings(read, self._places, stands), *grown):
            if is_so:
                self._concerns.tell(subject, sentence)
            else:
                self._concerns.settle(subject)


def in_a_line(scene: Scene) -> str:
    """`2 running, 14 queued`: what systemd shows beside the service."""
    counts = scene.queue.counts
    words = ((counts.running, "running"), (counts.queued, "queued"), (counts.held, "held"))
    line = ", ".join(f"{count} {word}" for count, word in words if count) or "nothing to do"
    return f"{line}, {counts.attention} need attention" if counts.attention else line


def findings(read: Readings, places: Places, stands: float) -> tuple[tuple[str, bool, str], ...]:
    """Subject, whether it is a concern, and the sentence with its remedy."""
    return (
        ("log-wal", read.log_wal > WAL_BYTES, _held(places.log, read.log_wal)),
        ("views-wal", read.views_wal > WAL_BYTES, _held(places.views, read.views_wal)),
        (
            "files", bool(read.files_limit) and read.files > FILES_SHARE * read.files_limit,
            f"The daemon has {read.files} files open, of {read.files_limit} that it may."
            " Close some clients, or raise `ulimit -n` and start it again.",
        ),
        (
            "memory", read.memory > MEMORY_BYTES,
            f"The daemon occupies {read.memory / 2**30:.1f} GB of memory. `stablenew daemon stop` and `daemon start`"
            " give it back; nothing is lost.",
        ),
        (
            "writer", stands > WRITER_SECONDS,
            f"The disk of {places.state} has not taken what was given to it for some time."
            " Look whether it hangs (`dmesg`); what is not answered is not lost, but not kept yet.",
        ),
    )  # fmt: skip


def growth(read: Readings, settled: Readings) -> tuple[str, bool, str]:
    """As `findings`: whether it occupies much more than when it had settled."""
    memory = read.memory > max(TIMES * settled.memory, settled.memory + MORE_MEMORY)
    files = read.files > max(TIMES * settled.files, settled.files + MORE_FILES)
    return (
        "growth", memory or files,
        f"The daemon has grown from {settled.memory >> 20} MB and {settled.files} open files, an hour after its start,"
        f" to {read.memory >> 20} MB and {read.files}. `stablenew daemon stop` and `daemon start` give it back;"
        " nothing is lost.",
    )  # fmt: skip


def _held(file: Path, wal: int) -> str:
    return (
        f"{file}-wal has grown to {wal >> 20} MB: some program keeps reading {file.name} and lets nobody tidy up."
        " Close it there (sqlite3, Datasette, a backup program)."
    )


def read_now(places: Places) -> Readings:
    """Blocks a little. What the platform does not tell is 0."""
    fields = _proc("statm").split()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return Readings(
        memory=int(fields[1]) * resource.getpagesize() if len(fields) > 1 else 0,
        files=_count("/proc/self/fd"),
        files_limit=0 if limit == resource.RLIM_INFINITY else limit,
        threads=_count("/proc/self/task"),
        log=_size(places.log),
        log_wal=_size(wal_of(places.log)),
        views_wal=_size(wal_of(places.views)),
    )


def _proc(name: str) -> str:
    try:
        return Path("/proc/self", name).read_text()
    except OSError:
        return ""


def _count(folder: str) -> int:
    try:
        return sum(1 for _ in Path(folder).iterdir())
    except OSError:
        return 0


def wal_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
