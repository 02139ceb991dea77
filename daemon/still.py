"""A ledger that stands still: the live state as of one event, read like the real one, and every wish refused.

What a daemon answers from when it travels back in its log, or when its log cannot be written or read to its end.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from daemon.core.explain import explain
from daemon.core.look import outline, refresh
from daemon.core.outlook import Outlook, forecast_input
from daemon.core.rules import Rules
from daemon.core.state import LastUsed, State, state_hash
from daemon.core.vitals import Vitals
from daemon.ledger.mail import Committed, Origin
from schema.commands import Command
from schema.errors import Refused
from schema.feedback import Feedback
from schema.ids import CommandId, JobId, Sha256
from schema.keeping import Access
from schema.lessons import Lessons
from schema.observations import Observation
from schema.scenes import Answer, Scene

T = TypeVar("T")


class StillLedger:
    """Has the reading side of `daemon.ledger.Ledger`; nothing is ever committed, so followers wait until `end`."""

    def __init__(
        self,
        state: State,
        clock: Callable[[], float],
        refusal: Callable[[], Refused],
        *,
        vitals: Vitals | None = None,
        rules: Rules = Rules(),  # noqa: B008 - a constant
    ) -> None:
        """`state` is this ledger's own from now on. `refusal`: why nothing can be changed, with the remedy.

        Without `vitals` nothing is known of disks, devices and progress: readings are not in the log.
        """
        self._state, self._clock, self._refusal, self._rules = state, clock, refusal, rules
        self._vitals = Vitals() if vitals is None else vitals
        self._scene = outline(state, self._vitals, clock(), rules)
        self._over = asyncio.Event()

    @property
    def durable(self) -> int:
        """The event that everything here is as of."""
        return self._state.seq

    @property
    def last(self) -> LastUsed | None:
        return self._state.last

    @property
    def feedback(self) -> Feedback:
        return self._state.feedback

    @property
    def lessons(self) -> Lessons:
        return self._state.lessons

    @property
    def access(self) -> Mapping[str, Access]:
        return self._state.access

    @property
    def damaged(self) -> tuple[Sha256, ...]:
        return self._state.damaged

    def scene(self) -> Scene:
        return refresh(self._scene, self._vitals, self._clock())

    async def ask(self, question: Callable[[State], T]) -> T:
        """The answer to a question about the state of then; the question may keep nothing of it."""
        return question(self._state)

    async def explain(self, job: JobId) -> tuple[str, ...]:
        """Why the job waited then, in words; empty if it was not an unfinished one."""
        return tuple(explain(self._state, job, self._clock(), self._vitals, self._rules))

    async def outlook(self) -> Outlook:
        return forecast_input(self._state, self._vitals, self._clock(), self._rules)

    async def state_hash(self) -> tuple[int, str]:
        return self._state.seq, await asyncio.to_thread(state_hash, self._state)

    async def undo_top(self) -> CommandId | None:
        return self._state.undo[-1].command if self._state.undo else None

    async def redo_top(self) -> CommandId | None:
        return self._state.redo[-1].command if self._state.redo else None

    async def command(self, command: Command, origin: Origin) -> Answer:
        """Always raises Refused."""
        raise self._refusal()

    async def observe(self, observation: Observation, actor: str = "daemon", cause: int | None = None) -> None:
        """Always raises Refused."""
        raise self._refusal()

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[Committed]]:
        """No batch ever comes; the iteration ends with `end`."""
        yield self._nothing()

    def end(self) -> None:
        """Lets those go who follow."""
        self._over.set()

    async def _nothing(self) -> AsyncIterator[Committed]:
        await self._over.wait()
        nothing: tuple[Committed, ...] = ()
        for batch in nothing:
            yield batch
