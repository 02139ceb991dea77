"""The house of a daemon that cannot write its log: lists, pictures and plans as of the last good event.

Nothing here writes to the folders that are in the way. Where not even the log can be read, there is what the process
remembers: the last scene that was on disk.
"""

import asyncio
import logging
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from daemon.api.house import Condition, House, KeptKey, LedgerDoor, ReadLog
from daemon.api.lessons import LearningDoor, NobodyLearns
from daemon.artifacts.decoders import Shrinkers
from daemon.artifacts.store import file_in
from daemon.artifacts.thumbs import Thumbnails
from daemon.cards import Cards
from daemon.core.forecast import forecast
from daemon.core.outlook import Outlook
from daemon.core.rules import rules_of
from daemon.core.state import State
from daemon.core.vitals import Vitals
from daemon.diskroom import DiskUsed
from daemon.halt import Halt
from daemon.housing import Rooms, house_with
from daemon.learner import Learner
from daemon.library.models.index import Index
from daemon.library.models.store import Store
from daemon.log.backups import keeping_of
from daemon.log.chain import ZERO, Head
from daemon.log.faults import LogBroken, Unusable
from daemon.log.fold import CORE
from daemon.log.reader import LogReader
from daemon.log.reading import hash_at, newest
from daemon.log.snapshots import Snapshots
from daemon.log.streams import LogPast
from daemon.log.tables import reader
from daemon.log.when import seq_of
from daemon.measuring import folders_of
from daemon.memory import Memory
from daemon.models import Models, model_folders
from daemon.models import Parts as ModelParts
from daemon.obstacle import Obstacle
from daemon.parts import VERSION, results_root, utc_offset
from daemon.scrub import NOTE, read_mark
from daemon.sieve import Found, Part, Sieve
from daemon.still import StillLedger
from daemon.thinking import planner_over
from daemon.views.away import AwayViews
from daemon.views.read_views import ReadViews
from daemon.views.then import ViewsThen
from schema.errors import Away
from schema.events import Envelope
from schema.forecast import Forecast
from schema.ids import CommandId, RunId, Seq, Sha256
from schema.places import Places
from schema.settings import Settings
from schema.then import Moment

log = logging.getLogger(__name__)


class Read(NamedTuple):
    """What there is to be shown."""

    ledger: LedgerDoor
    log: ReadLog
    views: ReadViews
    learning: LearningDoor
    state: State
    outlook: Callable[[], Awaitable[Outlook]] | None
    moment: Moment | None


async def open_readonly(
    places: Places,
    settings: Settings,
    stack: AsyncExitStack,
    obstacle: Obstacle,
    memory: Memory,
    halt: Halt,
    socket: Path,
) -> House:
    """What is open by the end is closed with the stack. `halt` is asked where somebody stops the daemon."""

    def refusal() -> Away:
        return Away(obstacle.sentence, remedy=obstacle.remedy)

    try:
        read = await _as_of(places, settings, stack, obstacle.seq, refusal)
    except (OSError, sqlite3.Error, LogBroken, Unusable) as fault:
        log.warning("the log cannot be read: %s; what is remembered is shown", fault)
        read = _remembered(memory, refusal)
    thumbnails = Thumbnails(places.thumbnails, lambda sha: file_in(places.artifacts, sha))
    stack.callback(thumbnails.close)
    cards = Cards(read.state, Vitals(), lambda sha: file_in(places.artifacts, sha))
    models = await _models(settings, stack, read, cards)
    rooms = _rooms(places, settings, obstacle, halt, read, thumbnails, cards, models, refusal)
    return replace(house_with(rooms, socket, halt), moment=read.moment)


async def _models(settings: Settings, stack: AsyncExitStack, read: Read, cards: Cards) -> Models:
    """The files of models there are, looked at anew: what is known of them is kept elsewhere meanwhile."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stablenew-models-")))
    shrinkers = Shrinkers(1)
    stack.push_async_callback(shrinkers.close)
    models = Models(
        ModelParts(
            index=Index(model_folders(settings), Store(folder / "models.db"), time.time),
            views=read.views,
            durable=lambda: read.views.seq,
            known=cards.known,
            vitals=Vitals(),
            clock=time.time,
            cache=folder,
            shrink=shrinkers.small,
            settings=settings.library,
        )
    )
    looking = asyncio.create_task(models.run())

    async def end() -> None:
        looking.cancel()
        await asyncio.wait((looking,))

    stack.push_async_callback(end)
    return models


async def _as_of(
    places: Places, settings: Settings, stack: AsyncExitStack, seq: int | None, refusal: Callable[[], Away]
) -> Read:
    """From the log up to event `seq`. Raises sqlite3.Error and the like where it cannot be read so far."""
    head, moment = await asyncio.to_thread(_mark, places.log, seq)
    state = await asyncio.to_thread(Snapshots(places.snapshots, places.log, CORE).as_of, head.seq)
    the_log = LogReader(places.log, head)
    stack.push_async_callback(the_log.close)
    past, root = LogPast(places.log), results_root(places, settings)
    views = await ViewsThen.open(places.views, past, head.seq, results=root, clock=time.time)
    stack.push_async_callback(views.close)
    ledger = StillLedger(state, time.time, refusal, rules=rules_of(settings, utc_offset))
    stack.callback(ledger.end)
    learner = Learner(views, ledger, seq_at=lambda when: seq_of(places.log, when, time.time()), version=VERSION)
    return Read(ledger, the_log, views, learner, state, ledger.outlook, moment)


def _mark(path: Path, seq: int | None) -> tuple[Head, Moment]:
    """The event up to which the log is shown."""
    with closing(reader(path)) as db:
        last = newest(db)[0]
        upto = last if seq is None else min(seq, last)
        at = db.execute("SELECT ts_us FROM events WHERE seq=?", (upto,)).fetchone()
        head = Head(upto, hash_at(db, upto) or ZERO.hash)
    return head, Moment(seq=Seq(upto), at=at[0] / 1e6 if at else None, newest=Seq(last))


def _remembered(memory: Memory, refusal: Callable[[], Away]) -> Read:
    ledger: LedgerDoor = memory.ledger or StillLedger(State(), time.time, refusal)
    views = AwayViews(memory.head.seq, refusal)
    return Read(ledger, _NoLog(refusal), views, NobodyLearns(), State(), None, None)


def _rooms(
    places: Places,
    settings: Settings,
    obstacle: Obstacle,
    halt: Halt,
    read: Read,
    thumbnails: Thumbnails,
    cards: Cards,
    models: Models,
    refusal: Callable[[], Away],
) -> Rooms:
    def condition() -> Condition:
        return "stopping" if halt.asked else "read-only"

    def path_of(sha: Sha256) -> Path:
        return file_in(places.artifacts, sha)

    async def not_now(_: object) -> Sha256:
        raise refusal()

    async def foretold(run: RunId | None) -> Forecast:
        if read.outlook is None:
            raise refusal()
        return await asyncio.to_thread(forecast, await read.outlook(), run)

    note = places.state / NOTE
    folders = folders_of(places, results_root(places, settings), keeping_of(places, settings.backup, 0).folder)
    return Rooms(
        places=places,
        settings=settings,
        condition=condition,
        trouble=lambda: obstacle.told,
        ledger=read.ledger,
        log=read.log,
        views=read.views,
        planner=planner_over(read.ledger, places, settings, cards.known, path_of),
        known=cards.known,
        learning=read.learning,
        models=models,
        disk=DiskUsed(read.views, lambda: read.ledger.damaged, folders, lambda: read_mark(note).at),
        forecast=foretold,
        blob=path_of,
        put_blob=not_now,
        put_picture=not_now,
        thumbnail=thumbnails.of,
    )


class _NoLog:
    """In place of a log that cannot be read."""

    def __init__(self, refusal: Callable[[], Away]) -> None:
        self._refusal = refusal

    async def find_key(self, actor: str, key: str) -> KeptKey | None:
        raise self._refusal()

    async def events_of(self, command: CommandId) -> tuple[Envelope, ...]:
        raise self._refusal()

    async def read(self, after: int, limit: int) -> tuple[Envelope, ...]:
        raise self._refusal()

    async def sift(self, sieve: Sieve, part: Part) -> Found:
        raise self._refusal()

    async def hash_at(self, seq: int) -> bytes | None:
        raise self._refusal()
