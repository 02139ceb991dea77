"""The reading side of the read models: lists, names, records and look-ups, of now or of any other moment."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from daemon.prompting.looks.effects import Counted
from daemon.prompting.looks.weights import GoalsSeen
from daemon.views import lists, looks, models, nodeday, records, select, session, watch
from daemon.views.judged import VerdictViews
from daemon.views.lists import Window
from daemon.views.readers import Readers
from daemon.views.room import RoomViews
from daemon.views.tables import OPEN
from daemon.views.watch import Watched
from schema.commands import EndedJob, EndedRun, Rating, Tagging
from schema.feedback import Look
from schema.foreign import Post
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256
from schema.models import ModelVerdict
from schema.pages import FilmRecord, ImageRow, JobRecord, NodeDay, Page, RunRecord, RunRow
from schema.scenes import Row

ANY_STATE = (*OPEN, "finished", "failed", "cancelled")


class ReadViews(VerdictViews, RoomViews, ABC):
    """What `Views` and `ViewsThen` have in common."""

    def __init__(
        self, readers: Readers, opened: Callable[[], sqlite3.Connection], results: Path, clock: Callable[[], float]
    ):
        """`opened`: a connection of its own in a read transaction, for a thread; `results`: root of the runs' folders.

        `clock` gives the Unix seconds that ages in a FILTER are counted back from.
        """
        self._readers = readers
        self._opened = opened
        self._results = results
        self._clock = clock

    @property
    @abstractmethod
    def seq(self) -> int:
        """Of the newest event that is folded in."""

    @abstractmethod
    async def reached(self, seq: int) -> None:
        """Returns once the event with this seq is folded in, however long that takes."""

    @abstractmethod
    async def shown(self, seq: int) -> None:
        """The same for a person who asks: raises Refused where nobody knows how long it takes."""

    async def close(self) -> None:
        await self._readers.close()

    # Lists ----------------------------------------------------------------------------------

    async def jobs(self, window: Window = Window()) -> Page[Row]:  # noqa: B008 - a constant
        async with self._readers.reading() as db:
            return await lists.jobs_page(db, window, self._clock())

    async def images(self, window: Window = Window(), *, final: bool = False) -> Page[ImageRow]:  # noqa: B008 - a constant
        async with self._readers.reading() as db:
            return await lists.images_page(db, window, self._clock(), final=final)

    async def runs(self, window: Window = Window()) -> Page[RunRow]:  # noqa: B008 - a constant
        async with self._readers.reading() as db:
            return await lists.runs_page(db, window, self._clock(), self._results)

    # What people name things by. Refused (`select.NotFound`) with what to write instead ---------

    async def resolve(self, names: Sequence[str], among: Sequence[str] = ANY_STATE) -> tuple[JobId, ...]:
        """Job ids, in order, without repeats. Runs and FILTERs stand for their jobs in the states `among`."""
        async with self._readers.reading() as db:
            return await select.job_ids(db, names, self._clock(), among)

    async def resolve_images(self, names: Sequence[str]) -> tuple[ImageId, ...]:
        async with self._readers.reading() as db:
            return await select.image_ids(db, names, self._clock())

    async def resolve_trashed(self, names: Sequence[str]) -> tuple[ImageId, ...]:
        """The same in the trash."""
        async with self._readers.reading() as db:
            return await select.image_ids(db, names, self._clock(), trashed=True)

    async def runs_named(self, names: Sequence[str]) -> tuple[RunId, ...]:
        """Those of the names that stand for whole runs where pictures are selected."""
        async with self._readers.reading() as db:
            return await select.runs_named(db, names)

    async def watched(self, names: Sequence[str]) -> Watched:
        """The same jobs with their states, for one who waits for them; and which runs were named."""
        async with self._readers.reading() as db:
            return await watch.watched(db, names, self._clock(), ANY_STATE)

    async def run_id(self, name: str) -> RunId:
        async with self._readers.reading() as db:
            return await select.run_id(db, name)

    async def job_id(self, name: str) -> JobId:
        async with self._readers.reading() as db:
            return await select.job_id(db, name)

    async def image_id(self, name: str) -> ImageId:
        async with self._readers.reading() as db:
            return await select.image_id(db, name)

    # Records and look-ups, by whole ids -----------------------------------------------------------

    async def job(self, job: JobId) -> JobRecord | None:
        async with self._readers.reading() as db:
            return await records.job_record(db, job)

    async def jobs_of(self, run: RunId) -> tuple[JobRecord, ...]:
        """All of a run, in order."""
        async with self._readers.reading() as db:
            rows = await db.all("SELECT id FROM jobs WHERE run = ? ORDER BY number", (run,))
            return await records.job_records(db, [JobId(row["id"]) for row in rows])

    async def earlier(self, job: JobId, most: int) -> tuple[JobRecord, ...]:
        """Jobs of its session that were submitted before it and have begun, newest first."""
        async with self._readers.reading() as db:
            return await session.earlier(db, job, most)

    async def records(self, jobs: Sequence[JobId]) -> tuple[JobRecord, ...]:
        async with self._readers.reading() as db:
            return await records.job_records(db, jobs)

    async def run(self, run: RunId) -> RunRecord | None:
        async with self._readers.reading() as db:
            return await records.run_record(db, run, self._results)

    async def image(self, image: ImageId) -> ImageRow | None:
        async with self._readers.reading() as db:
            return await lists.image(db, image)

    async def film(self, image: ImageId) -> tuple[RunId, FilmRecord] | None:
        """A film by its own id, with its run."""
        async with self._readers.reading() as db:
            return await records.film_record(db, image)

    async def ended(self, jobs: Sequence[JobId]) -> tuple[EndedJob, ...]:
        async with self._readers.reading() as db:
            return await records.ended_jobs(db, jobs)

    async def ended_runs(self, runs: Sequence[RunId]) -> tuple[EndedRun, ...]:
        async with self._readers.reading() as db:
            return await records.ended_runs(db, runs)

    async def rated(self, images: Sequence[ImageId], stars: int) -> tuple[Rating, ...]:
        """The rating each picture shall get, with the stars it has now."""
        async with self._readers.reading() as db:
            has = await records.stars_of(db, images)
            return tuple(Rating(image=image, stars=stars, was=has[image]) for image in images if image in has)

    async def kept(self, files: Sequence[Sha256]) -> set[str]:
        """Those of these files that a picture here has, trashed or not, but for what was deleted for good."""
        async with self._readers.reading() as db:
            return await records.kept(db, files)

    async def deleted(self, images: Sequence[ImageId]) -> tuple[ImageId, ...]:
        """Those of them that were deleted for good."""
        async with self._readers.reading() as db:
            return await records.deleted(db, images)

    async def posts(self, gallery: str) -> tuple[Post, ...]:
        """Every picture that was posted there, with its tags and stars of now."""
        async with self._readers.reading() as db:
            return await records.posts(db, gallery)

    async def tagged(self, images: Sequence[ImageId]) -> tuple[Tagging, ...]:
        """The tags each picture has now."""
        async with self._readers.reading() as db:
            has = await records.tags_of(db, images)
            return tuple(Tagging(image=image, tags=has[image]) for image in images if image in has)

    async def node_day(self, node: NodeId) -> NodeDay:
        """What it did in the last 24 hours."""
        async with self._readers.reading() as db:
            return await nodeday.node_day(db, node, self._clock())

    # Looks at pictures ------------------------------------------------------------------------

    async def counted(self, name: str | None, kinds: Sequence[str], since: int = 0) -> tuple[Counted, ...]:
        """Components of prompts of these kinds, of one name or of all, in looks behind seq `since`."""
        async with self._readers.reading() as db:
            return await looks.counted(db, name, kinds, since)

    async def goals_of(self, pack: str, since: int, limit: int) -> tuple[GoalsSeen, ...]:
        """Of the newest looks at a pack's pictures, newest first."""
        async with self._readers.reading() as db:
            return await looks.goals_of(db, pack, since, limit)

    async def nameable(self, limit: int) -> frozenset[str]:
        """What the newest captions name."""
        async with self._readers.reading() as db:
            return await looks.nameable(db, limit)

    async def looked_at(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Wildcards and slots, and packs, of which pictures were looked at."""
        async with self._readers.reading() as db:
            return await looks.names(db)

    async def looks_of(self, images: Sequence[ImageId]) -> tuple[Look, ...]:
        async with self._readers.reading() as db:
            return await looks.looks_of(db, images)

    async def looks(self) -> int:
        """Pictures that were looked at."""
        async with self._readers.reading() as db:
            return await looks.total(db)

    # Models -----------------------------------------------------------------------------------------

    async def models_said(self) -> tuple[ModelVerdict, ...]:
        """Of every model that a person ever spoke of."""
        async with self._readers.reading() as db:
            return await models.said(db)

    async def models_used(self) -> tuple[models.Used, ...]:
        async with self._readers.reading() as db:
            return await models.used(db)
