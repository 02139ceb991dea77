"""The run that is looked at in the Run area: which one, what came of it, and the way to its jobs and its log."""

from contextlib import suppress

from schema.errors import NoDaemon, Refused
from schema.ids import RunId, run_of
from schema.pages import RunRecord, RunRow
from schema.scenes import RunningJob, RunScene
from tui.screens.runvariants import RunVariants


class RunWatch(RunVariants):
    def __init__(self) -> None:
        super().__init__()
        self._watched: RunScene | None = None
        """The run that was sent from here, as it was last seen."""
        self._last_ended = ""
        self._outcome: RunRow | None = None
        """What came of it."""

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
