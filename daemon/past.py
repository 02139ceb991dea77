"""Log and views as the daemon itself asks them: always up to what is committed at the time of asking."""

from collections.abc import Callable, Sequence

from daemon.log.store import Log
from daemon.views.read_views import ReadViews
from schema.errors import Refused
from schema.events import Envelope
from schema.ids import ImageId, JobId, RunId
from schema.pages import ImageRow, JobRecord, RunRecord


class Past:
    """Records wait until the views have reached what is committed."""

    def __init__(self, log: Log, views: ReadViews, durable: Callable[[], int]) -> None:
        self._log = log
        self._views = views
        self._durable = durable

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        """At most `limit` events behind seq `after`, in order."""
        return await self._log.read(after, limit)

    async def caught_up(self) -> int:
        """Returns when the views hold all that is committed now: up to this seq."""
        seq = self._durable()
        await self._views.reached(seq)
        return seq

    async def run(self, run: RunId) -> RunRecord:
        """Raises Refused where the log tells of no such run."""
        await self._views.reached(self._durable())
        record = await self._views.run(run)
        if record is None:
            raise Refused(f"the log tells of no run {run}.")
        return record

    async def job(self, job: JobId) -> JobRecord:
        """Raises Refused where the log tells of no such job."""
        await self._views.reached(self._durable())
        record = await self._views.job(job)
        if record is None:
            raise Refused(f"the log tells of no job {job}.")
        return record

    async def earlier(self, job: JobId, most: int) -> tuple[JobRecord, ...]:
        """Of its session, newest first."""
        await self._views.reached(self._durable())
        return await self._views.earlier(job, most)

    async def jobs_of(self, run: RunId) -> tuple[JobRecord, ...]:
        """All of the run, in plan order."""
        await self._views.reached(self._durable())
        return await self._views.jobs_of(run)

    async def deleted_rows(self, images: Sequence[ImageId]) -> tuple[ImageRow, ...]:
        """Those of these pictures that were deleted for good."""
        await self._views.reached(self._durable())
        return await self._views.deleted_rows(images)
