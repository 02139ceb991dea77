"""Tables: one pool's rows as codes of levels, ready for counting."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from math import inf
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from daemon.learning.levels import ABSENT, LONG, TIME, Floats, Knob, knob_of, plain, stretch
from daemon.learning.rows import Row, Versus
from schema.plans import Scalar

__all__ = [
    "LOST", "WON", "Codes", "Column", "Counted", "Floats", "Ids", "Knob", "Table", "counted", "table_of", "tabulate",
    "tagged",
]  # fmt: skip

Codes = NDArray[np.int16]
Ids = NDArray[np.int32]

LOST, TIED, WON = 6, 7, 8
"""Outcomes of the two rows of a duel."""


class Table(NamedTuple):
    """One pool. Rows of ratings come first, in the order of `rows`; then two for each duel, the better one first."""

    pool: str
    rows: tuple[Row, ...]
    duels: tuple[Versus, ...]
    knobs: tuple[Knob, ...]
    codes: Codes
    """Level of each row in each knob: [rows + 2 duels, knobs]; a knob's lie together in memory."""
    session: Ids
    """Numbers of sittings, from 0, in the order of their names."""
    block: Ids
    """Numbers of blocks (sitting, prompt, seed), from 0; a duel is a block of its own."""
    outcome: Codes
    """Stars; LOST, TIED and WON in duels."""

    @property
    def n(self) -> int:
        return len(self.rows)

    def knob(self, name: str) -> int:
        """Its place among the knobs. Raises KeyError where it did not vary."""
        for at, knob in enumerate(self.knobs):
            if knob.name == name:
                return at
        raise KeyError(name)


class Column(NamedTuple):
    """What was seen of one parameter."""

    kinds: frozenset[type]
    plain: bool
    """No value stands for another one."""
    counts: Counter[Scalar]
    levels: dict[Scalar, int]
    """Empty for one that never varied."""


class Sitting(NamedTuple):
    """Some verdicts in a row."""

    verdicts: int
    start: float

    def time(self, at: float) -> float:
        """That a row of this sitting has, which was rated then."""
        return at if self.verdicts > LONG else self.start


class Counted(NamedTuple):
    """A table with what it takes to change some of its rows."""

    table: Table
    columns: dict[str, Column]
    sessions: tuple[str, ...]
    """By number."""
    blocks: dict[Hashable, int]
    """(session, prompt, seed) to number."""
    sittings: dict[str, Sitting]
    ends: tuple[float, float]
    """First and last of the times that rows have."""

    @property
    def stretch(self) -> float:
        return stretch(*self.ends)


def tabulate(rows: Iterable[Row], duels: Iterable[Versus] = ()) -> dict[str, Table]:
    """Tables of all pools, by name, in the order of the names."""
    rated: dict[str, list[Row]] = {}
    fought: dict[str, list[Versus]] = {}
    for row in rows:
        rated.setdefault(row.pool, []).append(row)
    for duel in duels:
        fought.setdefault(duel.better.pool, []).append(duel)
    pools = sorted(rated.keys() | fought.keys())
    return {pool: table_of(pool, tuple(rated.get(pool, ())), tuple(fought.get(pool, ()))) for pool in pools}


def table_of(pool: str, rows: tuple[Row, ...], duels: tuple[Versus, ...] = ()) -> Table:
    return counted(pool, rows, duels).table


def counted(pool: str, rows: tuple[Row, ...], duels: tuple[Versus, ...]) -> Counted:
    params = [row.params for row in rows]
    params += [one.params for duel in duels for one in (duel.better, duel.worse)]
    columns: dict[str, Column] = {}
    knobs: list[Knob] = []
    codes: list[Codes] = []
    rated = [(row.session, row.at) for row in rows] + [(duel.session, duel.at) for duel in duels for _ in range(2)]
    seats = _seats(rated)
    times = [seats[session].time(at) for session, at in rated]
    ends = min(times), max(times)
    for name, column in (*_columns(params), *_times(times, stretch(*ends))):
        clean = plain(column)
        counts = Counter(clean)
        columns[name] = seen = Column(frozenset(map(type, column)), clean is column, counts, {})
        if len(counts) > 1:
            knob, levels = knob_of(name, counts)
            seen.levels.update(levels)
            knobs.append(knob)
            codes.append(np.fromiter(map(levels.__getitem__, clean), np.int16, len(clean)))
    sittings, outcome = [session for session, _ in rated], [row.stars for row in rows]
    keys: list[Hashable] = [(row.session, row.prompt, row.seed) for row in rows]
    for number, duel in enumerate(duels):
        keys += [number] * 2
        outcome += [TIED, TIED] if duel.tie else [WON, LOST]
    names = {name: at for at, name in enumerate(sorted(set(sittings)))}
    blocks = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    table = Table(
        pool=pool, rows=rows, duels=duels, knobs=tuple(knobs),
        codes=np.stack(codes).T if codes else np.zeros((len(params), 0), np.int16),
        session=np.fromiter(map(names.__getitem__, sittings), np.int32, len(keys)),
        block=np.fromiter(map(blocks.__getitem__, keys), np.int32, len(keys)),
        outcome=np.array(outcome, np.int16),
    )  # fmt: skip
    return Counted(table, columns, tuple(names), blocks, seats, ends)


def tagged(tables: Mapping[str, Table], tag: str) -> dict[str, Table]:
    """The same tables with another outcome: 2 where a picture has this tag, 1 where it has not; without duels."""
    return {
        pool: table._replace(
            duels=(), codes=table.codes[: table.n], session=table.session[: table.n], block=table.block[: table.n],
            outcome=np.array([1 + (tag in row.tags) for row in table.rows], np.int16),
        )
        for pool, table in tables.items()
    }  # fmt: skip


def _seats(rated: Sequence[tuple[str, float]]) -> dict[str, Sitting]:
    starts: dict[str, float] = {}
    for session, at in rated:
        if at < starts.get(session, inf):
            starts[session] = at
    counts = Counter([session for session, _ in rated])
    return {session: Sitting(counts[session], start) for session, start in starts.items()}


def _times(times: Sequence[float], length: float) -> Iterable[tuple[str, Sequence[Scalar]]]:
    if length:
        yield TIME, [int(at // length) for at in times]


def _columns(params: Sequence[Mapping[str, Scalar]]) -> Iterable[tuple[str, Sequence[Scalar]]]:
    """Every key with its value in each row, by name."""
    if not params:
        return
    names = sorted(set[str]().union(*set(map(tuple, params))) - {TIME})
    for start in range(0, len(names), 32):
        some = names[start : start + 32]
        rows = list(map(_getter(some), params))
        yield from zip(some, zip(*rows, strict=True), strict=True)


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Scalar]], tuple[Scalar, ...]]:
    """Values of these keys; quick for rows that have them all."""
    if len(names) == 1:
        return lambda one: (one.get(names[0], ABSENT),)
    quick = itemgetter(*names)

    def values(one: Mapping[str, Scalar]) -> tuple[Scalar, ...]:
        try:
            found: tuple[Scalar, ...] = quick(one)
        except KeyError:
            return tuple(one.get(name, ABSENT) for name in names)
        return found

    return values
