"""What is looked after every few seconds while the daemon runs: the disk, the socket's file, the snapshots."""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping

from aiohttp import web

from daemon.claim import Claim
from daemon.core.vitals import Vitals
from daemon.log import snapshots
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)

ROUND_SECONDS = 5.0


def free_bytes(places: Places) -> int:
    """On the fuller of the disks that hold the log and the artifacts."""
    return min(shutil.disk_usage(folder).free for folder in (places.state, places.artifacts))


async def keep_disk(places: Places, vitals: Vitals, pulse: Callable[[], None]) -> None:
    """Tells the ledger's vitals how much is free, and wakes it when there is room again."""
    while True:
        before, vitals.free_bytes = vitals.free_bytes, free_bytes(places)
        if before is not None and before < vitals.dispatch_floor <= vitals.free_bytes:
            pulse()
        await asyncio.sleep(ROUND_SECONDS)


async def keep_socket(claim: Claim, runner: web.BaseRunner, env: Mapping[str, str]) -> None:
    """Listens again where somebody removed the socket's file or the endpoint file."""
    while True:
        await asyncio.sleep(ROUND_SECONDS)
        if not claim.is_listening():
            log.warning("the socket's file was removed; it is made again")
            await web.SockSite(runner, claim.listen(env)).start()


async def keep_snapshots(places: Places, settings: Settings, durable: Callable[[], int]) -> None:
    """Saves the state off the loop whenever enough has happened since the last time."""
    saved = await asyncio.to_thread(snapshots.newest_seq, places.snapshots, places.log)
    while True:
        if durable() - saved >= settings.daemon.snapshot_every:
            saved = await snapshots.make(places.snapshots, places.log) or saved
        await asyncio.sleep(ROUND_SECONDS)
