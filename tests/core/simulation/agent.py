"""A simulated agent: one stage at a time, a spool that survives its crashes, and a bad network in front of it."""

import asyncio
from dataclasses import dataclass, field
from random import Random

from schema.errors import Trouble
from schema.events import NodeJoined
from schema.observations import Attempt


class Unreachable(Exception):
    """The call was lost, or its answer was."""


@dataclass
class Ended:
    """What the spool holds of an attempt."""

    attempt: Attempt
    trouble: Trouble | None = None


@dataclass
class Odds:
    """Chances per call or per attempt, seconds."""

    lost: float = 0.03
    doubled: float = 0.02
    slow: float = 0.03
    backend: float = 0.05
    memory: float = 0.02
    bad: float = 0.005
    stage_seconds: tuple[float, float] = (3.0, 40.0)


@dataclass
class Agent:
    name: str
    loopback: bool
    rng: Random
    odds: Odds = field(default_factory=Odds)
    instance: int = 0
    up: bool = True
    reachable: bool = True
    spool: dict[int, Ended] = field(default_factory=dict)
    current: Attempt | None = None
    work: asyncio.Task[None] | None = None

    # What the daemon calls, over the network ---------------------------------------------------

    async def card(self) -> NodeJoined:
        await self._there()
        joined = NodeJoined(
            node=self.name,
            name=self.name,
            instance=f"{self.name}-{self.instance}",
            link="loopback" if self.loopback else "lan",
            backends=("sketch",),
            kinds=("txt2img", "upscale"),
            vram_gb=8.0,
        )
        await self._back()
        return joined

    async def attempts(self) -> tuple[str, Attempt | None, list[Ended]]:
        """Its instance, what it is at, what it has in the spool."""
        await self._there()
        found = (f"{self.name}-{self.instance}", self.current, list(self.spool.values()))
        await self._back()
        return found

    async def start(self, attempt: Attempt, poison: bool) -> str:
        await self._there()
        answer = self._start(attempt, poison)
        if self.rng.random() < self.odds.doubled:
            self._start(attempt, poison)
        await self._back()
        return answer

    async def cancel(self, token: int) -> bool:
        """Whether it knew the attempt."""
        await self._there()
        known = token in self.spool
        if self.current is not None and self.current.token == token:
            self._end("cancelled")
            known = True
        await self._back()
        return known

    async def forget(self, token: int) -> None:
        await self._there()
        self.spool.pop(token, None)
        await self._back()

    # What befalls it ---------------------------------------------------------------------------

    def crash(self) -> None:
        """What it was at is gone; its spool is on disk."""
        self.up = False
        self.current = None
        if self.work is not None:
            self.work.cancel()

    def restart(self) -> None:
        self.up = True
        self.instance += 1

    # Inside ------------------------------------------------------------------------------------

    def _start(self, attempt: Attempt, poison: bool) -> str:
        if self.current == attempt or attempt.token in self.spool:
            return "accepted"
        if self.current is not None:
            return "busy"
        self.current = attempt
        self.work = asyncio.create_task(self._work(attempt, poison))
        return "accepted"

    async def _work(self, attempt: Attempt, poison: bool) -> None:
        seconds = self.rng.uniform(*self.odds.stage_seconds)
        if self.rng.random() < self.odds.slow:
            seconds *= 20
        await asyncio.sleep(seconds)
        draw = self.rng.random()
        if poison or draw < self.odds.backend:
            self._end("backend")
        elif draw < self.odds.backend + self.odds.memory:
            self._end("out-of-memory")
        elif draw < self.odds.backend + self.odds.memory + self.odds.bad:
            self._end("bad-request")
        else:
            self._end(None)

    def _end(self, trouble: Trouble | None) -> None:
        attempt, self.current = self.current, None
        if self.work is not None and self.work is not asyncio.current_task():
            self.work.cancel()
        if attempt is not None:
            self.spool[attempt.token] = Ended(attempt, trouble)

    async def _there(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, 0.05))
        if not self.up or not self.reachable or self.rng.random() < self.odds.lost / 2:
            await asyncio.sleep(1.0)
            raise Unreachable(self.name)

    async def _back(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, 0.05))
        if not self.up or not self.reachable or self.rng.random() < self.odds.lost / 2:
            raise Unreachable(self.name)
