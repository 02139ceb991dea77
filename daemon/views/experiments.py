"""Learning and explore runs as lists show them, and how many pictures were rated of which pack."""

from typing import Literal

import msgspec

from daemon.views.readers import Found, Reading
from daemon.views.rows import texts
from schema.experiments import LearningRunRow
from schema.ids import RunId
from schema.plans import RunSpec

State = Literal["waiting", "running", "to rate", "rated", "stopped"]

_SPEC = msgspec.json.Decoder(RunSpec)

SHOWN = "images.run = runs.id AND final AND NOT trashed AND suspect IS NULL"


async def learning_runs(db: Reading) -> tuple[LearningRunRow, ...]:
    """Newest first."""
    rows = await db.all(
        "SELECT id, name, packs, created, ended, jobs, finished, spec, state,"
        f" (SELECT count(*) FROM images WHERE {SHOWN}) AS made,"
        f" (SELECT count(*) FROM images WHERE {SHOWN} AND stars > 0) AS rated FROM runs"
        " WHERE json_extract(CAST(spec AS TEXT), '$.learning_plan') IS NOT NULL ORDER BY n DESC"
    )
    return tuple(_row(row) for row in rows)


def _row(row: Found) -> LearningRunRow:
    spec = _SPEC.decode(row["spec"])
    assert spec.learning_plan is not None  # the query asks for it
    return LearningRunRow(
        run=RunId(row["id"]), name=row["name"], packs=texts(row["packs"]), created=row["created"], state=_state(row),
        plan=spec.learning_plan, images=row["jobs"], made=row["made"], rated=row["rated"],
    )  # fmt: skip


def _state(row: Found) -> State:
    if row["ended"] is None:
        return "running" if row["finished"] or row["made"] or row["state"] == "active" else "waiting"
    if not row["made"]:
        return "stopped"
    return "rated" if row["rated"] >= row["made"] else "to rate"


async def taught(db: Reading) -> tuple[tuple[str, str, int], ...]:
    """Pack (empty: none), `sketch` or empty, and how many ratings of it count."""
    rows = await db.all(
        "SELECT coalesce(makings.pack, '') AS pack, iif(makings.backend = 'sketch', 'sketch', '') AS made,"
        " count(*) AS n FROM images JOIN makings ON makings.token = images.token"
        " WHERE images.stars > 0 AND images.suspect IS NULL AND makings.counts GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return tuple((row["pack"], row["made"], row["n"]) for row in rows)
