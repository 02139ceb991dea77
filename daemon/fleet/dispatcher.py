"""Brings the assignments of one node to its agent, and what comes back to the ledger.

Nothing here decides: an assignment is in the log before this hears of it, a result is in the log before the
agent may forget it. Everything sent is idempotent by the attempt's token, so any of it may be sent again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from daemon.core.state import Brief
from daemon.core.vitals import Vitals
from daemon.fleet.link import AgentHangs, AgentLink, LinkLost
from daemon.ledger.mail import Committed
from schema.errors import Refused
from schema.events import JobCancelled, JobReopened, StageSkipped
from schema.ids import JobId, NodeId, Sha256, Token
from schema.observations import Attempt, AttemptGone, NewImage, Observation, StageBroke, StageReturned
from schema.orders import AttemptReport, Ended, Load, Order, Preview, Product, Progress, Result, attempt_id

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.5
"""Until an agent that was busy is asked again."""

WATCH_SECONDS = 1.0
CANCEL_SECONDS = 60.0
"""An agent that has not let go of a cancelled attempt after this long hangs."""

FULL_SECONDS = 5.0
"""Until a picture that the disk did not take is tried again; the agent's spool keeps it meanwhile."""


class Rejected(Exception):
    """A product was not accepted into the artifact store; the sentence says why."""


class Books(Protocol):
    """What the dispatcher needs of the ledger."""

    async def observe(self, observation: Observation) -> None: ...


class Intake(Protocol):
    """Makes orders of assignments, and stored pictures of products."""

    def order(self, brief: Brief) -> Order:
        """Raises Refused where the config cannot be read."""
        ...

    def input(self, sha256: Sha256) -> Path:
        """Raises Refused where it is not there."""
        ...

    async def accept(
        self, report: AttemptReport, result: Result, product: Product, body: AsyncIterator[bytes]
    ) -> NewImage:
        """Raises Rejected; OSError where the disk does not take it."""
        ...


class Patience(NamedTuple):
    """Seconds by the loop's clock."""

    attempt: float
    stall: float


@dataclass
class _Open:
    """An attempt that is not yet settled in the log."""

    brief: Brief
    begun: float
    moved: float
    """When its progress last changed."""
    cancelled: float | None = None
    timed_out: str = ""

    @property
    def id(self) -> str:
        attempt = self.brief.attempt
        return attempt_id(attempt.job, attempt.stage, attempt.token)


class Dispatcher:
    """Of one node, for as long as the daemon knows it; `serve` once per connection."""

    def __init__(self, node: NodeId, books: Books, intake: Intake, vitals: Vitals, patience: Patience) -> None:
        self._node = node
        self._books = books
        self._intake = intake
        self._vitals = vitals
        self._patience = patience
        self._open: dict[Token, _Open] = {}
        self._bringing: set[Token] = set()
        self._due: asyncio.Queue[Token] = asyncio.Queue()

    async def hear(self, batches: AsyncIterator[Committed]) -> None:
        """Follows the ledger, connected or not."""
        async for batch in batches:
            now = asyncio.get_running_loop().time()
            for brief in batch.briefs:
                if brief.attempt.node == self._node:
                    self._open[brief.attempt.token] = _Open(brief, begun=now, moved=now)
                    self._due.put_nowait(brief.attempt.token)
            for envelope in batch.envelopes:
                match envelope.event:
                    case JobCancelled(job=job) | StageSkipped(job=job) | JobReopened(job=job):
                        self._cancel(job, envelope.seq, now)
                    case _:
                        pass

    async def serve(self, link: AgentLink, seen: Callable[[], Awaitable[None]]) -> None:
        """Works until the link is lost, which is raised as LinkLost, or as AgentHangs where only its end helps.

        `seen` is awaited once what the agent still held has been told: only then may the node be given more.
        """
        self._bringing.clear()
        try:
            async with asyncio.TaskGroup() as group:
                listening = asyncio.Event()
                group.create_task(self._listen(link, group, listening))
                await listening.wait()
                await self._reconcile(link)
                group.create_task(self._watch(link))
                await seen()
                while True:
                    opened = self._open.get(await self._due.get())
                    if opened is not None:
                        group.create_task(self._send(opened, link))
        except* LinkLost as lost:
            hangs = lost.subgroup(AgentHangs)
            raise (AgentHangs if hangs else LinkLost)(str((hangs or lost).exceptions[0])) from None

    def forget_all(self) -> None:
        """The agent is dead, and the ledger has been told."""
        for token in self._open:
            self._vitals.progress.pop(token, None)
        self._open.clear()
        self._vitals.loads.pop(self._node, None)

    # What the ledger says ---------------------------------------------------------------------

    def _cancel(self, job: JobId, seq: int, now: float) -> None:
        for token, opened in self._open.items():
            if opened.brief.attempt.job == job and token < seq and opened.cancelled is None:
                opened.cancelled = now
                self._due.put_nowait(token)

    async def _send(self, opened: _Open, link: AgentLink) -> None:
        """Starts or cancels, as often as it is asked to."""
        brief = opened.brief
        if opened.cancelled is None:
            try:
                order = await self._order(brief, link)
            except (Refused, OSError) as fault:
                await self._settle(opened, StageBroke(attempt=brief.attempt, trouble="bad-request", reason=str(fault)))
                return
        while opened.cancelled is None:
            answer = await link.start(opened.id, order)
            match answer.state:
                case "accepted" if opened.cancelled is None:
                    return
                case "accepted":
                    pass  # cancelled while it was on its way: the agent may have been asked to let go too early
                case "refused":
                    reason = f"the agent refused it: {answer.reason}"
                    await self._settle(opened, StageBroke(attempt=brief.attempt, trouble="bad-request", reason=reason))
                    return
                case "busy":
                    self._waits(opened, answer.reason)
                    await asyncio.sleep(BUSY_SECONDS)
        if not await link.cancel(opened.id):
            await self._settle(opened, _gone(opened, "cancelled before it began"))

    async def _order(self, brief: Brief, link: AgentLink) -> Order:
        """With its inputs at the agent. Raises Refused or OSError where something of it cannot be read."""
        order = self._intake.order(brief)
        for sha256 in order.inputs:
            if not await link.has_blob(sha256):
                await link.send_blob(sha256, self._intake.input(sha256))
        return order

    def _waits(self, opened: _Open, reason: str) -> None:
        """The node took nothing yet: that is shown where the progress will be, and tries nobody's patience."""
        opened.begun = opened.moved = asyncio.get_running_loop().time()
        attempt = opened.brief.attempt
        doing = f"waits for the node: {reason}" if reason else "waits for the node"
        self._vitals.progress[attempt.token] = Progress(
            job=attempt.job, stage=attempt.stage, token=attempt.token, step=0, steps=0, doing=doing
        )

    # What the agent says ----------------------------------------------------------------------

    async def _listen(self, link: AgentLink, group: asyncio.TaskGroup, listening: asyncio.Event) -> None:
        async for news in link.feed(listening):
            match news:
                case Progress(token=token):
                    opened = self._open.get(token)
                    if opened is not None and self._vitals.progress.get(token) != news:
                        opened.moved = asyncio.get_running_loop().time()
                        self._vitals.progress[token] = news
                case Load():
                    self._vitals.loads[self._node] = news
                case Ended(report=report):
                    self._bring_in(report, link, group)
                case Preview():
                    pass
        raise LinkLost("the agent's feed ended")

    async def _reconcile(self, link: AgentLink) -> None:
        """After every connect: tell what ended meanwhile, send again what the agent may not know."""
        reports = await link.attempts()
        async with asyncio.TaskGroup() as telling:
            for report in reports:
                if report.state in ("done", "broke", "cancelled"):
                    self._bring_in(report, link, telling)
        while not self._due.empty():
            self._due.get_nowait()
        for token in self._open:
            self._due.put_nowait(token)

    def _bring_in(self, report: AttemptReport, link: AgentLink, group: asyncio.TaskGroup) -> None:
        if report.token not in self._bringing:
            self._bringing.add(report.token)
            group.create_task(self._settle_report(report, link))

    async def _settle_report(self, report: AttemptReport, link: AgentLink) -> None:
        attempt = Attempt(job=report.job, stage=report.stage, token=report.token, node=self._node)
        observation = await self._observation(attempt, report, link)
        await self._books.observe(observation)
        self._close(report.token)
        await link.forget(attempt_id(report.job, report.stage, report.token))
        self._bringing.discard(report.token)

    async def _observation(self, attempt: Attempt, report: AttemptReport, link: AgentLink) -> Observation:
        if report.state == "done" and report.result is not None:
            return await self._fetch(attempt, report, report.result, link)
        if report.state == "broke":
            return StageBroke(attempt=attempt, trouble=report.trouble or "backend", reason=report.reason)
        opened = self._open.get(report.token)
        reason = report.reason or "cancelled"
        return _gone(opened, reason) if opened else AttemptGone(attempt=attempt, reason=reason)

    async def _fetch(self, attempt: Attempt, report: AttemptReport, result: Result, link: AgentLink) -> Observation:
        """Every file is in the artifact store, synced, before the ledger hears of it."""
        images: list[NewImage] = []
        began = asyncio.get_running_loop().time()
        for product in result.products:
            try:
                images.append(await self._accept(report, result, product, link))
            except Rejected as fault:
                return StageBroke(attempt=attempt, trouble="backend", reason=str(fault))
        moved = result.measures.moved_s + asyncio.get_running_loop().time() - began
        return StageReturned(
            attempt=attempt,
            backend=result.backend,
            images=tuple(images),
            effective=result.effective,
            reported=result.reported,
            measures=msgspec.structs.replace(result.measures, moved_s=round(moved, 6)),
            suspect=result.suspect or next((image.suspect for image in images if image.suspect), None),
            filters=result.filters,
        )

    async def _accept(self, report: AttemptReport, result: Result, product: Product, link: AgentLink) -> NewImage:
        """As soon as the disk takes it. Raises Rejected."""
        while True:
            try:
                return await self._intake.accept(report, result, product, link.blob(product.sha256))
            except OSError as fault:
                log.error("a picture of %s could not be kept: %s; trying again", report.job, fault)
                await asyncio.sleep(FULL_SECONDS)

    # Patience ---------------------------------------------------------------------------------

    async def _watch(self, link: AgentLink) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = loop.time()
            for token, opened in list(self._open.items()):
                if token in self._bringing:
                    continue  # It has ended; whatever takes long now is not the agent.
                if opened.cancelled is not None:
                    if now - opened.cancelled > CANCEL_SECONDS:
                        if opened.timed_out:  # that counts, while what dies with the agent does not
                            await self._settle(opened, _gone(opened, ""))
                        raise AgentHangs(f"the agent does not let go of {opened.id}")
                elif reason := self._impatience(opened, now):
                    opened.cancelled, opened.timed_out = now, reason
                    self._due.put_nowait(opened.brief.attempt.token)

    def _impatience(self, opened: _Open, now: float) -> str:
        if now - opened.begun > self._patience.attempt:
            return f"not done after {self._patience.attempt:.0f} seconds"
        if now - opened.moved > self._patience.stall:
            return f"no progress for {self._patience.stall:.0f} seconds"
        return ""

    async def _settle(self, opened: _Open, observation: Observation) -> None:
        await self._books.observe(observation)
        self._close(opened.brief.attempt.token)

    def _close(self, token: Token) -> None:
        self._open.pop(token, None)
        self._vitals.progress.pop(token, None)


def _gone(opened: _Open, reason: str) -> Observation:
    """An attempt that was let go: because its job was cancelled, or because it took too long."""
    if opened.timed_out:
        return StageBroke(attempt=opened.brief.attempt, trouble="backend", reason=opened.timed_out)
    return AttemptGone(attempt=opened.brief.attempt, reason=reason)
