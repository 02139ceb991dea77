"""By when what is queued will be done, and what a run that is not queued would come to; worked out off the loop."""

import asyncio
from collections.abc import Sequence

from daemon.core.forecast import forecast, foretell
from daemon.core.outlook import Besides
from daemon.ledger import Ledger
from daemon.views.read_views import ReadViews
from schema.forecast import Forecast, Foretold
from schema.ids import RunId
from schema.plans import JobSpec, RunSpec

UNSENT = RunId("unsent")
"""The run that nobody has queued, among those that are."""


class Foretelling:
    """One answer at a time: each may take a second of a processor."""

    def __init__(self, ledger: Ledger, views: ReadViews) -> None:
        self._ledger = ledger
        self._views = views
        self._turn = asyncio.Lock()

    async def queued(self, run: RunId | None) -> Forecast:
        """Of one run, or of all that wait."""
        async with self._turn:
            return await asyncio.to_thread(forecast, await self._ledger.outlook(), run)

    async def unsent(self, spec: RunSpec, jobs: Sequence[JobSpec]) -> Foretold:
        """Of a run as if it were queued now."""
        async with self._turn:
            besides = Besides(UNSENT, spec, jobs)
            outlook, pixel = await self._ledger.outlook(besides), await self._views.bytes_of_a_pixel()
            return await asyncio.to_thread(foretell, outlook, besides, pixel)
