"""Growing: a table and its moments after a few of its rows have changed, without counting the others again.

What comes out equals what counting everything gives; where that cannot be had from the few rows alone (a new value, a
range of values that moved, a duel), everything is counted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from daemon.learning.levels import ABSENT, BINS, LONG, TIME, WORDS, knob_of, stretch
from daemon.learning.moments import Moments, moments, replaced
from daemon.learning.rows import Row, Versus
from daemon.learning.tables import Column, Counted, Ids, Sitting, Table, counted
from daemon.learning.variance import Squares, squares
from schema.plans import Scalar

FEW = 500
"""Rows beyond which counting everything is no slower."""

_STRIDE = 1024


class Grown(NamedTuple):
    counted: Counted
    moments: Moments
    squares: Squares


class _Change(NamedTuple):
    """Rows `first` to `old` became rows `first` to `new`."""

    first: int
    old: int
    new: int


def counted_anew(pool: str, rows: tuple[Row, ...], duels: tuple[Versus, ...]) -> Grown:
    found = counted(pool, rows, duels)
    return _made(found, moments(found.table))


def _made(found: Counted, sums: Moments) -> Grown:
    return Grown(found, sums, squares(sums))


def grown(old: Grown, rows: tuple[Row, ...], duels: tuple[Versus, ...]) -> Grown:
    """Takes over `old`, which is not to be used afterwards."""
    table = old.counted.table
    if rows == table.rows and duels == table.duels:
        return old
    change = _change(table.rows, rows)
    come, gone = rows[change.first : change.new], table.rows[change.first : change.old]
    if len(come) + len(gone) <= FEW and duels == table.duels and _same_levels(old.counted, come, gone):
        return _spliced(_with_sittings(old, {row.session for row in come}), change, rows)
    return counted_anew(table.pool, rows, duels)


def _spliced(old: Grown, change: _Change, rows: tuple[Row, ...]) -> Grown:
    before, come = old.counted.table, rows[change.first : change.new]
    number = {name: at for at, name in enumerate(old.counted.sessions)}
    blocks = old.counted.blocks
    kept, behind = slice(change.first), slice(change.old, None)
    varying = [(name, column.levels) for name, column in old.counted.columns.items() if column.levels]
    codes = np.array([[levels[_value(old.counted, row, name)] for row in come] for name, levels in varying], np.int16)
    known = before.codes.T

    def ids(of: Ids, put: Sequence[int]) -> Ids:
        return np.concatenate([of[kept], np.array(put, np.int32), of[behind]])

    after = before._replace(
        rows=rows,
        codes=np.concatenate([known[:, kept], codes.reshape(len(varying), len(come)), known[:, behind]], axis=1).T,
        session=ids(before.session, [number[row.session] for row in come]),
        block=ids(before.block, [blocks.setdefault((row.session, row.prompt, row.seed), len(blocks)) for row in come]),
        outcome=np.concatenate(
            [before.outcome[kept], np.array([row.stars for row in come], np.int16), before.outcome[behind]]
        ),
    )
    touched = np.union1d(before.block[change.first : change.old], after.block[change.first : change.new])
    some = replaced(old.moments, moments(_part(before, touched)), moments(_part(after, touched)))
    times = [*old.counted.ends, *(_time(old.counted, row) for row in come)]
    return _made(old.counted._replace(table=after, ends=(min(times), max(times))), some)


def _change(old: Sequence[Row], new: Sequence[Row]) -> _Change:
    """What is between the rows that are alike at the beginning and those that are alike at the end."""
    most = min(len(old), len(new))
    first = 0
    while first < most and old[first : first + _STRIDE] == new[first : first + _STRIDE]:
        first += _STRIDE
    first = min(first, most)
    while first < most and old[first] == new[first]:
        first += 1
    last, most = 0, most - first
    while last + _STRIDE <= most and _ending(old, last, _STRIDE) == _ending(new, last, _STRIDE):
        last += _STRIDE
    while last < most and old[-1 - last] == new[-1 - last]:
        last += 1
    return _Change(first, len(old) - last, len(new) - last)


def _ending(rows: Sequence[Row], last: int, length: int) -> Sequence[Row]:
    return rows[len(rows) - last - length : len(rows) - last]


def _same_levels(old: Counted, come: Sequence[Row], gone: Sequence[Row]) -> bool:
    """Whether these rows leave every knob's levels as they are. Counts their values, and so do it once."""
    if not _same_sittings(old, come, gone):
        return False
    arrive = [_time(old, row) for row in come]
    if stretch(min(*old.ends, *arrive), max(*old.ends, *arrive)) != old.stretch:
        return False
    for rows, sign in ((come, 1), (gone, -1)):
        for row in rows:
            if not row.params.keys() <= old.columns.keys():
                return False
            for name, column in old.columns.items():
                value = _value(old, row, name)
                if not _known(column, value):
                    return False
                column.counts[value] += sign
                if not column.counts[value]:
                    return False
    for name, column in old.columns.items():
        if len(column.counts) > min(BINS, WORDS) and knob_of(name, column.counts)[1] != column.levels:
            return False
    return True


def _same_sittings(old: Counted, come: Sequence[Row], gone: Sequence[Row]) -> bool:
    """Whether sittings begin as before, so that none is gone, and are as long or short. Counts their rows."""
    for row in gone:
        count, start = old.sittings[row.session]
        if row.at == start or count == LONG + 1 or (count > LONG and row.at in old.ends):
            return False
        old.sittings[row.session] = Sitting(count - 1, start)
    for row in come:
        count, start = old.sittings.get(row.session, (0, row.at))
        if row.at < start or count == LONG:
            return False
        old.sittings[row.session] = Sitting(count + 1, start)
    return True


def _time(old: Counted, row: Row) -> float:
    return old.sittings[row.session].time(row.at)


def _value(old: Counted, row: Row, name: str) -> Scalar:
    return row.params.get(name, ABSENT) if name != TIME else int(_time(old, row) // old.stretch)


def _known(column: Column, value: Scalar) -> bool:
    return column.plain and type(value) in column.kinds and value in column.counts


def _with_sittings(old: Grown, names: set[str]) -> Grown:
    """With numbers for these sittings, in the order of their names."""
    was = old.counted.sessions
    if names <= set(was):
        return old
    now = tuple(sorted(names.union(was)))
    number = {name: at for at, name in enumerate(now)}
    moved = np.array([number[name] for name in was], np.int64)
    table = old.counted.table._replace(session=moved.astype(np.int32)[old.counted.table.session])
    return old._replace(
        counted=old.counted._replace(table=table, sessions=now),
        moments=old.moments._replace(sitting=moved[old.moments.sitting]),
    )


def _part(table: Table, blocks: Ids) -> Table:
    """Only its rows of these blocks."""
    some = np.isin(table.block, blocks)
    return table._replace(
        rows=(), duels=(), codes=table.codes[some], session=table.session[some], block=table.block[some],
        outcome=table.outcome[some],
    )  # fmt: skip
