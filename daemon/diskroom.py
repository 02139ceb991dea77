"""What the disk holds and what is done about it by itself: the trash after its days, files read and checked at night,
caches kept small.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from daemon.api.disk import NoDisk
from daemon.artifacts.thumbs import Thumbnails
from daemon.concerns import Concerns
from daemon.deleting import Deleting
from daemon.ledger import Ledger
from daemon.ledger.mail import Origin
from daemon.measuring import Folder, disks, measured
from daemon.scrub import Scrub
from daemon.views.doomed import Rule
from daemon.views.filters import Since
from daemon.views.read_views import ReadViews
from daemon.views.views import Views
from schema.commands import DeletePictures, Looked
from schema.diskuse import Checked, DiskUse
from schema.errors import Refused
from schema.ids import CommandId, Sha256
from schema.settings import DiskSettings

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
ROUND_SECONDS = 3600.0
FIRST_SECONDS = 300.0

NIGHT = range(2, 6)
"""Hours of local time in which files are read and checked."""

AGAIN, OVERDUE = 20 * 3600.0, 40 * 3600.0
"""Seconds since the last time: not before; and whatever the hour."""

DAY = 86_400.0


class DiskUsed(NoDisk):
    """Only tells what there is: all that can be done where nothing may be written."""

    def __init__(
        self,
        views: ReadViews,
        damaged: Callable[[], Sequence[Sha256]],
        folders: Sequence[Folder],
        checked: Callable[[], float | None],
    ) -> None:
        """`damaged`: files that were found so; `checked`: when files were last looked at, Unix seconds. Blocks."""
        self._views = views
        self._damaged = damaged
        self._folders = folders
        self._checked = checked
        self._measuring = asyncio.Lock()

    async def use(self) -> DiskUse:
        """Walks through all folders: takes a while where there are many files."""
        room = await self._views.room()
        async with self._measuring:
            folders = await asyncio.to_thread(measured, self._folders)
            there = await asyncio.to_thread(disks, self._folders)
        return DiskUse(
            finals=room.finals, stages=room.stages, films=room.films, trash=room.trash, rated=room.rated,
            folders=folders, disks=there, damaged=len(self._damaged()),
            checked=await asyncio.to_thread(self._checked),
        )  # fmt: skip


class DiskRoom(DiskUsed):
    def __init__(
        self,
        ledger: Ledger,
        views: Views,
        deleting: Deleting,
        scrub: Scrub,
        thumbnails: Thumbnails,
        concerns: Concerns,
        folders: Sequence[Folder],
        settings: DiskSettings,
        draw_id: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(views, lambda: ledger.damaged, folders, lambda: scrub.checked)
        self._ledger = ledger
        self._deleting = deleting
        self._scrub = scrub
        self._thumbnails = thumbnails
        self._concerns = concerns
        self._settings = settings
        self._draw_id = draw_id
        self._clock = clock
        self._began = clock()

    async def gone(self, seq: int) -> None:
        """Waits until the files of what was deleted up to `seq` are gone, as far as they can be."""
        await self._deleting.reached(seq)

    def check(self, percent: float) -> AsyncIterator[Checked]:
        """Reads files and holds them against their names: how far it is, and at last what it found."""
        return self._scrub.check(percent)

    # What is done by itself -------------------------------------------------------------------------

    async def run(self) -> None:
        """Never ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_telling())
            await asyncio.sleep(FIRST_SECONDS)
            while True:
                for do in (self.empty_trash, self._shrink, self._check_by_night):
                    await _tried(do)
                await asyncio.sleep(ROUND_SECONDS)

    async def empty_trash(self) -> int:
        """Deletes what lay in the trash for as long as the settings say, but for rated pictures; how many."""
        days = self._settings.trash_days
        if not days:
            return 0
        looked = Looked(await self._ledger.undo_top(), await self._ledger.redo_top())
        await self._views.reached(self._ledger.durable)
        rule = Rule(trash=True, before=Since(None, self._clock() - days * DAY))
        doomed = await self._views.doomed(rule)
        if not doomed.images:
            return 0
        command = DeletePictures(
            images=doomed.images, files=doomed.files, bytes=doomed.cut.bytes, reason=f"trash_days = {days:g}",
            looked=looked,
        )  # fmt: skip
        await self._ledger.command(command, Origin("daemon", CommandId(self._draw_id())))
        log.info("%d pictures that lay in the trash for %g days were deleted", len(doomed.images), days)
        return len(doomed.images)

    async def _shrink(self) -> None:
        await asyncio.to_thread(self._thumbnails.shrink, self._settings.cache_mb << 20)

    async def _check_by_night(self) -> None:
        percent = self._settings.scrub_percent
        last = await asyncio.to_thread(lambda: self._scrub.checked)
        since = self._clock() - (self._began if last is None else last)
        night = time.localtime(self._clock()).tm_hour in NIGHT and (last is None or since >= AGAIN)
        if percent and (night or since >= OVERDUE):
            async for found in self._scrub.check(percent, gently=True):
                log.debug("%d of %d files read", found.files, found.of)

    async def _keep_telling(self) -> None:
        """What is damaged is told until it is whole again, or deleted."""
        told: tuple[str, ...] = ()
        while True:
            damaged = self._ledger.damaged
            if damaged != told:
                told = damaged
                self._tell(damaged)
            await asyncio.sleep(LOOK_SECONDS)

    def _tell(self, damaged: tuple[str, ...]) -> None:
        if not damaged:
            self._concerns.settle("artifacts")
            return
        many = (
            "1 file of the artifact store is"
            if len(damaged) == 1
            else f"{len(damaged)} files of the artifact store are"
        )
        self._concerns.tell(
            "artifacts",
            f"{many} damaged or gone; `stablenew disk check` says which, and mends from a copy where there is one.",
        )


async def _tried(do: Callable[[], Awaitable[object]]) -> None:
    """Trouble with a disk or a refusal ends no round: the next one tries again."""
    try:
        await do()
    except (OSError, sqlite3.Error, Refused) as fault:
        log.warning("the disk was not looked after: %s", fault)
