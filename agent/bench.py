"""Where orders become pictures: one attempt at a time on this device, one more waits, the rest are told to come back.

Runs the backend in a thread, so the loop stays live, and writes what it made in another, so the device has the next
order meanwhile. Nothing here times out: patience is the daemon's.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from agent.backends import Backend, BackendTrouble
from agent.blobs import Blobs
from agent.cards import Cards
from agent.fence import Fence
from agent.lending import Lending
from agent.meter import Meter
from agent.outcome import Outcome, broke, outcome_of, report_of
from agent.reading import Unreadable, needs_of, stage_of, work_of
from agent.shared import Shared
from agent.spool import Spool
from agent.turn import Turn, TurnReporter
from agent.verdicts import busy, given_back, refused
from schema.errors import why
from schema.ids import Sha256
from schema.orders import Accepted, AgentNews, AttemptReport, Ended, Load, Order, attempt_id

log = logging.getLogger(__name__)

WAITING = 1
"""Accepted orders that may wait for the device."""

KEEPING = 2
"""Results that may be on their way to the disk while the device works on."""

FORGOTTEN = 10_000
"""Ids that are remembered after the daemon took the result, so that a doubled order never runs again."""

DOUBT_SECONDS = 3.0
"""How long the device waits to hear whether a server that failed is still there, before it gets its next order."""


LEND_SECONDS = 1.0
"""Between two looks at whether models should be given back."""


class OtherOrder(Exception):
    """The id was used before for another order."""


class Bench:
    """Takes `backends` in order where an order names none; whatever their number, they share one device."""

    def __init__(
        self,
        backends: Sequence[Backend],
        cards: Cards,
        spool: Spool,
        blobs: Blobs,
        fence: Fence,
        *,
        clock: Callable[[], float],
        tell: Callable[[AgentNews], None],
        floor_bytes: int,
        meter: Meter | None = None,
        shared: Shared | None = None,
    ) -> None:
        self._backends = tuple(backends)
        self._cards = cards
        self._spool = spool
        self._blobs = blobs
        self._fence = fence
        self._clock = clock
        self._tell = tell
        self._floor = floor_bytes
        self._meter = meter or Meter(None, lambda: False)
        self._shared = shared
        self._device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._turns: dict[str, Turn] = {}
        """Until their end is on disk."""
        self._waiting: deque[Turn] = deque()
        self._running: Turn | None = None
        self._rested = clock()
        """When the device last had nothing to do any more."""
        self._used: set[str] = set()
        """Kinds of backends that may hold models of ours."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._orders: OrderedDict[str, bytes] = OrderedDict()
        """Digests of all orders accepted by this process, the newest `FORGOTTEN`."""
        self._stopping = False
        self._writing = False
        self.watched = False
        """Whether somebody looks at what is made, as the daemon last said."""

    # Asked by the server, in the loop ---------------------------------------------------------

    def offer(self, order: Order) -> Accepted:
        """Idempotent by the attempt's id. Raises OtherOrder when another one was sent under this id before."""
        attempt, digest = attempt_id(order.job, order.stage, order.token), _digest(order)
        if attempt in self._orders and self._orders[attempt] != digest:
            raise OtherOrder
        try:
            if not self._fence.passes(order.epoch):
                return given_back(self._fence.told(order.epoch))
        except OSError as fault:
            return busy(f"the node's disk takes nothing: {why(fault)}. Free space on the node")
        self._fence.saw(order.token)
        self._cards.epoch, self._cards.seen = self._fence.epoch, self._fence.seen
        if attempt in self._turns or self._spool.get(attempt):
            return Accepted(state="accepted")
        if attempt in self._orders:
            return given_back("this attempt has ended and its end was acknowledged")
        return self._take(order, digest, attempt)

    def attempts(self) -> list[AttemptReport]:
        return [*self._spool.reports(), *(turn.report() for turn in self._turns.values() if turn.spool is self._spool)]

    def cancel(self, attempt: str) -> AttemptReport | None:
        """The attempt as it is now; its end is told as `Ended`. None: unknown."""
        turn = self._turns.get(attempt)
        if turn is None:
            return self._spool.get(attempt)
        turn.unwanted.set()
        if turn in self._waiting:
            self._waiting.remove(turn)
            self._start(self._keep(turn, Outcome(sentence="cancelled before it began")), attempt)
        return turn.report()

    def forget(self, attempt: str) -> bool:
        """The daemon has committed its end. Its files stay as blobs: the next stage often runs here. False: unknown."""
        report = self._spool.get(attempt)
        if attempt in self._turns or report is None:
            return False
        if self._shared is not None and report.result is not None:
            for place in filter(None, (product.place for product in report.result.products)):
                self._start(asyncio.to_thread(self._shared.forget, place), f"forget {attempt}")
        for sha, file in self._spool.forget(attempt):
            self._blobs.take_over(sha, file)
        return True

    def load(self) -> Load:
        memories = [backend.memory() for backend in self._backends]
        return self._meter.load(self._running is not None, memories, self._spool.free_bytes())

    def serve_for(self, spool: Spool, fence: Fence) -> None:
        """Somebody else gives the orders from now on, and is told nothing of what the last one ordered.

        That is let go; what of it ends all the same stays in the last one's spool.
        """
        self._spool, self._fence = spool, fence
        self._cards.epoch, self._cards.seen = fence.epoch, fence.seen
        self._orders.clear()
        self.watched = False
        for turn in self._waiting:
            self._blobs.unpin(turn.needs)
            del self._turns[turn.id]
        self._waiting.clear()
        for turn in self._turns.values():
            turn.unwanted.set()

    def find(self, sha: Sha256) -> Path | None:
        """A blob, or a result that was not yet acknowledged."""
        return self._blobs.find(sha) or self._spool.find(sha)

    @property
    def idle(self) -> bool:
        return self._running is None and not self._waiting

    @property
    def writing(self) -> bool:
        """Whether something that has ended is not yet on disk."""
        return self._writing

    async def free(self) -> bool:
        """Unloads all models; False while something runs or waits. Raises BackendTrouble."""
        if not self.idle:
            return False
        await self._free(self._backends)
        self._used.clear()
        return True

    async def lend(self, lending: Lending) -> None:
        """For ever: what no order has needed for long, or somebody else needs more, is given back, once."""
        while True:
            if not self.idle or not self._used:
                lending.worked()
            else:
                backends = [backend for backend in self._backends if backend.kind in self._used]
                memories = {backend.kind: backend.memory() for backend in backends}
                if why := lending.due(self._clock() - self._rested, memories):
                    log.info("models are unloaded: %s", why)
                    self._used.clear()
                    try:
                        await self._free(backends)
                    except BackendTrouble as trouble:
                        log.info("they are not: %s", trouble.sentence)
            await asyncio.sleep(LEND_SECONDS)

    async def stop(self, patience: float) -> None:
        """Lets go of what runs, within a step; nothing is told of it, so the daemon will find it unknown.

        What has ended is on disk when this returns. A backend that does not let go in time is left to its fate.
        """
        self._stopping = True
        self._waiting.clear()
        for turn in self._turns.values():
            turn.unwanted.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        self._keeper.shutdown()
        self._device.shutdown(wait=False, cancel_futures=True)

    # One order --------------------------------------------------------------------------------

    def _take(self, order: Order, digest: bytes, attempt: str) -> Accepted:
        if self._stopping:
            return busy("the agent is stopping")
        if len(self._waiting) >= WAITING or len(self._turns) >= 1 + WAITING + KEEPING:
            return busy("one attempt runs and one waits")
        free = self._spool.free_bytes()
        if free < self._floor:
            return busy(
                f"only {free >> 20} MiB are free for results, {self._floor >> 20} are needed; free space on the node"
            )
        turn = self._turn(order)
        if isinstance(turn, Accepted):
            return turn
        self._orders[attempt] = digest
        while len(self._orders) > FORGOTTEN:
            self._orders.popitem(last=False)
        self._turns[attempt] = turn
        self._blobs.pin(turn.needs)
        turn.moved_s = self._blobs.took(turn.needs)
        self._waiting.append(turn)
        self._next()
        return Accepted(state="accepted")

    def _turn(self, order: Order) -> Turn | Accepted:
        """The order understood, or why it cannot be taken."""
        try:
            stage = stage_of(order)
        except Unreadable as fault:
            return refused(f"the stage's config is not valid: {fault}")
        backend = self._backend(order.backend, stage.type)
        if isinstance(backend, Accepted):
            return backend
        needs = needs_of(order, stage)
        paths: dict[Sha256, Path] = {}
        for sha in needs:
            if (path := self._find(sha)) is None:
                return given_back(f"input {sha} is not here; send it with PUT /v1/blobs/{sha} first")
            paths[sha] = path
        return Turn(work_of(order, stage, paths.__getitem__), needs, backend, self._spool, self._clock())

    def _backend(self, kind: str | None, stage: str) -> Backend | Accepted:
        """The first that is ready."""
        offers = [one for one in self._backends if kind in (None, one.kind) and stage in one.kinds()]
        if not offers:
            wanted = kind or "a backend"
            return given_back(f"this agent has not {wanted} for {stage}; send it to a node whose card offers both")
        for backend in offers:
            if self._cards.of(backend).state == "ready":
                return backend
        away = self._cards.of(offers[0])
        return busy(f"{away.kind} is not ready. {away.trouble}".strip())

    def _find(self, sha: Sha256) -> Path | None:
        """A result not yet acknowledged is as good an input as a blob; it becomes one, as the spool may forget it."""
        result = self._spool.find(sha)
        return self._blobs.find(sha) or (self._blobs.link(sha, result) if result else None)

    # Running ----------------------------------------------------------------------------------

    def _next(self) -> None:
        if self._waiting and self._running is None:
            turn = self._running = self._waiting.popleft()
            turn.running = True
            self._used.add(turn.backend.kind)
            self._start(self._run(turn), turn.id)

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, turn: Turn) -> None:
        """The device has its next order before the result of this one is written."""
        loop = asyncio.get_running_loop()
        reporter = TurnReporter(turn, self._clock, _waker(loop), self._tell, lambda: self.watched)
        with self._meter.span() as span:
            outcome = await loop.run_in_executor(self._device, outcome_of, turn, reporter, self._clock)
        peak = span.peak_gb if turn.backend.gpus() else 0.0
        outcome = outcome._replace(gpu_percent=span.percent, peak_vram_gb=peak)
        if outcome.server_in_doubt and not self._stopping:
            await self._cards.check(turn.backend, DOUBT_SECONDS)
        self._running, self._rested = None, self._clock()
        self._next()
        await self._keep(turn, outcome)

    async def _keep(self, turn: Turn, outcome: Outcome) -> None:
        """From what came of it to the synced spool, and only then told; of what nobody wants any more only a result."""
        if not ((self._stopping or turn.spool is not self._spool) and outcome.cancelled):
            report = await asyncio.get_running_loop().run_in_executor(self._keeper, self._spooled, turn, outcome)
            turn.spool.remember(report)
            if turn.spool is self._spool:
                self._tell(Ended(report=report))
        self._blobs.unpin(turn.needs)
        del self._turns[turn.id]

    def _spooled(self, turn: Turn, outcome: Outcome) -> AttemptReport:
        """In the spool's thread."""
        self._writing = True
        report, contents = report_of(turn, outcome)
        if self._shared is not None and self._shared.id == turn.order.storage:
            report = self._shared.leave_all(report, contents)
        try:
            turn.spool.write(report, contents)
        except OSError as fault:
            log.error("the spool cannot be written: %s", fault, extra=turn.fields())
            if report.state == "done":
                report = broke(turn, "backend", f"the result could not be kept: {why(fault)}. Free space on the node.")
        self._writing = False
        log.info("attempt ended: %s %s", report.state, report.reason, extra=turn.fields())
        return report

    async def _free(self, backends: Sequence[Backend]) -> None:
        """In the device's thread: never while a stage runs."""
        for backend in backends:
            await asyncio.get_running_loop().run_in_executor(self._device, backend.free)


def _waker(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], None]], None]:
    def wake(call: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(call)

    return wake


def _digest(order: Order) -> bytes:
    """Of what is to be made: a restarted daemon sends what it had begun under its new epoch, watched or not, and knows
    more of the session and the library by then.
    """
    made = msgspec.structs.replace(order, epoch=0, previews=False, context="", candidates=())
    return hashlib.sha256(msgspec.msgpack.encode(made)).digest()
