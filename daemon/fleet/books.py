"""What the fleet needs of the ledger: news in, questions about what is on disk, and everything that is committed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from daemon.core.state import State
from daemon.ledger.mail import Committed
from schema.observations import Observation

T = TypeVar("T")


class Books(Protocol):
    async def observe(self, observation: Observation) -> None: ...

    async def ask(self, question: Callable[[State], T]) -> T: ...

    def pulse(self) -> None: ...


class FollowedBooks(Books, Protocol):
    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[Committed]]: ...
