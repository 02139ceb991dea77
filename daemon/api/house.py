"""What the routes need of the rest of the daemon. `daemon/housing.py` fills it in; a test may fill in less."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from daemon.api.disk import DiskDoor, NoDisk
from daemon.api.lessons import LearningDoor, NobodyLearns
from daemon.api.nobody import (
    NobodyReads,
    NoGallery,
    NoHooks,
    no_difference,
    no_forecast,
    no_invitation,
    no_lines,
    no_pairing,
    no_past,
    no_probe,
    no_sheet,
    no_trial,
    nobody,
    nothing_foretold,
    nothing_to_wait_for,
)
from daemon.api.shelf import ModelShelf, NoModels
from daemon.core.state import LastUsed
from daemon.core.vitals import Vitals
from daemon.ledger.mail import Committed, Origin
from daemon.scheduling.able import Known
from daemon.sieve import Found, LineSieve, Part, Sieve
from daemon.views.read_views import ReadViews
from schema.commands import Command, ImportPictures
from schema.events import Envelope
from schema.feedback import Feedback
from schema.forecast import Forecast, Foretold
from schema.foreign import ImportedFile, Posted, Synced, Understood
from schema.hooks import HookRow, HookTried
from schema.ids import CommandId, JobId, NodeId, RunId, Sha256
from schema.keeping import Access
from schema.lessons import Lessons
from schema.logpages import ProgramLine
from schema.pages import ImageRow, JobRecord, RunRecord
from schema.plans import JobSpec, RunSpec, Scalar, Written
from schema.prompts import CompletionKind, Completions, Trial, Tried
from schema.readings import Readings
from schema.requests import RunRequest, Selection
from schema.scenes import Answer, Scene
from schema.settings import Settings
from schema.shelf import Said, Use
from schema.then import Difference, Moment

Condition = Literal["starting", "ready", "read-only", "stopping"]

Config = Mapping[str, Mapping[str, Scalar]]
"""Stage id to its fields."""


class LedgerDoor(Protocol):
    """The one writer, as the routes see it (`daemon.ledger.Ledger`)."""

    @property
    def durable(self) -> int: ...
    @property
    def last(self) -> LastUsed | None: ...
    @property
    def feedback(self) -> Feedback: ...
    @property
    def lessons(self) -> Lessons: ...
    @property
    def access(self) -> Mapping[str, Access]: ...
    @property
    def damaged(self) -> tuple[Sha256, ...]: ...
    async def command(self, command: Command, origin: Origin) -> Answer: ...
    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[Committed]]: ...
    def scene(self) -> Scene: ...
    async def undo_top(self) -> CommandId | None: ...
    async def redo_top(self) -> CommandId | None: ...
    async def explain(self, job: JobId) -> tuple[str, ...]: ...
    async def state_hash(self) -> tuple[int, str]: ...


class ForeignDoor(Protocol):
    """Pictures of other programs (`daemon.foreign.ForeignPictures`)."""

    async def read(self, content: AsyncIterator[bytes], name: str) -> Understood: ...
    async def import_of(self, run: RunId, name: str, files: Sequence[ImportedFile], folder: str) -> ImportPictures: ...


class GalleryDoor(Protocol):
    """The gallery of the settings (`daemon.gallery`); `note` brings an event about before the next is sent."""

    async def post(
        self, pictures: Sequence[tuple[ImageRow, JobRecord]], note: Callable[[Command], Awaitable[None]]
    ) -> Posted: ...
    async def sync(self, note: Callable[[Command], Awaitable[None]]) -> Synced: ...


class HookDoor(Protocol):
    """Who is told of what happens (`daemon.hooks`)."""

    def rows(self) -> tuple[HookRow, ...]: ...
    async def test(self, name: str) -> HookTried: ...


class KeptKey(Protocol):
    @property
    def command(self) -> CommandId: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def envelopes(self) -> tuple[Envelope, ...]: ...


class ReadLog(Protocol):
    async def find_key(self, actor: str, key: str) -> KeptKey | None: ...
    async def events_of(self, command: CommandId) -> tuple[Envelope, ...]: ...
    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]: ...
    async def sift(self, sieve: Sieve, part: Part) -> Found: ...
    async def hash_at(self, seq: int) -> bytes | None: ...


class Planned(Protocol):
    """`daemon.prompting.plan.Plan`."""

    @property
    def spec(self) -> RunSpec: ...
    @property
    def jobs(self) -> tuple[JobSpec, ...]: ...
    @property
    def base(self) -> bytes: ...
    @property
    def plan_hash(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...


class Shown(NamedTuple):
    """Something of the library, as a list or a person who opens it sees it."""

    name: str
    text: str
    prompts: tuple[str, ...] = ()
    """Of a pack: the positive prompts, before variation."""
    negatives: tuple[str, ...] = ()
    """One for each of them."""
    slots: tuple[str, ...] = ()
    """Of a pack's matrix, as lines that a prompt alone may begin with: `#! [[weather]] = rain | fog`."""
    says: tuple[Said, ...] = ()
    """Of all but packs and workflows: what is in it, line by line."""
    path: str = ""
    """Empty: it is built in, or stands in a file with others."""
    builtin: bool = False
    """It comes with the program and stays as it is."""


Noun = Literal[
    "packs", "pipelines", "presets", "profiles", "templates", "styles", "overlays", "wildcards", "workflows"
]  # fmt: skip
"""Kinds of the library as routes are called."""


class Library(Protocol):
    """What people wrote. Reads files: called off the loop. Refused with file and line where one cannot be read."""

    def names(self, noun: Noun) -> tuple[str, ...]: ...
    def troubles(self, noun: Noun) -> tuple[str, ...]:
        """What of these is broken or left out: the others are there all the same."""
        ...

    def show(self, noun: Noun, name: str, *, whole: bool = True) -> Shown:
        """Not `whole`: the text alone, also where what it says cannot be read."""
        ...

    def save(self, noun: Noun, name: str, text: str) -> Shown: ...
    def rename(self, noun: Noun, name: str, to: str) -> str:
        """Its new name."""
        ...

    def delete(self, noun: Noun, name: str) -> None:
        """What is deleted can be restored for a while."""
        ...

    def restore(self, noun: Noun, name: str) -> str:
        """The name of the last one of this name that was deleted, and is there again."""
        ...

    def check(self, noun: Noun, name: str, text: str) -> tuple[str, ...]:
        """Warnings of a text that is not saved yet; Refused where it could not be."""
        ...

    def uses(self, noun: str, name: str) -> tuple[Use, ...]:
        """Who names it; `noun` may be loras, embeddings or models too."""
        ...

    def complete(self, text: str, at: int, limit: int, kind: CompletionKind | None) -> Completions: ...
    def last(self) -> Config | None:
        """The effective config of the last run; None: there was none."""
        ...


class Paired(Protocol):
    """What came of an attempt to bring an agent into the fleet."""

    @property
    def node(self) -> NodeId: ...
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def paired(self) -> bool: ...
    @property
    def ready(self) -> bool:
        """Its probe came back as it should; until then it is given nothing."""
        ...

    @property
    def reason(self) -> str:
        """Why it is not ready, or what the probe has shown."""
        ...


class Probed(Protocol):
    @property
    def ok(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def seconds(self) -> float: ...


@dataclass(kw_only=True)
class House:
    version: str
    pid: int
    uid: int
    """Whose daemon this is: only this user and root may ask."""
    socket: Path
    started: float
    """Unix seconds."""
    clock: Callable[[], float]
    draw_id: Callable[[], str]
    condition: Callable[[], Condition]
    trouble: Callable[[], str] = field(default=lambda: "")
    """Why it is not ready, in a sentence; empty where nothing stands in the way."""
    concerns: Callable[[], tuple[str, ...]] = field(default=lambda: ())
    """What a person should know although the work goes on, a sentence each."""
    stop: Callable[[], None]
    """Asks the daemon to stop; returns at once."""
    settings: Callable[[], Settings]
    results: Path
    ledger: LedgerDoor
    log: ReadLog
    views: ReadViews
    library: Library
    plan: Callable[[RunRequest, RunId], Planned]
    """Of the run with this id; draws the seed if none is said. Slow for many jobs: called off the loop.

    Raises Refused.
    """
    config: Callable[[bytes, Mapping[str, Scalar]], Config]
    """Base config and overlay to every running stage's effective settings."""
    edit: Callable[[JobSpec, bytes, Selection, RunSpec, Written | None], JobSpec]
    """The job of this run with a person's changes. Raises Refused."""
    try_out: Callable[[Trial], Tried] = field(default=no_trial)
    """A prompt as it would be planned. Called off the loop. Raises Refused."""
    free_bytes: Callable[[], int | None] = field(default=lambda: None)
    """Of the fullest disk that is written to."""
    put_blob: Callable[[bytes], Awaitable[Sha256]]
    put_picture: Callable[[AsyncIterator[bytes]], Awaitable[Sha256]]
    """Verified before it is kept. Raises Refused."""
    blob: Callable[[Sha256], Path]
    """Where a file of the artifact store lies. Raises Refused when it does not."""
    thumbnail: Callable[[Sha256, Literal[256, 1024]], Awaitable[Path]]
    results_reached: Callable[[int], Awaitable[None]] = field(default=nothing_to_wait_for)
    """Returns when the results folders hold everything up to this seq."""
    in_results: Callable[[ImageRow], Path | None] = field(default=lambda row: None)
    """The picture's file in its run's results folder, if it lies there."""
    vitals: Vitals = field(default_factory=Vitals)
    """Previews are read from it; the feed counts its watchers in it."""
    known: Callable[[], Sequence[Known]] = field(default=lambda: ())
    """Every known node with its newest card."""
    refresh_node: Callable[[NodeId], Awaitable[None]] = field(default=nobody)
    """Has the node read its backends' lists anew. Raises Refused."""
    free_node: Callable[[NodeId], Awaitable[None]] = field(default=nobody)
    """Has the node give its memory back. Raises Refused."""
    pair_node: Callable[[str, str], Awaitable[Paired]] = field(default=no_pairing)
    """The agent with this id, or at this address, by the code that it shows; waits for its probe. Raises Refused."""
    add_node: Callable[[str, str | None], Awaitable[Paired]] = field(default=no_pairing)
    """An agent at `HOST:PORT` that mDNS does not show; paired at once where a code is given. Raises Refused."""
    invite: Callable[[], Awaitable[tuple[str, float]]] = field(default=no_invitation)
    """A token for an agent that nobody reads a code from, and until when it holds, Unix seconds."""
    probe_node: Callable[[NodeId], Awaitable[Probed]] = field(default=no_probe)
    """Has the node draw a small picture and looks at it. Raises Refused."""
    models: ModelShelf = field(default_factory=NoModels)
    """Files of models here and what nodes have, in one list."""
    forecast: Callable[[RunId | None], Awaitable[Forecast]] = field(default=no_forecast)
    """Of one run, or of all that wait."""
    foretell: Callable[[RunSpec, Sequence[JobSpec]], Awaitable[Foretold]] = field(default=nothing_foretold)
    """Of a run that is not queued yet. Raises Refused where nothing can be queued."""
    sheet: Callable[[RunRecord, Sequence[JobRecord], str | None, str | None, int | None], bytes] = field(
        default=no_sheet
    )
    """A run's pictures on one page: columns and rows by name, the longer side of each; a PNG. Slow. Raises Refused."""
    foreign: ForeignDoor = field(default_factory=NobodyReads)
    """Reads what other programs made."""
    gallery: GalleryDoor = field(default_factory=NoGallery)
    """Where finished pictures can be posted to."""
    learning: LearningDoor = field(default_factory=NobodyLearns)
    """What verdicts teach."""
    readings: Callable[[], Readings] = field(default=Readings)
    """What the daemon reads off itself."""
    lines: Callable[[LineSieve], tuple[ProgramLine, ...]] = field(default=no_lines)
    """What the programs on this machine wrote of themselves of late, the oldest first. Called off the loop."""
    hooks: HookDoor = field(default_factory=NoHooks)
    """Who is told of what happens."""
    disk: DiskDoor = field(default_factory=NoDisk)
    """Who looks after the disk; of another moment nobody does."""
    moment: Moment | None = None
    """The moment that everything here is of; None: now."""
    then: Callable[[str], Awaitable["House"]] = field(default=no_past)
    """The house as it was at WHEN: reads as this one does, refuses every wish. Raises Refused for no moment."""
    differ: Callable[[str, str | None], Awaitable[Difference]] = field(default=no_difference)
    """What is different between two WHENs (None: now), the earlier first. Raises Refused for no moment."""
