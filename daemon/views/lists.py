"""Pages of jobs, images and runs: a FILTER, an order, a window, and how many match in all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from daemon.views.filters import IMAGE_STATES, JOB_STATES, RUN_STATES, Filter, parse_filter
from daemon.views.readers import Found, Reading
from daemon.views.rows import IMAGE_COLUMNS, JOB_COLUMNS, RUN_COLUMNS, image_row, job_row, run_row
from daemon.views.select import whole_runs
from daemon.views.where import Where, images_where, jobs_where, runs_where
from schema.errors import Refused
from schema.pages import ImageRow, Page, RunRow
from schema.scenes import Row

MOST = 10_000
"""Rows of one page; more are read by paging on."""


class Window(NamedTuple):
    """Which part of a list is wanted."""

    filter: str = ""
    sort: str = ""
    """Empty: the list's own order. A `-` in front turns it round."""
    offset: int = 0
    limit: int = 100


JOB_SORTS = {
    "position": "place_1, place_2, place_3",
    "newest": "n DESC",
    "oldest": "n",
    "name": "name, n",
    "state": "state, place_1, place_2, place_3",
    "node": "node, n",
    "pack": "pack, place_1, place_2, place_3",
    "model": "model, n",
    "priority": "priority DESC, n",
    "stars": "stars DESC, n DESC",
    "seconds": "seconds DESC, n",
    "ended": "ended DESC, n DESC",
}
IMAGE_SORTS = {
    "newest": "images.n DESC",
    "oldest": "images.n",
    "stars": "images.stars DESC, images.n DESC",
    "name": "jobs.name, images.n",
    "size": "images.bytes DESC, images.n",
    "job": "jobs.run, jobs.number, images.n",
    "run": "(SELECT n FROM runs WHERE id = images.run) DESC, images.n DESC",
    "pack": "images.pack, images.n DESC",
    "model": "images.model, images.n DESC",
}
RUN_SORTS = {
    "newest": "n DESC",
    "oldest": "n",
    "name": "name, n",
    "state": "state, n DESC",
    "jobs": "jobs DESC, n",
    "ended": "ended DESC, n DESC",
}


async def jobs_page(db: Reading, window: Window, now: float) -> Page[Row]:
    where = jobs_where(await wanted_of(db, window, now, JOB_STATES))
    order = ordered(window.sort or "position", JOB_SORTS)
    total, found = await _window(db, "jobs.n", "jobs", where, order, window)
    rows = await db.all(
        f"SELECT n, {JOB_COLUMNS} FROM jobs WHERE n IN ({', '.join(map(str, found))})"  # integers
    )
    return Page(items=tuple(job_row(row) for row in _in_order(rows, found)), total=total, head=await _head(db))


async def images_page(db: Reading, window: Window, now: float, *, final: bool) -> Page[ImageRow]:
    where = images_where(await wanted_of(db, window, now, IMAGE_STATES), final=final)
    order = ordered(window.sort or "newest", IMAGE_SORTS)
    joined = "images CROSS JOIN jobs ON jobs.id = images.job"  # CROSS: pictures first
    table = joined if "jobs." in where.sql + order else "images"
    total, found = await _window(db, "images.n", table, where, order, window)
    rows = await db.all(
        f"SELECT images.n, {IMAGE_COLUMNS} FROM {joined} WHERE images.n IN ({', '.join(map(str, found))})"
    )
    return Page(items=tuple(image_row(row) for row in _in_order(rows, found)), total=total, head=await _head(db))


async def runs_page(db: Reading, window: Window, now: float, results: Path) -> Page[RunRow]:
    where = runs_where(await wanted_of(db, window, now, RUN_STATES))
    order = ordered(window.sort or "newest", RUN_SORTS)
    total = await db.total("n", f"runs WHERE {where.sql}", where.values)
    rows = await db.all(
        f"SELECT {RUN_COLUMNS}, {_terms(order)} FROM runs WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?",
        (*where.values, window.limit, window.offset),
    )
    return Page(items=tuple(run_row(row, results) for row in rows), total=total, head=await _head(db))


async def _window(db: Reading, key: str, table: str, where: Where, order: str, window: Window) -> tuple[int, list[int]]:
    """How many match, and the keys of those in the window: read from indices wherever one holds all that is asked.

    What orders is among the columns: else no index is used where a table is a union of two (`daemon.views.shadows`).
    """
    values = (*where.values, window.limit, window.offset)
    sql = f"FROM {table} WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?"
    if "texts" in where.sql:  # to look into texts is dear: once for both
        rows = await db.all(f"SELECT {key}, count(*) OVER () {sql}", values)
        if rows or not window.offset:
            return int(rows[0][1]) if rows else 0, [int(row[0]) for row in rows]
    total = await db.total(key, f"{table} WHERE {where.sql}", where.values)
    return total, [int(row[0]) for row in await db.all(f"SELECT {key}, {_terms(order)} {sql}", values)]


def _in_order(rows: Sequence[Found], keys: Sequence[int]) -> list[Found]:
    by_key = {row["n"]: row for row in rows}
    return [by_key[key] for key in keys]


async def image(db: Reading, image_id: str) -> ImageRow | None:
    row = await db.one(
        f"SELECT {IMAGE_COLUMNS} FROM images JOIN jobs ON jobs.id = images.job WHERE images.id = ?"
        " AND images.trashed < 2",
        (image_id,),
    )
    return None if row is None else image_row(row)


async def wanted_of(db: Reading, window: Window, now: float, states: tuple[str, ...]) -> Filter:
    if window.limit < 0 or window.offset < 0:
        raise Refused("limit and offset must not be negative.", where="limit, offset")
    if window.limit > MOST:
        raise Refused(f"a page has at most {MOST} rows.", where="limit", remedy="Read on with offset.")
    return await whole_runs(db, parse_filter(window.filter, now, states))


def ordered(sort: str, sorts: Mapping[str, str]) -> str:
    name = sort.removeprefix("-")
    if name not in sorts:
        raise Refused(f"a list cannot be sorted by '{name}'.", where="sort", remedy=f"Use one of {', '.join(sorts)}.")
    return sorts[name] if name == sort else ", ".join(_turned(term) for term in sorts[name].split(", "))


def _terms(order: str) -> str:
    """The columns that order, as columns of the answer."""
    return ", ".join(f"{term.removesuffix(' DESC')} AS by_{at}" for at, term in enumerate(order.split(", ")))


def _turned(term: str) -> str:
    return term.removesuffix(" DESC") if term.endswith(" DESC") else f"{term} DESC"


async def _head(db: Reading) -> int:
    return await db.number("SELECT seq FROM meta")
