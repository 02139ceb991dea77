"""What the routes are given of the open parts."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from daemon.api.disk import DiskDoor
from daemon.api.house import Condition, House, LedgerDoor, ReadLog
from daemon.api.lessons import LearningDoor
from daemon.api.shelf import ModelShelf
from daemon.artifacts.results import find
from daemon.artifacts.sheets.writing import sheet_of
from daemon.artifacts.store import Missing
from daemon.differing import differing
from daemon.foretelling import Foretelling
from daemon.halt import Halt
from daemon.parts import VERSION, Parts, draw_id, results_root
from daemon.planner import Planner
from daemon.said import said
from daemon.scheduling.able import Known
from daemon.views.read_views import ReadViews
from schema.forecast import Forecast
from schema.ids import RunId, Sha256
from schema.pages import ImageRow
from schema.places import Places
from schema.settings import Settings


class Rooms(NamedTuple):
    """What every house has, whether the daemon takes wishes or only shows."""

    places: Places
    settings: Settings
    condition: Callable[[], Condition]
    trouble: Callable[[], str]
    ledger: LedgerDoor
    log: ReadLog
    views: ReadViews
    planner: Planner
    known: Callable[[], Sequence[Known]]
    learning: LearningDoor
    models: ModelShelf
    disk: DiskDoor
    forecast: Callable[[RunId | None], Awaitable[Forecast]]
    blob: Callable[[Sha256], Path]
    put_blob: Callable[[bytes], Awaitable[Sha256]]
    put_picture: Callable[[AsyncIterator[bytes]], Awaitable[Sha256]]
    thumbnail: Callable[[Sha256, Literal[256, 1024]], Awaitable[Path]]


def house_of(parts: Parts, socket: Path, halt: Halt) -> House:
    """Of a daemon that works. `socket`: where it listens."""
    foretelling = Foretelling(parts.ledger, parts.views)
    return replace(
        house_with(_rooms(parts, halt, foretelling), socket, halt),
        concerns=parts.concerns.sentences,
        free_bytes=lambda: parts.vitals.free_bytes,
        results_reached=parts.results.reached,
        vitals=parts.vitals,
        refresh_node=parts.fleet.refresh,
        free_node=parts.fleet.free,
        pair_node=parts.fleet.admission.pair,
        add_node=parts.fleet.admission.add,
        invite=parts.fleet.admission.invite,
        probe_node=parts.fleet.probe,
        foretell=foretelling.unsent,
        foreign=parts.foreign,
        gallery=parts.gallery,
        hooks=parts.hooks,
        readings=lambda: parts.watch.readings,
    )


def _rooms(parts: Parts, halt: Halt, foretelling: Foretelling) -> Rooms:
    def condition() -> Condition:
        if halt.asked:
            return "stopping"
        if halt.obstacle is not None:
            return "read-only"
        return "ready" if parts.fleet.ready.is_set() else "starting"

    async def put_picture(body: AsyncIterator[bytes]) -> Sha256:
        return (await parts.store.accept(body)).sha256

    return Rooms(
        places=parts.places,
        settings=parts.settings,
        condition=condition,
        trouble=lambda: halt.obstacle.told if halt.obstacle is not None else parts.fleet.trouble,
        ledger=parts.ledger,
        log=parts.log,
        views=parts.views,
        planner=parts.planner,
        known=parts.cards.known,
        learning=parts.learner,
        models=parts.models,
        disk=parts.room,
        forecast=foretelling.queued,
        blob=parts.store.path,
        put_blob=parts.store.put_blob,
        put_picture=put_picture,
        thumbnail=parts.thumbnails.of,
    )


def house_with(rooms: Rooms, socket: Path, halt: Halt) -> House:
    """Nothing in it changes a node or reaches the network. `halt` is asked where somebody stops the daemon."""
    places, settings, planner = rooms.places, rooms.settings, rooms.planner
    root = results_root(places, settings)
    return House(
        version=VERSION,
        pid=os.getpid(),
        uid=os.geteuid(),
        socket=socket,
        started=time.time(),
        clock=time.time,
        draw_id=draw_id,
        condition=rooms.condition,
        trouble=rooms.trouble,
        stop=halt.ask,
        settings=lambda: settings,
        results=root,
        ledger=rooms.ledger,
        log=rooms.log,
        views=rooms.views,
        library=planner,
        plan=planner.plan,
        try_out=planner.try_out,
        config=planner.config,
        edit=planner.edit,
        put_blob=rooms.put_blob,
        put_picture=rooms.put_picture,
        blob=rooms.blob,
        thumbnail=rooms.thumbnail,
        sheet=sheet_of(rooms.blob),
        in_results=partial(in_results, rooms.blob, root),
        known=rooms.known,
        forecast=rooms.forecast,
        learning=rooms.learning,
        models=rooms.models,
        disk=rooms.disk,
        lines=partial(said, places.logs),
        differ=differing(places.log, places.snapshots, time.time),
    )


def in_results(blob: Callable[[Sha256], Path], root: Path, row: ImageRow) -> Path | None:
    """Where a picture lies in its run's folder. None where it is not there or nowhere: a list still shows it."""
    try:
        source = blob(Sha256(row.sha256))
    except Missing:  # deleted for good behind the last good event, or lost
        return None
    return find(root, row, source)
