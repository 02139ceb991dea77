"""Travel through the log: a moment of the past, and what is different between two."""

from schema.ids import ImageId, JobId, RunId, Seq
from schema.plans import Plain


class Moment(Plain, frozen=True, kw_only=True):
    """The moment an answer is of."""

    seq: Seq
    """The last event that counts."""
    at: float | None
    """Unix seconds of that event; None: of none."""
    newest: Seq
    """The newest event there is."""
    asked: str = ""
    """WHEN as it was written; empty: nobody asked for it, the log is readable up to there."""


class JobChange(Plain, frozen=True, kw_only=True):
    job: JobId
    name: str
    was: str
    """Its state then; empty: it was not there yet."""
    now: str


class Difference(Plain, frozen=True, kw_only=True):
    """What happened behind `before`, up to and with `after`. Lists are cut at `most` entries, counts are whole."""

    before: Moment
    after: Moment
    events: int
    kinds: dict[str, int]
    """Event type to how many."""
    runs: tuple[RunId, ...] = ()
    """Submitted in between."""
    jobs: tuple[JobChange, ...] = ()
    jobs_changed: int = 0
    images: tuple[ImageId, ...] = ()
    """Stored in between."""
    images_stored: int = 0
    ratings: int = 0
    settings: dict[str, tuple[str, str]] = {}
    """Of queue, lessons and fleet, in words: what it was and what it is."""
    most: int = 200
