"""A person's wishes: the closed union of commands the ledger takes.

Ids, look-ups and the time of asking arrive inside. `docs/` and the routes use the same verbs.
"""

from typing import Literal

import msgspec

from schema.events import Envelope, JobPhase, QueueMode, StageDone
from schema.foreign import Favour as Favour
from schema.foreign import ImportPictures as ImportPictures
from schema.foreign import NoteFavourites as NoteFavourites
from schema.foreign import NotePosts as NotePosts
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, StageId
from schema.keeping import DeletePictures as DeletePictures
from schema.keeping import GrantAccess as GrantAccess
from schema.keeping import Looked as Looked
from schema.keeping import RevokeAccess as RevokeAccess
from schema.lessons import AdoptAdvice as AdoptAdvice
from schema.lessons import DismissInsight as DismissInsight
from schema.lessons import DropSuggestion as DropSuggestion
from schema.lessons import ForgetRecords as ForgetRecords
from schema.lessons import ImportRecords as ImportRecords
from schema.lessons import SetLearningMode as SetLearningMode
from schema.lessons import SuggestPresets as SuggestPresets
from schema.lessons import TellInsights as TellInsights
from schema.models import ModelVerdict
from schema.plans import JobSpec, RunSpec


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class EndedJob(msgspec.Struct, frozen=True, kw_only=True):
    """Look-up: an ended job as the views hold it, for commands that bring it back."""

    job: JobId
    run: RunId
    spec: JobSpec
    phase: JobPhase
    done: tuple[StageDone, ...]
    """Its finished stages in order."""


class EndedRun(msgspec.Struct, frozen=True, kw_only=True):
    """Look-up: a finished run as the views hold it."""

    run: RunId
    spec: RunSpec
    finished: int
    failed: int
    cancelled: int
    paused: bool
    """It was paused when its last job ended."""


class SubmitRun(_Command, frozen=True, kw_only=True):
    run: RunId
    spec: RunSpec
    jobs: tuple[JobSpec, ...]
    """In order; the n-th becomes `RUN.n`."""


class PauseQueue(_Command, frozen=True, kw_only=True):
    pass


class ResumeQueue(_Command, frozen=True, kw_only=True):
    pass


class SetQueueMode(_Command, frozen=True, kw_only=True):
    mode: QueueMode


class PauseRun(_Command, frozen=True, kw_only=True):
    run: RunId


class ResumeRun(_Command, frozen=True, kw_only=True):
    run: RunId


class CancelJobs(_Command, frozen=True, kw_only=True):
    """Jobs that have ended are left alone; clearing the queue is cancelling all that waits."""

    jobs: tuple[JobId, ...]
    reason: str = ""


class HoldJobs(_Command, frozen=True, kw_only=True):
    jobs: tuple[JobId, ...]


class ReleaseJobs(_Command, frozen=True, kw_only=True):
    jobs: tuple[JobId, ...]


Where = Literal["top", "bottom", "before", "after"]


class MoveJobs(_Command, frozen=True, kw_only=True):
    """Keeps the order of `jobs` among themselves."""

    jobs: tuple[JobId, ...]
    to: Where
    anchor: JobId | None = None


class SetPriority(_Command, frozen=True, kw_only=True):
    jobs: tuple[JobId, ...]
    priority: int


class EditJobs(_Command, frozen=True, kw_only=True):
    """The specs are planned at the edge; only jobs of which nothing has started are edited."""

    specs: dict[JobId, JobSpec]


class SkipStage(_Command, frozen=True, kw_only=True):
    """Goes on without the stage the job is at; a first stage cannot be skipped."""

    job: JobId


class RetryJobs(_Command, frozen=True, kw_only=True):
    """Failed, parked and cancelled jobs go on from their first unfinished stage."""

    jobs: tuple[JobId, ...]
    ended: tuple[EndedJob, ...] = ()
    runs: tuple[EndedRun, ...] = ()


class RerunJobs(_Command, frozen=True, kw_only=True):
    """From `stage` on, or only `stage`, with what stood before it kept."""

    jobs: tuple[JobId, ...]
    stage: StageId
    only: bool = False
    ended: tuple[EndedJob, ...] = ()
    runs: tuple[EndedRun, ...] = ()


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    image: ImageId
    stars: int
    was: int
    """Look-up: the stars it has now."""
    whole: bool = False
    """It is given to the picture's run as a whole."""


class Tagging(msgspec.Struct, frozen=True, kw_only=True):
    image: ImageId
    tags: tuple[str, ...]
    """Look-up: the tags it has now."""


class RunRating(msgspec.Struct, frozen=True, kw_only=True):
    run: RunId
    stars: int
    was: int
    """Look-up: the stars it has now."""


class RateImages(_Command, frozen=True, kw_only=True):
    ratings: tuple[Rating, ...]
    runs: tuple[RunRating, ...] = ()
    """Runs that are rated as wholes, with their pictures among `ratings`."""
    images: tuple[Tagging, ...] = ()
    """Those that are tagged in the same breath, with `add`."""
    add: tuple[str, ...] = ()


class TagImages(_Command, frozen=True, kw_only=True):
    images: tuple[Tagging, ...]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class CompareImages(_Command, frozen=True, kw_only=True):
    better: ImageId
    worse: ImageId
    tie: bool = False
    """Neither is better."""


class TrashImages(_Command, frozen=True, kw_only=True):
    images: tuple[ImageId, ...]


class RestoreImages(_Command, frozen=True, kw_only=True):
    images: tuple[ImageId, ...]


class JudgeModels(_Command, frozen=True, kw_only=True):
    """Tags, stars and favourites among models; what is None stays as it is."""

    models: tuple[ModelVerdict, ...]
    """Look-up: what was said of each so far."""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    stars: int | None = None
    favourite: bool | None = None


class DrainNode(_Command, frozen=True, kw_only=True):
    node: NodeId


class ResumeNode(_Command, frozen=True, kw_only=True):
    node: NodeId


class ForgetNode(_Command, frozen=True, kw_only=True):
    """Of a lost node with nothing under way, for which no run waits."""

    node: NodeId


class UnpairNode(_Command, frozen=True, kw_only=True):
    """Of a node that was paired, connected or not."""

    node: NodeId


class PinLane(_Command, frozen=True, kw_only=True):
    """The interactive lane goes to this node only; None: to whichever is done first."""

    node: NodeId | None


class SwitchFeedback(_Command, frozen=True, kw_only=True):
    """Whether plans lean to what looks at pictures have told."""

    on: bool


class ResetFeedback(_Command, frozen=True, kw_only=True):
    """Of these wildcards and packs; of all, where none is named."""

    names: tuple[str, ...] = ()


class Undo(_Command, frozen=True, kw_only=True):
    """`done` is the command on top of the undo stack, with its events and what they need, looked up."""

    done: CommandId
    events: tuple[Envelope, ...]
    ended: tuple[EndedJob, ...] = ()
    runs: tuple[EndedRun, ...] = ()
    deleted: tuple[ImageId, ...] = ()
    """Pictures of the events that were deleted for good since."""


class Redo(_Command, frozen=True, kw_only=True):
    """As `Undo`, of the undoing on top of the redo stack."""

    done: CommandId
    events: tuple[Envelope, ...]
    ended: tuple[EndedJob, ...] = ()
    runs: tuple[EndedRun, ...] = ()
    deleted: tuple[ImageId, ...] = ()
    """Pictures of the events that were deleted for good since."""


class AcceptLogLoss(_Command, frozen=True, kw_only=True):
    after: int
    lost: int


Command = (
    SubmitRun
    | PauseQueue | ResumeQueue | SetQueueMode | PauseRun | ResumeRun
    | CancelJobs | HoldJobs | ReleaseJobs | MoveJobs | SetPriority | EditJobs | SkipStage | RetryJobs | RerunJobs
    | RateImages | TagImages | CompareImages | TrashImages | RestoreImages
    | ImportPictures | NotePosts | NoteFavourites
    | JudgeModels
    | DrainNode | ResumeNode | ForgetNode | UnpairNode | PinLane
    | SwitchFeedback | ResetFeedback
    | SetLearningMode | TellInsights | DismissInsight | AdoptAdvice | SuggestPresets | DropSuggestion
    | ImportRecords | ForgetRecords
    | GrantAccess | RevokeAccess | DeletePictures
    | Undo | Redo | AcceptLogLoss
)  # fmt: skip
