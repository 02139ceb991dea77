"""What the routes are given of the open parts."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

from daemon.api.house import Condition, House
from daemon.artifacts.results import find
from daemon.artifacts.sheets.writing import sheet_of
from daemon.core.forecast import forecast, foretell
from daemon.core.outlook import Besides
from daemon.differing import differing
from daemon.halt import Halt
from daemon.parts import VERSION, Parts, draw_id, results_root
from daemon.said import said
from schema.forecast import Forecast, Foretold
from schema.ids import RunId, Sha256
from schema.pages import ImageRow
from schema.plans import JobSpec, RunSpec


def house_of(parts: Parts, socket: Path, halt: Halt) -> House:
    """`socket`: where the daemon listens."""

    def condition() -> Condition:
        if halt.asked:
            return "stopping"
        if halt.obstacle is not None:
            return "read-only"
        return "ready" if parts.fleet.ready.is_set() else "starting"

    async def put_picture(body: AsyncIterator[bytes]) -> Sha256:
        return (await parts.store.accept(body)).sha256

    def in_results(row: ImageRow) -> Path | None:
        sha256 = Sha256(row.sha256)
        return find(root, row, parts.store.path(sha256)) if parts.store.has(sha256) else None

    foretelling = asyncio.Lock()

    async def foretold(run: RunId | None) -> Forecast:
        """One at a time, off the loop: it may take a second."""
        async with foretelling:
            return await asyncio.to_thread(forecast, await parts.ledger.outlook(), run)

    async def foretold_of(spec: RunSpec, jobs: Sequence[JobSpec]) -> Foretold:
        async with foretelling:
            besides = Besides(RunId("unsent"), spec, jobs)
            outlook, pixel = await parts.ledger.outlook(besides), await parts.views.bytes_of_a_pixel()
            return await asyncio.to_thread(foretell, outlook, besides, pixel)

    planner, root = parts.planner, results_root(parts.places, parts.settings)
    return House(
        version=VERSION,
        pid=os.getpid(),
        uid=os.geteuid(),
        socket=socket,
        started=time.time(),
        clock=time.time,
        draw_id=draw_id,
        condition=condition,
        trouble=lambda: halt.obstacle.told if halt.obstacle is not None else parts.fleet.trouble,
        concerns=parts.concerns.sentences,
        stop=halt.ask,
        settings=lambda: parts.settings,
        results=root,
        ledger=parts.ledger,
        log=parts.log,
        views=parts.views,
        library=planner,
        plan=planner.plan,
        try_out=planner.try_out,
        config=planner.config,
        edit=planner.edit,
        free_bytes=lambda: parts.vitals.free_bytes,
        put_blob=parts.store.put_blob,
        put_picture=put_picture,
        blob=parts.store.path,
        thumbnail=parts.thumbnails.of,
        sheet=sheet_of(parts.store.path),
        results_reached=parts.results.reached,
        in_results=in_results,
        vitals=parts.vitals,
        known=parts.cards.known,
        models=parts.models,
        refresh_node=parts.fleet.refresh,
        free_node=parts.fleet.free,
        pair_node=parts.fleet.admission.pair,
        add_node=parts.fleet.admission.add,
        invite=parts.fleet.admission.invite,
        probe_node=parts.fleet.probe,
        forecast=foretold,
        foretell=foretold_of,
        foreign=parts.foreign,
        gallery=parts.gallery,
        learning=parts.learner,
        disk=parts.room,
        hooks=parts.hooks,
        lines=partial(said, parts.places.logs),
        readings=lambda: parts.watch.readings,
        differ=differing(parts.places.log, parts.places.snapshots, time.time),
    )
