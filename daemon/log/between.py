"""The difference between two moments of a log, and the log step by step: read where it lies, by indices.

However many events lie between, only those are decoded that are shown; types are counted in their index.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, cast, get_args

from daemon.core.difference import MOST, Between, Sight, difference, sight
from daemon.core.state import State
from daemon.log.fold import CORE
from daemon.log.reading import read_log
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from daemon.log.when import seq_at
from schema.events import Envelope, Event, JobReopened, JobSubmitted, PictureImported
from schema.ids import ImageId, JobId, RunId, Seq
from schema.then import Difference, Moment

KINDS: Final = tuple(kind.__name__ for kind in get_args(Event))

ENDS: Final = {"JobFinished": "finished", "JobFailed": "failed", "JobCancelled": "cancelled"}
"""Event type to the state of a job behind it."""

_RANGE: Final = "FROM events WHERE type=? AND seq>? AND seq<=?"


class Stepped(NamedTuple):
    """An event, what is seen of the state before and behind it, and what the event itself says of jobs."""

    envelope: Envelope
    was: Sight
    now: Sight
    between: Between


def difference_between(log: Path, folder: Path, one: str, other: str | None, now: float) -> Difference:
    """Of two WHENs, the earlier first whichever way round they are given; None is the newest event. `folder`: of the
    snapshots.

    Raises Refused for what is no WHEN, LogFromNewer, or sqlite3.Error.
    """
    with closing(reader(log)) as db:
        ends = moment_of(db, one, now), moment_of(db, other, now)
        before, after = sorted(ends, key=lambda moment: moment.seq)
        was, is_ = _sights(Snapshots(folder, log, CORE), log, before.seq, after.seq)
        return difference(was, is_, between(db, before.seq, after.seq), before, after, lambda job: _name_of(db, job))


def moment_of(db: sqlite3.Connection, when: str | None, now: float) -> Moment:
    """None: of the newest event. Raises Refused for what is no WHEN."""
    newest = db.execute("SELECT COALESCE(MAX(seq),0) FROM events").fetchone()[0]
    seq = newest if when is None else seq_at(db, when, now)
    found = db.execute("SELECT ts_us FROM events WHERE seq=?", (seq,)).fetchone()
    return Moment(seq=Seq(seq), at=found[0] / 1e6 if found else None, newest=Seq(newest), asked=when or "")


def tally(db: sqlite3.Connection, upto: int) -> dict[str, int]:
    """How much there was up to seq `upto`, by noun."""

    def count(*kinds: str) -> int:
        return sum(_count(db, kind, 0, upto) for kind in kinds)

    return {
        "runs": count("RunSubmitted", "PicturesImported"),
        "jobs": count("JobSubmitted", "PictureImported"),
        "pictures": count("ArtifactStored", "PictureImported"),
        "ratings": count("ImageRated"),
    }


def steps(log: Path, folder: Path, first: int, last: int) -> Iterator[Stepped]:
    """The events from seq `first` to `last`, each with the state around it."""
    state = Snapshots(folder, log, CORE).as_of(first - 1)
    was = sight(state)
    for envelope in read_log(log, first - 1, last):
        CORE.apply(state, envelope)
        now = sight(state)
        yield Stepped(envelope, was, now, _of_one(envelope.event))
        was = now


def alone(text: str) -> str:
    """On one line, without what could drive a terminal."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _of_one(event: Event) -> Between:
    kind, job = type(event).__name__, getattr(event, "job", None)
    came = isinstance(event, JobSubmitted | PictureImported)
    end = "finished" if isinstance(event, PictureImported) else ENDS.get(kind)
    return Between(
        kinds={kind: 1},
        submitted=frozenset((job,)) if came and job is not None else frozenset(),
        reopened={event.job: event.was} if isinstance(event, JobReopened) else {},
        ended={job: end} if job is not None and end is not None else {},
        runs=(),
        images=(),
        images_stored=0,
        ratings=0,
    )


def between(db: sqlite3.Connection, after: int, upto: int) -> Between:
    """What the events behind seq `after`, up to and with `upto`, say of what is in no state."""
    counts = {kind: _count(db, kind, after, upto) for kind in KINDS}
    kinds = sorted(((kind, number) for kind, number in counts.items() if number), key=lambda one: (-one[1], one[0]))
    submitted = [JobId(name) for kind in ("JobSubmitted", "PictureImported") for name in _names(db, kind, after, upto)]
    imported = {JobId(name): "finished" for name in _names(db, "PictureImported", after, upto)}
    reopened: dict[JobId, str] = {}
    for stream, was in _told(db, "JobReopened", "was", after, upto):
        reopened.setdefault(JobId(_name(stream)), was)
    runs = [RunId(name) for kind in ("RunSubmitted", "PicturesImported") for name in _names(db, kind, after, upto)]
    return Between(
        kinds=dict(kinds),
        submitted=frozenset(submitted),
        reopened=reopened,
        ended=imported | _ended(db, after, upto),
        runs=tuple(runs),
        images=tuple(ImageId(image) for _, image in _told(db, "ArtifactStored", "image", after, upto, MOST))
        + tuple(ImageId(image) for _, image in _told(db, "PictureImported", "image", after, upto, MOST)),
        images_stored=counts["ArtifactStored"] + counts["PictureImported"],
        ratings=counts["ImageRated"],
    )


def _ended(db: sqlite3.Connection, after: int, upto: int) -> dict[JobId, str]:
    found: list[tuple[int, str, str]] = []
    for kind, phase in ENDS.items():
        rows = db.execute(f"SELECT seq,stream {_RANGE}", (kind, after, upto))
        found += [(seq, stream, phase) for seq, stream in cast(Iterator[tuple[int, str]], rows)]
    return {JobId(_name(stream)): phase for _, stream, phase in sorted(found)}


def _count(db: sqlite3.Connection, kind: str, after: int, upto: int) -> int:
    return int(db.execute(f"SELECT COUNT(*) {_RANGE}", (kind, after, upto)).fetchone()[0])


def _names(db: sqlite3.Connection, kind: str, after: int, upto: int) -> list[str]:
    """Of the streams of these events."""
    return [_name(stream) for (stream,) in db.execute(f"SELECT stream {_RANGE} ORDER BY seq", (kind, after, upto))]


def _told(
    db: sqlite3.Connection, kind: str, field: str, after: int, upto: int, most: int = -1
) -> list[tuple[str, str]]:
    """Stream and one field of these events, in order."""
    sql = f"SELECT stream,json_extract(CAST(data AS TEXT),?) {_RANGE} ORDER BY seq LIMIT ?"
    return db.execute(sql, (f"$.{field}", kind, after, upto, most)).fetchall()


def _name(stream: str) -> str:
    return stream.partition(":")[2]


def _name_of(db: sqlite3.Connection, job: JobId) -> str:
    found = db.execute(
        "SELECT json_extract(CAST(data AS TEXT),'$.spec.name') FROM events WHERE stream=? ORDER BY sver LIMIT 1",
        (f"job:{job}",),
    ).fetchone()
    return str(found[0]) if found and found[0] else ""


def _sights(snapshots: Snapshots[State], log: Path, before: int, after: int) -> tuple[Sight, Sight]:
    state = snapshots.as_of(before)
    was = sight(state)
    nearer = any(before < saved.seq <= after for saved in snapshots.saved())
    state = snapshots.as_of(after) if nearer else CORE.onto(state, read_log(log, before, after))
    return was, sight(state)
