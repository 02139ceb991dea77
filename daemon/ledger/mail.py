"""What goes into the ledger's mailbox, and what a batch holds back until it is on disk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.core.decide import Input
from daemon.core.state import Brief, LastUsed, State
from schema.errors import Refused
from schema.events import Envelope, StageAssigned
from schema.feedback import Feedback
from schema.ids import CommandId, Seq, Sha256, Token
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


class OnDisk(NamedTuple):
    """What anybody may read at any time without asking: parts of the state as of the newest event on disk."""

    last: LastUsed | None
    feedback: Feedback
    lessons: Lessons
    access: dict[str, Access]
    damaged: tuple[Sha256, ...]

    @classmethod
    def of(cls, state: State) -> "OnDisk":
        return cls(state.last, state.feedback, state.lessons, state.access, state.damaged)


@dataclass(slots=True)
class Batch:
    """Decided together, durable together; nothing of it is told before."""

    envelopes: list[Envelope] = field(default_factory=list)
    briefs: tuple[Brief, ...] = ()
    told: list[tuple[asyncio.Future[Answer], Answer | Refused]] = field(default_factory=list)
    scene: Scene | None = None
    on_disk: OnDisk | None = None
    """Like the scene of every batch that has events, as its events left it."""
    settled: bool = False
    wake_at: float | None = None
    """When to look again, if `settled` found that out."""
    written: asyncio.Future[None] | None = None
    """None: it has no events and waits for those before it only."""

    def keep(self, state: State) -> None:
        """Of the state that its events made, what is told once they are on disk."""
        tokens = (Token(envelope.seq) for envelope in self.envelopes if isinstance(envelope.event, StageAssigned))
        self.briefs = tuple(state.attempts[token] for token in tokens if token in state.attempts)
        self.on_disk = OnDisk.of(state)

    def answer(self) -> None:
        """Whoever waits for it; it is on disk."""
        for future, answer in self.told:
            if isinstance(answer, Refused):
                fail(future, answer)
            elif not future.done():
                future.set_result(answer)

    def give_up(self, error: Exception) -> None:
        """Whoever waits for it is told that it is not known what became of it."""
        for future, _ in self.told:
            fail(future, error)

    def failure(self) -> BaseException | None:
        """Why it could not be written; only of one whose writing is done."""
        if self.written is None:
            return None
        if self.written.cancelled():
            return asyncio.CancelledError("the log gave up the batch")
        return self.written.exception()


class Followers:
    """Who is told of every batch once it is on disk, each at its own pace."""

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[Committed | None]] = []

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[Committed]]:
        """Every batch from now on, in order, until `tell` is given None."""
        queue: asyncio.Queue[Committed | None] = asyncio.Queue()
        self._queues.append(queue)
        try:
            yield _until_none(queue)
        finally:
            self._queues.remove(queue)

    def tell(self, committed: Committed | None) -> None:
        for queue in self._queues:
            queue.put_nowait(committed)


async def _until_none(queue: asyncio.Queue[Committed | None]) -> AsyncIterator[Committed]:
    while (committed := await queue.get()) is not None:
        yield committed


def fail(future: asyncio.Future[Answer] | asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # Whoever asked may have hung up.
