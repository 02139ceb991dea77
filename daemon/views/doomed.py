"""Which pictures a rule deletes: those that fit it, but for rated ones, what is not done yet, and the best of a run.

Chosen here and only here; what comes of it is an event. Blocks: on a connection of its own, for a thread.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from daemon.views.filters import Filter, Since
from daemon.views.fold.statement import Value
from daemon.views.records import chunks
from daemon.views.where import images_where
from schema.diskuse import Cut, RunCut
from schema.ids import ImageId, RunId, Sha256

MOST = 20_000
"""Pictures of one command."""

SHOWN = 1000

FAVOURITE = "favourite"


class Rule(NamedTuple):
    wanted: Filter = Filter()
    before: Since | None = None
    """Made before this; of the trash: brought there before."""
    keep_best: int | None = None
    stages: bool = False
    """Only pictures of stages before the last."""
    rated: bool = False
    """Rated ones too."""
    trash: bool = False
    """Only what is in the trash."""
    only: frozenset[str] | None = None
    """Only these pictures; None: all that fit."""


class Doomed(NamedTuple):
    images: tuple[ImageId, ...]
    files: tuple[Sha256, ...]
    """Those that no other picture has."""
    cut: Cut


class _Found(NamedTuple):
    id: str
    job: str
    run: str
    bytes: int
    sha256: str
    final: int
    rated: int
    busy: int


def read_doomed(opened: Callable[[], sqlite3.Connection], rule: Rule) -> Doomed:
    """`opened`: a connection in a transaction."""
    db = opened()
    try:
        return _Choice(db, rule).doomed()
    finally:
        db.close()


class _Choice:
    def __init__(self, db: sqlite3.Connection, rule: Rule) -> None:
        self._db = db
        self._rule = rule

    def doomed(self) -> Doomed:
        left: Counter[str] = Counter()
        chosen: dict[str, _Found] = {}
        best = self._best()
        for one in self._fitting():
            if one.busy:
                left["unfinished"] += 1
            elif one.rated and not self._rule.rated:
                left["rated"] += 1
            elif (one.job if self._rule.stages else one.id) in best:
                left["best"] += 1
            elif len(chosen) >= MOST:
                left["more"] += 1
            else:
                chosen[one.id] = one
        if not self._rule.stages:
            chosen |= self._left_behind(chosen)
        freed = self._freed(chosen)
        return Doomed(
            tuple(ImageId(name) for name in chosen),
            tuple(Sha256(name) for name in freed),
            Cut(
                finals=sum(one.final for one in chosen.values()),
                stages=sum(not one.final for one in chosen.values()),
                files=len(freed), bytes=sum(freed.values()),
                rated=left["rated"], unfinished=left["unfinished"], best=left["best"], more=left["more"],
                runs=self._by_run(chosen), images=tuple(ImageId(name) for name in chosen)[:SHOWN],
            ),
        )  # fmt: skip

    def _fitting(self) -> Iterator[_Found]:
        rule = self._rule
        wanted = rule.wanted._replace(states=(*rule.wanted.states, "trashed")) if rule.trash else rule.wanted
        where = images_where(wanted, final=False)
        age, values = _before(rule)
        kind = "1" if rule.trash else "NOT images.final" if rule.stages else LAST_MADE
        sql = f"{FOUND} WHERE {where.sql} AND {kind} AND {age} ORDER BY images.n"
        for row in self._db.execute(sql, (*where.values, *values)):
            one = _Found(*row)
            if rule.only is None or one.id in rule.only:
                yield one

    def _best(self) -> frozenset[str]:
        """Final pictures, or where stages are asked for their jobs."""
        if self._rule.keep_best is None:
            return frozenset()
        of = "job" if self._rule.stages else "id"
        return frozenset(name for (name,) in self._db.execute(BEST.format(of=of), (self._rule.keep_best,)))

    def _left_behind(self, chosen: dict[str, _Found]) -> dict[str, _Found]:
        """Pictures of earlier stages of jobs of which no final picture is left."""
        jobs = list(dict.fromkeys(one.job for one in chosen.values() if one.final))
        behind: dict[str, _Found] = {}
        for chunk in chunks(jobs):
            of_job: dict[str, list[_Found]] = defaultdict(list)
            for row in self._db.execute(f"{FOUND} WHERE images.job IN ({_marks(chunk)}) AND trashed < 2", chunk):
                of_job[row[1]].append(_Found(*row))
            for every in of_job.values():
                if all(one.id in chosen for one in every if one.final):
                    behind |= {one.id: one for one in every if not one.final and (self._rule.rated or not one.rated)}
        return {name: one for name, one in behind.items() if name not in chosen}

    def _freed(self, chosen: dict[str, _Found]) -> dict[str, int]:
        """SHA-256 to bytes, of files that only chosen pictures have."""
        files = {one.sha256: one.bytes for one in chosen.values()}
        for chunk in chunks(list(files)):
            sql = f"SELECT sha256, id FROM images WHERE sha256 IN ({_marks(chunk)}) AND trashed < 2"
            for sha256, image in self._db.execute(sql, chunk):
                if image not in chosen:
                    files.pop(sha256, None)
        return files

    def _by_run(self, chosen: dict[str, _Found]) -> tuple[RunCut, ...]:
        pictures: Counter[str] = Counter(one.run for one in chosen.values())
        sizes: Counter[str] = Counter()
        for one in chosen.values():
            sizes[one.run] += one.bytes
        first = [run for run, _ in sizes.most_common(SHOWN)]
        names: dict[str, str] = {}
        for chunk in chunks(first):
            names |= dict(self._db.execute(f"SELECT id, name FROM runs WHERE id IN ({_marks(chunk)})", chunk))
        return tuple(
            RunCut(run=RunId(run), name=names.get(run, ""), pictures=pictures[run], bytes=sizes[run]) for run in first
        )


FOUND = (
    "SELECT images.id, images.job, images.run, images.bytes, images.sha256, images.final,"
    f" images.stars > 0 OR EXISTS (SELECT 1 FROM tags WHERE image = images.id AND tag = '{FAVOURITE}'),"
    " jobs.ended_seq IS NULL"
    " OR (runs.ended IS NULL AND json_extract(CAST(runs.spec AS TEXT), '$.film') IS NOT NULL)"
    " FROM images CROSS JOIN jobs ON jobs.id = images.job CROSS JOIN runs ON runs.id = images.run"
)
"""As `_Found`. Frames of a film that is still to be made are needed, too."""

LAST_MADE = (
    "(images.final OR NOT EXISTS (SELECT 1 FROM images AS last WHERE last.job = images.job AND last.final"
    " AND last.trashed < 2))"
)
"""Final pictures; of a job that never made one, what it made."""

BEST = (
    "SELECT {of} FROM (SELECT id, job, row_number() OVER (PARTITION BY run ORDER BY stars DESC, suspect IS NOT NULL,"
    " (SELECT score FROM scores WHERE image = images.id ORDER BY n DESC LIMIT 1) DESC NULLS LAST, n DESC) AS place"
    " FROM images WHERE final AND trashed = 0) WHERE place <= ?"
)


def _before(rule: Rule) -> tuple[str, tuple[Value, ...]]:
    if rule.before is None:
        return "1", ()
    seq, at = rule.before
    if rule.trash:
        column = "seq" if seq is not None else "at"
        sql = f"(SELECT {column} FROM trashings WHERE image = images.id ORDER BY seq DESC LIMIT 1) < ?"
        return sql, (seq if seq is not None else at,)
    return ("images.n < ?", (seq,)) if seq is not None else ("images.created < ?", (at,))


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))
