"""The tables of the views as of one event: temporary views that go by the tables' names, so that every query holds.

`main` is the file of the views as it is now, `past` what was otherwise then (`daemon.views.refolded`).
"""

import sqlite3
from typing import Final

from daemon.views.tables import FORMAT

OF_KNOWN_JOBS: Final = (
    "job NOT IN (SELECT job FROM past.folded)"
    " AND EXISTS (SELECT 1 FROM main.jobs AS j WHERE j.id = {table}.job AND j.n <= {seq})"
)

BOTH: Final = {
    "runs": "n <= {seq} AND n NOT IN (SELECT n FROM past.runs)",
    "jobs": "n <= {seq} AND n NOT IN (SELECT n FROM past.jobs)",
    "texts": "n <= {seq} AND n NOT IN (SELECT n FROM past.folded)",
    "specs": OF_KNOWN_JOBS,
    "stages": OF_KNOWN_JOBS,
    "images": "n <= {seq} AND n NOT IN (SELECT n FROM past.images)",
    "tags": "image NOT IN (SELECT image FROM past.retagged)",
    "used": OF_KNOWN_JOBS,
    "looks": "n <= {seq} AND job NOT IN (SELECT job FROM past.folded)",
    "parts": "n <= {seq} AND image NOT IN (SELECT image FROM past.folded_images)",
    "past_results": OF_KNOWN_JOBS,
}
"""Tables whose rows change, and which rows of now stand as they stood then; the others are in `past`."""

OF_ANY_SEQ: Final = {
    "scores": "n", "makings": "n", "wordings": "n", "params": "n", "past_specs": "n", "verdicts": "seq",
    "taggings": "seq", "trashings": "seq", "run_verdicts": "seq", "lessons": "seq", "comparisons": "seq",
    "imported": "seq",
}  # fmt: skip
"""Tables whose rows never change, and the column that says since when they are there."""

UNSAID: Final = {"comparisons": "taken_back", "imported": "forgotten"}
"""A column that may have been filled in later, with the seq at which it was."""

FOLDED_WHOLE: Final = ("models", "model_tags", "posts", "nodes")


def shadows(db: sqlite3.Connection, past: str, seq: int, digest: bytes) -> str:
    """The script for a connection to the views. `db`: any connection to a database with these tables, to look at.

    `past`: the URI of what was otherwise; `digest`: of event `seq`.
    """
    views = [
        *(_both(db, table, where.format(table=table, seq=seq)) for table, where in BOTH.items()),
        *(_of_any_seq(db, table, column, seq) for table, column in OF_ANY_SEQ.items()),
        *(_view(table, f"SELECT * FROM past.{table}") for table in FOLDED_WHOLE),
        _view("meta", f"SELECT 1 AS one, {FORMAT} AS format, {seq} AS seq, x'{digest.hex()}' AS digest"),
        _view("sitting", SITTING.format(seq=seq)),
    ]
    return f"ATTACH '{past}' AS past; {'; '.join(views)};"


SITTING: Final = (
    "SELECT 1 AS one, sitting AS since, at AS last FROM ("
    "SELECT * FROM (SELECT seq, at, sitting FROM main.verdicts WHERE seq <= {seq} ORDER BY seq DESC LIMIT 1)"
    " UNION ALL"
    " SELECT * FROM (SELECT seq, at, sitting FROM main.comparisons WHERE seq <= {seq} ORDER BY seq DESC LIMIT 1))"
    " ORDER BY seq DESC LIMIT 1"
)
"""The sitting that the last rating or comparison was given in."""


def _both(db: sqlite3.Connection, table: str, where: str) -> str:
    columns = ", ".join(_columns(db, table))
    return _view(
        table, f"SELECT {columns} FROM main.{table} WHERE {where} UNION ALL SELECT {columns} FROM past.{table}"
    )


def _of_any_seq(db: sqlite3.Connection, table: str, since: str, seq: int) -> str:
    later = UNSAID.get(table, "")
    columns = [
        f"iif({name} <= {seq}, {name}, NULL) AS {name}" if name == later else name for name in _columns(db, table)
    ]
    return _view(table, f"SELECT {', '.join(columns)} FROM main.{table} WHERE {since} <= {seq}")


def _view(table: str, select: str) -> str:
    return f"CREATE TEMP VIEW {table} AS {select}"


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    """Computed ones too, in order."""
    return [row[1] for row in db.execute(f"PRAGMA table_xinfo({table})")]
