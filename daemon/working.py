"""The daemon at work: who listens first, who feeds whom, and in which order all of it ends."""

import asyncio
import os
import sqlite3
from collections.abc import Coroutine, Mapping, Sequence

from aiohttp import web

from daemon import backing_up, upkeep
from daemon.api.house import House
from daemon.api.server import serve
from daemon.claim import Claim
from daemon.halt import Halt
from daemon.hooks.hooks import Now
from daemon.log.faults import LogDamaged
from daemon.obstacle import Watched, obstacle_of
from daemon.parts import VERSION, Parts
from daemon.watch import in_a_line
from schema.observations import DaemonBegan, DaemonEnds

PATIENCE = 1.0
"""Seconds in which whoever follows the ledger may still take in its last events."""


async def work(parts: Parts, house: House, claim: Claim, env: Mapping[str, str], halt: Halt) -> None:
    """Followers first, so that nothing is told before they listen; then the ledger; then those who feed it.

    Until told to stop, or until an obstacle comes up. Raises what ends one of them before.
    """
    ledger = parts.ledger
    follow = ledger.follow

    def damaged(fault: LogDamaged) -> None:
        if (obstacle := obstacle_of(fault, parts.places)) is not None:
            halt.meet(obstacle)

    def later(name: str, seq: int) -> None:
        backing_up.heard_of_later(parts.places, parts.log.head.seq, parts.concerns, damaged, name, seq)

    parts.fleet.later = later
    async with (
        asyncio.TaskGroup() as group,
        follow() as for_views,
        follow() as for_results,
        follow() as for_films,
        follow() as for_looks,
        follow() as for_lessons,
        follow() as for_hooks,
        follow() as for_deleting,
    ):
        writing = group.create_task(ledger.run())
        viewing = group.create_task(parts.views.follow(for_views))
        await ledger.observe(DaemonBegan(version=VERSION, sqlite=sqlite3.sqlite_version, host=os.uname().nodename))
        runner = await serve(house, claim.door())
        following = [
            parts.results.run(for_results),
            parts.films.run(for_films),
            parts.looking.run(for_looks),
            parts.learner.run(for_lessons),
            parts.deleting.run(for_deleting),
            parts.hooks.run(for_hooks, parts.log, Now(ledger.scene, lambda: ledger.durable)),
        ]
        edges = [group.create_task(edge) for edge in (*following, *_edges(parts, claim, runner, env, halt))]
        try:
            await halt.wait()
        finally:  # also where one of them broke: nobody may be answered any more
            for edge in edges:
                edge.cancel()
            await asyncio.gather(runner.cleanup(), parts.loopback.stop())
        if halt.obstacle is None:
            await ledger.observe(DaemonEnds(reason="told to stop"))
        await ledger.stop()
        await asyncio.wait((writing, viewing), timeout=PATIENCE)
        viewing.cancel()  # it may be waiting for room on the disk


def _edges(
    parts: Parts, claim: Claim, runner: web.BaseRunner, env: Mapping[str, str], halt: Halt
) -> Sequence[Coroutine[object, object, None]]:
    """Everything else that goes on for as long as the daemon works; none of them ends by itself."""
    places, ledger = parts.places, parts.ledger
    return (
        parts.fleet.run(),
        parts.models.run(),
        parts.store.warm(),
        parts.room.run(),
        upkeep.keep_ground(Watched(places), halt.meet),
        upkeep.keep_disk(places, parts.vitals, parts.concerns, ledger.pulse),
        upkeep.keep_snapshots(places, parts.settings, lambda: ledger.durable),
        upkeep.keep_socket(claim, runner, env),
        upkeep.keep_artifacts(places, parts.store),
        parts.hooks.look_out(lambda: {"agent": parts.fleet.trouble}),
        parts.watch.run(lambda: in_a_line(ledger.scene())),
        backing_up.keep_witness(places, lambda: parts.log.head),
        backing_up.keep_backups(places, parts.settings, parts.concerns),
    )
