"""How much room pictures take, which files they have, and which of them a rule deletes. A part of `ReadViews`.

Sizes are those of their files, whoever else has the same.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from daemon.views.doomed import Doomed, Rule, read_doomed
from daemon.views.filters import IMAGE_STATES, RUN_STATES, Filter, parse_filter
from daemon.views.fold.statement import Value
from daemon.views.lists import Window, ordered, wanted_of
from daemon.views.readers import Found, Readers
from daemon.views.records import chunks
from daemon.views.rows import IMAGE_COLUMNS, image_row
from daemon.views.select import whole_runs
from daemon.views.where import runs_where
from schema.diskuse import Count, RunUse
from schema.ids import ImageId, JobId, RunId, Sha256
from schema.pages import ImageRow, Page

T = TypeVar("T")


NEWEST = """
SELECT sum(bytes) AS bytes, sum(width * height) AS pixels FROM
  (SELECT bytes, width, height FROM images WHERE trashed < 2 AND media LIKE 'image/%' ORDER BY n DESC LIMIT 200)
"""


class Room(NamedTuple):
    finals: Count
    stages: Count
    films: Count
    trash: Count
    rated: Count


class Holder(NamedTuple):
    """A picture that has a file, or a film that is one: then it is the run that stands for the job."""

    image: ImageId
    job: JobId
    bytes: int


class RoomViews:
    _readers: Readers
    _opened: Callable[[], sqlite3.Connection]
    _clock: Callable[[], float]

    async def room(self) -> Room:
        return await asyncio.to_thread(_in, self._opened, _room)

    async def bytes_of_a_pixel(self) -> float | None:
        """Of the newest pictures; None: there are none."""
        async with self._readers.reading() as db:
            (found,) = await db.all(NEWEST)
        return float(found["bytes"]) / float(found["pixels"]) if found["pixels"] else None

    async def rooms(self, window: Window) -> Page[RunUse]:
        """Runs with what their pictures take. The FILTER is that of runs; the largest first."""
        async with self._readers.reading() as db:
            wanted = await wanted_of(db, window, self._clock(), RUN_STATES)
        order = ordered(window.sort or "size", SORTS)
        return await asyncio.to_thread(_in, self._opened, lambda db: _rooms(db, wanted, order, window))

    async def image_filter(self, text: str) -> Filter:
        """Of pictures. Raises Refused, naming the word at fault."""
        async with self._readers.reading() as db:
            return await whole_runs(db, parse_filter(text, self._clock(), IMAGE_STATES))

    async def doomed(self, rule: Rule) -> Doomed:
        """What this rule deletes."""
        return await asyncio.to_thread(read_doomed, self._opened, rule)

    async def deleted_rows(self, images: Sequence[ImageId]) -> tuple[ImageRow, ...]:
        """Those of them that were deleted for good, as lists told of them once."""
        found: list[ImageRow] = []
        async with self._readers.reading() as db:
            for chunk in chunks(images):
                marks = ", ".join("?" * len(chunk))
                sql = (
                    f"SELECT {IMAGE_COLUMNS} FROM images JOIN jobs ON jobs.id = images.job WHERE images.id IN ({marks})"
                )
                found += [image_row(row) for row in await db.all(f"{sql} AND images.trashed = 2", chunk)]
        return tuple(found)

    async def holders(self, files: Sequence[Sha256]) -> dict[str, tuple[Holder, ...]]:
        """File to the pictures and films here that have it; files that nobody has are left out."""
        found: dict[str, tuple[Holder, ...]] = {}
        async with self._readers.reading() as db:
            for chunk in chunks(files):
                for row in await db.all(HOLDERS.format(", ".join("?" * len(chunk))), [*chunk, *chunk]):
                    found[row["file"]] = (*found.get(row["file"], ()), Holder(row["id"], row["job"], row["bytes"]))
        return found

    async def files_between(self, first: str, last: str) -> frozenset[str]:
        """Of all pictures and films here: their files from one SHA-256 to another."""
        async with self._readers.reading() as db:
            return frozenset(row["file"] for row in await db.all(BETWEEN, (first, last, first, last)))

    async def last_stored(self, files: Sequence[Sha256]) -> dict[str, float]:
        """File to when a picture with it, here or deleted, was stored last, Unix seconds."""
        found: dict[str, float] = {}
        async with self._readers.reading() as db:
            for chunk in chunks(files):
                sql = "SELECT sha256, max(created) AS at FROM images WHERE sha256 IN ({}) GROUP BY sha256"
                rows = await db.all(sql.format(", ".join("?" * len(chunk))), chunk)
                found |= {row["sha256"]: row["at"] for row in rows}
        return found

    async def bases_of_open_runs(self) -> frozenset[Sha256]:
        """Base configs of runs that have not finished: what they name must stay."""
        async with self._readers.reading() as db:
            return frozenset(Sha256(row["base"]) for row in await db.all(OPEN_BASES))

    async def overlays_of_open_jobs(self) -> tuple[str, ...]:
        """What unfinished jobs change of their run's base config, as JSON: pictures may be named in it."""
        return await asyncio.to_thread(
            _in, self._opened, lambda db: tuple(row[0] for row in db.execute(OPEN_OVERLAYS) if row[0])
        )


SORTS = {
    "size": "bytes DESC, runs.n DESC",
    "newest": "runs.n DESC",
    "oldest": "runs.n",
    "name": "runs.name, runs.n",
    "stages": "stages_bytes DESC, runs.n DESC",
    "trash": "trash_bytes DESC, runs.n DESC",
}

FILM_BYTES = "coalesce(json_extract(CAST(runs.film AS TEXT), '$.file.bytes'), 0)"
FILM_FILE = "json_extract(CAST(film AS TEXT), '$.file.sha256')"

TOTALS = (
    "SELECT final, trashed, stars > 0 AS rated, count(*) AS pictures, total(bytes) AS bytes FROM images"
    " WHERE trashed < 2 GROUP BY 1, 2, 3"
)
FILMS = f"SELECT count(*), total({FILM_BYTES}) FROM runs WHERE film IS NOT NULL"
OF_RUNS = (
    "SELECT runs.id, runs.name, runs.created, runs.state,"
    " total(images.final) AS finals, total(iif(images.final, images.bytes, 0)) AS finals_bytes,"
    " total(NOT images.final) AS stages, total(iif(images.final, 0, images.bytes)) AS stages_bytes,"
    " total(images.trashed) AS trash, total(iif(images.trashed, images.bytes, 0)) AS trash_bytes,"
    f" total(images.stars > 0) AS rated, {FILM_BYTES} AS film_bytes,"
    f" total(images.bytes) + {FILM_BYTES} AS bytes"
    " FROM runs LEFT JOIN images ON images.run = runs.id AND images.trashed < 2"
)
HOLDERS = (
    "SELECT sha256 AS file, id, job, bytes FROM images WHERE sha256 IN ({0}) AND trashed < 2"
    f" UNION ALL SELECT {FILM_FILE} AS file, film_id, id, {FILM_BYTES} FROM runs WHERE film IS NOT NULL"
    " AND " + FILM_FILE + " IN ({0})"
)
BETWEEN = (
    "SELECT sha256 AS file FROM images WHERE sha256 BETWEEN ? AND ? AND trashed < 2"
    f" UNION SELECT {FILM_FILE} FROM runs WHERE film IS NOT NULL AND {FILM_FILE} BETWEEN ? AND ?"
)
OPEN_BASES = "SELECT DISTINCT json_extract(CAST(spec AS TEXT), '$.base') AS base FROM runs WHERE ended IS NULL"

OPEN_OVERLAYS = (
    "SELECT DISTINCT json_extract(CAST(specs.spec AS TEXT), '$.overlay') FROM jobs JOIN specs ON specs.job = jobs.id"
    " WHERE jobs.ended_seq IS NULL"
)


def _in(opened: Callable[[], sqlite3.Connection], ask: Callable[[sqlite3.Connection], T]) -> T:
    db = opened()
    try:
        return ask(db)
    finally:
        db.close()


def _room(db: sqlite3.Connection) -> Room:
    sums = {name: [0, 0] for name in ("finals", "stages", "trash", "rated")}
    for final, trashed, rated, pictures, size in db.execute(TOTALS):
        kinds = {"finals": final, "stages": not final, "trash": trashed, "rated": final and rated}
        for name, counts in kinds.items():
            if counts:
                sums[name][0] += pictures
                sums[name][1] += int(size)
    films, size = db.execute(FILMS).fetchone()
    of = {name: Count(pictures=pictures, bytes=taken) for name, (pictures, taken) in sums.items()}
    return Room(of["finals"], of["stages"], Count(pictures=films, bytes=int(size)), of["trash"], of["rated"])


def _rooms(db: sqlite3.Connection, wanted: Filter, order: str, window: Window) -> Page[RunUse]:
    where = runs_where(wanted)
    db.row_factory = sqlite3.Row
    total = db.execute(f"SELECT count(*) FROM runs WHERE {where.sql}", where.values).fetchone()[0]
    values: tuple[Value, ...] = (*where.values, window.limit, window.offset)
    rows = db.execute(f"{OF_RUNS} WHERE {where.sql} GROUP BY runs.n ORDER BY {order} LIMIT ? OFFSET ?", values)
    items = tuple(_run_use(row) for row in rows)
    return Page(items=items, total=total, head=db.execute("SELECT seq FROM meta").fetchone()[0])


def _run_use(row: Found) -> RunUse:
    return RunUse(
        run=RunId(row["id"]), name=row["name"], created=row["created"], state=row["state"],
        finals=int(row["finals"]), finals_bytes=int(row["finals_bytes"]), stages=int(row["stages"]),
        stages_bytes=int(row["stages_bytes"]), film_bytes=int(row["film_bytes"]), trash=int(row["trash"]),
        trash_bytes=int(row["trash_bytes"]), rated=int(row["rated"]), bytes=int(row["bytes"]),
    )  # fmt: skip
