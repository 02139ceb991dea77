"""When a job and its run were last changed in the views, so that what they were before is told from what they are.

Verdicts, tags and the trash do not count: their tables are of any seq by themselves. Looks count: they are the job's.
"""

from collections.abc import Iterable, Iterator

from daemon.views.fold.statement import Statement
from schema import events as e
from schema.ids import JobId, RunId, run_of

OF_JOB = frozenset({
    e.JobSubmitted, e.JobHeld, e.JobReleased, e.JobMoved, e.JobPriorityChanged, e.JobEdited, e.JobCancelled,
    e.JobReopened, e.JobDispatched, e.JobFinished, e.JobFailed, e.JobParked, e.StageAssigned, e.ArtifactStored,
    e.StageFinished, e.StageFailed, e.StageLost, e.StageCancelled, e.StageSkipped, e.PictureImported,
})  # fmt: skip
"""A run is changed with each of its jobs: it counts them by state."""

OF_RUN = frozenset({
    e.RunSubmitted, e.RunPaused, e.RunResumed, e.RunReopened, e.RunFinished, e.FilmFinished, e.FilmFailed,
    e.PicturesImported,
})  # fmt: skip


def touched(envelopes: Iterable[e.Envelope]) -> Iterator[Statement]:
    """Stands behind what these events make, each job and run named once."""
    jobs: dict[JobId, int] = {}
    runs: dict[RunId, int] = {}
    for envelope in envelopes:
        event = envelope.event
        kind = type(event)
        if kind in OF_JOB:
            jobs[event.job] = envelope.seq  # type: ignore[union-attr]  # all of these have one
        elif kind in OF_RUN:
            runs[event.run] = envelope.seq  # type: ignore[union-attr]
    for job, seq in jobs.items():
        run = run_of(job)
        runs[run] = max(seq, runs.get(run, 0))
        yield TOUCHED, (seq, job)
    for run, seq in runs.items():
        yield RUN_TOUCHED, (seq, run)


TOUCHED = "UPDATE jobs SET touched = ? WHERE id = ?"
RUN_TOUCHED = "UPDATE runs SET touched = ? WHERE id = ?"
