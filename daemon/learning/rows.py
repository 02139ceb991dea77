"""Rows: verdicts in the order and shape the statistics read (docs/learning.md 1, 8); the last on a picture counts.

Same verdicts give the same rows whatever the order in which they are handed over. (Only where a picture is rated
twice at the very same time does the later of the two count.)
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple

from schema.plans import Scalar
from schema.records import Record

SKETCH = "\tsketch"
"""Ends the name of a pool of sketched pictures; no pack's name holds a tab."""

GAP = 1800.0
"""Seconds without a verdict after which a new sitting begins."""


class Row(NamedTuple):
    """A rated picture. `at` in unix seconds, `stars` 1 to 5."""

    id: str
    at: float
    session: str
    pool: str
    prompt: str
    seed: int
    run: str
    params: Mapping[str, Scalar]
    stars: int
    tags: tuple[str, ...]
    made: float = 0.0
    """Unix seconds; 0: nobody knows."""


class Versus(NamedTuple):
    """A duel: both pictures are of one pool. Their rows have no stars; what they are rated otherwise is another row."""

    better: Row
    worse: Row
    session: str
    at: float
    tie: bool = False
    """Neither is better."""


def pool_of(pack: str, backend: str) -> str:
    """What is fitted together: a pack's real pictures, or its sketched ones; never both."""
    return pack + SKETCH if backend == "sketch" else pack


def pack_of(pool: str) -> tuple[str, str]:
    """Pack and backend (`sketch` or empty) of a pool."""
    return (pool.removesuffix(SKETCH), "sketch") if pool.endswith(SKETCH) else (pool, "")


def rows_of(records: Iterable[Record]) -> tuple[tuple[Row, ...], tuple[Versus, ...]]:
    """All verdicts that stand, ordered by pool, session, prompt, seed and id; then the duels, by time and ids.

    A rating of no stars takes back what stood. Verdicts on whole runs are one row each, if their pictures share all
    settings, and else none.
    """
    timed = sorted(((_seconds(record.at), record) for record in records), key=lambda one: one[0])
    last: dict[tuple[str, str], tuple[Row, bool]] = {}
    duels: dict[tuple[str, str], tuple[Record, str, float]] = {}
    for (at, record), session in zip(timed, _sittings(timed), strict=True):
        if record.better_than:
            low, high = sorted((record.id, record.better_than))
            duels[low, high] = record, session, at
        else:
            row = _row(record, at, session)
            last[row.pool, row.id] = row, record.whole
    return _ordered(_standing(last.values())), _duels(duels.values(), [record for _, record in timed])


class Book:
    """Rows that grow by one verdict at a time: `rows()` is what `rows_of` makes of all records added, sooner."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = list(records)
        self._stale = False
        self._gather()

    def add(self, records: Iterable[Record]) -> None:
        """Later verdicts; those with an earlier time than what is there cost a fresh start."""
        for record in records:
            self._records.append(record)
            if not self._stale:
                self._stale = not self._add(record)

    def rows(self) -> tuple[tuple[Row, ...], tuple[Versus, ...]]:
        if self._stale:
            self._gather()
        return tuple(self._rows), self._versus

    def _gather(self) -> None:
        rows, self._versus = rows_of(self._records)
        self._rows = list(rows)
        self._places = {(row.pool, row.id): row for row in rows}
        self._apart = {one.run for one in self._records if one.whole}
        self._fought = {name for one in self._records if one.better_than for name in (one.id, one.better_than)}
        timed = sorted(((_seconds(record.at), record) for record in self._records), key=lambda one: one[0])
        self._newest = timed[-1][0] if timed else float("-inf")
        self._sitting = next(
            ((at, name) for (at, one), name in reversed(list(zip(timed, _sittings(timed), strict=True)))
             if not one.session), (float("-inf"), ""),
        )  # fmt: skip
        self._stale = False

    def _add(self, record: Record) -> bool:
        """False: this one changes more than a row."""
        at = _seconds(record.at)
        special = record.better_than or record.whole or record.run in self._apart or record.id in self._fought
        if special or at < self._newest:
            return False
        self._newest, session = at, record.session
        if not session:
            self._sitting = at, self._sitting[1] if at - self._sitting[0] <= GAP else _named(at)
            session = self._sitting[1]
        row = _row(record, at, session)
        old = self._places.pop((row.pool, row.id), None)
        if old is not None:
            del self._rows[bisect_left(self._rows, _canonical(old), key=_canonical)]
        if row.stars:
            insort(self._rows, row, key=_canonical)
            self._places[row.pool, row.id] = row
        return True


_canonical = attrgetter("pool", "session", "prompt", "seed", "id")
_within = attrgetter("prompt", "seed", "id")


def _ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Sitting by sitting: several times as quick as one sort of everything."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.pool, row.session), []).append(row)
    return tuple(row for key in sorted(found) for row in sorted(found[key], key=_within))


def _row(record: Record, at: float, session: str) -> Row:
    return Row(
        record.id, at, session, pool_of(record.pack, record.backend), record.prompt, record.seed, record.run,
        record.params, record.stars, record.tags, _seconds(record.made) if record.made else 0.0,
    )  # fmt: skip


def _seconds(at: str) -> float:
    """Unix seconds of an ISO time, UTC if it does not say. Raises ValueError."""
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _named(at: float) -> str:
    return f"sitting {at:.3f}"


def _sittings(timed: Sequence[tuple[float, Record]]) -> list[str]:
    """The sitting of each, in order of time: its own, or the one that a pause of GAP ended."""
    found: list[str] = []
    before, name = float("-inf"), ""
    for at, record in timed:
        if record.session:
            found.append(record.session)
            continue
        if at - before > GAP:
            name = _named(at)
        before = at
        found.append(name)
    return found


def _standing(last: Iterable[tuple[Row, bool]]) -> Iterable[Row]:
    """Without what was taken back; a run that was rated as a whole is one row."""
    whole: dict[str, list[Row]] = {}
    single: list[Row] = []
    for row, of_run in last:
        if row.stars:
            (whole.setdefault(row.run, []) if of_run else single).append(row)
    if not whole:
        return single
    beside = {run: rows[:] for run, rows in whole.items()}
    for row in single:
        if row.run in beside:
            beside[row.run].append(row)
    for run, rows in whole.items():
        newest = max(rows, key=lambda row: (row.at, row.id))
        if all(row.params == newest.params and row.pool == newest.pool for row in beside[run]):
            single.append(newest._replace(id=f"run {run}", prompt=f"run {run}", seed=0))
    return single


def _duels(fought: Iterable[tuple[Record, str, float]], records: Sequence[Record]) -> tuple[Versus, ...]:
    """Those whose loser is known and of the same pool."""
    if not (fought := list(fought)):
        return ()
    known = {record.id: record for record in records}
    found: list[Versus] = []
    for record, session, at in fought:
        loser = known.get(record.better_than)
        if loser is None or pool_of(loser.pack, loser.backend) != pool_of(record.pack, record.backend):
            continue
        better, worse = (_row(one, at, session)._replace(stars=0, tags=()) for one in (record, loser))
        found.append(Versus(better, worse, session, at, record.tie))
    found.sort(key=lambda one: (one.better.pool, one.session, one.at, one.better.id, one.worse.id))
    return tuple(found)
