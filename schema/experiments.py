"""Experiments: learning runs over one variable, explore runs over several, what is proposed, and duels."""

from typing import Literal

from schema.ids import ImageId, JobId, RunId
from schema.insights import Claim, Knob
from schema.plans import LearningPlan, Plain, Scalar
from schema.records import Settings


class LearningRunRow(Plain, frozen=True, kw_only=True, omit_defaults=False):
    run: RunId
    name: str
    packs: tuple[str, ...]
    created: float
    state: Literal["waiting", "running", "to rate", "rated", "stopped"]
    plan: LearningPlan
    images: int
    made: int
    rated: int


class LearningRunResult(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """What came out of it; with its plan the whole of an experiment."""

    row: LearningRunRow
    knobs: tuple[Knob, ...]
    claims: tuple[Claim, ...]
    text: str
    fixed: Settings
    """What all its pictures had in common."""


class ProposedImage(Plain, frozen=True, kw_only=True, omit_defaults=False):
    params: Settings
    seed_group: int
    """Pictures of one group share prompt and seed."""


class Proposal(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """An experiment that would teach much."""

    kind: Literal["learning", "explore"]
    pack: str
    variables: dict[str, tuple[Scalar, ...]]
    seeds: int
    images: int
    seconds: float
    """Expected, of one machine; 0: nobody knows yet."""
    worth: float
    """Stars that the best preset is expected to gain by it, per minute of a GPU."""
    why: str
    """One sentence."""
    command: str
    """The command line that starts it."""


class Duel(Plain, frozen=True, kw_only=True, omit_defaults=False):
    """Two pictures worth comparing, in the order they are to be shown."""

    left: ImageId
    right: ImageId
    left_job: JobId
    right_job: JobId
    why: str
