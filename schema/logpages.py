"""The log as lists show it: an event as a line of words, and what the programs wrote of themselves.

Times are Unix seconds here, as in `schema.pages`.
"""

from typing import Literal, get_args

from schema.events import Envelope, Event
from schema.ids import CommandId, ImageId, JobId, NodeId, RunId, Seq, run_of
from schema.pages import EventLine, event_line
from schema.plans import Plain
from schema.sentences import sentence

Kind = Literal["run", "job", "stage", "picture", "queue", "node", "learning", "model", "daemon"]
"""What an event is about: `kind:` of a FILTER of events."""

LONGEST = 400
"""Characters of an event's words in a list; what backends say may be a page."""

_BEGINNINGS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("stage", ("Stage", "Artifact", "Late")),
    ("job", ("Job",)),
    ("run", ("Run", "Film", "PicturesImported")),
    ("picture", ("Image", "Picture", "Comparison", "Favourite", "File")),
    ("node", ("Node", "Lane")),
    ("queue", ("Queue", "Command")),
    ("model", ("Model",)),
    ("daemon", ("Daemon", "Nothing", "Log", "Access")),
)
"""How the names of a kind's events begin; whatever begins otherwise is about what was learned."""

TYPES: tuple[str, ...] = tuple(each.__name__ for each in get_args(Event))

TROUBLE = frozenset({
    "StageFailed", "StageLost", "LateResultRefused", "JobFailed", "JobParked", "FilmFailed", "NodeLost", "NodeRefused",
    "NodePairFailed", "NodeBarred", "FileDamaged", "LogLossAccepted",
})  # fmt: skip
"""Events that tell of something that went wrong: `kind:trouble`."""


def kind_of(type_name: str) -> Kind:
    for kind, beginnings in _BEGINNINGS:
        if type_name.startswith(beginnings):
            return kind
    return "learning"


class EventRow(Plain, frozen=True, kw_only=True):
    seq: Seq
    at: float
    actor: str
    """`uid:1000`, `api:NAME`, `node:ID` or `daemon`."""
    type: str
    kind: Kind
    words: str
    """What happened, in a sentence with ids as they are; cut at `LONGEST`."""
    trouble: bool = False
    """It tells of something that went wrong."""
    job: JobId | None = None
    run: RunId | None = None
    image: ImageId | None = None
    node: NodeId | None = None
    command: CommandId | None = None
    """What all events of one wish have in common."""
    cause: Seq | None = None
    """The event that led to this one."""


class EventWhole(EventLine, frozen=True, kw_only=True):
    """`GET /v1/log/{seq}`."""

    hash: str
    """Of the chain up to and with this event, hex."""


class ProgramLine(Plain, frozen=True, kw_only=True):
    """A line of a program's own log file (`schema.loglines`)."""

    id: str
    """`daemon.jsonl:81234`: its file, and where in it."""
    at: float
    level: str
    """`info`, `warning`, `error`, `critical`; empty where the line is no JSON."""
    program: str
    """`daemon`, `agent`: its file's name."""
    source: str
    """The part of the program."""
    says: str
    trace: str = ""
    """Where in the code it came about, in several lines."""
    about: dict[str, str] = {}
    """Run, job, stage, node and the like, where they are known."""
    folder: str = ""
    """Absolute: where its file lies."""


def event_row(envelope: Envelope) -> EventRow:
    event = envelope.event
    name = type(event).__name__
    words = " ".join(sentence(event).split())
    job: JobId | None = getattr(event, "job", None)
    run: RunId | None = getattr(event, "run", None) or (run_of(job) if job is not None else None)
    return EventRow(
        seq=envelope.seq,
        at=envelope.at,
        actor=envelope.actor,
        type=name,
        kind=kind_of(name),
        words=words if len(words) <= LONGEST else words[: LONGEST - 1] + "…",
        trouble=name in TROUBLE,
        job=job,
        run=run,
        image=getattr(event, "image", None) or getattr(event, "better", None),
        node=getattr(event, "node", None),
        command=envelope.command,
        cause=envelope.cause,
    )


def event_whole(envelope: Envelope, digest: bytes) -> EventWhole:
    """`digest`: the chain's, of this event."""
    told = event_line(envelope)
    return EventWhole(
        seq=told.seq,
        at=told.at,
        epoch=told.epoch,
        actor=told.actor,
        cause=told.cause,
        command=told.command,
        key=told.key,
        type=told.type,
        event=told.event,
        hash=digest.hex(),
    )
