"""What pictures that were looked at tell the planner: weights of wildcards, goals to say louder, and how they changed.

A reversible overlay over what people wrote: nothing of it stands in their files, and switched off, none of it counts.
"""

from typing import Literal

from schema.happened import Happened
from schema.ids import ImageId, JobId, Seq
from schema.plans import Plain

WeightKind = Literal["wildcard", "pack"]
"""`wildcard`: value to the factor of its weight; `pack`: goal of the pack's prompts to the weight it is said with."""

LEAST, MOST = 0.5, 2.0
"""Bounds of all weights: a value is made rarer or likelier, never left out."""

Weights = dict[str, float]
"""What is not in it has 1."""


class Feedback(Plain, frozen=True, kw_only=True):
    """The overlay as it is now; part of the live state."""

    on: bool = False
    wildcards: dict[str, Weights] = {}
    packs: dict[str, Weights] = {}
    since: dict[str, Seq] = {}
    """`wildcard sky` or `pack knights` to the seq from which on looks count: what came before was reset."""


class FeedbackSwitched(Happened, frozen=True, kw_only=True):
    was: bool
    now: bool


class WeightsAdjusted(Happened, frozen=True, kw_only=True):
    """Only what changed: a value that is in `was` alone has 1 again, one in `now` alone had 1."""

    kind: WeightKind
    name: str
    was: Weights = {}
    now: Weights = {}
    reason: str = ""
    since: Seq | None = None
    """Where looks count from again; None: as before."""


class WeightsReset(Happened, frozen=True, kw_only=True):
    """All of this name have 1, and only looks from here on count."""

    kind: WeightKind
    name: str
    was: Weights = {}
    since: Seq = Seq(0)
    """Where looks counted from until now."""


# What routes answer with -------------------------------------------------------------------------


class Look(Plain, frozen=True, kw_only=True):
    """What one stage saw in one picture, held against what its prompt asked for."""

    image: ImageId
    job: JobId
    stage: str
    at: float
    """Unix seconds."""
    looker: str = ""
    """The model that looked."""
    caption: str = ""
    score: float | None = None
    """0 to 1, as the scorer said it."""
    fulfilment: float | None = None
    """0 to 1: how much of what the prompt asks for the caption names; None: there was nothing it could have named."""
    style: float | None = None
    """0 to 1: whether the style is the one asked for; None: no style was asked for, or the caption speaks of none."""
    seen: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    """Seen although the negative prompt forbids it."""


class Span(Plain, frozen=True, kw_only=True):
    """What looks of one stretch of time gave."""

    since: float
    """Unix seconds."""
    n: int
    mean: float


class Effect(Plain, frozen=True, kw_only=True):
    """How well a component of prompts came out, by all looks at pictures that had it."""

    kind: Literal["wildcard", "slot", "choice", "lora", "style"]
    name: str
    """Of the place to vary, the LoRA or the style."""
    value: str = ""
    """Of a place to vary what was put there, of a LoRA its weight."""
    n: int
    """Pictures looked at."""
    mean: float
    """0 to 1, as it was counted."""
    likely: float
    """The mean, drawn towards that of all values of the same name the more, the fewer looks there are."""
    low: float
    high: float
    """Within which it lies with nine chances in ten."""
    by: Literal["caption", "score"]
    """What was counted: words of it in captions, or the scorer's number. They are never mixed."""
    fulfilment: float | None = None
    """Mean of its pictures."""
    style: float | None = None
    factor: float = 1.0
    """What the overlay makes of its weight now."""
    over: tuple[Span, ...] = ()
    """Oldest first."""


class Leaning(Plain, frozen=True, kw_only=True):
    """One line of the overlay."""

    kind: WeightKind
    name: str
    value: str
    weight: float


class FeedbackShown(Plain, frozen=True, kw_only=True):
    """`GET /v1/feedback`."""

    on: bool
    weights: tuple[Leaning, ...] = ()
    looks: int = 0
    """Pictures that were looked at."""
