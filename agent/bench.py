"""Where orders become pictures: one attempt at a time per GPU, one more waits, the rest are told to come back.

Runs the backend in a thread, so the loop stays live. Nothing here times out: patience is the daemon's.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import ValidationError

from agent.backends import Backend, BackendTrouble, Cancelled, Made, Work
from agent.blobs import Blobs
from agent.spool import Spool
from agent.turn import Turn, TurnReporter
from schema.errors import Trouble, why
from schema.ids import Sha256
from schema.orders import Accepted, AgentNews, AttemptReport, Ended, Load, Order, Product, Result, attempt_id
from schema.plans import Measures
from schema.stages import ORDER_STAGE, ImageStage, Img2Img

log = logging.getLogger(__name__)

WAITING = 1
"""Accepted orders that may wait for a device, each."""

FORGOTTEN = 10_000
"""Ids that are remembered after the daemon took the result, so that a doubled order never runs again."""


class OtherOrder(Exception):
    """The id was used before for another order."""


class Bench:
    def __init__(
        self,
        backends: Sequence[Backend],
        spool: Spool,
        blobs: Blobs,
        *,
        clock: Callable[[], float],
        tell: Callable[[AgentNews], None],
        floor_bytes: int,
    ) -> None:
        self._backends = tuple(backends)
        self._spool = spool
        self._blobs = blobs
        self._clock = clock
        self._tell = tell
        self._floor = floor_bytes
        self._devices = max(1, sum(len(backend.gpus()) for backend in backends))
        self._threads = ThreadPoolExecutor(self._devices, thread_name_prefix="backend")
        self._turns: dict[str, Turn] = {}
        self._waiting: deque[Turn] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._orders: OrderedDict[str, bytes] = OrderedDict()
        """Digests of all orders accepted by this process, the newest `FORGOTTEN`."""
        self._epoch = 0
        self._stopping = False

    # Asked by the server, in the loop ---------------------------------------------------------

    def offer(self, order: Order) -> Accepted:
        """Idempotent by the attempt's id. Raises OtherOrder when another one was sent under this id before."""
        attempt, digest = attempt_id(order.job, order.stage, order.token), _digest(order)
        if attempt in self._orders and self._orders[attempt] != digest:
            raise OtherOrder
        if order.epoch < self._epoch:
            return _refused(
                f"epoch {order.epoch} is over, this agent has orders of epoch {self._epoch}; "
                "another daemon is running, or this one's log was replaced: restart the agent to follow it"
            )
        self._epoch = order.epoch
        if attempt in self._turns or self._spool.get(attempt):
            return Accepted(state="accepted")
        if attempt in self._orders:
            return _refused("this attempt has ended and its end was acknowledged")
        return self._take(order, digest, attempt)

    def attempts(self) -> list[AttemptReport]:
        return [*self._spool.reports(), *(turn.report() for turn in self._turns.values())]

    def cancel(self, attempt: str) -> AttemptReport | None:
        """The attempt as it is now; its end is told as `Ended`. None: unknown."""
        turn = self._turns.get(attempt)
        if turn is None:
            return self._spool.get(attempt)
        turn.unwanted.set()
        if turn in self._waiting:
            self._waiting.remove(turn)
            self._start(self._drop(turn), attempt)
        return turn.report()

    def forget(self, attempt: str) -> bool:
        """The daemon has committed its end. Its files stay as blobs: the next stage often runs here. False: unknown."""
        if attempt in self._turns or self._spool.get(attempt) is None:
            return False
        for sha, file in self._spool.forget(attempt):
            self._blobs.take_over(sha, file)
        return True

    def load(self) -> Load:
        memories = [backend.memory() for backend in self._backends]
        return Load(
            busy=any(turn.running for turn in self._turns.values()),
            vram_used_gb=round(sum(memory.used_gb for memory in memories), 3),
            resident=tuple(model for memory in memories for model in memory.resident),
            spool_free_bytes=self._spool.free_bytes(),
        )

    async def free(self) -> bool:
        """Unloads all models; False while something runs or waits."""
        if self._turns:
            return False
        for backend in self._backends:
            await asyncio.get_running_loop().run_in_executor(self._threads, backend.free)
        return True

    async def stop(self) -> None:
        """Lets go of what runs, within a step; nothing is told of it, so the daemon will find it unknown."""
        self._stopping = True
        for turn in self._turns.values():
            turn.unwanted.set()
        self._waiting.clear()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._threads.shutdown()
        for backend in self._backends:
            await asyncio.to_thread(backend.close)

    # One order --------------------------------------------------------------------------------

    def _take(self, order: Order, digest: bytes, attempt: str) -> Accepted:
        if self._stopping:
            return Accepted(state="busy", reason="the agent is stopping")
        if len(self._turns) >= self._devices * (1 + WAITING):
            return Accepted(state="busy", reason="one attempt runs and one waits")
        free = self._spool.free_bytes()
        if free < self._floor:
            reason = (
                f"only {free >> 20} MiB are free for results, {self._floor >> 20} are needed; free space on the node"
            )
            return Accepted(state="busy", reason=reason)
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
        """The order understood, or why it never will be."""
        try:
            config = ORDER_STAGE.validate_python(msgspec.msgpack.decode(order.config))
        except (ValidationError, msgspec.MsgspecError) as fault:
            return _refused(f"the stage's config is not valid: {_first_fault(fault)}")
        backend = self._backend(order.backend, config.type)
        if backend is None:
            wanted = order.backend or "a backend"
            return _refused(f"this agent has not {wanted} for {config.type}; send it to a node whose card offers both")
        for sha in _needs(order, config):
            if self._find(sha) is None:
                return _refused(f"input {sha} is not here; send it with PUT /v1/blobs/{sha} first")
        return Turn(self._work(order, config), _needs(order, config), backend, self._clock())

    def _backend(self, kind: str | None, stage: str) -> Backend | None:
        offers = (backend for backend in self._backends if kind in (None, backend.kind))
        return next((backend for backend in offers if stage in backend.kinds()), None)

    def _find(self, sha: Sha256) -> Path | None:
        """A result not yet acknowledged is as good an input as a blob; it becomes one, as the spool may forget it."""
        result = self._spool.find(sha)
        return self._blobs.find(sha) or (self._blobs.link(sha, result) if result else None)

    def _work(self, order: Order, config: ImageStage) -> Work:
        """All its blobs are here."""
        paths = {sha: self._find(sha) for sha in _needs(order, config)}
        image, mask = (config.image, config.mask) if isinstance(config, Img2Img) else (None, None)
        return Work(
            order=order,
            config=config,
            inputs=tuple(path for sha in order.inputs if sha not in (image, mask) and (path := paths[sha])),
            image=paths[Sha256(image)] if image else None,
            mask=paths[Sha256(mask)] if mask else None,
        )

    # Running ----------------------------------------------------------------------------------

    def _next(self) -> None:
        while self._waiting and sum(turn.running for turn in self._turns.values()) < self._devices:
            turn = self._waiting.popleft()
            turn.running = True
            self._start(self._run(turn), turn.id)

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, turn: Turn) -> None:
        loop = asyncio.get_running_loop()
        self._end(turn, await loop.run_in_executor(self._threads, self._attempt, turn, _waker(loop)))

    async def _drop(self, turn: Turn) -> None:
        """A waiting one is not wanted any more; the device may be busy for long."""
        report = _ended(turn, "cancelled", reason="cancelled before it began")
        self._end(turn, await asyncio.to_thread(self._spooled, turn, report, []))

    def _end(self, turn: Turn, report: AttemptReport) -> None:
        self._blobs.unpin(turn.needs)
        del self._turns[turn.id]
        if not (self._stopping and report.state == "cancelled"):
            self._spool.remember(report)
            self._tell(Ended(report=report))
        self._next()

    def _attempt(self, turn: Turn, wake: Callable[[Callable[[], None]], None]) -> AttemptReport:
        """In the backend's thread, from the order to the synced spool."""
        began = self._clock()
        log.info("attempt begins", extra=turn.fields())
        try:
            reporter = TurnReporter(turn, self._clock, wake, self._tell)
            made = turn.backend.run(turn.work, reporter)
            report, contents = self._done(turn, made, began), [picture.content for picture in made.pictures]
        except Cancelled:
            report, contents = _ended(turn, "cancelled", reason="cancelled"), []
        except BackendTrouble as trouble:
            report, contents = _broke(turn, trouble.trouble, trouble.sentence), []
        except Exception as bug:  # a bug met by one order must not take the others' results along
            log.exception("the backend failed", extra=turn.fields())
            reason = f"{turn.backend.kind} failed: {why(bug)}. The agent's log says more."
            report, contents = _broke(turn, "backend", reason), []
        return self._spooled(turn, report, contents)

    def _spooled(self, turn: Turn, report: AttemptReport, contents: list[bytes]) -> AttemptReport:
        if self._stopping and report.state == "cancelled":
            return report
        try:
            self._spool.write(report, contents)
        except OSError as fault:
            log.error("the spool cannot be written: %s", fault, extra=turn.fields())
            if report.state == "done":
                report = _broke(turn, "backend", f"the result could not be kept: {why(fault)}. Free space on the node.")
        log.info("attempt ended: %s %s", report.state, report.reason, extra=turn.fields())
        return report

    def _done(self, turn: Turn, made: Made, began: float) -> AttemptReport:
        spent = self._clock() - began
        measures = Measures(
            waited_s=round(began - turn.accepted, 6),
            moved_s=round(turn.moved_s, 6),
            loaded_s=round(made.loaded_s, 6),
            executed_s=round(spent - made.loaded_s, 6),
            megapixels=round(made.megapixels, 6),
            peak_vram_gb=round(made.peak_vram_gb, 3),
        )
        products = tuple(
            Product(sha256=Sha256(hashlib.sha256(p.content).hexdigest()), bytes=len(p.content), seed=p.seed)
            for p in made.pictures
        )
        result = Result(
            backend=turn.backend.kind,
            products=products,
            effective=dict(made.effective),
            reported=dict(made.reported),
            measures=measures,
            suspect=made.suspect,
            filters=made.filters,
        )
        return _ended(turn, "done", result=result)


def _ended(
    turn: Turn, state: Literal["done", "cancelled"], *, result: Result | None = None, reason: str = ""
) -> AttemptReport:
    return msgspec.structs.replace(turn.report(), state=state, result=result, reason=reason)


def _broke(turn: Turn, trouble: Trouble, reason: str) -> AttemptReport:
    return msgspec.structs.replace(turn.report(), state="broke", trouble=trouble, reason=reason[:2000])


def _waker(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], None]], None]:
    def wake(call: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(call)

    return wake


def _refused(reason: str) -> Accepted:
    return Accepted(state="refused", reason=reason)


def _digest(order: Order) -> bytes:
    """Of all but the epoch: a daemon that was restarted sends what it had begun again under its new one."""
    return hashlib.sha256(msgspec.msgpack.encode(msgspec.structs.replace(order, epoch=0))).digest()


def _needs(order: Order, config: ImageStage) -> tuple[Sha256, ...]:
    """Every blob the order speaks of; its own image and mask may or may not be among its inputs."""
    own = [config.image, config.mask] if isinstance(config, Img2Img) else []
    return tuple(dict.fromkeys((*order.inputs, *(Sha256(sha) for sha in own if sha))))


def _first_fault(fault: ValidationError | msgspec.MsgspecError) -> str:
    if isinstance(fault, ValidationError):
        first = fault.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(fault)
