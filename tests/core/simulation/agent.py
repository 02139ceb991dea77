"""A simulated agent: one stage at a time, a spool that survives its crashes, and a machine that may freeze or be slow.

It drives a backend or two that come and go, has so much memory, and may have checkpoints that are broken.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from schema.errors import Trouble
from schema.events import NodeJoined
from schema.ids import NodeId
from schema.nodes import Link
from schema.observations import Attempt
from schema.orders import BackendCard, Card

from .wire import Wire

BEAT = 5.0
"""Seconds between two signs of life."""

MODELS = ("sdxl", "flux")
NEED_GB = {"big": 16.0, "huge": 50.0}
"""What a picture takes; reduced it takes `REDUCED` of that."""
REDUCED = 0.6


@dataclass
class Work:
    """What an order asks for."""

    attempt: Attempt
    epoch: int
    backend: str
    model: str
    ill: str
    reduced: bool


@dataclass
class Ended:
    """What the spool holds of an attempt."""

    attempt: Attempt
    backend: str
    trouble: Trouble | None = None
    suspect: bool = False


@dataclass
class Odds:
    """Chances per attempt, seconds."""

    slow: float = 0.03
    backend: float = 0.04
    memory: float = 0.02
    bad: float = 0.005
    suspect: float = 0.04
    unproved: float = 0.2
    stage_seconds: tuple[float, float] = (3.0, 40.0)


class Listener(Protocol):
    """The daemon's end of the connection."""

    dead: bool

    def beat(self) -> None: ...
    def card_came(self, card: Card) -> None: ...
    def ended(self, one: Ended) -> None: ...
    def broke(self) -> None: ...


@dataclass
class Agent:
    id: NodeId
    name: str
    link: Link
    backends: tuple[str, ...]
    vram_gb: float
    rng: Random
    odds: Odds = field(default_factory=Odds)
    instance: int = 0
    up: bool = True
    frozen: bool = False
    pace: float = 1.0
    """How many times as long as others it takes."""
    down: set[str] = field(default_factory=set)
    """Backends whose server nobody can reach just now."""
    broken: set[str] = field(default_factory=set)
    """Checkpoints that only fail."""
    spool: dict[int, Ended] = field(default_factory=dict)
    work: Work | None = None
    epoch: int = 0
    """The newest it had an order of."""
    listener: Listener | None = None

    def __post_init__(self) -> None:
        self.wire = Wire(self, Random(self.rng.random()))
        self._left = 0.0
        self._ends: asyncio.TimerHandle | None = None
        self._ends_at = 0.0
        self._beats: asyncio.TimerHandle | None = None

    @property
    def answers(self) -> bool:
        return self.up and not self.frozen

    @property
    def life(self) -> str:
        return f"{self.name}-{self.instance}"

    # What the daemon asks for, over the wire ----------------------------------------------------

    def connect(self, listener: Listener) -> tuple[NodeJoined, Card, int | None, list[Ended]]:
        """Its card, what it is at, what it has in the spool; from now on it tells this listener."""
        if not listener.dead:
            self.listener, self.wire.torn = listener, False
            self._beat()
        return *self.card(), self.work.attempt.token if self.work else None, list(self.spool.values())

    def card(self) -> tuple[NodeJoined, Card]:
        joined = NodeJoined(
            node=self.id,
            name=self.name,
            instance=self.life,
            link=self.link,
            backends=self.backends,
            kinds=("txt2img", "upscale", "llmEnhance"),
            vram_gb=self.vram_gb,
        )
        cards = tuple(self._backend(kind) for kind in self.backends)
        return joined, Card(node=self.id, name=self.name, instance=self.life, version="sim", backends=cards)

    def _backend(self, kind: str) -> BackendCard:
        """Only comfyui enlarges with what the runs ask for, and only webui has the LoRA that some prompts name."""
        return BackendCard(
            kind=kind,
            kinds=("txt2img", "upscale") if kind == "sketch" else ("txt2img", "upscale", "llmEnhance"),
            open_lists=kind == "sketch",
            models=MODELS,
            upscalers=("4x-sharp",) if kind == "comfyui" else (),
            loras=("haze",) if kind == "webui" else (),
            state="disconnected" if kind in self.down else "ready",
        )

    def order(self, work: Work) -> str:
        """The same order again is the same attempt; one of an older daemon, or after its end was told, is none."""
        if work.epoch < self.epoch:
            return "refused"
        self.epoch = work.epoch
        token = work.attempt.token
        if token in self.spool or (self.work is not None and self.work.attempt.token == token):
            return "accepted"
        if self.work is not None:
            return "busy"
        self.work = work
        self._left = self.rng.uniform(*self.odds.stage_seconds) * self.pace
        if self.rng.random() < self.odds.slow and self.pace == 1.0:
            self._left *= 20
        self._go_on()
        return "accepted"

    def cancel(self, token: int) -> bool:
        """Whether it knew the attempt."""
        if self.work is not None and self.work.attempt.token == token:
            self._end("cancelled")
        return token in self.spool

    def forget(self, token: int) -> None:
        self.spool.pop(token, None)

    def probe(self) -> bool:
        """Whether its picture is one."""
        return self.rng.random() >= self.odds.unproved

    # What befalls it ---------------------------------------------------------------------------

    def crash(self) -> None:
        """What it was at is gone; its spool is on disk."""
        self.up = False
        self.work = None
        self._stop()
        if self.listener is not None:
            listener, self.listener = self.listener, None
            listener.broke()

    def restart(self) -> None:
        self.up, self.frozen = True, False
        self.instance += 1

    def serve(self, down: set[str]) -> None:
        """These of its backends cannot be reached from now on."""
        self.down = down
        if self.answers:
            self._tell(lambda listener: listener.card_came, self.card()[1])

    def freeze(self) -> None:
        if self.up and not self.frozen:
            self._stop()
            self.frozen = True

    def thaw(self) -> None:
        if self.frozen:
            self.frozen = False
            self._go_on()
            self._beat()

    # Inside ------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self.work is not None and self._ends is None:
            loop = asyncio.get_running_loop()
            self._ends_at = loop.time() + self._left
            self._ends = loop.call_at(self._ends_at, self._done)

    def _stop(self) -> None:
        if self._ends is not None:
            self._left = max(0.0, self._ends_at - asyncio.get_running_loop().time())
            self._ends.cancel()
            self._ends = None
        if self._beats is not None:
            self._beats.cancel()
            self._beats = None

    def _done(self) -> None:
        work, odds = self.work, self.odds
        assert work is not None
        draw = self.rng.random()
        needed = NEED_GB.get(work.ill, 6.0) * (REDUCED if work.reduced else 1.0)
        if work.ill == "poison" or work.model in self.broken or draw < odds.backend:
            self._end("backend")
        elif needed > self.vram_gb or draw < odds.backend + odds.memory:
            self._end("out-of-memory")
        elif draw < odds.backend + odds.memory + odds.bad:
            self._end("bad-request")
        else:
            self._end(None, suspect=work.ill == "dark" or self.rng.random() < odds.suspect)

    def _end(self, trouble: Trouble | None, suspect: bool = False) -> None:
        work, self.work = self.work, None
        assert work is not None
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
        ended = self.spool[work.attempt.token] = Ended(work.attempt, work.backend, trouble, suspect)
        self._tell(lambda listener: listener.ended, ended)

    def _beat(self) -> None:
        if self._beats is not None:
            self._beats.cancel()
            self._beats = None
        if self.listener is not None and self.answers:
            self._tell(lambda listener: listener.beat)
            self._beats = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _tell(self, how: Any, *args: object) -> None:
        if (listener := self.listener) is not None:
            self.wire.frame(how(listener), listener.broke, *args)
