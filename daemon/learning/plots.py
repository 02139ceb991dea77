"""Effects of levels in stars, with their intervals and the chance that each is the best: what a plot shows."""

from hashlib import sha256

import numpy as np

from daemon.learning import wording
from daemon.learning.claims import ADJUSTED, ROUND, values_of, verdicts
from daemon.learning.model import WITHIN, PoolFit
from daemon.learning.tables import Floats, Table
from schema import insights

DRAWS = 2000


def knobs_of(fit: PoolFit) -> tuple[insights.Knob, ...]:
    """Those that matter most first."""
    if not fit.table.knobs:
        return ()
    drawn = fit.draws(DRAWS, np.random.default_rng(seed_of(fit.table)))
    told = [at for at, knob in enumerate(fit.table.knobs) if not knob.name.startswith(ADJUSTED)]
    made = [_knob(fit, place, drawn) for place in told]
    return tuple(sorted(made, key=lambda knob: (-knob.matters, knob.param)))


def seed_of(table: Table) -> int:
    """Of draws: follows from what was rated, never from the order or the clock."""
    return int.from_bytes(
        sha256(f"{table.pool}\0{verdicts(table)}".encode("utf-8", "surrogatepass")).digest()[:8], "big"
    )


def _knob(fit: PoolFit, place: int, drawn: Floats) -> insights.Knob:
    table = fit.table
    knob = table.knobs[place]
    size, start = len(knob.levels), fit.start(knob.name)
    rated = np.bincount(table.codes[:, place], minlength=size)[:size]
    # Against the average of the pictures as they were rated, so that a level's mean is what one may expect of it.
    around = np.eye(size) - np.outer(np.ones(size), rated / max(1, rated.sum()))
    mean = around @ fit.mean[start : start + size] * fit.stars_sd
    cov = around @ fit.cov[start : start + size, start : start + size] @ around.T
    sd = np.sqrt(np.maximum(np.diag(cov), 0.0)) * fit.stars_sd
    best = np.bincount(np.argmax(drawn[:, start : start + size], axis=1), minlength=size) / len(drawn)
    middle = plain_mean(table)
    return insights.Knob(
        param=knob.name,
        ordered=knob.ordered,
        matters=round(fit.matters(knob.name), ROUND),
        levels=tuple(
            insights.Level(
                values=values_of(table, knob, (at,)), label=wording.label(knob.levels[at], knob.ordered),
                n=int(rated[at]),
                mean=_stars(middle + mean[at]), low=_stars(middle + mean[at] - WITHIN * sd[at]),
                high=_stars(middle + mean[at] + WITHIN * sd[at]), best=round(float(best[at]), ROUND),
            )
            for at in range(size)
        ),
    )  # fmt: skip


def plain_mean(table: Table) -> float:
    return round(int(table.outcome[: table.n].sum()) / table.n, ROUND) if table.n else 0.0


def _stars(at: float) -> float:
    """Nobody gives fewer than 1 or more than 5."""
    return round(float(min(5.0, max(1.0, at))), ROUND)
