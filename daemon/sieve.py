"""Which events of the log, and which lines of the programs' own logs, somebody wants to see. Pure; reads nothing."""

from typing import NamedTuple

from schema.events import Envelope


class Sieve(NamedTuple):
    """Of one field any, of several fields all. Nothing said: every event."""

    types: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    """Ids. With what happened to the job's pictures."""
    runs: tuple[str, ...] = ()
    """Ids, or how they begin. With what happened to their jobs and pictures."""
    images: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """Ids or names. With what was given to the node, and what came of it."""
    actors: tuple[str, ...] = ()
    """`uid:1000` whole, or `uid`, `api`, `node`, `daemon`: all of that sort."""
    commands: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """All of them occur in the event as it is written, whatever the case of a to z."""


class Bound(NamedTuple):
    """One of the two: a seq, or Unix seconds."""

    seq: int | None = None
    at: float | None = None


class Part(NamedTuple):
    """Which of the events that fall through: a span of the log, and a window of it."""

    upto: int
    """The newest event that counts."""
    since: Bound | None = None
    """Not before it."""
    until: Bound | None = None
    """Not behind it."""
    offset: int = 0
    limit: int = 100
    newest_first: bool = False


class Found(NamedTuple):
    envelopes: tuple[Envelope, ...]
    """Those in the window, in its order."""
    total: int
    """In the whole span."""


class LineSieve(NamedTuple):
    """Of lines of the programs' own logs. All of it must hold."""

    levels: frozenset[str] = frozenset()
    """Empty: any."""
    programs: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Case folded; all of them occur in the line."""
    since: float | None = None
    until: float | None = None
