"""What the log's verbs print: one struct per document, the same in JSON and in words."""

import sys

import msgspec

from schema.events import Envelope
from schema.pages import EventLine, iso


def line(envelope: Envelope) -> str:
    """An event on one line, without control characters: JSON escapes them."""
    event = msgspec.json.encode(envelope.event).decode()
    return f"{envelope.seq:>8}  {iso(envelope.at)}  {envelope.actor:<12}  {event}"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Scripts rely on these names."""

    events: int
    head: int
    ok: bool
    findings: tuple[str, ...]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    bytes: int
    """Its share of the log's file."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    day: str
    """Local date."""
    events: int
    bytes: int


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """From the days that were looked at, today left out unless the log is of today."""

    days: float
    events_per_day: float
    bytes_per_day: float
    bytes_in_a_year: int
    """What the log would have by then."""
    full_in_days: float | None
    """Until the log alone has filled its disk; None: not within a hundred years."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    head: int
    hash: str
    """Of the newest event."""
    bytes: int
    wal_bytes: int
    streams: int
    commands: int
    first: str | None
    last: str | None
    types: dict[str, int]
    """Type to how many, the most frequent first."""
    kinds: dict[str, Kind]
    """Type to what it takes, the largest first."""
    days: tuple[Day, ...]
    """The newest that had any, newest first."""
    growth: Growth
    free_bytes: int
    """On the log's disk."""
    snapshots: tuple[int, ...]
    """Their seqs, newest first."""
    snapshot_bytes: int
    view_bytes: int
    backups: int
    backup_bytes: int
    sqlite: str
    path: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    seq: int
    hash: str
    seconds: float


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The state at `seq`, come by in three ways."""

    seq: int
    same: bool
    live: str | None
    """Hash of the running daemon's state; None: no daemon runs."""
    snapshot: str
    """Of the newest snapshot and the tail behind it."""
    snapshot_seq: int
    """Of that snapshot; 0: there is none yet."""
    replay: str
    """From event 1 on."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    folder: str


class BackedUp(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    events: int
    head: int
    bytes: int


class Mending(msgspec.Struct, frozen=True, kw_only=True):
    kept: int
    """Good events that stay."""
    lost: int
    head: int
    """Lost seqs are not given out again, so this is never below what was promised."""
    beside: str | None
    """Where the old log lies now."""
    backup: str | None
    """The copy that events were taken from."""


class CopyLine(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    at: str
    kind: str
    """`night`, also those made when asked for, or `upgrade`."""
    head: int | None
    """Its newest event; None: it cannot be read."""
    bytes: int


class Copies(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    folder: str
    items: tuple[CopyLine, ...]
    total: int


class Events(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[EventLine, ...]
    total: int


def write(document: object) -> None:
    """One line on stdout."""
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    sys.stdout.flush()


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
