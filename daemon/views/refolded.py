"""What was otherwise at an earlier event than it is in the views now: made again, in memory, from the log.

Of jobs and runs that were touched since, the rows are folded anew from their own streams, by the very same fold; of
pictures that were judged since, stars and trash are taken from tables that are of any seq. Everything else stands in
the views as it stood then. The views go on meanwhile: `level` adds what was touched since the last time.
"""

import itertools
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from daemon.views.fold import fold, knobs, looks
from daemon.views.fold.touched import OF_JOB, OF_RUN, RUN_TOUCHED, TOUCHED, touched
from daemon.views.readers import PATIENCE, read_only
from daemon.views.tables import INDICES, TABLES
from daemon.views.writer import execute
from schema.events import Envelope

RARE: Final = (
    "NodeJoined", "ModelTagged", "ModelRated", "ModelFavoured", "ImagePosted", "FavouriteSynced",
)  # fmt: skip
"""Events whose tables are folded anew whole: there are few, and their rows are not of any seq."""

_numbers = itertools.count(1)


class PastLog(Protocol):
    """The log, read off the loop."""

    def read(self, after: int, upto: int) -> Iterator[Envelope]: ...
    def of_streams(self, streams: Iterable[str], upto: int) -> list[Envelope]: ...
    def of_types(self, types: Iterable[str], upto: int) -> list[Envelope]: ...


def memory() -> str:
    """The name of a new database in memory, for all connections of this process; gone with the last of them."""
    return f"file:/then-{next(_numbers)}?vfs=memdb"


def connected(uri: str) -> sqlite3.Connection:
    """For the fold, used by one thread at a time."""
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    db.execute("PRAGMA temp_store=MEMORY")
    looks.register(db)
    knobs.register(db)
    return db


class Refolded:
    """Closed by its owner. Methods block; any thread may call them."""

    def __init__(self, file: Path, log: PastLog, seq: int) -> None:
        """`file`: the views, at least as new as `seq`."""
        self.uri = memory()
        self.seq = seq
        self.head = seq
        """Up to which event the views were looked through."""
        self._log = log
        self._lock = threading.Lock()
        self._db = connected(self.uri)
        try:
            self._db.executescript(f"BEGIN;{TABLES}{OWN} COMMIT;")
            # By name: an attached file is otherwise looked for where the main one lies, in memory.
            self._db.execute("ATTACH ? AS live", (f"{read_only(file)}&vfs={'win32' if os.name == 'nt' else 'unix'}",))
            self._nodes = self._fold_rare()
            self._look()
            self._db.executescript(INDICES)
        except BaseException:
            self._db.close()
            raise

    def level(self, head: int) -> None:
        """Knows afterwards all that the views held at event `head`, and perhaps more."""
        with self._lock:
            if self.head < head:
                self._look()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _look(self) -> None:
        self._db.execute("BEGIN")
        try:
            now = int(self._db.execute("SELECT seq FROM live.meta").fetchone()[0])
            self._fold_jobs()
            for statement in LIGHT:
                self._db.execute(statement, {"seq": self.seq, "since": self.head})
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.head = now

    def _fold_rare(self) -> list[Envelope]:
        """The nodes' own events are needed again: a stage notes what its node was called then."""
        found = sorted(self._log.of_types(RARE, self.seq), key=_seq)
        execute(self._db, [statement for envelope in found for statement in fold(envelope)])
        return [envelope for envelope in found if type(envelope.event).__name__ == "NodeJoined"]

    def _fold_jobs(self) -> None:
        asked = {"seq": self.seq, "since": self.head}
        jobs = [row[0] for row in self._db.execute(JOBS_SINCE, asked)]
        runs = [row[0] for row in self._db.execute(RUNS_SINCE, asked)]
        self._db.execute("DELETE FROM fresh")
        self._db.execute("DELETE FROM fresh_runs")
        if not jobs and not runs:
            return
        self._db.executemany("INSERT INTO fresh VALUES (?)", ((job,) for job in jobs))
        self._db.executemany("INSERT INTO fresh_runs VALUES (?)", ((run,) for run in runs))
        for statement in FORGET:
            self._db.execute(statement)
        streams = itertools.chain((f"run:{run}" for run in runs), (f"job:{job}" for job in jobs))
        self._fold([one for one in self._log.of_streams(streams, self.seq) if type(one.event) in OF_JOB | OF_RUN], runs)
        for statement in SETTLE:
            self._db.execute(statement, asked)

    def _fold(self, found: Sequence[Envelope], runs: Sequence[str]) -> None:
        self._db.execute("DELETE FROM nodes")
        told = sorted((*self._nodes, *found), key=_seq)
        fresh = frozenset(runs)
        ends = [one for one in touched(found) if one[0] is TOUCHED or (one[0] is RUN_TOUCHED and one[1][1] in fresh)]
        execute(self._db, [*(statement for envelope in told for statement in fold(envelope)), *ends])


def _seq(envelope: Envelope) -> int:
    return envelope.seq


OWN = """
DROP TRIGGER jobs_counted;
DROP TRIGGER jobs_recounted;             -- a run's other jobs are elsewhere: it is counted below
CREATE TABLE folded(job TEXT PRIMARY KEY, n INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID;
CREATE TABLE folded_images(image TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE retagged(image TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE fresh(job TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE fresh_runs(run TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE fresh_tags(image TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""

JOBS_SINCE = (
    "SELECT id FROM live.jobs WHERE touched > :since AND n <= :seq AND id NOT IN (SELECT job FROM folded) ORDER BY n"
)
RUNS_SINCE = (
    "SELECT id FROM live.runs WHERE touched > :since AND n <= :seq AND n NOT IN (SELECT n FROM main.runs) ORDER BY n"
)
FORGET = (
    "DELETE FROM main.jobs WHERE id IN (SELECT job FROM fresh)",
    "DELETE FROM main.images WHERE job IN (SELECT job FROM fresh)",
)
"""Copies of what was only judged until now."""

STARS_THEN = (
    "coalesce((SELECT stars FROM live.verdicts AS v WHERE v.image = {}.id AND v.seq <= :seq"
    " ORDER BY v.seq DESC LIMIT 1), 0)"
)
TRASHED_THEN = (
    "coalesce((SELECT trashed FROM live.trashings AS t WHERE t.image = {}.id AND t.seq <= :seq"
    " ORDER BY t.seq DESC LIMIT 1), 0)"
)
JOBS_THEN = (
    "(SELECT run, state, touched FROM main.jobs UNION ALL SELECT run, state, touched FROM live.jobs AS l"
    " WHERE l.n <= :seq AND l.n NOT IN (SELECT n FROM main.jobs))"
)
MOST_STARS = (
    "coalesce((SELECT max(stars) FROM (SELECT stars FROM main.images AS i WHERE i.job = main.jobs.id"
    " UNION ALL SELECT stars FROM live.images AS i WHERE i.job = main.jobs.id AND i.n <= :seq"
    " AND i.n NOT IN (SELECT n FROM main.images))), 0)"
)
SETTLE = (
    "UPDATE main.images SET"
    f" stars = {STARS_THEN.format('images')}, trashed = {TRASHED_THEN.format('images')}"
    " WHERE job IN (SELECT job FROM fresh)",
    f"UPDATE main.jobs SET stars = {MOST_STARS} WHERE id IN (SELECT job FROM fresh)",
    "INSERT INTO folded SELECT id, n FROM main.jobs WHERE id IN (SELECT job FROM fresh)",
    "INSERT INTO folded_images SELECT id FROM main.images WHERE job IN (SELECT job FROM fresh)",
    "UPDATE main.runs SET (held, finished, failed, cancelled, attention, touched) = ("
    "SELECT coalesce(sum(state = 'held'), 0), coalesce(sum(state = 'finished'), 0), coalesce(sum(state = 'failed'), 0),"
    " coalesce(sum(state = 'cancelled'), 0), coalesce(sum(state = 'attention'), 0),"
    f" max(runs.touched, coalesce(max(j.touched), 0)) FROM {JOBS_THEN} AS j WHERE j.run = main.runs.id)"
    " WHERE id IN (SELECT run FROM fresh_runs)",
)

_IMAGE = (
    "n, id, job, run, stage, token, number, final, created, media, bytes, width, height, sha256, pixels, seed, suspect,"
    " pack, model, node"
)
_JOB = (
    "n, id, run, number, name, state, held, created, started, ended, ended_seq, lane, priority, rank, pack, model,"
    " seed, stages, last, done, node, node_name, attempts, reason, seconds, stars, touched"
)
LIGHT = (
    f"INSERT INTO main.images({_IMAGE}, stars, trashed)"
    f" SELECT {_IMAGE}, {STARS_THEN.format('l')}, {TRASHED_THEN.format('l')} FROM live.images AS l"
    " WHERE n <= :seq AND n NOT IN (SELECT n FROM main.images) AND id IN ("
    "SELECT image FROM live.verdicts WHERE seq > :since UNION SELECT image FROM live.trashings WHERE seq > :since)",
    "DELETE FROM fresh",
    "INSERT OR IGNORE INTO fresh SELECT job FROM live.images WHERE n <= :seq"
    " AND id IN (SELECT image FROM live.verdicts WHERE seq > :since)",
    "DELETE FROM fresh WHERE job IN (SELECT id FROM main.jobs)",
    f"INSERT INTO main.jobs({_JOB}) SELECT {_JOB} FROM live.jobs WHERE id IN (SELECT job FROM fresh) AND n <= :seq",
    f"UPDATE main.jobs SET stars = {MOST_STARS} WHERE id IN (SELECT job FROM fresh)",
    "DELETE FROM fresh_tags",
    "INSERT OR IGNORE INTO fresh_tags SELECT image FROM live.taggings WHERE seq > :since"
    " AND image NOT IN (SELECT image FROM retagged)",
    "INSERT INTO retagged SELECT image FROM fresh_tags",
    "INSERT INTO main.tags SELECT f.image, tag.value FROM fresh_tags AS f, json_each(("
    "SELECT tags FROM live.taggings AS t WHERE t.image = f.image AND t.seq <= :seq"
    " ORDER BY t.seq DESC LIMIT 1)) AS tag",
)
"""Of jobs that nothing else happened to since: rows of now, with the stars and the trash of then."""
