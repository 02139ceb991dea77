"""Brings the assignments of one node to its agent, and what comes back to the ledger.

Nothing here decides: an assignment is in the log before this hears of it, a result is in the log before the
agent may forget it. Everything sent is idempotent by the attempt's token, so any of it may be sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from daemon.core.decide.stages import verdict
from daemon.core.state import Brief
from daemon.core.vitals import Shown, Vitals
from daemon.fleet.attempt import PROBE, Opened, broke, gone, trouble_of
from daemon.fleet.books import Books
from daemon.fleet.patience import Patience, attempt_seconds
from daemon.fleet.results import Intake, observation_of
from daemon.fleet.seam import NO_ROOM, AgentDoor, AgentHangs, LinkLost, Unwilling, worst
from daemon.fleet.shared import Storage
from daemon.ledger.mail import Committed
from schema.errors import Refused
from schema.events import JobCancelled, JobReopened, StageSkipped
from schema.ids import JobId, NodeId, Token
from schema.observations import Attempt, Observation, StageBroke
from schema.orders import Accepted, AttemptReport, Card, CardChanged, Ended, Load, Order, Preview, Progress, attempt_id

BUSY_SECONDS = 0.5
"""Until an agent that was busy is asked again."""

WATCH_SECONDS = 1.0
SHOW_SECONDS = 0.5
"""Between two looks whether somebody watches."""

MOST_AT_ONCE = 100
"""Ended attempts that are brought in at the same time; the agent's feed waits for them."""

MOST_STRANGE = 1000
"""Results of one connection that nobody had asked for: a spool may hold some of a log that was lost."""

MOST_REPORTS = 20_000
"""That an agent may hold when it is reached."""

CANCEL_SECONDS = 60.0
"""An agent that has not let go of a cancelled attempt after this long hangs."""


class Dispatcher:
    """Of one node, for as long as the daemon knows it; `serve` once per connection."""

    def __init__(
        self,
        node: NodeId,
        books: Books,
        intake: Intake,
        vitals: Vitals,
        patience: Patience,
        card_came: Callable[[Card], None],
        probed: Callable[[AttemptReport], None],
        storage: Storage,
    ) -> None:
        """`probed` gets what the agent says of probes, which are of no job."""
        self._node = node
        self._books = books
        self._intake = intake
        self._vitals = vitals
        self._patience = patience
        self._card_came = card_came
        self._probed = probed
        self._storage = storage
        self._open: dict[Token, Opened] = {}
        self._bringing: set[str] = set()
        self._strange = 0
        """Results of this connection that nobody had asked for."""
        self._due: asyncio.Queue[Token] = asyncio.Queue()

    # What the ledger says ---------------------------------------------------------------------

    def hear(self, batch: Committed) -> None:
        """Every committed batch, connected or not."""
        now = asyncio.get_running_loop().time()
        self.adopt(brief for brief in batch.briefs if brief.attempt.node == self._node)
        for envelope in batch.envelopes:
            match envelope.event:
                case JobCancelled(job=job) | StageSkipped(job=job) | JobReopened(job=job):
                    self._cancel(job, envelope.seq, now)
                case _:
                    pass

    def adopt(self, briefs: Iterable[Brief]) -> None:
        """Attempts of this node that are open in the log: just begun, or by a daemon before this one."""
        now = asyncio.get_running_loop().time()
        for brief in briefs:
            token = brief.attempt.token
            if token not in self._open:
                self._open[token] = Opened(brief, begun=now, moved=now, cancelled=now if brief.cancelled else None)
                self._due.put_nowait(token)

    async def serve(self, link: AgentDoor, seen: Callable[[], Awaitable[None]]) -> None:
        """Works until the link is lost, which is raised as LinkLost, or as AgentHangs where only its end helps.

        `seen` is awaited once what the agent still held has been told: only then may the node be given more.
        """
        self._bringing.clear()
        self._strange = 0
        try:
            async with asyncio.TaskGroup() as group:
                listening = asyncio.Event()
                group.create_task(self._listen(link, group, listening))
                await listening.wait()
                await self._reconcile(link)
                group.create_task(self._watch(link))
                group.create_task(self._show(link))
                await seen()
                while True:
                    opened = self._open.get(await self._due.get())
                    if opened is not None:
                        group.create_task(self._send(opened, link))
        except* LinkLost as lost:
            raise worst(lost) from None

    def forget_all(self) -> None:
        """The agent is dead, and the ledger has been told."""
        for token in list(self._open):
            self._close(token)
        self._vitals.loads.pop(self._node, None)

    def _cancel(self, job: JobId, seq: int, now: float) -> None:
        for token, opened in self._open.items():
            if opened.brief.attempt.job == job and token < seq and opened.cancelled is None:
                opened.cancelled = now
                self._due.put_nowait(token)

    async def _send(self, opened: Opened, link: AgentDoor) -> None:
        """Starts or cancels, as often as it is asked to."""
        try:
            end = await self._give(opened, link)
        except (Refused, OSError) as fault:  # something of the order cannot be read here
            end = broke(opened, "bad-request", str(fault))
        if end is not None:
            await self._settle(opened, end)
        elif opened.cancelled is not None and not await link.cancel(opened.id):
            await self._settle(opened, gone(opened, "cancelled before it began"))

    async def _give(self, opened: Opened, link: AgentDoor) -> StageBroke | None:
        """Until the agent has it or it is unwanted; else what it came to. Raises Refused, OSError."""
        loop = asyncio.get_running_loop()
        order, sent, since = None, False, loop.time()
        while opened.cancelled is None:
            try:
                if order is None:
                    order = await self._intake.order(opened.brief)
                    order = self._storage.wanted(order, self._vitals.cards.get(self._node))
                    await self._send_inputs(order, link)
                answer = await link.start(opened.id, order)
            except Unwilling as unwilling:
                if unwilling.status != NO_ROOM:
                    return broke(opened, trouble_of(unwilling.status), f"the agent did not take it: {unwilling}")
                answer = Accepted(state="busy", reason=str(unwilling))
            match answer.state:
                case "accepted" if opened.cancelled is None:
                    opened.limit = await self._limit(opened.brief)
                    return None
                case "accepted":
                    pass  # cancelled while it was on its way: the agent may have been asked to let go too early
                case "refused" if not answer.again:
                    return broke(opened, "bad-request", f"the agent refused it: {answer.reason}")
                case "refused" if order is not None and not sent and await self._send_inputs(order, link):
                    sent = True
                case "refused":
                    await self._look_again(link, answer.reason)
                    return broke(opened, "lost", f"the agent gave it back: {answer.reason}")
                case "busy":
                    if order is not None and (away := await self._away(opened.brief, order, link)):
                        return broke(opened, "lost", away)
                    if loop.time() - since > self._patience.stall:  # another node may be free
                        return broke(opened, "lost", f"the agent did not take it for {self._patience.stall:.0f} s")
                    self._waits(opened, answer.reason)
                    await asyncio.sleep(BUSY_SECONDS)
        return None

    async def _send_inputs(self, order: Order, link: AgentDoor) -> bool:
        """Whether one was not there. Raises Refused, OSError."""
        missing = [sha256 for sha256 in order.inputs if not await link.has_blob(sha256)]
        for sha256 in missing:
            await link.send_blob(sha256, self._intake.input(sha256))
        return bool(missing)

    async def _look_again(self, link: AgentDoor, reason: str) -> None:
        """At the card of a node that gave something back. Raises LinkLost where the agent follows a newer log."""
        card = await link.card()
        self._card_came(card)
        if card.epoch > await self._books.ask(lambda state: state.epoch):
            raise LinkLost(reason)

    async def _away(self, brief: Brief, order: Order, link: AgentDoor) -> str:
        """Why no backend there can take it now: its server went away meanwhile, and the job must not wait for it here.

        The card is read first, so that the job is not given to it again. Empty: one is ready.
        """
        card = await link.card()
        self._card_came(card)
        offers = [one for one in card.backends if order.backend in (None, one.kind) and brief.step.kind in one.kinds]
        if not offers or any(one.state == "ready" for one in offers):
            return ""
        return f"{offers[0].kind} is not ready. {offers[0].trouble}".strip()

    def _waits(self, opened: Opened, reason: str) -> None:
        """The node took nothing yet: that is shown where the progress will be, and tries nobody's patience."""
        opened.begun = opened.moved = asyncio.get_running_loop().time()
        attempt = opened.brief.attempt
        doing = f"waits for the node: {reason}" if reason else "waits for the node"
        self._vitals.progress[attempt.token] = Progress(
            job=attempt.job, stage=attempt.stage, token=attempt.token, step=0, steps=0, doing=doing
        )

    # What the agent says ----------------------------------------------------------------------

    async def _listen(self, link: AgentDoor, group: asyncio.TaskGroup, listening: asyncio.Event) -> None:
        vitals = self._vitals
        async for news in link.feed(listening):
            match news:
                case Progress(token=token):
                    opened = self._open.get(token)
                    if opened is not None and vitals.progress.get(token) != news:
                        opened.moved = asyncio.get_running_loop().time()
                        vitals.progress[token] = news
                case Preview(token=token, jpeg=jpeg):
                    if token in self._open:
                        before = vitals.previews.get(token)
                        vitals.previews[token] = Shown(before.number + 1 if before else 1, jpeg)
                case Load():
                    vitals.loads[self._node] = news
                case CardChanged(card=card):
                    self._card_came(card)
                case Ended(report=report):
                    while len(self._bringing) >= MOST_AT_ONCE:  # noqa: ASYNC110 - it is read on when some are done
                        await asyncio.sleep(0.05)
                    self._bring_in(report, link, group)
        raise LinkLost("the agent's feed ended")

    async def _reconcile(self, link: AgentDoor) -> None:
        """After every connect: tell what ended meanwhile, send what the agent does not know, let go of the rest."""
        reports = await link.attempts()
        if len(reports) > MOST_REPORTS:
            raise AgentHangs(f"the agent reports {len(reports)} attempts at once")
        known = {report.token for report in reports}
        async with asyncio.TaskGroup() as telling:
            for report in reports:
                if report.job == PROBE:
                    continue  # whoever wants it asks for it
                if report.state in ("done", "broke", "cancelled"):
                    self._bring_in(report, link, telling)
                elif report.token not in self._open:  # given up while the agent was away; nobody waits for it
                    await link.cancel(attempt_id(report.job, report.stage, report.token))
        while not self._due.empty():
            self._due.get_nowait()
        for token, opened in self._open.items():
            if token not in known or opened.cancelled is not None:
                self._due.put_nowait(token)

    def _bring_in(self, report: AttemptReport, link: AgentDoor, group: asyncio.TaskGroup) -> None:
        """Its device is free from now on: the next order is on its way while the files are fetched."""
        token, name = report.token, attempt_id(report.job, report.stage, report.token)
        if report.job == PROBE:
            self._probed(report)
            return
        if name in self._bringing:
            return
        self._bringing.add(name)
        if report.state == "done" and self._is_of(report):
            self._vitals.handed.add(token)
            self._books.pulse()
        group.create_task(self._settle_report(report, link))

    async def _settle_report(self, report: AttemptReport, link: AgentDoor) -> None:
        attempt = Attempt(job=report.job, stage=report.stage, token=report.token, node=self._node)
        opened = self._open.get(report.token)
        own = self._is_of(report)
        if not own:
            report = await self._late(attempt, report)
        if own and opened is not None and report.state == "cancelled":
            observation = gone(opened, report.reason or "cancelled")
        else:
            observation = await observation_of(attempt, report, link, self._intake, self._storage.now)
        await self._books.observe(observation)
        if own or opened is None:
            self._close(report.token)
        name = attempt_id(report.job, report.stage, report.token)
        await link.forget(name)
        self._bringing.discard(name)

    def _is_of(self, report: AttemptReport) -> bool:
        """Whether it is of an attempt that is open there, by all its names."""
        opened = self._open.get(report.token)
        return opened is not None and opened.id == attempt_id(report.job, report.stage, report.token)

    async def _late(self, attempt: Attempt, report: AttemptReport) -> AttemptReport:
        """Of an attempt that is not open there: without its pictures unless they are still wanted.

        Raises AgentHangs for an agent that goes on to report what nobody gave it.
        """
        worth = await self._books.ask(lambda state: verdict(state, attempt))
        self._strange += worth not in ("accept", "known")
        if self._strange > MOST_STRANGE:
            raise AgentHangs("the agent reports attempts without end that nobody gave it")
        if worth == "accept" or report.result is None:
            return report
        return msgspec.structs.replace(report, result=msgspec.structs.replace(report.result, products=()))

    # Patience ---------------------------------------------------------------------------------

    async def _watch(self, link: AgentDoor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = loop.time()
            for opened in list(self._open.values()):
                if opened.id in self._bringing:
                    continue  # It has ended; whatever takes long now is not the agent.
                if opened.cancelled is not None:
                    if now - opened.cancelled > CANCEL_SECONDS:
                        if opened.timed_out:  # that counts, while what dies with the agent does not
                            await self._settle(opened, gone(opened, ""))
                        raise AgentHangs(f"the agent does not let go of {opened.id}")
                elif reason := opened.impatience(self._patience, now):
                    opened.cancelled, opened.timed_out = now, reason
                    self._due.put_nowait(opened.brief.attempt.token)

    async def _show(self, link: AgentDoor) -> None:
        """Somebody who looks in the middle of a long stage wants to see it too. An agent begins unwatched."""
        told = None
        while True:
            if (watched := self._intake.watched()) != told:
                await link.watch(watched)
                told = watched
            await asyncio.sleep(SHOW_SECONDS)

    async def _limit(self, brief: Brief) -> float:
        load = self._vitals.loads.get(self._node)
        resident, most = load.resident if load else (), self._patience.attempt
        return await self._books.ask(lambda state: attempt_seconds(state, brief, resident, most))

    async def _settle(self, opened: Opened, observation: Observation) -> None:
        await self._books.observe(observation)
        self._close(opened.brief.attempt.token)

    def _close(self, token: Token) -> None:
        self._open.pop(token, None)
        self._vitals.progress.pop(token, None)
        self._vitals.previews.pop(token, None)
        self._vitals.handed.discard(token)
