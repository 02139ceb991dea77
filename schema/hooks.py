"""What hooks are told: news of runs, of the queue and of trouble, as JSON for other programs (`docs/hooks.md`)."""

from typing import Literal

import msgspec

from schema.ids import JobId, RunId, Seq
from schema.plans import Plain

Occasion = Literal["run-finished", "queue-empty", "attention", "trouble"]
"""A run has ended, with its film and its folder; nothing runs or waits to run any more; a job waits for a person; what
`status` warns of, a node of the fleet that was lost, or a log that can only be read.
"""


class RunNews(Plain, frozen=True, kw_only=True):
    run: RunId
    name: str
    jobs: int
    finished: int
    failed: int
    cancelled: int
    attention: int
    folder: str
    """Absolute; its manifest is written."""


class JobNews(Plain, frozen=True, kw_only=True):
    job: JobId
    run: RunId
    name: str
    reason: str


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has happened, as a hook gets it: with every field, also those that are empty."""

    id: str
    """The same on every try and after a restart: who has seen it does nothing again."""
    on: Occasion
    at: str
    """UTC ISO 8601."""
    seq: Seq
    """Of the event in the log; 0: of none."""
    hook: str
    host: str
    text: str
    """One sentence for people."""
    test: bool = False
    """Nothing has happened: somebody tries the hook."""
    run: RunNews | None = None
    job: JobNews | None = None


class HookRow(Plain, frozen=True, kw_only=True):
    """A hook and how it fares."""

    name: str
    on: tuple[Occasion, ...]
    to: str
    """Server or program; no path of an address, as many hold a secret."""
    state: Literal["unused", "well", "waiting", "failing"]
    waiting: int = 0
    """News that it has not got yet."""
    told: str = ""
    """What came of the newest try."""
    at: float | None = None
    """Unix seconds of that."""


class HookRows(Plain, frozen=True, kw_only=True):
    items: tuple[HookRow, ...]
    total: int


class HookTried(Plain, frozen=True, kw_only=True):
    hook: str
    id: str
    well: bool
    told: str
    """What it answered, or ended with."""
    seconds: float
