"""What happened to runs, their jobs and the stages of these: events of the log, as all in `schema.events`."""

from typing import Literal

import msgspec

from schema.errors import Trouble
from schema.happened import Happened
from schema.ids import ImageId, JobId, NodeId, RunId, Sha256, StageId, Token
from schema.plans import JobSpec, Measures, Picture, RunSpec, Scalar

JobPhase = Literal["queued", "held", "running", "finished", "failed", "cancelled", "attention"]


# Runs -------------------------------------------------------------------------------------------


class RunSubmitted(Happened, frozen=True, kw_only=True):
    run: RunId
    spec: RunSpec


class RunPaused(Happened, frozen=True, kw_only=True):
    run: RunId


class RunResumed(Happened, frozen=True, kw_only=True):
    run: RunId


class RunReopened(Happened, frozen=True, kw_only=True):
    """A job of a finished run goes on; the counts are those of the run's ended jobs that stay ended."""

    run: RunId
    spec: RunSpec
    finished: int = 0
    failed: int = 0
    cancelled: int = 0


class FilmStarted(Happened, frozen=True, kw_only=True):
    """The seq is the film's token."""

    run: RunId


class FilmFinished(Happened, frozen=True, kw_only=True):
    run: RunId
    token: Token
    image: ImageId
    film: Picture
    frames: int
    seconds: float
    fps: float
    codec: str


class FilmFailed(Happened, frozen=True, kw_only=True):
    run: RunId
    token: Token
    reason: str


class RunFinished(Happened, frozen=True, kw_only=True):
    """Every job has ended and the film, if one was wanted, was made or given up."""

    run: RunId
    finished: int = 0
    failed: int = 0
    cancelled: int = 0


# Jobs -------------------------------------------------------------------------------------------


class JobSubmitted(Happened, frozen=True, kw_only=True):
    job: JobId
    run: RunId
    spec: JobSpec


class JobHeld(Happened, frozen=True, kw_only=True):
    """Nothing of it starts until released; a running stage ends first."""

    job: JobId


class JobReleased(Happened, frozen=True, kw_only=True):
    job: JobId


class JobMoved(Happened, frozen=True, kw_only=True):
    """Smaller ranks run first within a lane and a priority."""

    job: JobId
    was: float
    now: float
    aside: bool = False
    """It only made room for others: nobody moved it."""


class JobPriorityChanged(Happened, frozen=True, kw_only=True):
    job: JobId
    was: int
    now: int


class JobEdited(Happened, frozen=True, kw_only=True):
    job: JobId
    was: JobSpec
    now: JobSpec


class JobCancelled(Happened, frozen=True, kw_only=True):
    job: JobId
    was: JobPhase
    reason: str = ""
    rank: float | None = None
    """Where it stood."""
    home: float | None = None
    """Where it would have stood had nobody moved it; None: there."""
    priority: int | None = None


class StageDone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A finished stage as a later stage or a rerun needs it."""

    stage: StageId
    token: Token
    node: NodeId
    images: tuple[ImageId, ...] = ()
    files: tuple[Sha256, ...] = ()
    prompt: str | None = None
    """What it made of the words; None: it left them as they were."""
    negative: str | None = None


class JobReopened(Happened, frozen=True, kw_only=True):
    """An ended job waits again, from the first stage that is not in `kept`."""

    job: JobId
    run: RunId
    spec: JobSpec
    was: JobPhase
    reason: Literal["retry", "rerun", "undo", "redo"]
    kept: tuple[StageDone, ...] = ()
    only: StageId | None = None
    """Rerun of this stage alone: the stages after it are not run again."""
    held: bool = False
    rank: float | None = None
    """None: at the end of its lane."""
    home: float | None = None
    """As of `JobCancelled`."""


class JobDispatched(Happened, frozen=True, kw_only=True):
    """Its words are made, and it has passed its pipeline's dispatch."""

    job: JobId
    stage: StageId
    backend: str | None = None
    """Who is to make its pictures; None: whoever can."""


class JobFinished(Happened, frozen=True, kw_only=True):
    job: JobId
    seconds: float = 0.0
    """From its first assignment, by the wall clock."""


class JobFailed(Happened, frozen=True, kw_only=True):
    job: JobId
    trouble: Trouble
    reason: str


class JobParked(Happened, frozen=True, kw_only=True):
    """Needs attention: it failed too often to try again unasked."""

    job: JobId
    trouble: Trouble
    reason: str


# Stages -----------------------------------------------------------------------------------------


class StageAssigned(Happened, frozen=True, kw_only=True):
    """Recorded before any byte leaves. Its seq is the attempt's token."""

    job: JobId
    stage: StageId
    node: NodeId
    attempt: int
    """From 1; lost attempts do not count."""
    why: str
    backend: str | None = None
    """Of the node's backends, the one that is to run it; None: the agent's choice."""


class ArtifactStored(Happened, frozen=True, kw_only=True):
    """The file was on disk, synced and verified, before this was written."""

    image: ImageId
    job: JobId
    run: RunId
    stage: StageId
    token: Token
    index: int
    """Among the pictures of this attempt, from 0."""
    file: Picture
    suspect: str | None = None
    """Why this one may be broken; others of its attempt need not be."""


class StageFinished(Happened, frozen=True, kw_only=True):
    job: JobId
    stage: StageId
    token: Token
    node: NodeId
    backend: str
    images: tuple[ImageId, ...] = ()
    files: tuple[Sha256, ...] = ()
    effective: dict[str, Scalar] = {}
    """The config the backend really used."""
    reported: dict[str, Scalar] = {}
    """Whatever else the backend said of it."""
    measures: Measures = Measures()
    suspect: str | None = None
    """Why a picture may be broken (black, flat, NaN): those that `ArtifactStored` marks, all where it marks none. They
    are not learned from.
    """
    filters: tuple[str, ...] = ()


class StageFailed(Happened, frozen=True, kw_only=True):
    job: JobId
    stage: StageId
    token: Token
    node: NodeId
    trouble: Trouble
    reason: str
    again_in: float | None = None
    """Seconds until it may be tried again; None: never unasked."""
    reduced: bool = False
    """The next attempt asks the agent for its memory-saving profile."""


class StageLost(Happened, frozen=True, kw_only=True):
    """The attempt is gone and does not count: the agent died, or never knew it."""

    job: JobId
    stage: StageId
    token: Token
    node: NodeId
    reason: str


class StageCancelled(Happened, frozen=True, kw_only=True):
    """The agent has let go of an attempt whose job was cancelled, skipped or reopened."""

    job: JobId
    stage: StageId
    token: Token
    node: NodeId


class StageSkipped(Happened, frozen=True, kw_only=True):
    job: JobId
    stage: StageId
    reason: str = ""


class LateResultRefused(Happened, frozen=True, kw_only=True):
    job: JobId
    stage: StageId
    token: Token
    node: NodeId
    reason: Literal["closed", "fenced", "future", "mismatch"]
