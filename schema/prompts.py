"""A prompt as its editor sees it: the places to vary, how many variants there are, and some of them."""

from typing import Literal

import msgspec

from schema.plans import Pick, Plain
from schema.requests import RunRequest

Vary = Literal["words", "choice", "wildcard", "slot", "variable", "wrap", "search"]


CompletionKind = Literal["wildcard", "lora", "embedding", "slot", "style"]


class Segment(Plain, frozen=True, kw_only=True):
    """A stretch of the prompt, in the order written; all of them together are the text."""

    start: int
    end: int
    """Characters of the text, from 0."""
    line: int
    column: int
    """Of its start, from 1."""
    kind: Vary
    key: str = ""
    """`Pick.key` of a place to vary; empty for words."""
    size: str = "1"
    """How many values it has, in digits."""
    values: tuple[str, ...] = ()
    """The first of them."""
    locked: str | None = None
    """What it is held at."""
    chance: float | None = None
    """How likely it is filled at all where values are drawn; None: nobody says, so always."""
    negative: bool = False
    """It stands in the negative prompt."""


class Sample(Plain, frozen=True, kw_only=True):
    """One variant."""

    prompt: str
    negative: str
    seed: int
    name: str = ""
    """`JobSpec.name`: what an `Edit` of it is called."""
    picks: tuple[Pick, ...] = ()


class Trial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`POST /v1/prompt`: the request as it would be planned, and how many variants are to be shown."""

    run: RunRequest
    show: int = 20


class Tried(Plain, frozen=True, kw_only=True):
    """Made by the same function as the plan; `samples` are its first jobs' words."""

    segments: tuple[Segment, ...] = ()
    """Of the prompt on the command line, or of the first pack's first prompt."""
    space: str = "1"
    """Variants there are, in digits."""
    jobs: int = 0
    seed: int = 0
    plan_hash: str = ""
    samples: tuple[Sample, ...] = ()
    warnings: tuple[str, ...] = ()
    payload: str = ""
    """JSON of what will be sent for the first job: each stage that runs with its settings."""


class Completion(Plain, frozen=True, kw_only=True):
    """`GET /v1/completions?text=&at=`: what may stand where the cursor is."""

    text: str
    """What is put in place of `start..end`."""
    start: int
    end: int
    kind: CompletionKind
    note: str = ""
    """`214 values`, trigger words."""


class Completions(Plain, frozen=True, kw_only=True):
    items: tuple[Completion, ...] = ()
    total: int = 0
