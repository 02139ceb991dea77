"""What routes answer about the past and the library: rows of lists and whole records.

Times are Unix seconds here; the command line and the routes write them as UTC ISO 8601 (`iso`).
"""

from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

import msgspec

from schema.events import Envelope, Event, JobPhase
from schema.ids import ImageId, JobId, NodeId, RunId, StageId, Token
from schema.plans import JobSpec, Lane, Learning, Measures, Picture, Plain, Randomizer, RunSpec, Scalar

Item = TypeVar("Item")

RunPhase = Literal["active", "paused", "held", "finished"]


def iso(at: float) -> str:
    """`2026-11-20T22:04:05.123Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    items: tuple[Item, ...]
    total: int
    """Of all that match, whatever is shown."""
    head: int


class ImageRow(Plain, frozen=True, kw_only=True):
    id: ImageId
    job: JobId
    run: RunId
    stage: StageId
    name: str
    """The job's name."""
    final: bool
    """Made by its job's last stage."""
    created: float
    media: str
    bytes: int
    width: int
    height: int
    sha256: str
    pixels: str
    stars: int = 0
    tags: tuple[str, ...] = ()
    pack: str | None = None
    model: str | None = None
    seed: int = 0
    path: str = ""
    """Absolute, in the results folder if it is there, else in the artifact store."""
    trashed: bool = False
    suspect: str | None = None
    folder: str = ""
    """Name of its run's results folder."""
    stage_number: int = 1
    """Of its stage in the job's pipeline, from 1."""
    index: int = 0
    """Among the pictures of its attempt."""


class ImageRecord(Plain, frozen=True, kw_only=True):
    """One picture within a job's record."""

    id: ImageId
    index: int
    file: Picture
    stars: int = 0
    tags: tuple[str, ...] = ()
    suspect: str | None = None
    """Why it may be broken."""


class StageRecord(Plain, frozen=True, kw_only=True):
    id: StageId
    kind: str
    state: Literal["waiting", "running", "done", "failed", "skipped"]
    attempts: int = 0
    token: Token | None = None
    node: NodeId | None = None
    node_name: str | None = None
    """As the node was called when it ran; the node itself may be forgotten since."""
    backend: str | None = None
    why: str = ""
    """Of its last assignment."""
    started: float | None = None
    ended: float | None = None
    measures: Measures = Measures()
    effective: dict[str, Scalar] = {}
    reported: dict[str, Scalar] = {}
    suspect: str | None = None
    filters: tuple[str, ...] = ()
    reason: str = ""
    """Why its last attempt failed."""
    images: tuple[ImageRecord, ...] = ()
    deleted: int = 0
    """Pictures of its last attempt that were deleted for good."""


class JobRecord(Plain, frozen=True, kw_only=True):
    """A job whole: `job show`, the sidecar and the manifest are this."""

    id: JobId
    run: RunId
    state: JobPhase
    created: float
    spec: JobSpec
    stages: tuple[StageRecord, ...]
    lane: Lane = "batch"
    priority: int = 0
    node: NodeId | None = None
    node_name: str | None = None
    ended: float | None = None
    reason: str = ""


class JobShown(JobRecord, frozen=True, kw_only=True):
    """A job with what it owes to its run: `job show`."""

    work: str
    """Kind of the stage it is at; of its last one when it has ended."""
    config: dict[str, dict[str, Scalar]]
    """Stage id to the settings it was planned with."""
    folder: str
    """Absolute: its run's results folder."""
    node_wanted: str | None = None
    """By its name; by its id where nobody knows it any more."""
    backend_wanted: str | None = None
    learning: Learning = "passive"
    experiment: str | None = None
    preset: str | None = None
    profile: str | None = None
    randomizer: Randomizer = Randomizer()
    embeddings: tuple[str, ...] = ()
    """Words of its prompts that are embeddings on the nodes that made it; before that, on any."""
    prompt: str = ""
    """What its pictures are made from, as far as is known: after the stages that write prompts, and what a person
    wrote over them.
    """
    negative: str = ""


class Resource(Plain, frozen=True, kw_only=True):
    """A name that a stage can ask for, and who has it: `model list`, and what the form offers."""

    list: str
    """Field of `schema.orders.BackendCard`: `models`, `samplers`, ..."""
    name: str
    nodes: tuple[str, ...] = ()
    """Names of the nodes that have it."""
    backends: tuple[str, ...] = ()


class FilmRecord(Plain, frozen=True, kw_only=True):
    id: ImageId
    file: Picture
    frames: int
    seconds: float
    fps: float
    codec: str


class RunRow(Plain, frozen=True, kw_only=True):
    id: RunId
    name: str
    state: RunPhase
    created: float
    jobs: int
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    attention: int = 0
    lane: Lane = "batch"
    packs: tuple[str, ...] = ()
    folder: str = ""
    """Absolute."""
    ended: float | None = None


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log as the routes and the offline verbs write it."""

    seq: int
    at: str
    """UTC ISO 8601."""
    epoch: int
    actor: str
    cause: int | None
    command: str | None
    key: str | None
    type: str
    event: Event
    """The event's own fields."""


def event_line(envelope: Envelope) -> EventLine:
    return EventLine(
        seq=envelope.seq,
        at=iso(envelope.at),
        epoch=envelope.epoch,
        actor=envelope.actor,
        cause=envelope.cause,
        command=envelope.command,
        key=envelope.key,
        type=type(envelope.event).__name__,
        event=envelope.event,
    )


class RunRecord(Plain, frozen=True, kw_only=True):
    row: RunRow
    spec: RunSpec
    film: FilmRecord | None = None
    film_reason: str = ""
    """Why there is no film although one was wanted."""


class NodeDay(Plain, frozen=True, kw_only=True):
    """What a node did in the 24 hours before: stages that it finished. Nulls where there were none."""

    node: NodeId
    stages: int = 0
    pictures: int = 0
    """That these stages made."""
    finals: int = 0
    """Those of them that are results, not steps on the way."""
    clock_s: float | None = None
    """Since the first of the stages was given out, or since the 24 hours began."""
    worked_s: float | None = None
    """Of that time, while at least one of the stages ran."""
    per_hour: float | None = None
    """Pictures for each hour of `clock_s`, idle time and all; null where no stage made a picture."""
    p50_s: float | None = None
    """Half of the stages were back so soon after they were given out."""
    p95_s: float | None = None
    """The same of 95 in 100."""
