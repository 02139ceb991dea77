"""What happened, in the past tense: the closed union that the log holds for ever.

A field may be added with a default. A renamed or retyped field is a new version (`VERSIONS`) with an
upcaster in `daemon.log.upcast`; a changed meaning is a new event. Nothing here is ever removed.
An event that takes something back can be written from the events it takes back, so each carries what was.
"""

from typing import Literal

import msgspec

from schema.feedback import FeedbackSwitched, WeightsAdjusted, WeightsReset
from schema.foreign import FavouriteSynced, ImagePosted, PictureImported, PicturesImported
from schema.happened import Happened
from schema.ids import CommandId, ImageId, Seq
from schema.keeping import AccessGranted, AccessRevoked, FileDamaged, FileMended, PicturesDeleted
from schema.lessons import (
    AdviceAdopted,
    InsightDismissed,
    InsightShown,
    InsightWithdrawn,
    LearningModeChanged,
    PresetSuggested,
    RecordsForgotten,
    RecordsImported,
    RunRated,
    SuggestionDropped,
)
from schema.models import ModelFavoured, ModelRated, ModelTagged
from schema.nodes import (
    LanePinned,
    NodeAddressed,
    NodeBarred,
    NodeDrained,
    NodeForgotten,
    NodeJoined,
    NodeLost,
    NodePaired,
    NodePairFailed,
    NodeProbed,
    NodeProbeStarted,
    NodeRefused,
    NodeResumed,
    NodeUnpaired,
)
from schema.work import (
    ArtifactStored,
    FilmFailed,
    FilmFinished,
    FilmStarted,
    JobCancelled,
    JobDispatched,
    JobEdited,
    JobFailed,
    JobFinished,
    JobHeld,
    JobMoved,
    JobParked,
    JobPhase,
    JobPriorityChanged,
    JobReleased,
    JobReopened,
    JobSubmitted,
    LateResultRefused,
    RunFinished,
    RunPaused,
    RunReopened,
    RunResumed,
    RunSubmitted,
    StageAssigned,
    StageCancelled,
    StageDone,
    StageFailed,
    StageFinished,
    StageLost,
    StageSkipped,
)

# Wherever an event is defined: everybody has it from here.
__all__ = [
    "VERSIONS",
    "AccessGranted",
    "AccessRevoked",
    "AdviceAdopted",
    "ArtifactStored",
    "CommandRedone",
    "CommandUndone",
    "ComparisonTakenBack",
    "DaemonStarted",
    "DaemonStopped",
    "Envelope",
    "Event",
    "FavouriteSynced",
    "FeedbackSwitched",
    "FileDamaged",
    "FileMended",
    "FilmFailed",
    "FilmFinished",
    "FilmStarted",
    "ImagePosted",
    "ImageRated",
    "ImageRestored",
    "ImageTagged",
    "ImageTrashed",
    "ImagesCompared",
    "InsightDismissed",
    "InsightShown",
    "InsightWithdrawn",
    "JobCancelled",
    "JobDispatched",
    "JobEdited",
    "JobFailed",
    "JobFinished",
    "JobHeld",
    "JobMoved",
    "JobParked",
    "JobPhase",
    "JobPriorityChanged",
    "JobReleased",
    "JobReopened",
    "JobSubmitted",
    "LanePinned",
    "LateResultRefused",
    "LearningModeChanged",
    "LogLossAccepted",
    "ModelFavoured",
    "ModelRated",
    "ModelTagged",
    "NodeAddressed",
    "NodeBarred",
    "NodeDrained",
    "NodeForgotten",
    "NodeJoined",
    "NodeLost",
    "NodePairFailed",
    "NodePaired",
    "NodeProbeStarted",
    "NodeProbed",
    "NodeRefused",
    "NodeResumed",
    "NodeUnpaired",
    "NothingChanged",
    "PictureImported",
    "PicturesDeleted",
    "PicturesImported",
    "PresetSuggested",
    "QueueMode",
    "QueueModeChanged",
    "QueuePaused",
    "QueueResumed",
    "RecordsForgotten",
    "RecordsImported",
    "RunFinished",
    "RunPaused",
    "RunRated",
    "RunReopened",
    "RunResumed",
    "RunSubmitted",
    "StageAssigned",
    "StageCancelled",
    "StageDone",
    "StageFailed",
    "StageFinished",
    "StageLost",
    "StageSkipped",
    "SuggestionDropped",
    "WeightsAdjusted",
    "WeightsReset",
    "stream_of",
    "version_of",
]

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
