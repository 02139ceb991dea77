"""The backends' cards as they last were, and the watch over them: who came, who went, who has other lists.

Every backend is asked in a thread of its own, never in the one that makes pictures, and never twice at once: a
server that does not answer delays nobody but itself.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import msgspec

from agent.backends import Backend, BackendTrouble
from agent.http import ServerTrouble
from agent.identity import Identity, ram_gb
from schema.errors import why
from schema.orders import BackendCard, Card, CardChanged, Gpu

log = logging.getLogger(__name__)

WATCH_SECONDS = 10.0
"""Between two looks at a backend that is ready and idle."""

AWAY_SECONDS = 2.0
"""Between two looks at one that is not ready."""

MOMENT_SECONDS = 1.0
"""The longest that somebody who asks for the card waits for a slow backend."""

PATIENCE_SECONDS = 20.0
"""The longest that a refresh waits; what a backend says later is told as news."""

_LISTS = tuple(field.name for field in msgspec.structs.fields(BackendCard) if field.type == tuple[str, ...])


@runtime_checkable
class Refreshing(Protocol):
    """A backend whose server, or which itself, does not look at its folders at every card."""

    def refresh(self) -> None: ...


class Cards:
    def __init__(
        self,
        backends: Sequence[Backend],
        identity: Identity,
        *,
        clock: Callable[[], float],
        tell: Callable[[CardChanged], None],
        device: Gpu | None = None,
        storage: str = "",
    ) -> None:
        """`device` is the one that this agent stands for, where the machine itself tells it; `storage`: shared."""
        self._device = device
        self._storage = storage
        self._backends = tuple(backends)
        self._identity = identity
        self._clock = clock
        self._tell = tell
        self._cards = {
            backend.kind: BackendCard(
                kind=backend.kind, kinds=backend.kinds(), state="starting", trouble="It was not asked yet."
            )
            for backend in backends
        }
        self._gpus: dict[str, tuple[Gpu, ...]] = {}
        self._vram_gb: dict[str, float] = {}
        """As they were last told: a server that is away has not lost its device."""
        self._asked: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(max(1, len(self._backends)), thread_name_prefix="card")
        self.epoch = 0
        """Newest of a daemon, told with the card."""
        self.seen = 0
        """Highest token of an order, told with the card."""

    def of(self, backend: Backend) -> BackendCard:
        """As it last was."""
        return self._cards[backend.kind]

    def now(self) -> Card:
        """As all last were."""
        one, device = self._identity, self._device
        gpus = tuple(gpu for gpus in self._gpus.values() for gpu in gpus)
        told_gb = max(self._vram_gb.values(), default=0.0)
        return Card(
            node=one.node,
            name=one.name,
            instance=one.instance,
            version=one.version,
            backends=tuple(self._cards.values()),
            gpus=(device,) if device else gpus,
            vram_gb=device.vram_gb if device else told_gb,
            ram_gb=ram_gb(),
            boot=one.boot,
            host=one.host,
            storage=self._storage,
            epoch=self.epoch,
            seen=self.seen,
        )

    async def recent(self) -> Card:
        """The card for somebody who has just come: asked anew where the last look is old, but not waited for long."""
        old = [backend for backend in self._backends if self._age(backend) >= WATCH_SECONDS]
        await self._ask(old, MOMENT_SECONDS)
        return self.now()

    async def check(self, backend: Backend, patience: float = PATIENCE_SECONDS) -> BackendCard:
        """What became of it: asked when a stage of it broke, before anybody gives it the next one."""
        await self._ask([backend], patience)
        return self.of(backend)

    async def refreshed(self) -> Card:
        """All asked anew, and told to look into their folders again."""
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=PATIENCE_SECONDS)
        looks = [self._begin(backend, _refreshed_card_of) for backend in self._backends]
        if looks:
            await asyncio.wait(looks, timeout=PATIENCE_SECONDS)
        return self.now()

    async def watch(self, idle: Callable[[], bool]) -> None:
        """For ever. A backend that is ready is left alone while something runs."""
        while True:
            for backend in self._backends:
                ready = self.of(backend).state == "ready"
                if self._age(backend) >= (WATCH_SECONDS if ready else AWAY_SECONDS) and (idle() or not ready):
                    self._begin(backend)
            await asyncio.sleep(AWAY_SECONDS / 2)

    def close(self) -> None:
        for task in self._asking.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _age(self, backend: Backend) -> float:
        return self._clock() - self._asked.get(backend.kind, float("-inf"))

    async def _ask(self, backends: Sequence[Backend], patience: float) -> None:
        if backends:
            await asyncio.wait([self._begin(backend) for backend in backends], timeout=patience)

    def _begin(self, backend: Backend, look: "Look | None" = None) -> asyncio.Task[None]:
        """The look under way, or a new one."""
        kind = backend.kind
        if kind not in self._asking:
            self._asking[kind] = asyncio.create_task(self._look(backend, look or _card_of), name=f"card of {kind}")
        return self._asking[kind]

    async def _look(self, backend: Backend, look: "Look") -> None:
        try:
            card = await asyncio.get_running_loop().run_in_executor(self._threads, look, backend)
        finally:
            self._asked[backend.kind] = self._clock()
            del self._asking[backend.kind]
        known, device = self._cards[backend.kind], self._device_of(backend.kind)
        self._gpus[backend.kind] = backend.gpus() or device[0]
        self._vram_gb[backend.kind] = backend.memory().total_gb or device[1]
        self._cards[backend.kind] = card = _as_known(card, known)
        if card.state != known.state:
            log.info("%s is %s. %s", card.kind, card.state, card.trouble)
        if card != known or device != self._device_of(backend.kind):
            self._tell(CardChanged(card=self.now()))

    def _device_of(self, kind: str) -> tuple[tuple[Gpu, ...], float]:
        return self._gpus.get(kind, ()), self._vram_gb.get(kind, 0.0)


Look = Callable[[Backend], BackendCard]


def _refreshed_card_of(backend: Backend) -> BackendCard:
    """In a thread."""
    if isinstance(backend, Refreshing):
        try:
            backend.refresh()
        except (BackendTrouble, ServerTrouble) as trouble:
            log.info("%s did not look into its folders again: %s", backend.kind, trouble.sentence)
    return _card_of(backend)


def _card_of(backend: Backend) -> BackendCard:
    """In a thread. A backend that cannot even say that its server is away must not take the others along."""
    try:
        return backend.card()
    except BackendTrouble as trouble:
        sentence = trouble.sentence
    except Exception as bug:  # as with orders: one backend's bug is told as its trouble
        log.exception("the card of %s failed", backend.kind)
        sentence = f"{backend.kind} failed: {why(bug)}. The agent's log says more."
    return BackendCard(kind=backend.kind, kinds=backend.kinds(), state="disconnected", trouble=sentence)


def _as_known(card: BackendCard, known: BackendCard) -> BackendCard:
    """One that is away keeps what it was known to have: people go on choosing from it, and its jobs wait for it."""
    if card.state == "ready":
        return card
    said = any(getattr(card, name) for name in _LISTS if name != "kinds")
    return msgspec.structs.replace(
        card if said else known,
        state=card.state,
        trouble=card.trouble,
        kinds=card.kinds or known.kinds,
        url=card.url or known.url,
        note=card.note or known.note,
        release=card.release or known.release,
    )
