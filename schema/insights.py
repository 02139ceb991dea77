"""What verdicts teach: claims with their evidence, presets, advice, reports, and how the claims have fared.

Values only. The statistics are `daemon.learning`; nothing here computes.
"""

from collections import Counter
from typing import Literal

from schema.ids import Seq
from schema.plans import Plain, Scalar
from schema.records import Settings

ALGORITHM = 1
"""Raised whenever the same verdicts would give other claims; the old and the new can then be compared."""

Strength = Literal["clearly", "tends to"]
Kind = Literal["style", "lora", "model", "randomizer", "wildcard", "knob"]
Verdict = Literal["does well", "underperforms", "no difference", "unproven"]


class Evidence(Plain, frozen=True, kw_only=True, omit_defaults=False):
    better_n: int
    worse_n: int
    """Ratings on each side."""
    same_seed: int
    """Pairs of ratings, one of each side, of the same prompt and seed in the same sitting."""
    stars: float
    """How much better, in stars."""
    low: float
    high: float
    """Within which that lies with 95 chances in a hundred."""
    matters: float
    """Probability that this knob does anything here."""
    ratings: int
    """In the pack."""
    only: Settings = {}
    """Other knobs that stood at one value in more than four fifths of the evidence."""
    experiment: str = ""
    """Run of the learning run it is from: a claim at that base config."""


class Claim(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """Levels of one knob that are better than others in one pack."""

    key: str
    """Stable name: the same for the same pack, knob and direction."""
    pack: str
    param: str
    better: tuple[Scalar, ...]
    worse: tuple[Scalar, ...]
    confidence: float
    strength: Strength
    text: str
    evidence: Evidence


class Level(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """One value of a knob, or a range of values, for a plot."""

    values: tuple[Scalar, ...]
    label: str
    n: int
    mean: float
    """Stars that a picture of the pack is expected to get with it, all else equal."""
    low: float
    high: float
    best: float
    """Probability that it is the best one."""


class Knob(Plain, frozen=True, kw_only=True, omit_defaults=False):
    param: str
    ordered: bool
    matters: float
    levels: tuple[Level, ...]


class Change(Plain, frozen=True, kw_only=True, omit_defaults=False):
    param: str
    was: Scalar
    now: Scalar
    stars: float
    """What this change alone is expected to bring."""
    better: float
    """Probability that it is one for the better."""


class PresetAdvice(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """A config worth reusing, against what the pack is made with now."""

    pack: str
    params: Settings
    p_better_than_current: float
    current: Settings
    changes: tuple[Change, ...]
    """Those that bring most first."""
    stars: float
    """What all of it together is expected to bring."""
    offered: bool
    """Sure enough to be offered."""
    cautious: Settings
    """Only the knobs that are sure on their own; empty: none is."""
    p_cautious: float
    text: str


class TagAdvice(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """What to do about a tag, from a table of hints or, where it is strong enough, from the person's own data."""

    pack: str
    tag: str
    n: int
    """Pictures that have it."""
    text: str
    learned: bool
    """From the person's own data."""
    param: str = ""
    better: tuple[Scalar, ...] = ()
    confidence: float = 0.0


class Withdrawn(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """A claim that was shown and no longer holds."""

    key: str
    pack: str
    text: str
    """`I told you ... on 12 May; 20 later ratings do not support it.`"""
    shown: Seq
    confidence: float
    """Now."""


class PackInsight(Plain, frozen=True, kw_only=True, omit_defaults=False):
    pack: str
    backend: str
    """`sketch`, or empty for all that make real pictures."""
    ratings: int
    duels: int
    enough: bool
    """False: not enough evidence yet, `text` tells what is missing."""
    text: str
    """One sentence on where this pack stands."""
    mean: float
    """Stars, plainly averaged."""
    claims: tuple[Claim, ...]
    withdrawn: tuple[Withdrawn, ...]
    knobs: tuple[Knob, ...]
    unproven: tuple[str, ...]
    """Knobs that varied and of which nothing can be said yet."""
    preset: PresetAdvice | None
    advice: tuple[TagAdvice, ...]


def clearly_better(pack: PackInsight) -> Settings:
    """What of its preset a claim made "clearly" speaks for: good whatever the picture had that it is compared with.

    What is claimed of one model only stays out.
    """
    params = pack.preset.params if pack.preset is not None else {}
    often = Counter(claim.param for claim in pack.claims)
    return {
        claim.param: params[claim.param]
        for claim in pack.claims
        if claim.strength == "clearly" and often[claim.param] == 1 and params.get(claim.param) in claim.better
    }


class Insights(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/insights`: all of it follows from the log up to `seq`."""

    seq: Seq
    algorithm: int
    packs: tuple[PackInsight, ...]


class ReportLine(Plain, frozen=True, kw_only=True, omit_defaults=False):
    kind: Kind
    name: str
    value: str
    packs: tuple[str, ...]
    n: int
    stars: float
    """Against the average of all else."""
    low: float
    high: float
    verdict: Verdict
    factor: float | None = None
    """Of a wildcard's value: the weight that would be fed back."""


class Report(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """`GET /v1/learn/report`: `unproven` lines stand apart from every ranking."""

    seq: Seq
    lines: tuple[ReportLine, ...]
    unproven: tuple[ReportLine, ...]


class TrackRecord(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """How the program's own claims have fared."""

    clearly: int
    clearly_standing: int
    tends: int
    tends_standing: int
    withdrawn: int
    judged: int
    """Shown at 95 % with a hundred later ratings in their pack."""
    judged_standing: int
    text: str
    """`Of 40 claims at 95 %, 38 still stand.`"""


class Favourite(Plain, frozen=True, kw_only=True, omit_defaults=False):
    list: str
    """`models`, `samplers`, `loras`, `styles`, `presets`, `packs`, ..."""
    name: str
    uses: int
    stars: float
    """Mean of its pictures' ratings; 0: none."""
