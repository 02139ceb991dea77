"""What goes into the ledger's mailbox, and what a batch holds back until it is on disk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.core.decide import Input
from daemon.core.state import Brief, LastUsed, State
from schema.errors import Refused
from schema.events import Envelope
from schema.feedback import Feedback
from schema.ids import CommandId, Seq, Sha256
from schema.keeping import Access
from schema.lessons import Lessons
from schema.scenes import Answer, Scene


class Origin(NamedTuple):
    """Who asks, and what makes asking twice harmless."""

    actor: str
    command: CommandId | None = None
    key: str | None = None
    digest: bytes | None = None
    """Of the request that came with the key."""


class Committed(NamedTuple):
    envelopes: tuple[Envelope, ...]
    briefs: tuple[Brief, ...] = ()
    """Of the attempts opened among them and still open behind them."""


class LedgerStopped(Exception):
    """Nothing is taken any more: the daemon stops, or its log broke. It is not known whether the input was taken."""


@dataclass(slots=True)
class Letter:
    input: Input
    origin: Origin
    cause: Seq | None
    answer: asyncio.Future[Answer]
    wish: bool
    """A command: its refusal is an answer. An observation is never refused."""


@dataclass(slots=True)
class Question:
    """Put to a state that is wholly on disk."""

    ask: Callable[[State], None]
    answer: asyncio.Future[None]


@dataclass(slots=True)
class Batch:
    """Decided together, durable together; nothing of it is told before."""

    envelopes: list[Envelope] = field(default_factory=list)
    briefs: tuple[Brief, ...] = ()
    told: list[tuple[asyncio.Future[Answer], Answer | Refused]] = field(default_factory=list)
    scene: Scene | None = None
    last: LastUsed | None = None
    feedback: Feedback = Feedback()  # noqa: RUF009 - immutable
    lessons: Lessons = Lessons()  # noqa: RUF009 - immutable
    access: dict[str, Access] = field(default_factory=dict)
    damaged: tuple[Sha256, ...] = ()
    settled: bool = False
    wake_at: float | None = None
    """When to look again, if `settled` found that out."""
    written: asyncio.Future[None] | None = None
    """None: it has no events and waits for those before it only."""


async def until_none(queue: asyncio.Queue[Committed | None]) -> AsyncIterator[Committed]:
    while (committed := await queue.get()) is not None:
        yield committed


def failure(written: asyncio.Future[None]) -> BaseException | None:
    return asyncio.CancelledError("the log gave up the batch") if written.cancelled() else written.exception()


def fail(future: asyncio.Future[Answer] | asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # Whoever asked may have hung up.
