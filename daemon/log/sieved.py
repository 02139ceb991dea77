"""A sieve of events as SQL on the log's own indices: streams, types and commands; only words and actors need a scan.

Every value is bound. The log's tables are as they are for ever, so there is no index for what is seldom asked.
"""

import re
import sqlite3
from typing import NamedTuple

from daemon.sieve import Sieve

Value = str | int | bytes

_PICTURED = "+type IN ('ArtifactStored','PictureImported')"  # +: by the index of streams, not by that of types
_GIVEN = "'StageAssigned','StageFinished','StageFailed','StageLost','StageCancelled','LateResultRefused'"
"""Types that name a node beside their job."""

_SHOWN = (
    "'ArtifactStored','PictureImported','StageFinished','FilmFinished','ImagesCompared','ComparisonTakenBack',"
    "'PicturesDeleted'"
)
"""Types that name pictures beside their own stream."""

_LAST = "\U0010ffff"
"""Comes behind all that ids are made of."""


class Where(NamedTuple):
    sql: str
    values: tuple[Value, ...]


def sieved(db: sqlite3.Connection, sieve: Sieve, after: int, upto: int) -> Where:
    """On `events`: those behind seq `after`, up to and with `upto`, that fall through."""
    span = Where("seq>? AND seq<=?", (after, upto))
    conditions = [
        span,
        *([_any("type", sieve.types)] if sieve.types else []),
        *([_any("command", sieve.commands)] if sieve.commands else []),
        *([_among([_of_job(job) for job in sieve.jobs], span)] if sieve.jobs else []),
        *([_among([_of_run(run) for run in sieve.runs], span)] if sieve.runs else []),
        *([_among([_of_image(image) for image in sieve.images], span)] if sieve.images else []),
        *([_among([_of_node(one) for one in _ids(db, sieve.nodes)], span)] if sieve.nodes else []),
        *([_either([_by(actor) for actor in sieve.actors])] if sieve.actors else []),
        *(_word(word) for word in sieve.words),
    ]
    return Where(" AND ".join(one.sql for one in conditions), tuple(v for one in conditions for v in one.values))


def _any(column: str, values: tuple[str, ...]) -> Where:
    return Where(f"{column} IN ({','.join('?' * len(values))})", values)


def _either(conditions: list[Where]) -> Where:
    return Where(
        "(" + " OR ".join(one.sql for one in conditions) + ")", tuple(v for one in conditions for v in one.values)
    )


def _among(finding: list[list[Where]], span: Where) -> Where:
    """Found by any of these, each by an index of its own."""
    ways = [way for each in finding for way in each]
    if not ways:
        return Where("0", ())
    sql = " UNION ALL ".join(f"SELECT seq FROM events WHERE {way.sql} AND {span.sql}" for way in ways)
    return Where(f"seq IN ({sql})", tuple(v for way in ways for v in (*way.values, *span.values)))


def _of_job(job: str) -> list[Where]:
    stream = f"job:{job}"
    return [Where("stream=?", (stream,)), _of_pictures(Where("stream=?", (stream,)))]


def _of_run(run: str) -> list[Where]:
    spans = [Where("stream>=? AND stream<?", (f"{kind}:{run}", f"{kind}:{run}{_LAST}")) for kind in ("run", "job")]
    return [*spans, *(_of_pictures(span) for span in spans)]


def _of_pictures(made: Where) -> Where:
    """What happened to the pictures that events of these streams have stored."""
    sql = f"SELECT 'image:'||json_extract(CAST(data AS TEXT),'$.image') FROM events WHERE {made.sql} AND {_PICTURED}"
    return Where(f"stream IN ({sql})", made.values)


def _of_image(image: str) -> list[Where]:
    return [Where("stream=?", (f"image:{image}",)), _naming(_SHOWN, image)]


def _of_node(node: str) -> list[Where]:
    return [Where("stream=?", (f"node:{node}",)), _naming(_GIVEN, node)]


def _naming(types: str, name: str) -> Where:
    """Events of these types that hold this text as one of their values."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return Where(f"type IN ({types}) AND instr(data,?)", (f'"{quoted}"'.encode(),))


def _ids(db: sqlite3.Connection, nodes: tuple[str, ...]) -> list[str]:
    """Whatever is no node's name is taken for an id."""
    sql = (
        "SELECT DISTINCT substr(stream,6) FROM events WHERE type IN ('NodeJoined','NodePaired')"
        " AND json_extract(CAST(data AS TEXT),'$.name')=?"
    )
    return list(dict.fromkeys(id for name in nodes for id in (name, *(one for (one,) in db.execute(sql, (name,))))))


def _by(actor: str) -> Where:
    return Where("(actor=? OR substr(actor,1,?)=?)", (actor, len(actor) + 1, f"{actor}:"))


def _word(word: str) -> Where:
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
    return Where("(type LIKE ? ESCAPE '\\' OR CAST(data AS TEXT) LIKE ? ESCAPE '\\')", (pattern, pattern))
