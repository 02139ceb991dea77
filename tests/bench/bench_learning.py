"""The statistics at a hundred thousand verdicts: everything anew, and once more after one more verdict.

    python tests/bench/bench_learning.py [--json]

The peer is a bare least squares fit of the same columns and rows with numpy: no sittings, no blocks, no hierarchy, no
scales, nothing about who is sure of what. Goals: 1.5 s anew and 50 ms after one more verdict, of twenty packs and of
one that has all verdicts.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the daemon does, before numpy is loaded

import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from measure import Goal, Line, compared, finish, interleaved, seconds

from daemon.learning.insights import of_fit
from daemon.learning.model import Fitter, fit
from daemon.learning.rows import Book, rows_of
from daemon.learning.tables import Table, tabulate
from schema.records import Record

VERDICTS = 100_000
ROUNDS = 5
AGAIN = 20
SITTING = 60
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
KNOBS: dict[str, Sequence[str | float]] = {
    "paint.steps": (15, 20, 25, 30, 35), "paint.cfg": (4.0, 5.5, 7.0, 8.5, 10.0), "paint.clip_skip": (1, 2),
    "paint.sampler": ("euler", "ddim", "heun", "unipc"), "style": ("ink", "oil", "film", "chalk", "plain"),
    "lora:grain": (0.0, 0.25, 0.5, 0.75, 1.0), "refine.denoise": (0.2, 0.3, 0.4, 0.5, 0.6),
    "pick:animal": ("fox", "owl", "hare", "wren", "deer", "seal"),
}  # fmt: skip


def verdicts(packs: int) -> list[Record]:
    """Sittings of sixty pictures of a pack, five to a seed."""
    draw, found = np.random.default_rng(packs), []
    worth = {knob: draw.normal(0.0, 0.3, len(values)) for knob, values in KNOBS.items()}
    at = BEGINNING
    while len(found) < VERDICTS:
        pack = f"pack{draw.integers(packs):02}"
        at += timedelta(minutes=40)
        luck = draw.normal(0.0, 0.5, SITTING // 5 + 1)
        seeds = draw.integers(10**9, size=len(luck))
        for number in range(min(SITTING, VERDICTS - len(found))):
            levels = {knob: int(draw.integers(len(values))) for knob, values in KNOBS.items()}
            liked = 3.2 + luck[number // 5] + sum(worth[knob][level] for knob, level in levels.items())
            at += timedelta(seconds=5)
            found.append(
                Record(
                    id=f"p{len(found):06}", at=at.isoformat(), session="", pack=pack, prompt="a fox in the snow",
                    seed=int(seeds[number // 5]), run=f"run{len(found) // SITTING}",
                    params={knob: KNOBS[knob][level] for knob, level in levels.items()},
                    stars=int(np.clip(round(liked + draw.normal(0.0, 0.7)), 1, 5)),
                )
            )  # fmt: skip
    return found


def bare(tables: Mapping[str, Table]) -> None:
    """Least squares of each pack's stars on its columns."""
    for table in tables.values():
        columns = [np.eye(len(knob.levels))[table.codes[:, at]] for at, knob in enumerate(table.knobs)]
        x = np.hstack([*columns, np.ones((len(table.codes), 1))])
        np.linalg.solve(x.T @ x + 1e-3 * np.eye(x.shape[1]), x.T @ table.outcome.astype(np.float64))


def bench(packs: int, what: str) -> list[Line]:
    records = verdicts(packs)
    rows, duels = rows_of(records)
    tables = tabulate(rows, duels)
    rest = iter(records[-(ROUNDS + 1) * AGAIN :])
    book, fitter = Book(records[: -(ROUNDS + 1) * AGAIN]), Fitter()
    of_fit(fitter.fit(*book.rows()), packs={records[-1].pack})

    def once_more(told: bool) -> float:
        """Milliseconds from one more verdict to what is known (or `told` of its pack), the median of some."""
        each = []
        for record in (next(rest) for _ in range(AGAIN // 2)):

            def refresh(record: Record = record) -> None:
                book.add([record])
                found = fitter.fit(*book.rows())
                if told:
                    of_fit(found, packs={record.pack})
                else:
                    pool = found.pools[record.pack]
                    assert 0.0 <= pool.matters("style") <= 1.0

            each.append(seconds(refresh))
        return statistics.median(each) * 1e3

    found = interleaved(ROUNDS, {
        "bare": lambda: seconds(lambda: bare(tables)),
        "fit": lambda: seconds(lambda: fit(tables)),
        "anew": lambda: seconds(lambda: fit(tabulate(*rows_of(records)))),
        "more": lambda: once_more(False),
        "told": lambda: once_more(True),
    })  # fmt: skip
    peer, solve = "least squares with numpy", [each * 1e3 for each in found["bare"]]
    return [
        compared(f"fit {VERDICTS:,} counted verdicts, {what}", "s", found["fit"], peer, found["bare"], None),
        compared("the same from records", "s", found["anew"], peer, found["bare"], Goal("value", most=1.5)),
        compared(f"one more verdict, {what}", "ms", found["more"], peer, solve, Goal("value", most=50.0)),
        compared("the same with its pack's insights", "ms", found["told"], peer, solve, Goal("value", most=50.0)),
    ]


if __name__ == "__main__":
    finish([*bench(20, "twenty packs"), *bench(1, "one pack")], sys.argv[1:])
