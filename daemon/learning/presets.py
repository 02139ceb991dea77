"""Presets: of each knob the level expected to be best, against what the pack is made with now (docs/learning.md 7)."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from daemon.learning import wording
from daemon.learning.claims import ADJUSTED, ENOUGH, ROUND, below, values_of, verdicts
from daemon.learning.model import PoolFit, normal
from daemon.learning.rows import Row, pack_of
from daemon.learning.tables import Floats, Knob, Table
from schema.insights import Change, PresetAdvice
from schema.plans import Scalar
from schema.records import Settings

OFFERED = 0.95
"""Chance of being better from which on a preset is offered."""
ALONE = 0.8
"""Chance of a knob's change being for the better from which on the cautious preset makes it."""
TRIFLE = 0.02
"""Stars below which a change is left alone."""
MOST_TOLD_APART = 8
"""Changes of which every combination of doing something and nothing is looked at."""
NOT_SET = ("pick:", "randomizer.", ADJUSTED)
"""Begin the names of what was drawn for a picture and of how it was drawn: no settings of a preset."""


class _Step(NamedTuple):
    """One knob from the level it has to the one that is expected to be best."""

    knob: Knob
    was: int
    now: int
    stars: float = 0.0
    alone: float = 0.0


def preset(fit: PoolFit) -> PresetAdvice:
    """Of any pool that has verdicts; with nothing to change it is what the pack is made with now."""
    table = fit.table
    at, row = newest(table)
    codes = table.codes[at]
    steps = sorted(
        (step for step in (_step(fit, place, int(codes[place])) for place in range(len(table.knobs))) if step),
        key=lambda step: (-step.stars, step.knob.name),
    )
    current = {name: row.params[name] for name in sorted(row.params) if not name.startswith(NOT_SET)}
    stars, chance = _together(fit, steps)
    sure = [step for step in steps if step.alone >= ALONE]
    _, cautious = _together(fit, sure)
    changes = tuple(_change(table, step, current) for step in steps)
    offered = bool(steps) and chance >= OFFERED and verdicts(table) >= ENOUGH
    return PresetAdvice(
        pack=pack_of(table.pool)[0],
        params=_changed(current, changes),
        p_better_than_current=round(chance, ROUND),
        current=current,
        changes=changes,
        stars=round(stars, ROUND),
        offered=offered,
        cautious=_changed(current, [_change(table, step, current) for step in sure]) if sure else {},
        p_cautious=round(cautious, ROUND),
        text=_told(changes, chance, stars, offered, verdicts(table)),
    )


def as_it_is(pack: str, current: Settings) -> PresetAdvice:
    """Of a pack with records of which none counts."""
    return PresetAdvice(
        pack=pack, params=current, p_better_than_current=0.0, current=current, changes=(), stars=0.0, offered=False,
        cautious={}, p_cautious=0.0, text=_told((), 0.0, 0.0, False, 0),
    )  # fmt: skip


def newest(table: Table) -> tuple[int, Row]:
    """The row with what the pack was made with last, and its place; of several at the same time the largest id.

    In whichever order the pictures were rated; where nobody knows when they were made, that order has to do.
    """
    rows = [*table.rows, *(row for duel in table.duels for row in (duel.better, duel.worse))]
    times = [row.made or row.at for row in rows]
    last = max(times)
    return max(
        ((at, rows[at]) for at, when in enumerate(times) if when == last),
        key=lambda each: (natural(each[1].id), each[0]),
    )


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Orders `im9` before `im10`."""
    parts = re.split(r"([0-9]{1,18})", name)
    return tuple((0, int(part), "") if at % 2 else (1, 0, part) for at, part in enumerate(parts))


def _step(fit: PoolFit, place: int, was: int) -> _Step | None:
    knob = fit.table.knobs[place]
    if knob.name.startswith(NOT_SET):
        return None
    start = fit.start(knob.name)
    mean = np.round(fit.mean[start : start + len(knob.levels)], 9)
    now = int(np.argmax(mean))
    if mean[now] <= mean[was]:
        return None
    step = _Step(knob, was, now)
    gap, sd = fit.gain(_vector(fit, step))
    if gap * fit.stars_sd < TRIFLE:
        return None
    return step._replace(stars=gap * fit.stars_sd, alone=fit.matters(knob.name) * normal(gap / max(sd, 1e-9)))


def _together(fit: PoolFit, steps: Sequence[_Step]) -> tuple[float, float]:
    """Stars that these changes bring, and the chance that they bring any.

    A change of a knob that does nothing brings nothing: the chance is averaged over which of the knobs do something.
    Of many changes those that bring least are counted as doing nothing.
    """
    if not steps:
        return 0.0, 0.0
    moves = np.array([_vector(fit, step) for step in steps])
    stars = float((moves @ fit.mean).sum()) * fit.stars_sd
    first = moves[:MOST_TOLD_APART]
    gaps, cov = first @ fit.mean, first @ fit.cov @ first.T
    matters = np.array([fit.matters(step.knob.name) for step in steps[:MOST_TOLD_APART]])
    does = ((np.arange(2 ** len(first))[:, None] >> np.arange(len(first))) & 1).astype(float)
    weight = np.prod(np.where(does > 0, matters, 1.0 - matters), axis=1)
    sd = np.sqrt(np.maximum(np.einsum("ik,kl,il->i", does, cov, does), 1e-18))
    better = np.where(does.any(axis=1), below(does @ gaps / sd), 0.0)
    return stars, float(weight @ better)


def _vector(fit: PoolFit, step: _Step) -> Floats:
    start, vector = fit.start(step.knob.name), np.zeros(len(fit.mean))
    vector[start + step.was] -= 1.0
    vector[start + step.now] += 1.0
    return vector


def _change(table: Table, step: _Step, current: Settings) -> Change:
    return Change(
        param=step.knob.name,
        was=current.get(step.knob.name),
        now=_value(table, step.knob, step.now),
        stars=round(step.stars, ROUND),
        better=round(step.alone, ROUND),
    )


def _value(table: Table, knob: Knob, level: int) -> Scalar:
    """Of a level that stands for several values: the one most used, of these the first."""
    values = values_of(table, knob, (level,))
    if len(values) == 1:
        return values[0]
    used = Counter(row.params.get(knob.name) for row in table.rows)
    return max(values, key=lambda value: (used[value], -values.index(value)))


def _changed(current: Settings, changes: Sequence[Change]) -> Settings:
    """A setting that changes to nothing is left out."""
    after = {**current, **{change.param: change.now for change in changes}}
    gone = {change.param for change in changes if change.now is None}
    return {name: value for name, value in after.items() if name not in gone}


def _told(changes: tuple[Change, ...], chance: float, stars: float, offered: bool, ratings: int) -> str:
    if not changes:
        return "Nothing that is known would be better than what this pack is made with now."
    what = wording.listed([wording.changed(one.param, one.was, one.now) for one in changes], "and")
    if offered:
        return f"Change {what}: {wording.percent(chance)} sure to be better, by {wording.about(stars)}."
    missing = f" Nothing is offered before {ENOUGH} ratings." if ratings < ENOUGH else ""
    return (
        f"Not enough evidence yet to recommend a change; likeliest: {what} ({wording.percent(chance)} sure).{missing}"
    )
