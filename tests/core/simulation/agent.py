"""A simulated agent: one stage at a time, a spool that survives its crashes, and a bad network in front of it.

It drives a backend or two that come and go; while a result is fetched from it, its device is free for the next.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from schema.errors import Trouble
from schema.events import NodeJoined
from schema.observations import Attempt
from schema.orders import BackendCard, Card


class Unreachable(Exception):
    """The call was lost, or its answer was."""


@dataclass
class Ended:
    """What the spool holds of an attempt."""

    attempt: Attempt
    backend: str
    trouble: Trouble | None = None
    suspect: bool = False


@dataclass
class Odds:
    """Chances per call or per attempt, seconds."""

    lost: float = 0.03
    doubled: float = 0.02
    slow: float = 0.03
    backend: float = 0.05
    memory: float = 0.02
    bad: float = 0.005
    suspect: float = 0.05
    down: float = 0.04
    stage_seconds: tuple[float, float] = (3.0, 40.0)


@dataclass
class Agent:
    name: str
    link: Literal["loopback", "local", "lan"]
    backends: tuple[str, ...]
    rng: Random
    odds: Odds = field(default_factory=Odds)
    instance: int = 0
    up: bool = True
    reachable: bool = True
    down: set[str] = field(default_factory=set)
    """Backends whose server nobody can reach just now."""
    spool: dict[int, Ended] = field(default_factory=dict)
    current: Attempt | None = None
    backend: str = ""
    """Of the current attempt."""
    work: asyncio.Task[None] | None = None

    # What the daemon calls, over the network ---------------------------------------------------

    async def card(self) -> tuple[NodeJoined, Card]:
        await self._there()
        if self.rng.random() < self.odds.down:
            self.down ^= {self.rng.choice(self.backends)}
        joined = NodeJoined(
            node=self.name,
            name=self.name,
            instance=f"{self.name}-{self.instance}",
            link=self.link,
            backends=self.backends,
            kinds=("txt2img", "upscale"),
            vram_gb=8.0,
        )
        cards = tuple(self._backend(kind) for kind in self.backends)
        card = Card(node=self.name, name=self.name, instance=joined.instance, version="sim", backends=cards)
        await self._back()
        return joined, card

    def _backend(self, kind: str) -> BackendCard:
        """Only comfyui enlarges with what the runs ask for, and only webui has the LoRA that some prompts name."""
        return BackendCard(
            kind=kind,
            kinds=("txt2img", "upscale"),
            open_lists=kind == "sketch",
            models=("sdxl",),
            upscalers=("4x-sharp",) if kind == "comfyui" else (),
            loras=("haze",) if kind == "webui" else (),
            state="disconnected" if kind in self.down else "ready",
        )

    async def attempts(self) -> tuple[str, Attempt | None, list[Ended]]:
        """Its instance, what it is at, what it has in the spool."""
        await self._there()
        found = (f"{self.name}-{self.instance}", self.current, list(self.spool.values()))
        await self._back()
        return found

    async def start(self, attempt: Attempt, backend: str, ill: str) -> str:
        await self._there()
        answer = self._start(attempt, backend, ill)
        if self.rng.random() < self.odds.doubled:
            self._start(attempt, backend, ill)
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

    def _start(self, attempt: Attempt, backend: str, ill: str) -> str:
        if self.current == attempt or attempt.token in self.spool:
            return "accepted"
        if self.current is not None:
            return "busy"
        self.current, self.backend = attempt, backend
        self.work = asyncio.create_task(self._work(attempt, ill))
        return "accepted"

    async def _work(self, attempt: Attempt, ill: str) -> None:
        seconds = self.rng.uniform(*self.odds.stage_seconds)
        if self.rng.random() < self.odds.slow:
            seconds *= 20
        await asyncio.sleep(seconds)
        draw = self.rng.random()
        if ill == "poison" or draw < self.odds.backend:
            self._end("backend")
        elif draw < self.odds.backend + self.odds.memory:
            self._end("out-of-memory")
        elif draw < self.odds.backend + self.odds.memory + self.odds.bad:
            self._end("bad-request")
        else:
            self._end(None, suspect=ill == "dark" or self.rng.random() < self.odds.suspect)

    def _end(self, trouble: Trouble | None, suspect: bool = False) -> None:
        attempt, self.current = self.current, None
        if self.work is not None and self.work is not asyncio.current_task():
            self.work.cancel()
        if attempt is not None:
            self.spool[attempt.token] = Ended(attempt, self.backend, trouble, suspect)

    async def _there(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, 0.05))
        if not self.up or not self.reachable or self.rng.random() < self.odds.lost / 2:
            await asyncio.sleep(1.0)
            raise Unreachable(self.name)

    async def _back(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, 0.05))
        if not self.up or not self.reachable or self.rng.random() < self.odds.lost / 2:
            raise Unreachable(self.name)
