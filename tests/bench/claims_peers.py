"""What people do with ratings who have no better: best mean against worst, Welch's test, ordinary least squares.

Each takes records and says of every knob of every pack with three ratings on each side whether its best level beats
its worst one, with 95 % or not at all.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from judged import Said

from schema.plans import Scalar
from schema.records import Record

LEAST = 3
FAR = 0.5
"""Stars by which means must differ for a person to believe it."""

Peer = Callable[[Sequence[Record]], list[Said]]


def best_mean(records: Sequence[Record]) -> list[Said]:
    """The level with the best mean is better than the one with the worst if half a star lies between them."""
    return [
        Said(pack, knob, (best,), (worst,), 0.95)
        for pack, knob, best, high, worst, low in _ends(records)
        if np.mean(high) - np.mean(low) >= FAR
    ]


def welch(records: Sequence[Record]) -> list[Said]:
    """The same two levels with Welch's test at 5 %, two-sided, by the normal distribution from 30 on and below it."""
    return [
        Said(pack, knob, (best,), (worst,), 0.95)
        for pack, knob, best, high, worst, low in _ends(records)
        if _welch(high, low) > 1.96
    ]


def least_squares(records: Sequence[Record]) -> list[Said]:
    """Stars on all levels of all knobs of a pack; the best level against the worst where 1.96 errors lie between."""
    said = []
    for pack, rows in _packs(records).items():
        columns, names = _dummies(rows)
        if len(rows) <= columns.shape[1] + 3:
            continue
        stars = np.array([row.stars for row in rows], float)
        inverse = np.linalg.pinv(columns.T @ columns)
        fitted = inverse @ columns.T @ stars
        left = stars - columns @ fitted
        error = left @ left / (len(rows) - np.linalg.matrix_rank(columns))
        for knob, levels in names.items():
            if len(levels) < 2:
                continue
            best = max(levels, key=lambda level: fitted[levels[level]] if levels[level] else 0.0)
            worst = min(levels, key=lambda level: fitted[levels[level]] if levels[level] else 0.0)
            contrast = np.zeros(len(fitted))
            for level, sign in ((best, 1.0), (worst, -1.0)):
                if levels[level]:
                    contrast[levels[level]] = sign
            spread = math.sqrt(max(1e-12, error * contrast @ inverse @ contrast))
            if contrast @ fitted > 1.96 * spread:
                said.append(Said(pack, knob, (best,), (worst,), 0.95))
    return said


PEERS: dict[str, Peer] = {"best mean": best_mean, "Welch": welch, "least squares": least_squares}


def _packs(records: Sequence[Record]) -> dict[str, list[Record]]:
    packs: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        packs[record.pack].append(record)
    return {pack: rows for pack, rows in packs.items() if len(rows) >= 30}


def _ends(records: Sequence[Record]) -> Iterator[tuple[str, str, Scalar, list[int], Scalar, list[int]]]:
    for pack, rows in _packs(records).items():
        for knob in rows[0].params:
            stars: dict[Scalar, list[int]] = defaultdict(list)
            for row in rows:
                stars[row.params[knob]].append(row.stars)
            enough = {level: given for level, given in stars.items() if len(given) >= LEAST}
            if len(enough) < 2:
                continue
            best = max(enough, key=lambda level: np.mean(enough[level]))
            worst = min(enough, key=lambda level: np.mean(enough[level]))
            yield pack, knob, best, enough[best], worst, enough[worst]


def _welch(high: Sequence[int], low: Sequence[int]) -> float:
    error = float(np.var(high, ddof=1) / len(high) + np.var(low, ddof=1) / len(low))
    return float(np.mean(high) - np.mean(low)) / math.sqrt(error) if error > 0 else 0.0


def _dummies(rows: Sequence[Record]) -> tuple[np.ndarray, dict[str, dict[Scalar, int]]]:
    """Columns (intercept first) and of each knob its levels' columns; 0 for the one that the others are against."""
    columns = [np.ones(len(rows))]
    names: dict[str, dict[Scalar, int]] = {}
    for knob in rows[0].params:
        counted: dict[Scalar, int] = defaultdict(int)
        for row in rows:
            counted[row.params[knob]] += 1
        enough = sorted(
            (level for level, n in counted.items() if n >= LEAST), key=lambda level: (-counted[level], str(level))
        )
        if len(counted) < 2 or not enough:
            continue
        names[knob] = {enough[0]: 0}
        for level in enough[1:]:
            names[knob][level] = len(columns)
            columns.append(np.array([row.params[knob] == level for row in rows], float))
    return np.column_stack(columns), names
