"""The daemon's end of one node: dials, listens to its heart, brings orders out and results in. It decides nothing.

The timers are the fleet's own (`daemon.fleet.heart`); all that is sent may be sent again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from daemon.core.look import briefs
from daemon.core.state import Brief, State
from daemon.core.vitals import Vitals
from daemon.fleet.heart import Heart, Timers
from daemon.ledger import Committed, Ledger
from schema import events as e
from schema.observations import (
    Attempt,
    AttemptGone,
    NewImage,
    NodeBound,
    NodeDistrusted,
    NodeGone,
    NodeSeen,
    ProbeEnded,
    ProbeWanted,
    StageBroke,
    StageReturned,
)
from schema.orders import Card
from schema.plans import Measures, Picture, Scalar

from .agent import Agent, Ended, Work
from .wire import Unreachable

AGAIN = 1.0
"""Seconds between two tries to reach it; later on it is tried less often."""
RARELY = 15.0

LETS_GO = (e.JobCancelled, e.JobParked, e.JobReopened, e.JobFailed, e.StageSkipped, e.StageLost)


@dataclass
class Trust:
    """What people did about nodes; it lives as long as the world."""

    refused: set[str] = field(default_factory=set)
    """Unpaired by a person; nobody pairs them for a while."""


@dataclass
class Keeper:
    ledger: Ledger
    agents: list[Agent]
    """With this node's id: one, or for a while a copy too."""
    vitals: Vitals
    timers: Timers
    trust: Trust
    group: asyncio.TaskGroup
    rng: Random
    accepted: set[int] = field(default_factory=set)
    agent: Agent | None = None
    """The one that is connected."""
    dead: bool = False
    """Its daemon has ended: what still arrives here is heard by nobody."""

    def __post_init__(self) -> None:
        self.node = self.agents[0].id
        self._loop = asyncio.get_running_loop()
        self._heart = Heart(self.timers, self._loop.time())
        self._wake = asyncio.Event()
        self._broke = self._untidy = False
        self._orders: list[Brief] = []
        self._open: dict[int, str] = {}
        self._bringing: set[int] = set()
        self._watch()

    # What it hears -----------------------------------------------------------------------------

    def hear(self, batch: Committed) -> None:
        for brief in batch.briefs:
            if brief.attempt.node == self.node and not brief.cancelled:
                self._orders.append(brief)
                self._open[brief.attempt.token] = brief.attempt.job
                self._wake.set()
        for envelope in batch.envelopes:
            event = envelope.event
            if isinstance(event, LETS_GO) and event.job in self._open.values():
                self._untidy = True
                self._wake.set()
            elif isinstance(event, e.NodeUnpaired) and event.node == self.node:
                self.broke()
            elif isinstance(event, e.NodeProbeStarted) and event.node == self.node:
                self.group.create_task(self._probe(envelope.seq))

    def beat(self) -> None:
        if not self.dead and self._heart.beat(self._loop.time()):
            self.vitals.silent.pop(self.node, None)
            self.ledger.pulse()

    def card_came(self, card: Card) -> None:
        if not self.dead and self.agent is not None:
            self.vitals.cards[self.node] = card
            self.ledger.pulse()

    def ended(self, one: Ended) -> None:
        self.beat()
        if one.attempt.token not in self._bringing and not self.dead:
            self._bringing.add(one.attempt.token)
            self.group.create_task(self._bring_in(one))

    def broke(self) -> None:
        self._broke = True
        self._wake.set()

    def sight(self) -> None:
        """Two machines with this id that answer at once are given nothing."""
        there = [one for one in self.agents if one.wire.open]
        if len(there) > 1 and self.agent is not None and not self.dead:
            self.group.create_task(self._conflict(there))

    # Its life ----------------------------------------------------------------------------------

    async def live(self) -> None:
        tries = 0
        while True:
            try:
                if not await self._may_dial():
                    await asyncio.sleep(RARELY)
                    continue
                await self._connected()
                tries = 0
            except Unreachable:
                tries += 1
            self._hang_up()
            await asyncio.sleep(0.01 if not tries else AGAIN if tries < 10 else RARELY)

    async def _may_dial(self) -> bool:
        """Whether it is ours, or is so now."""
        if len([one for one in self.agents if one.wire.open]) > 1:
            return False
        if self.agents[0].link != "lan":
            return True
        if await self.ledger.ask(lambda state: _certificate(state, self.node)):
            return True
        if self.node in self.trust.refused or not self.agents[0].wire.open:
            return False
        name = self.agents[0].name
        await self.ledger.observe(NodeBound(node=self.node, name=name, certificate=f"PEM {name}", address="10.0.0.1:1"))
        return True

    async def _connected(self) -> None:
        """Until the connection breaks."""
        agent = self.rng.choice([one for one in self.agents if one.up] or self.agents)
        accepted = set(self.accepted)
        self._broke = self._untidy = False
        joined, card, current, ended = await agent.wire.call(agent.connect, self)
        self.agent = agent
        self.vitals.cards[self.node] = card
        self.beat()
        await self.ledger.observe(NodeSeen(joined=joined))
        if joined.link == "lan" and not await self.ledger.ask(lambda state: state.nodes[self.node].proved):
            await self.ledger.observe(ProbeWanted(node=self.node))
        self._orders.clear()
        await self._reconcile(current, ended, accepted)
        while not self._broke:
            await self._wake.wait()
            self._wake.clear()
            await self._work_off()

    async def _work_off(self) -> None:
        while self._orders and not self._broke:
            await self._order(self._orders.pop(0))
        if self._untidy and not self._broke and (agent := self.agent) is not None:
            self._untidy = False
            accepted = set(self.accepted)
            _, card, current, ended = await agent.wire.call(agent.connect, self)
            self.vitals.cards[self.node] = card
            await self._reconcile(current, ended, accepted)

    def _hang_up(self) -> None:
        if self.agent is not None and self.agent.listener is self:
            self.agent.listener = None
        self.agent = None

    # Its heart ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self.dead:
            return
        now = self._loop.time()
        match self._heart.turned(now):
            case "suspect":
                self.vitals.silent[self.node] = self._heart.silent(now)
            case "lost":
                self.group.create_task(self.gone("silent for 45 s"))
            case _:
                pass
        self._loop.call_later(min(max(self._heart.due(now), 0.1), self.timers.suspect), self._watch)

    async def gone(self, reason: str) -> None:
        self.vitals.cards.pop(self.node, None)
        self.vitals.silent.pop(self.node, None)
        self.accepted.clear()
        self._open.clear()
        await self.ledger.observe(NodeGone(node=self.node, reason=reason))
        self.broke()

    async def _conflict(self, there: Sequence[Agent]) -> None:
        reason = f"{' and '.join(one.life for one in there)} have its key"
        self.vitals.cards.pop(self.node, None)
        await self.ledger.observe(NodeDistrusted(node=self.node, standing="conflicted", reason=reason))
        self.broke()

    async def _probe(self, token: int) -> None:
        agent = self.agent
        await asyncio.sleep(self.rng.uniform(2.0, 10.0))
        try:
            ok = agent is not None and await agent.wire.call(agent.probe)
        except Unreachable:
            ok = False
        await self.ledger.observe(
            ProbeEnded(node=self.node, token=token, ok=ok, reason="" if ok else "so it was drawn")
        )
        if not ok:
            await asyncio.sleep(60.0)
            await self.ledger.observe(ProbeWanted(node=self.node))

    # Orders and results ------------------------------------------------------------------------

    async def _order(self, brief: Brief) -> None:
        agent = self.agent
        if agent is None:
            return
        if brief.step.kind != "llmEnhance" and any(one.kind == "llmEnhance" for one in brief.run_spec.stages):
            assert brief.job_spec.prompt == f"said of {brief.attempt.job}", "a picture is made from other words"
        work = Work(
            attempt=brief.attempt,
            epoch=await self.ledger.ask(lambda state: state.epoch),
            backend=brief.backend or agent.backends[0],
            model=brief.step.model or "",
            ill=brief.job_spec.name.rpartition("-")[2],
            reduced=brief.reduced,
        )
        answer = await agent.wire.call(agent.order, work)
        if answer == "accepted":
            self.accepted.add(brief.attempt.token)
        else:
            self._loop.call_later(3.0, self._look_again)

    def _look_again(self) -> None:
        self._untidy = True
        self._wake.set()

    async def _reconcile(self, current: int | None, ended: list[Ended], accepted: set[int]) -> None:
        """Results first, then what the log and the agent do not agree on. `accepted`: before the agent was asked."""
        agent = self.agent
        if agent is None:
            return
        for one in ended:
            self.ended(one)
        mine = [brief for brief in await self.ledger.ask(briefs) if brief.attempt.node == self.node]
        self._open = {brief.attempt.token: brief.attempt.job for brief in mine}
        known = {one.attempt.token for one in ended} | self._bringing
        if current is not None:
            known.add(current)
            if current not in self._open:
                await agent.wire.call(agent.cancel, current)
        for brief in mine:
            token = brief.attempt.token
            if brief.cancelled:
                if not await agent.wire.call(agent.cancel, token) and token not in self._bringing:
                    await self._gone(brief.attempt)
            elif token in known:
                continue
            elif token in accepted:
                await self._gone(brief.attempt)
            else:
                await self._order(brief)

    async def _gone(self, attempt: Attempt) -> None:
        self.accepted.discard(attempt.token)
        await self.ledger.observe(AttemptGone(attempt=attempt, reason="the agent does not know it"))

    async def _bring_in(self, one: Ended) -> None:
        """Told until it is in the log; only then the agent may forget it."""
        token, agent = one.attempt.token, self.agent
        if one.trouble is None:
            self.vitals.handed.add(token)
            self.ledger.pulse()
            await asyncio.sleep(self.rng.uniform(0.0, 3.0))  # its files are fetched meanwhile
        await self.ledger.observe(_news(one), actor=f"node:{self.node}")
        self.vitals.handed.discard(token)
        self._open.pop(token, None)
        try:
            if agent is not None:
                await agent.wire.call(agent.forget, token)
        except Unreachable:
            self.broke()
        finally:
            self._bringing.discard(token)


def _news(one: Ended) -> StageReturned | StageBroke:
    if one.trouble is not None:
        return StageBroke(attempt=one.attempt, trouble=one.trouble, reason="so it was drawn")
    token = one.attempt.token
    if one.attempt.stage == "enrich":
        said: dict[str, Scalar] = {"prompt": f"said of {one.attempt.job}", "negative": ""}
        return StageReturned(attempt=one.attempt, backend=one.backend, reported=said, measures=Measures(executed_s=5.0))
    picture = Picture(sha256=f"{token:064x}", pixels=f"{token:064x}", media="image/png", bytes=9, width=8, height=8)
    return StageReturned(
        attempt=one.attempt,
        backend=one.backend,
        suspect="the picture is black" if one.suspect else None,
        images=(NewImage(image=f"i{token}", file=picture),),
        measures=Measures(executed_s=5.0),
    )


def _certificate(state: State, node: str) -> str:
    known = state.nodes.get(node)
    return "" if known is None else known.certificate
