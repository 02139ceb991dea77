"""Has plans lean to what looks at pictures tell, as the looks come in; while a person has switched that on.

Everything it weighs stands in the views, everything it found goes into the log: it may be stopped at any time, and
looks at all that there is when it begins.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from daemon.ledger import Committed
from daemon.past import Past
from daemon.prompting.looks.compare import place_of
from daemon.prompting.looks.effects import Counted, effects, merged
from daemon.prompting.looks.weights import Weighed, louder, weigh
from daemon.views.read_views import ReadViews
from schema.events import Envelope, FeedbackSwitched, StageFinished
from schema.feedback import Feedback, WeightKind, Weights
from schema.ids import JobId
from schema.observations import LooksWeighed, Observation

log = logging.getLogger(__name__)

CAPTIONS = 500
"""The newest ones tell which words a looker knows."""

LOOKS = 64
"""At a pack's pictures: the newest."""

WEIGHED = ("wildcard", "slot")
"""Kinds of places that draw from lists which people keep."""


FRESH = 50
"""Of so many looks at a wildcard one more is none: it is weighed again when its share of them is new."""


class Door(Protocol):
    """The ledger, as far as this needs it."""

    @property
    def feedback(self) -> Feedback: ...
    async def observe(self, observation: Observation) -> None: ...


class Looking:
    def __init__(self, ledger: Door, past: Past, views: ReadViews) -> None:
        self._ledger = ledger
        self._past = past
        self._views = views
        self._fresh: dict[str, int] = {}
        """Looks that a wildcard waits for; what a restart forgets is weighed at once."""

    async def run(self, batches: AsyncIterator[Committed]) -> None:
        """Weighs what is there, then what comes; never ends."""
        if self._ledger.feedback.on:
            await self._weigh(*await self._all())
        async for batch in batches:
            if not self._ledger.feedback.on:
                continue
            if any(isinstance(envelope.event, FeedbackSwitched) for envelope in batch.envelopes):
                await self._weigh(*await self._all())
            elif jobs := looked_at(batch.envelopes):
                await self._weigh(*await self._of(jobs))

    async def _all(self) -> tuple[Iterable[str], Iterable[str]]:
        """Wildcards and packs that were ever looked at."""
        await self._past.caught_up()
        return await self._views.looked_at()

    async def _of(self, jobs: Iterable[JobId]) -> tuple[Iterable[str], Iterable[str]]:
        """Those that had a part in these jobs."""
        wildcards, packs = dict[str, None](), dict[str, None]()
        for name in jobs:
            spec = (await self._past.job(name)).spec
            places = {place for kind, place in map(place_of, (pick.key for pick in spec.picks)) if kind in WEIGHED}
            wildcards.update(dict.fromkeys(sorted(place for place in places if self._due(place))))
            if spec.pack:
                packs[spec.pack] = None
        return wildcards, packs

    def _due(self, wildcard: str) -> bool:
        left = self._fresh.get(wildcard, 0)
        self._fresh[wildcard] = left - 1
        return left <= 0

    async def _weigh(self, wildcards: Iterable[str], packs: Iterable[str]) -> None:
        nameable = await self._views.nameable(CAPTIONS)
        for name in wildcards:
            feedback = self._ledger.feedback
            counted = await self._views.counted(name, WEIGHED, feedback.since.get(f"wildcard {name}", 0))
            self._fresh[name] = sum(row.n for row in counted) // FRESH
            found = await asyncio.to_thread(_weighed, counted, feedback.wildcards.get(name, {}), nameable)
            await self._tell("wildcard", name, found)
        for name in packs:
            feedback = self._ledger.feedback
            goals = await self._views.goals_of(name, feedback.since.get(f"pack {name}", 0), LOOKS)
            await self._tell("pack", name, louder(goals, feedback.packs.get(name, {}), nameable))

    async def _tell(self, kind: WeightKind, name: str, found: Weighed | None) -> None:
        if found is None:
            return
        log.info("%s %s is weighed anew: %s", kind, name, found.reason)
        await self._ledger.observe(LooksWeighed(kind=kind, name=name, weights=found.weights, reason=found.reason))


def _weighed(counted: Sequence[Counted], old: Weights, nameable: frozenset[str]) -> Weighed | None:
    return weigh(effects(merged(counted)), old, nameable)


def looked_at(envelopes: Iterable[Envelope]) -> tuple[JobId, ...]:
    """Jobs whose pictures somebody has just looked at."""
    events = (envelope.event for envelope in envelopes)
    return tuple(
        dict.fromkeys(
            event.job
            for event in events
            if isinstance(event, StageFinished) and ("caption" in event.reported or "score" in event.reported)
        )
    )
