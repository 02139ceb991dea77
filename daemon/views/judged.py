"""What the views say of verdicts: for learning, the inbox, favourites and experiments. A part of `ReadViews`."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Literal

from daemon.views import experiments, inbox, lessons
from daemon.views.favourites import read_favourites
from daemon.views.inbox import Pair, Waiting
from daemon.views.lessons import Lesson
from daemon.views.readers import Readers
from daemon.views.verdicts import Verdicts, read_verdicts
from daemon.views.whole import Newest, read_newest, read_runs, read_whole
from schema.experiments import LearningRunRow
from schema.ids import RunId
from schema.insights import Favourite
from schema.pages import ImageRow, Page
from schema.records import RecordRun, WholeRecord


class VerdictViews:
    _readers: Readers
    _opened: Callable[[], sqlite3.Connection]

    async def verdicts(self, upto: int | None = None, after: int = 0) -> Verdicts:
        """Behind `after` and up to `upto`; None: all that is folded in."""
        return await asyncio.to_thread(read_verdicts, self._opened, upto, after)

    async def whole_records(self, upto: int | None = None, after: int = 0) -> tuple[WholeRecord, ...]:
        """Everything known of what was rated, as of `upto`, in the order of the verdicts."""
        return await asyncio.to_thread(read_whole, self._opened, upto, after)

    async def newest_records(self, upto: int | None, most: int) -> Newest:
        """The same of at most so many, with the latest verdicts wherever they are from."""
        return await asyncio.to_thread(read_newest, self._opened, upto, most)

    async def record_runs(self, upto: int | None = None) -> tuple[RecordRun, ...]:
        """Runs of which pictures were rated, and all learning and explore runs; oldest first."""
        return await asyncio.to_thread(read_runs, self._opened, upto)

    async def lessons(self, upto: int) -> tuple[Lesson, ...]:
        """What people made of what was learned, up to that seq."""
        async with self._readers.reading() as db:
            return await lessons.lessons(db, upto)

    async def run_stars(self, run: RunId) -> int:
        """The verdict on a run as a whole; 0: none."""
        async with self._readers.reading() as db:
            return await lessons.run_stars(db, run)

    async def waiting(self) -> Waiting:
        """How many pictures wait for a verdict."""
        async with self._readers.reading() as db:
            return await inbox.waiting(db)

    async def inbox(self, pack: str, run: str, offset: int, limit: int) -> Page[ImageRow]:
        async with self._readers.reading() as db:
            return await inbox.inbox(db, pack, run, offset, limit)

    async def taught(self) -> tuple[tuple[str, str, int], ...]:
        """Pack (empty: none), `sketch` or empty, and how many of its ratings count."""
        async with self._readers.reading() as db:
            return await experiments.taught(db)

    async def learning_runs(self) -> tuple[LearningRunRow, ...]:
        """Learning and explore runs, newest first."""
        async with self._readers.reading() as db:
            return await experiments.learning_runs(db)

    async def pair(self, pack: str, without: frozenset[frozenset[str]] = frozenset()) -> Pair | None:
        """Two pictures worth comparing, none of the pairs `without`; empty: of any pack."""
        async with self._readers.reading() as db:
            return await inbox.pair(db, pack, without)

    async def favourites(self, runs: int, by: Literal["rating", "uses"]) -> tuple[tuple[Favourite, ...], int]:
        """Of the newest runs; and how many these are."""
        return await asyncio.to_thread(read_favourites, self._opened, runs, by)
