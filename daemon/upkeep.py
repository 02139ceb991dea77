"""What is looked after while the daemon runs: the disk, the socket's file, the snapshots, the artifact store."""

import asyncio
import logging
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping

from aiohttp import web

from daemon.artifacts.store import ArtifactStore
from daemon.claim import Claim
from daemon.concerns import Concerns
from daemon.core.vitals import Vitals
from daemon.log import snapshots
from daemon.log.reading import hashes_named
from daemon.obstacle import Obstacle, Watched
from schema.ids import Sha256
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)

ROUND_SECONDS = 5.0
GROUND_SECONDS = 1.0
HARDLY_ANY = 1 << 20
"""Bytes of free disk below which a person is told, whatever the settings say."""
AGAIN_SECONDS = 300.0
"""After what failed and can wait: a snapshot saves time, nothing else."""

FIRST_SWEEP_SECONDS = 600.0
SWEEP_SECONDS = 86_400.0
"""The artifact store is swept some time after the start, and then once a day."""

_SHA256 = re.compile(r'"([0-9a-f]{64})"')


def free_bytes(places: Places) -> int:
    """On the fuller of the disks that hold the log and the artifacts."""
    return min(shutil.disk_usage(folder).free for folder in (places.state, places.artifacts))


async def keep_ground(ground: Watched, tell: Callable[[Obstacle], None]) -> None:
    """Notices, also while nothing is written, that the log's folder is away or can only be read."""
    while True:
        if (obstacle := await asyncio.to_thread(ground.look)) is not None:
            tell(obstacle)
        await asyncio.sleep(GROUND_SECONDS)


async def keep_disk(places: Places, vitals: Vitals, concerns: Concerns, pulse: Callable[[], None]) -> None:
    """Tells the ledger's vitals how much is free, and wakes it when there is room again."""
    while True:
        before, vitals.free_bytes = vitals.free_bytes, free_bytes(places)
        if told := short_of_room(places, vitals):
            concerns.tell("room", told)
        else:
            concerns.settle("room")
        if before is not None and before < vitals.dispatch_floor <= vitals.free_bytes:
            pulse()
        await asyncio.sleep(ROUND_SECONDS)


def short_of_room(places: Places, vitals: Vitals) -> str:
    """What does not go on for want of room, with the remedy; empty: there is enough."""
    free = vitals.free_bytes or 0
    if free >= max(vitals.dispatch_floor, vitals.submit_floor, HARDLY_ANY):
        return ""
    folder = min((places.state, places.artifacts), key=lambda one: shutil.disk_usage(one).free)
    stopped = [
        f"{what} below {floor >> 20} MB"
        for what, floor in (("no stage is started", vitals.dispatch_floor), ("no run is taken", vitals.submit_floor))
        if free < floor
    ]
    told = f"{free >> 20} MB are free on the disk that holds {folder}"
    return f"{told}: {', '.join(stopped) or 'soon nothing can be kept'}. Free some space; the queue goes on by itself."


async def keep_socket(claim: Claim, runner: web.BaseRunner, env: Mapping[str, str]) -> None:
    """Listens again where somebody removed the socket's file or the endpoint file."""
    while True:
        await asyncio.sleep(ROUND_SECONDS)
        if not claim.is_listening():
            log.warning("the socket's file was removed; it is made again")
            claim.listen(env)
            await web.SockSite(runner, claim.door()).start()
        claim.is_told()


async def keep_snapshots(places: Places, settings: Settings, durable: Callable[[], int]) -> None:
    """Saves the state off the loop whenever enough has happened since the last time."""
    saved = await asyncio.to_thread(snapshots.newest_seq, places.snapshots, places.log)
    while True:
        made = True
        if durable() - saved >= settings.daemon.snapshot_every:
            made = bool(seq := await snapshots.make(places.snapshots, places.log))
            saved = seq or saved
        await asyncio.sleep(ROUND_SECONDS if made else AGAIN_SECONDS)


async def keep_artifacts(places: Places, store: ArtifactStore) -> None:
    """Puts aside what was stored but never told of, and deletes what was never finished."""
    await asyncio.sleep(FIRST_SWEEP_SECONDS)
    while True:
        await sweep(places, store)
        await asyncio.sleep(SWEEP_SECONDS)


async def sweep(places: Places, store: ArtifactStore) -> None:
    try:
        named = await asyncio.to_thread(names_kept, places)

        async def known(sha256: Sha256) -> bool:
            return sha256 in named

        swept = await store.sweep(known)
    except (OSError, sqlite3.Error) as fault:
        log.warning("the artifact store was not swept: %s", fault)
        return
    if any(swept):
        log.info("swept: %d unfinished files deleted, %d that nothing names put aside", swept.deleted, swept.orphaned)


def names_kept(places: Places) -> set[str]:
    """Files of the store that the log names, and those that a base config names which the log names. Blocks."""
    named = hashes_named(places.log)
    for path in places.artifacts.glob("??/*.json"):
        if path.stem in named:
            named.update(_SHA256.findall(path.read_text()))
    return named
