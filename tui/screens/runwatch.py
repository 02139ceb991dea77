"""The run that is looked at in the Run area: which one, its newest picture, what came of it, the way to its jobs."""

from contextlib import suppress

from schema.errors import NoDaemon, Refused
from schema.ids import JobId, RunId, run_of
from schema.pages import ImageRow, Page, RunRecord, RunRow
from schema.scenes import RunningJob, RunScene
from tui.screens.runvariants import RunVariants
from tui.widgets.halfcell import NoPicture
from tui.widgets.livepicture import MADE, LivePicture

MADE_SIZE = 1024
"""Pixels of a finished picture along its longer side."""


class RunWatch(RunVariants):
    picture: LivePicture

    def __init__(self) -> None:
        super().__init__()
        self._watched: RunScene | None = None
        """The run that was sent from here, as it was last seen."""
        self._last_ended = ""
        self._outcome: RunRow | None = None
        """What came of it."""
        self._pictured: RunId | None = None
        """The run whose pictures are shown."""
        self._at_work: frozenset[JobId] = frozenset()
        """The jobs of it that were under way when it was last looked at."""

    def run_shown(self) -> tuple[RunScene | None, RunningJob | None]:
        """The run that was sent from here, else the newest that something is made of; and its job at work."""
        live = self.home.live
        runs = {run.run: run for run in live.scene.runs}
        jobs = sorted(live.running.values(), key=lambda job: job.token is None)
        own = runs.get(self.followed) if self.followed is not None else None
        if own is not None:
            self._watched = own
        busy = own or next((run for run in runs.values() if any(run_of(job.job) == run.run for job in jobs)), None)
        return busy, next((job for job in jobs if busy is not None and run_of(job.job) == busy.run), None)

    def show_picture(self, run: RunScene | None, job: RunningJob | None, *, seen: bool) -> None:
        """The last one there is stays until the run is over, so that the panes keep their places; `seen`: there is room
        for it."""
        now = run.run if run is not None and seen else None
        under_way = frozenset(one for one in self.home.live.running if run_of(one) == now)
        over, self._at_work = sorted(self._at_work - under_way), under_way
        if now is None or now != self._pictured:
            self._pictured = now
            self.picture.show(None)
        if now is None:
            return
        if job is not None and job.preview:
            self.picture.show(job.job, job.preview, keep=True)
        elif over and run_of(over[0]) == now:
            self.picture.show(over[-1], MADE, keep=True)

    async def _made(self, job: str) -> bytes:
        """The picture that a finished job made. Raises NoPicture where there is none, NoDaemon or Refused."""
        asked: dict[str, str | int] = {"filter": f"job:{job}", "final": 1, "sort": "newest", "limit": 1}
        found = await self.home.asker.get("/v1/images", Page[ImageRow], asked)
        if not found.items:
            raise NoPicture(f"{job} has made none")
        return await self.home.asker.picture(found.items[0].id, MADE_SIZE)

    @property
    def ended(self) -> RunScene | None:
        """The run that was sent from here, as it was last seen, once it has ended."""
        seen = self._watched
        there = any(run.run == self.followed for run in self.home.live.scene.runs)
        return seen if seen is not None and seen.run == self.followed and not there else None

    async def _see_outcome(self, run: RunId) -> None:
        with suppress(NoDaemon, Refused):
            self._outcome = (await self.home.asker.get(f"/v1/runs/{run}", RunRecord)).row
            self.show_head()

    def run_named(self) -> RunId | None:
        """The run that is shown, also once it has ended; says so where there is none."""
        shown, _ = self.run_shown()
        run = shown.run if shown is not None else self.followed
        if run is None:
            self.home.say("no run is shown: none was sent from here, and none is at work")
        return run

    async def action_jobs(self) -> None:
        if (run := self.run_named()) is not None:
            await self.home.show_run(run)

    async def action_logs(self) -> None:
        if (run := self.run_named()) is not None:
            await self.home.logs_of(f"run:{run}")
