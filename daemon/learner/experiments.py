"""What came out of learning and explore runs."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from daemon.learner.desk import Desk
from schema.experiments import LearningRunResult, LearningRunRow
from schema.insights import ALGORITHM, Claim, Knob
from schema.lessons import Shown
from schema.records import Settings

if TYPE_CHECKING:
    from daemon.learning.rows import Row


def result_of(desk: Desk, row: LearningRunRow, shown: Mapping[str, Shown]) -> LearningRunResult:
    """Effects within this run, at its base config; and what is claimed of its variables in its pack."""
    from daemon.learning.insights import insights

    rows, duels = desk.rows()
    mine = [one for one in rows if one.run == row.run]
    fought = [one for one in duels if one.better.run == row.run and one.worse.run == row.run]
    packs = insights(mine, fought, seq=desk.seq).packs
    variables = set(row.plan.variables)
    knobs = tuple(knob for one in packs for knob in one.knobs if knob.param in variables)
    known = desk.insights("", shown, ALGORITHM).packs if mine else ()
    claims = tuple(
        claim for one in known if one.pack in row.packs for claim in one.claims
        if claim.param in variables and claim.evidence.experiment in ("", row.run)
    )  # fmt: skip
    return LearningRunResult(row=row, knobs=knobs, claims=claims, text=_text(row, knobs, claims), fixed=_fixed(mine))


def _fixed(rows: "Iterable[Row]") -> Settings:
    """What all its rated pictures had in common."""
    common: Settings | None = None
    for row in rows:
        now = row.params
        common = dict(now) if common is None else {key: each for key, each in common.items() if now.get(key) == each}
    return common or {}


def _text(row: LearningRunRow, knobs: tuple[Knob, ...], claims: tuple[Claim, ...]) -> str:
    question = f"{row.plan.question} " if row.plan.question else ""
    if not row.rated:
        return f"{question}Not rated yet: {row.made} of {row.images} pictures are made."
    if claims:
        return question + " ".join(f"{claim.text.rstrip('.')}." for claim in claims)
    best = [(knob, max(knob.levels, key=lambda level: level.mean)) for knob in knobs if knob.levels]
    ahead = "; ".join(f"{knob.param} {level.label} is ahead ({level.best:.0%})" for knob, level in best)
    return f"{question}Not sure yet after {row.rated} of {row.made} ratings" + (f": {ahead}." if ahead else ".")
