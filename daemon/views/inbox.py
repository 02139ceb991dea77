"""Pictures that wait for a verdict, and pairs that are worth a duel: in orders that tell nothing of how they were made.

What nothing can be learned from is not asked about: suspect pictures, the trash, runs with learning off.
"""

from collections.abc import Iterable
from hashlib import sha256
from itertools import combinations
from typing import NamedTuple

from daemon.views.fold.statement import Value
from daemon.views.readers import Found, Reading
from daemon.views.rows import IMAGE_COLUMNS, image_row
from schema.ids import ImageId, JobId
from schema.pages import ImageRow, Page

NEWEST = 2_000
"""Pictures among which a pair is sought."""

WAITING = (
    "images.trashed = 0 AND images.final = 1 AND images.stars = 0 AND images.suspect IS NULL"
    " AND images.media LIKE 'image/%'"
)
LEARNED = "EXISTS (SELECT 1 FROM makings WHERE makings.token = images.token AND makings.counts)"
ACTIVE = "coalesce(json_extract(CAST(runs.spec AS TEXT), '$.learning'), '') = 'active'"

EXPERIMENT = "json_extract(CAST(runs.spec AS TEXT), '$.learning_plan') IS NOT NULL"


class Waiting(NamedTuple):
    total: int
    asked: int
    """Of these, of runs that learn actively."""
    experiments: int = 0
    """Learning and explore runs that are under way or have pictures that wait."""


class Pair(NamedTuple):
    left: ImageId
    right: ImageId
    left_job: JobId
    right_job: JobId
    rated: bool
    """They have stars, as many each."""


async def waiting(db: Reading) -> Waiting:
    runs = await _runs(db, "", "")
    begun = await db.all(f"SELECT id FROM runs WHERE ended IS NULL AND {EXPERIMENT}")
    experiments = {row["id"] for row in begun} | {row["run"] for row in runs if row["experiment"]}
    total, asked = sum(row["waiting"] for row in runs), sum(row["waiting"] for row in runs if row["active"])
    return Waiting(total, asked, len(experiments))


async def inbox(db: Reading, pack: str, run: str, offset: int, limit: int) -> Page[ImageRow]:
    """Of runs that learn actively first, then of the newest runs; shuffled within each."""
    rows = await _runs(db, pack, run)
    total, skipped = sum(row["waiting"] for row in rows), 0
    items: list[str] = []
    for row in rows:
        if not items and skipped + row["waiting"] <= offset:
            skipped += row["waiting"]
            continue
        items += await _shuffled(db, row["run"], pack, bool(run))
        if len(items) >= offset - skipped + limit:
            break
    shown = items[offset - skipped : offset - skipped + limit]
    found = {row["id"]: row for row in await _rows(db, shown)}
    head = await db.number("SELECT seq FROM meta")
    return Page(items=tuple(image_row(found[name]) for name in shown if name in found), total=total, head=head)


async def _runs(db: Reading, pack: str, run: str) -> list[Found]:
    """With how many pictures of each wait."""
    sql, values = _where(pack, run)
    return await db.all(
        f"SELECT run, waiting, {ACTIVE} AS active, {EXPERIMENT} AS experiment"
        f" FROM (SELECT images.run AS run, count(*) AS waiting FROM images WHERE {sql} GROUP BY images.run)"
        " JOIN runs ON runs.id = run ORDER BY active DESC, runs.n DESC",
        values,
    )


async def _shuffled(db: Reading, run: str, pack: str, named: bool) -> list[str]:
    sql, values = _where(pack, run if named else "")
    rows = await db.all(f"SELECT images.id FROM images WHERE {sql} AND images.run = ?", (*values, run))
    return sorted((row["id"] for row in rows), key=lambda name: _place(run, name))


def _where(pack: str, run: str) -> tuple[str, tuple[Value, ...]]:
    """A run that is named is asked about whatever it learns."""
    terms, values = [WAITING], list[Value]()
    terms.append("images.run = ?" if run else LEARNED)
    if run:
        values.append(run)
    if pack:
        terms.append("images.pack = ?")
        values.append(pack)
    return " AND ".join(terms), tuple(values)


async def _rows(db: Reading, names: Iterable[str]) -> list[Found]:
    wanted = list(names)
    marks = ", ".join("?" * len(wanted))
    return await db.all(
        f"SELECT {IMAGE_COLUMNS} FROM images JOIN jobs ON jobs.id = images.job WHERE images.id IN ({marks})", wanted
    )


def _place(*words: str) -> bytes:
    return sha256("\n".join(words).encode()).digest()


async def pair(db: Reading, pack: str, without: frozenset[frozenset[str]] = frozenset()) -> Pair | None:
    """Two pictures of one prompt and seed that were made differently and never compared; none of the pairs `without`.

    Those of active runs first, then those that stars do not tell apart, the newest before the others.
    """
    pictures = await db.all(
        f"SELECT images.id, images.job, images.run, images.stars, images.n, images.seed, {ACTIVE} AS active,"
        " makings.words, makings.params, makings.pack, makings.backend = 'sketch' AS sketched"
        " FROM images JOIN makings ON makings.token = images.token JOIN runs ON runs.id = images.run"
        " WHERE images.trashed = 0 AND images.final = 1 AND images.suspect IS NULL AND makings.counts"
        " AND images.media LIKE 'image/%'" + (" AND images.pack = ?" if pack else "") + " ORDER BY images.n DESC"
        f" LIMIT {NEWEST}",
        (pack,) if pack else (),
    )
    compared = without | {
        frozenset((row["better"], row["worse"]))
        for row in await db.all("SELECT better, worse FROM comparisons WHERE taken_back IS NULL")
    }
    groups: dict[tuple[Value, ...], list[Found]] = {}
    for row in pictures:
        key = (row["run"], row["pack"], row["sketched"], row["words"], row["seed"])
        groups.setdefault(key, []).append(row)
    best: tuple[tuple[int, int, int, bytes], Found, Found] | None = None
    for group in groups.values():
        for one, other in combinations(group[:12], 2):
            if one["params"] == other["params"] or frozenset((one["id"], other["id"])) in compared:
                continue
            apart = abs(one["stars"] - other["stars"]) if one["stars"] and other["stars"] else 0
            rank = (-one["active"], apart, -max(one["n"], other["n"]), _place(one["id"], other["id"]))
            if best is None or rank < best[0]:
                best = rank, one, other
    return _pair(best[1], best[2]) if best else None


def _pair(one: Found, other: Found) -> Pair:
    left, right = sorted((one, other), key=lambda row: _place("side", row["id"], one["id"], other["id"]))
    rated = bool(one["stars"]) and one["stars"] == other["stars"]
    return Pair(ImageId(left["id"]), ImageId(right["id"]), JobId(left["job"]), JobId(right["job"]), rated)
