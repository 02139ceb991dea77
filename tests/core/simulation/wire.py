"""The network between the daemon and one agent: slow, lossy, doubling, and cut in one direction or in both."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

PATIENCE = 10.0
"""Seconds after which a call into the void is given up."""


class Unreachable(Exception):
    """The call was lost, or its answer was."""


class Far(Protocol):
    """The agent's end."""

    @property
    def answers(self) -> bool: ...


class Wire:
    """A message that left arrives, whatever became of its sender: also orders of a daemon that has crashed."""

    def __init__(self, far: Far, rng: Random) -> None:
        self.far = far
        self.rng = rng
        self.lost, self.doubled = 0.03, 0.02
        self.out = True
        """What the daemon sends arrives."""
        self.back = True
        """What the agent sends arrives."""
        self.torn = False
        """Something it sent did not arrive: nobody knows yet."""

    @property
    def open(self) -> bool:
        return self.out and self.back and self.far.answers

    def heal(self) -> None:
        self.out = self.back = True
        self.lost = 0.0

    async def call(self, do: Callable[..., Any], *args: object) -> Any:
        """What the agent answers. Raises Unreachable, also where it was done and nobody heard of it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        loop.call_later(self._delay(), self._arrive, do, args, answer)
        if self.rng.random() < self.doubled:
            loop.call_later(self._delay() * self.rng.uniform(1.0, 40.0), self._arrive, do, args, None)
        return await answer

    def frame(self, hear: Callable[..., None], broke: Callable[[], None], *args: object) -> None:
        """From the agent. One that is lost breaks the connection, once its ends can notice."""
        loop = asyncio.get_running_loop()
        if not self.back:
            self.torn = True
        elif self.torn or self.rng.random() < self.lost / 4:
            self.torn = False
            loop.call_later(self._delay(), broke)
        else:
            loop.call_later(self._delay(), hear, *args)

    def _arrive(self, do: Callable[..., Any], args: tuple[object, ...], answer: asyncio.Future[Any] | None) -> None:
        if not self.out or not self.far.answers:
            self._later(answer, PATIENCE)
        elif self.rng.random() < self.lost / 2:
            self._later(answer, 0.2)
        else:
            told = do(*args)
            if answer is None:
                return
            if not self.back:
                self._later(answer, PATIENCE)
            elif self.rng.random() < self.lost / 2:
                self._later(answer, 0.2)
            else:
                asyncio.get_running_loop().call_later(self._delay(), _answer, answer, told)

    def _later(self, answer: asyncio.Future[Any] | None, seconds: float) -> None:
        if answer is not None:
            asyncio.get_running_loop().call_later(seconds, _fail, answer)

    def _delay(self) -> float:
        return self.rng.uniform(0.001, 0.05)


def _answer(answer: asyncio.Future[Any], told: object) -> None:
    if not answer.done():
        answer.set_result(told)


def _fail(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(Unreachable())
