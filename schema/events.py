"""What happened, in the past tense: the closed union that the log holds for ever.

A field may be added with a default. A renamed or retyped field is a new version (`VERSIONS`) with an
upcaster in `daemon.log.upcast`; a changed meaning is a new event. Nothing here is ever removed.
An event that takes something back can be written from the events it takes back, so each carries what was.
"""

from typing import Literal

import msgspec

from schema.errors import Trouble
from schema.feedback import (
    FeedbackSwitched as FeedbackSwitched,
)
from schema.feedback import (
    WeightsAdjusted as WeightsAdjusted,
)
from schema.feedback import (
    WeightsReset as WeightsReset,
)
from schema.foreign import (
    FavouriteSynced as FavouriteSynced,
)
from schema.foreign import (
    ImagePosted as ImagePosted,
)
from schema.foreign import (
    PictureImported as PictureImported,
)
from schema.foreign import (
    PicturesImported as PicturesImported,
)
from schema.happened import Happened
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Seq, Sha256, StageId, Token
from schema.keeping import (
    AccessGranted as AccessGranted,
)
from schema.keeping import (
    AccessRevoked as AccessRevoked,
)
from schema.keeping import (
    FileDamaged as FileDamaged,
)
from schema.keeping import (
    FileMended as FileMended,
)
from schema.keeping import (
    PicturesDeleted as PicturesDeleted,
)
from schema.lessons import (
    AdviceAdopted as AdviceAdopted,
)
from schema.lessons import (
    InsightDismissed as InsightDismissed,
)
from schema.lessons import (
    InsightShown as InsightShown,
)
from schema.lessons import (
    InsightWithdrawn as InsightWithdrawn,
)
from schema.lessons import (
    LearningModeChanged as LearningModeChanged,
)
from schema.lessons import (
    PresetSuggested as PresetSuggested,
)
from schema.lessons import (
    RecordsForgotten as RecordsForgotten,
)
from schema.lessons import (
    RecordsImported as RecordsImported,
)
from schema.lessons import (
    RunRated as RunRated,
)
from schema.lessons import (
    SuggestionDropped as SuggestionDropped,
)
from schema.models import (
    ModelFavoured as ModelFavoured,
)
from schema.models import (
    ModelRated as ModelRated,
)
from schema.models import (
    ModelTagged as ModelTagged,
)
from schema.nodes import (
    LanePinned as LanePinned,
)
from schema.nodes import (
    NodeAddressed as NodeAddressed,
)
from schema.nodes import (
    NodeBarred as NodeBarred,
)
from schema.nodes import (
    NodeDrained as NodeDrained,
)
from schema.nodes import (
    NodeForgotten as NodeForgotten,
)
from schema.nodes import (
    NodeJoined as NodeJoined,
)
from schema.nodes import (
    NodeLost as NodeLost,
)
from schema.nodes import (
    NodePaired as NodePaired,
)
from schema.nodes import (
    NodePairFailed as NodePairFailed,
)
from schema.nodes import (
    NodeProbed as NodeProbed,
)
from schema.nodes import (
    NodeProbeStarted as NodeProbeStarted,
)
from schema.nodes import (
    NodeRefused as NodeRefused,
)
from schema.nodes import (
    NodeResumed as NodeResumed,
)
from schema.nodes import (
    NodeUnpaired as NodeUnpaired,
)
from schema.plans import JobSpec, Measures, Picture, RunSpec, Scalar

JobPhase = Literal["queued", "held", "running", "finished", "failed", "cancelled", "attention"]
QueueMode = Literal["share", "warm", "free"]


# The daemon itself ------------------------------------------------------------------------------


class DaemonStarted(Happened, frozen=True, kw_only=True):
    """Its seq is the epoch of all that follows."""

    version: str
    sqlite: str
    host: str


class DaemonStopped(Happened, frozen=True, kw_only=True):
    reason: str


class NothingChanged(Happened, frozen=True, kw_only=True):
    """Keeps the idempotency key of a command that changed nothing."""

    command: str


class LogLossAccepted(Happened, frozen=True, kw_only=True):
    """A person accepted that `lost` events after `after` are gone."""

    after: Seq
    lost: int


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


# Images -----------------------------------------------------------------------------------------


class ImageRated(Happened, frozen=True, kw_only=True):
    """0 stars: the rating was taken back."""

    image: ImageId
    stars: int
    was: int = 0
    whole: bool = False
    """It was given to the picture's run as a whole (`RunRated`)."""


class ImageTagged(Happened, frozen=True, kw_only=True):
    image: ImageId
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class ImagesCompared(Happened, frozen=True, kw_only=True):
    better: ImageId
    worse: ImageId
    tie: bool = False
    """Neither is better: the two stand in the order they were shown."""


class ComparisonTakenBack(Happened, frozen=True, kw_only=True):
    """The newest comparison of these two that still holds does so no more."""

    better: ImageId
    worse: ImageId
    tie: bool = False


class ImageTrashed(Happened, frozen=True, kw_only=True):
    image: ImageId


class ImageRestored(Happened, frozen=True, kw_only=True):
    image: ImageId


# Queue ------------------------------------------------------------------------------------------


class QueuePaused(Happened, frozen=True, kw_only=True):
    pass


class QueueResumed(Happened, frozen=True, kw_only=True):
    pass


class QueueModeChanged(Happened, frozen=True, kw_only=True):
    was: QueueMode
    now: QueueMode


# Taking back ------------------------------------------------------------------------------------


class CommandUndone(Happened, frozen=True, kw_only=True):
    """Stands behind the events that took back `undone`, in the same command; alone where nothing was left to take."""

    undone: CommandId
    text: str = ""
    """What was taken back, in words; where it stands alone, that nothing was, and why."""


class CommandRedone(Happened, frozen=True, kw_only=True):
    """Stands behind the events that took back the undoing `redone`; alone where nothing was left to do again."""

    redone: CommandId
    text: str = ""
    """As of `CommandUndone`."""


Event = (
    DaemonStarted | DaemonStopped | NothingChanged | LogLossAccepted
    | RunSubmitted | RunPaused | RunResumed | RunReopened | FilmStarted | FilmFinished | FilmFailed | RunFinished
    | JobSubmitted | JobHeld | JobReleased | JobMoved | JobPriorityChanged | JobEdited | JobCancelled | JobReopened
    | JobDispatched | JobFinished | JobFailed | JobParked
    | StageAssigned | ArtifactStored | StageFinished | StageFailed | StageLost | StageCancelled | StageSkipped
    | LateResultRefused
    | ImageRated | ImageTagged | ImagesCompared | ComparisonTakenBack | ImageTrashed | ImageRestored
    | PicturesImported | PictureImported | ImagePosted | FavouriteSynced
    | QueuePaused | QueueResumed | QueueModeChanged
    | ModelTagged | ModelRated | ModelFavoured
    | NodeJoined | NodeLost | NodeDrained | NodeResumed | NodeForgotten
    | NodePaired | NodePairFailed | NodeUnpaired | NodeAddressed | NodeRefused
    | NodeProbeStarted | NodeProbed | NodeBarred | LanePinned
    | FeedbackSwitched | WeightsAdjusted | WeightsReset
    | LearningModeChanged | RunRated | InsightShown | InsightWithdrawn | InsightDismissed | AdviceAdopted
    | PresetSuggested | SuggestionDropped | RecordsImported | RecordsForgotten
    | AccessGranted | AccessRevoked | PicturesDeleted | FileDamaged | FileMended
    | CommandUndone | CommandRedone
)  # fmt: skip

VERSIONS: dict[str, int] = {}
"""Event name to its current version where that is not 1."""


def version_of(event: Event) -> int:
    return VERSIONS.get(type(event).__name__, 1)


def stream_of(event: Event) -> str:
    """The stream an event belongs to: `job:ID`, `run:ID`, `image:ID`, `node:ID`, `model:KEY` or `sys`."""
    for kind in ("job", "run", "image", "node", "model"):
        name = getattr(event, kind, None)
        if name is not None and not (kind == "image" and isinstance(event, FilmFinished)):
            return f"{kind}:{name}"
    return f"image:{event.better}" if isinstance(event, ImagesCompared | ComparisonTakenBack) else "sys"


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the log, as everybody but the log's own files sees it."""

    seq: Seq
    at: float
    """Unix seconds with microseconds; told to people, never used for order."""
    epoch: Seq
    actor: str
    """`uid:1000`, `api:NAME`, `node:ID` or `daemon`."""
    event: Event
    cause: Seq | None = None
    command: CommandId | None = None
    key: str | None = None
    """Idempotency key; on the first event of its command only."""
    digest: bytes | None = None
    """SHA-256 of the request that came with the key."""
