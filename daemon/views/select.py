"""What people name things by: ids, run ids, unique beginnings of either, or a FILTER - made into ids, in order.

Entries that are ids stand for themselves, run ids for their jobs in order. All `key:value` entries and the words
beside them are one FILTER, as if typed in one line. A word alone is never taken for a FILTER: that would be too
easy a way to cancel a hundred jobs.
"""

import re
from collections.abc import Sequence

from daemon.views.filters import IMAGE_STATES, JOB_STATES, Filter, is_pair, parse_filter
from daemon.views.readers import Reading
from daemon.views.where import images_where, jobs_where
from schema.errors import Refused
from schema.ids import ALPHABET, ImageId, JobId, RunId

_ID = re.compile(rf"[{ALPHABET}]+(\.\d+)?")
SHOWN = 5


class NotFound(Refused):
    """No such id."""


async def job_ids(db: Reading, select: Sequence[str], now: float, among: Sequence[str]) -> tuple[JobId, ...]:
    """`among`: job states that run ids and FILTERs stand for; a job named itself is meant whatever its state."""
    named, words = _split(select, "job or run")
    found: dict[JobId, None] = {}
    for word in named:
        jobs = await _jobs_of(db, word, among)
        if jobs is None and words:
            words.append(word)
        elif jobs is None:
            raise _no_such(word, "job or run")
        else:
            found.update(dict.fromkeys(jobs))
    if words:
        where = jobs_where(await whole_runs(db, parse_filter(" ".join(words), now, JOB_STATES)))
        rows = await db.all(
            f"SELECT id FROM jobs WHERE {where.sql} AND state IN ({_marks(among)}) ORDER BY place_1, place_2, place_3",
            (*where.values, *among),
        )
        found.update(dict.fromkeys(JobId(row["id"]) for row in rows))
    return tuple(found)


async def image_ids(db: Reading, select: Sequence[str], now: float, *, trashed: bool = False) -> tuple[ImageId, ...]:
    """Run and job ids stand for their final pictures that are not in the trash; `trashed`: for those that are.

    FILTERs likewise.
    """
    named, words = _split(select, "picture, job or run")
    found: dict[ImageId, None] = {}
    for word in named:
        images = await _images_of(db, word, trashed=trashed)
        if not images and words:
            words.append(word)
        elif not images:
            raise _no_such(word, "picture, job or run with pictures")
        found.update(dict.fromkeys(images))
    if words:
        wanted = await whole_runs(db, parse_filter(" ".join(words), now, IMAGE_STATES))
        wanted = wanted._replace(states=(*wanted.states, "trashed")) if trashed else wanted
        where = images_where(wanted, final=not trashed)
        rows = await db.all(
            f"SELECT images.id FROM images CROSS JOIN jobs ON jobs.id = images.job WHERE {where.sql} ORDER BY images.n",
            where.values,
        )
        found.update(dict.fromkeys(ImageId(row["id"]) for row in rows))
    return tuple(found)


async def run_id(db: Reading, word: str) -> RunId:
    """A whole id or a unique beginning of one."""
    runs = await _beginning(db, "runs", word)
    if not runs:
        raise _no_such(word, "run")
    return RunId(_unique(word, runs, "runs"))


async def job_id(db: Reading, word: str) -> JobId:
    """`RUN.N`, with a beginning of the run's id before the dot; or a run's id if it has one job."""
    jobs = await _jobs_of(db, word, ())
    if not jobs:
        raise _no_such(word, "job")
    return _unique(word, jobs, "jobs")


async def image_id(db: Reading, word: str) -> ImageId:
    images = await _beginning(db, "images", word)
    if not images:
        raise _no_such(word, "picture")
    return ImageId(_unique(word, images, "pictures"))


async def runs_named(db: Reading, select: Sequence[str]) -> tuple[RunId, ...]:
    """Those of the words that stand for a whole run where pictures are selected."""
    found: dict[RunId, None] = {}
    for word in (entry.strip() for entry in select):
        if not _ID.fullmatch(word) or "." in word:
            continue
        runs = await _beginning(db, "runs", word)
        if runs and (word in runs or not await _beginning(db, "images", word)):
            found[RunId(_unique(word, runs, "runs"))] = None
    return tuple(found)


async def whole_runs(db: Reading, wanted: Filter) -> Filter:
    """The FILTER with the beginnings of run ids made whole; one that fits no run stays and finds nothing."""
    runs = []
    for word in wanted.runs:
        found = await _beginning(db, "runs", word)
        runs.append(_unique(word, found, "runs") if found else word)
    return wanted._replace(runs=tuple(runs))


def _split(select: Sequence[str], what: str) -> tuple[list[str], list[str]]:
    if not any(entry.strip() for entry in select):
        raise Refused(
            "nothing is selected.", where="select", remedy="Name jobs, runs or a filter such as state:queued."
        )
    named: list[str] = []
    words: list[str] = []
    for entry in select:
        (words if is_pair(entry) or not _ID.fullmatch(entry.strip()) else named).append(entry.strip())
    if words and not any(is_pair(part) for entry in words for part in entry.split()):
        raise _no_such(words[0], what)
    return named, [word for word in words if word]


async def _jobs_of(db: Reading, word: str, among: Sequence[str]) -> list[JobId] | None:
    """Of a job id: itself. Of a run id: its jobs, those in the states `among` if any are given. None: no such id."""
    head, dot, number = word.partition(".")
    runs = await _beginning(db, "runs", head)
    if not runs:
        return None
    run = _unique(head, runs, "runs")
    if dot:
        rows = await db.all("SELECT id FROM jobs WHERE id = ?", (f"{run}.{number}",))
        return [JobId(row["id"]) for row in rows] or None
    states = f" AND state IN ({_marks(among)})" if among else ""
    rows = await db.all(f"SELECT id FROM jobs WHERE run = ?{states} ORDER BY number", (run, *among))
    return [JobId(row["id"]) for row in rows]


async def _images_of(db: Reading, word: str, *, trashed: bool) -> list[ImageId]:
    if "." not in word:
        images = await _beginning(db, "images", word)
        runs = await _beginning(db, "runs", word)
        if images and not (runs and word in runs):
            if runs and word not in images:
                raise _ambiguous(word, [*images, *runs], "pictures and runs")
            return [ImageId(_unique(word, images, "pictures"))]
    found: list[ImageId] = []
    for job in await _jobs_of(db, word, ()) or ():
        which = "trashed = 1" if trashed else "final AND NOT trashed"
        sql = f"SELECT id FROM images WHERE job = ? AND {which} ORDER BY n"
        found += [ImageId(row["id"]) for row in await db.all(sql, (job,))]
    return found


async def _beginning(db: Reading, table: str, word: str) -> list[str]:
    """Ids that begin with `word`, at most a few more than are told; the one that is `word` alone, if there is one."""
    there = " AND trashed < 2" if table == "images" else ""
    rows = await db.all(
        f"SELECT id FROM {table} WHERE id >= ?1 AND id < ?2{there} ORDER BY id LIMIT 100", (word, word + "\U0010ffff")
    )
    found = [str(row["id"]) for row in rows]
    return [word] if word in found else found


def _unique(word: str, found: Sequence[JobId] | Sequence[str], what: str) -> JobId:
    if len(found) > 1:
        raise _ambiguous(word, found, what)
    return JobId(found[0])


def _ambiguous(word: str, found: Sequence[str], what: str) -> Refused:
    shown = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
    count = "100 or more" if len(found) >= 100 else str(len(found))
    return Refused(f"'{word}' is the beginning of {count} {what}: {shown}.", remedy="Write more of it.")


def _no_such(word: str, what: str) -> NotFound:
    return NotFound(
        f"there is no {what} '{word}'.", remedy="Write an id, the beginning of one, or a filter such as pack:knights."
    )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
