"""A simulated dispatcher of one node: orders out, results in, everything repeatable. Nothing is decided here."""

import asyncio
from collections.abc import AsyncIterator

from daemon.core.look import briefs
from daemon.core.state import Brief
from daemon.core.vitals import Vitals
from daemon.ledger import Committed, Ledger
from schema.observations import Attempt, AttemptGone, NewImage, NodeGone, NodeSeen, StageBroke, StageReturned
from schema.plans import Measures, Picture

from .agent import Agent, Ended, Unreachable

POLL_SECONDS = 5.0
LOST_SECONDS = 45.0


class Dispatcher:
    def __init__(self, ledger: Ledger, agent: Agent, vitals: Vitals) -> None:
        self._ledger, self._agent, self._vitals = ledger, agent, vitals
        self._accepted: set[int] = set()

    async def run(self) -> None:
        async with self._ledger.follow() as batches, asyncio.TaskGroup() as group:
            group.create_task(self._hear(batches))
            group.create_task(self._poll())

    async def _hear(self, batches: AsyncIterator[Committed]) -> None:
        async for batch in batches:
            for brief in batch.briefs:
                if brief.attempt.node == self._agent.name and not brief.cancelled:
                    await self._start(brief)

    async def _start(self, brief: Brief) -> None:
        try:
            backend = brief.backend or self._agent.backends[0]
            if await self._agent.start(brief.attempt, backend, brief.job_spec.name.rpartition("-")[2]) == "accepted":
                self._accepted.add(brief.attempt.token)
        except Unreachable:
            pass  # The next poll sees whether it arrived.

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        heard, gone = loop.time(), False
        while True:
            try:
                await self._reconcile()
                joined, card = await self._agent.card()
                known = self._vitals.cards.get(joined.node)
                self._vitals.cards[joined.node] = card
                await self._ledger.observe(NodeSeen(joined=joined))
                if known != card:
                    self._ledger.pulse()
                heard, gone = loop.time(), False
            except Unreachable:
                if not gone and loop.time() - heard > LOST_SECONDS:
                    self._vitals.cards.pop(self._agent.name, None)
                    await self._ledger.observe(NodeGone(node=self._agent.name, reason="silent for 45 s"))
                    gone = True
            await asyncio.sleep(POLL_SECONDS)

    async def _reconcile(self) -> None:
        """Results first, then what the log and the agent do not agree on."""
        accepted = set(self._accepted)
        _, current, ended = await self._agent.attempts()
        for one in ended:
            await self._bring_in(one)
        mine = [brief for brief in await self._ledger.ask(briefs) if brief.attempt.node == self._agent.name]
        known = {one.attempt.token for one in ended}
        if current is not None:
            known.add(current.token)
            if current.token not in {brief.attempt.token for brief in mine}:
                await self._agent.cancel(current.token)
        for brief in mine:
            token = brief.attempt.token
            if brief.cancelled:
                if not await self._agent.cancel(token):
                    await self._gone(brief.attempt)
            elif token in known:
                continue
            elif token in accepted:
                await self._gone(brief.attempt)
            else:
                await self._start(brief)

    async def _gone(self, attempt: Attempt) -> None:
        await self._ledger.observe(AttemptGone(attempt=attempt, reason="the agent does not know it"))

    async def _bring_in(self, one: Ended) -> None:
        """Told until it is in the log; only then the agent may forget it."""
        if one.trouble is None:
            token = one.attempt.token
            self._vitals.handed.add(token)
            self._ledger.pulse()
            await asyncio.sleep(self._agent.rng.uniform(0.0, 3.0))  # its files are fetched meanwhile
            picture = Picture(
                sha256=f"{token:064x}", pixels=f"{token:064x}", media="image/png", bytes=9, width=8, height=8
            )
            await self._ledger.observe(
                StageReturned(
                    attempt=one.attempt,
                    backend=one.backend,
                    suspect="the picture is black" if one.suspect else None,
                    images=(NewImage(image=f"i{token}", file=picture),),
                    measures=Measures(executed_s=5.0),
                ),
                actor=f"node:{self._agent.name}",
            )
            self._vitals.handed.discard(token)
        else:
            await self._ledger.observe(StageBroke(attempt=one.attempt, trouble=one.trouble, reason="so it was drawn"))
        await self._agent.forget(one.attempt.token)
