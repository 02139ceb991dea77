"""Looks in the views: what a stage said of the pictures before it, held against what their prompt asked for.

The comparison is a function of the connection (`register`): it needs the job's words, which only the tables hold.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from daemon.prompting.looks.compare import Part, look
from daemon.prompting.looks.goals import same_goals
from daemon.views.fold.statement import Statement, Value
from schema import events as e
from schema.plans import JobSpec, Scalar

LONGEST = 4_000
"""Letters of a caption; who says more is not looking."""

_SPEC = msgspec.json.Decoder(JobSpec)


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the column `told` of `looks` holds."""

    fulfilment: float | None = None
    style: float | None = None
    seen: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


def fold(envelope: e.Envelope, event: e.StageFinished) -> list[Statement]:
    """Nothing for stages that say nothing of what they see."""
    captions, scores = _each(event.reported.get("caption")), _each(event.reported.get("score"))
    if not captions and not scores:
        return []
    numbers = [_number(score) for score in scores]
    looker = event.effective.get("model")
    against = event.effective.get("against")
    values: tuple[Value, ...] = (
        event.stage, envelope.seq, envelope.at, looker if isinstance(looker, str) else "", _json(captions or [""]),
        _json(numbers or [None]), event.job, against if isinstance(against, str) else "",
        " ".join(captions)[:LONGEST],
    )  # fmt: skip
    whose = (event.job, event.stage)
    return [(EMPTIED, whose), (LOOKED, values), (JUDGED, whose), (PARTED, whose)]


def _each(value: Scalar) -> list[str]:
    """Of every picture: backends put several into one text, with line ends or bars between."""
    if value is None or isinstance(value, bool):
        return []
    text = str(value)
    return [piece.strip()[:LONGEST] for piece in (text.split("\n") if "\n" in text else text.split(" | "))]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 <= number <= 1.0 else None


def _json(values: Sequence[str | float | None]) -> str:
    return msgspec.json.encode(values).decode()


def register(db: sqlite3.Connection) -> None:
    db.create_function("look_at", 5, look_at, deterministic=True)


def look_at(spec: bytes, caption: str, score: float | None, looker: str, against: str) -> str:
    """JSON of a `Told`. Never fails: a caption is whatever a model has said.

    `against`: the words that were scored; where they are not the prompt's, its components have no part in the score.
    """
    job = _SPEC.decode(spec)
    whole, found = look(job, caption, score if not against or same_goals(against, job.prompt) else None, looker)
    told = Told(
        fulfilment=whole.fulfilment,
        style=whole.style,
        seen=whole.seen,
        missed=whole.missed,
        unwanted=whole.unwanted,
        parts=found,
    )
    return msgspec.json.encode(told).decode()


LOOKED = (  # at the pictures of the nearest stage before it that made some
    "INSERT OR REPLACE INTO looks(image, stage, n, job, pack, at, looker, counts, caption, score, told)"
    " SELECT id, ?1, ?2, job, pack, ?3, ?4, counts, caption, score, look_at(spec, caption, score, ?4, ?8) FROM ("
    "SELECT images.id, images.job, images.pack, specs.spec, suspect IS NULL AND"
    " coalesce(json_extract(CAST(runs.spec AS TEXT), '$.learning'), '') <> 'off' AS counts,"
    " iif(json_array_length(?5) = count(*) OVER (), json_extract(?5, '$[' || number || ']'), ?9) AS caption,"
    " json_extract(?6, '$[' || iif(number < json_array_length(?6), number, 0) || ']') AS score"
    " FROM images JOIN specs USING (job) JOIN runs ON runs.id = images.run WHERE images.job = ?7 AND token = ("
    "SELECT token FROM stages JOIN json_each((SELECT stages FROM jobs WHERE id = ?7)) AS place"
    " ON place.value = stage WHERE job = ?7 AND state = 'done'"
    " AND EXISTS (SELECT 1 FROM images AS made WHERE made.job = ?7 AND made.token = stages.token)"
    " AND place.key < (SELECT key FROM json_each((SELECT stages FROM jobs WHERE id = ?7)) WHERE value = ?1)"
    " ORDER BY place.key DESC LIMIT 1))"
)
OF_JOB = "image IN (SELECT id FROM images WHERE job = ?1) AND stage = ?2"
JUDGED = f"UPDATE looks SET fulfilment = told ->> 'fulfilment', style = told ->> 'style' WHERE {OF_JOB}"
EMPTIED = (  # of what the same stage saw before
    "DELETE FROM parts WHERE (kind, name, value, image, stage) IN"
    " (SELECT part.value ->> 0, part.value ->> 1, part.value ->> 2, image, stage"
    f" FROM looks, json_each(told, '$.parts') AS part WHERE {OF_JOB})"
)
PARTED = (
    "INSERT OR IGNORE INTO parts(image, stage, kind, name, value, hit, by, n, at, fulfilment, style)"
    " SELECT image, stage, part.value ->> 0, part.value ->> 1, part.value ->> 2, part.value ->> 3, part.value ->> 4,"
    f" n, at, fulfilment, style FROM looks, json_each(told, '$.parts') AS part WHERE {OF_JOB} AND counts"
)
