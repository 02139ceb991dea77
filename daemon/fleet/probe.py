"""A small picture that a node has to draw before it is trusted with work, and that is looked at and thrown away.

It goes past the queue: `NodeProbeStarted` is its intent in the log and its seq the token, so that a daemon that is
started again asks for the same picture and not for a second one.
"""

import asyncio
import logging
from contextlib import suppress
from typing import NamedTuple

import msgspec

from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.fleet.attempt import PROBE
from daemon.fleet.books import Books
from daemon.fleet.results import Examiner, Rejected
from daemon.fleet.seam import AgentDoor, Unwilling
from schema.events import NodeProbed
from schema.ids import NodeId, StageId, Token
from schema.observations import ProbeEnded, ProbeWanted
from schema.orders import AttemptReport, BackendCard, Order, attempt_id
from schema.stages import Txt2Img

log = logging.getLogger(__name__)

STAGE = StageId("txt2img")
SIDE, STEPS = 512, 4

BUSY_SECONDS = 0.5
LOOK_SECONDS = 0.5
"""Between two looks whether a backend is ready; a waiting probe costs nobody anything."""

MOST_ENDED = 16

PATIENCE_SECONDS = 900.0
"""For one small picture, a checkpoint that is loaded first included."""


class Standing(NamedTuple):
    """Of the node, as the log says."""

    probe: Token | None
    """The one that is under way."""
    wanted: bool
    """It is not proved yet, or a daemon before this one did not see its probe end."""
    epoch: int


class Prober:
    """Of one node; `serve` once per connection."""

    def __init__(self, node: NodeId, books: Books, examiner: Examiner, vitals: Vitals) -> None:
        self._node = node
        self._books = books
        self._examiner = examiner
        self._vitals = vitals
        self._due: asyncio.Queue[Token] = asyncio.Queue()
        self._ended: asyncio.Queue[AttemptReport] = asyncio.Queue()

    def begin(self, token: Token) -> None:
        """The log wants one."""
        self._due.put_nowait(token)

    def came(self, report: AttemptReport) -> None:
        """One has ended, as the agent says; also one that nobody waits for."""
        if self._ended.qsize() < MOST_ENDED:
            self._ended.put_nowait(report)

    async def serve(self, link: AgentDoor, ready: asyncio.Event) -> None:
        """Whatever is wanted, once the node may be given work. Raises LinkLost; goes on with the next connection."""
        await ready.wait()
        standing = await self._standing()
        await self._clear(standing.probe, link)
        if standing.probe is not None:
            self.begin(standing.probe)
        elif standing.wanted:
            await self._books.observe(ProbeWanted(node=self._node))  # and comes back as `begin`
        while True:
            token = await self._due.get()
            standing = await self._standing()
            if standing.probe == token:
                await self._books.observe(await self._probe(token, standing.epoch, link))
            with suppress(Unwilling):
                await link.forget(attempt_id(PROBE, STAGE, token))

    async def _clear(self, wanted: Token | None, link: AgentDoor) -> None:
        """Those of before, that nobody waits for."""
        for report in await link.attempts():
            if report.job == PROBE and report.token != wanted:
                name = attempt_id(PROBE, STAGE, report.token)
                await link.cancel(name)
                with suppress(Unwilling):  # not quite ended yet: the next connection forgets it
                    await link.forget(name)

    async def _standing(self) -> Standing:
        def question(state: State) -> Standing:
            node = state.nodes.get(self._node)
            probe = node.probe if node else None
            fresh = probe is not None and probe > state.epoch  # one of a daemon before this is asked for anew
            return Standing(
                probe if fresh else None, node is not None and (not node.proved or probe is not None), state.epoch
            )

        return await self._books.ask(question)

    async def _probe(self, token: Token, epoch: int, link: AgentDoor) -> ProbeEnded:
        """Raises LinkLost."""
        offer = await self._offer()
        if offer is None:
            return self._verdict(token, True, "it draws no pictures; its card was read")
        loop = asyncio.get_running_loop()
        order, began = _order(offer, token, epoch), loop.time()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                report = await self._drawn(order, link)
                fault, shown = await self._look(report, link)
        except TimeoutError:
            await link.cancel(attempt_id(PROBE, STAGE, token))
            return self._verdict(token, False, f"no picture after {PATIENCE_SECONDS:.0f} seconds")
        except Unwilling as unwilling:
            return self._verdict(token, False, f"the agent did not do it: {unwilling}")
        return self._verdict(token, not fault, fault or shown, round(loop.time() - began, 3))

    def _verdict(self, token: Token, ok: bool, reason: str, seconds: float = 0.0) -> ProbeEnded:
        log.log(logging.INFO if ok else logging.WARNING, "probe: %s", reason, extra={"node": self._node})
        return ProbeEnded(node=self._node, token=token, ok=ok, reason=reason, seconds=seconds)

    async def _offer(self) -> BackendCard | None:
        """Who is to draw it, as soon as somebody can; None: nobody there ever does."""
        while True:
            card = self._vitals.cards.get(self._node)
            offers = [one for one in card.backends if "txt2img" in one.kinds] if card else []
            if card is not None and not offers:
                return None
            if ready := next((one for one in offers if one.state == "ready"), None):
                return ready
            await asyncio.sleep(LOOK_SECONDS)

    async def _drawn(self, order: Order, link: AgentDoor) -> AttemptReport:
        """Its end. Raises Unwilling where the agent does not take it."""
        name = attempt_id(PROBE, STAGE, order.token)
        while True:
            answer = await link.start(name, order)
            if answer.state == "refused":
                raise Unwilling(400, answer.reason)
            if answer.state == "accepted":
                break
            await asyncio.sleep(BUSY_SECONDS)
        for report in await link.attempts():  # it may have ended with the connection before this
            if report.job == PROBE and report.token == order.token and report.state in ("done", "broke", "cancelled"):
                return report
        while True:
            report = await self._ended.get()
            if report.token == order.token:
                return report

    async def _look(self, report: AttemptReport, link: AgentDoor) -> tuple[str, str]:
        """What is wrong with it, or else what it showed. Raises LinkLost."""
        result = report.result
        if report.state != "done" or result is None:
            return report.reason or f"it ended as {report.trouble or report.state}", ""
        if not result.products:
            return "it came back without a picture", ""
        product = result.products[0]
        try:
            seen = await self._examiner.examine(product.sha256, link.blob(product.sha256, product.bytes))
        except (Rejected, OSError) as fault:
            return str(fault), ""
        if (seen.width, seen.height) != (SIDE, SIDE):
            return f"its picture has {seen.width}x{seen.height} pixels instead of {SIDE}x{SIDE}", ""
        if doubt := f"its picture is {seen.flat}" if seen.flat else result.suspect:
            return doubt, ""
        return "", f"{result.backend} drew a good picture of {SIDE}x{SIDE}"


class Proof(NamedTuple):
    """What came of a probe."""

    ok: bool
    reason: str
    seconds: float


class Proofs:
    """For those who wait for a probe to end."""

    def __init__(self) -> None:
        self._waiting: dict[NodeId, list[asyncio.Future[Proof]]] = {}
        self._last: dict[NodeId, Proof] = {}
        """Of nodes that were paired since, for who comes a moment late."""

    def begun(self, node: NodeId) -> None:
        """From now on only a new one counts."""
        self._last.pop(node, None)

    def ended(self, event: NodeProbed) -> None:
        """The ledger has it."""
        self._last[event.node] = proof = Proof(event.ok, event.reason, event.seconds)
        for waiting in self._waiting.pop(event.node, []):
            if not waiting.done():
                waiting.set_result(proof)

    async def of(self, node: NodeId, seconds: float) -> Proof | None:
        """None: there was none within that time."""
        if (last := self._last.get(node)) is not None:
            return last
        waiting: asyncio.Future[Proof] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(node, []).append(waiting)
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            return None


def _order(offer: BackendCard, token: Token, epoch: int) -> Order:
    config = Txt2Img(id=STAGE, width=SIDE, height=SIDE, steps=STEPS)
    with suppress(ValueError):  # no name that a person could write
        config = Txt2Img.model_validate({**config.model_dump(), "model": offer.models[0] if offer.models else None})
    return Order(
        job=PROBE,
        stage=STAGE,
        token=token,
        epoch=epoch,
        config=msgspec.Raw(msgspec.msgpack.encode(config.model_dump(mode="json"))),
        backend=offer.kind,
        prompt="a small boat on a calm lake, hills behind it",
        seed=1,
    )
