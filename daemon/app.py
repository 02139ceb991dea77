"""The only wiring: takes the claim, opens the parts in order, runs them, and stops them in reverse.

Knows every part and does the work of none.
"""

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from daemon import upkeep
from daemon.api.house import Condition, House
from daemon.api.server import serve
from daemon.artifacts.decoders import Shrinkers
from daemon.artifacts.film import make_film
from daemon.artifacts.foreign.readers import Readers
from daemon.artifacts.results import find
from daemon.artifacts.sheets.writing import sheet_of
from daemon.artifacts.store import TEMPORARY, ArtifactStore
from daemon.artifacts.thumbs import Thumbnails
from daemon.cards import Cards
from daemon.claim import Claim, socket_path
from daemon.concerns import Concerns
from daemon.core.forecast import forecast
from daemon.core.rules import rules_of
from daemon.core.vitals import Vitals
from daemon.films import Films
from daemon.fleet.fleet import Fleet
from daemon.fleet.heart import Timers
from daemon.fleet.lan import Network
from daemon.fleet.loopback import Loopback
from daemon.fleet.patience import Patience
from daemon.foreign import ForeignPictures
from daemon.gallery.posting import Galleries
from daemon.intake import HouseIntake
from daemon.learner import Learner
from daemon.learner.asking import Asker
from daemon.learner.lab import Lab
from daemon.ledger import Ledger
from daemon.library.models.index import Index
from daemon.library.models.store import Store
from daemon.library.shelf import FolderShelf
from daemon.log import snapshots
from daemon.log.store import LogBroken, LogFile, open_log
from daemon.log.when import seq_of
from daemon.logs import start_logs
from daemon.looking import Looking
from daemon.models import Models, model_folders
from daemon.models import Parts as ModelParts
from daemon.past import Past
from daemon.planner import Planner, last_run
from daemon.prompting.looks.lean import Lean
from daemon.prompting.proposed import check_settings
from daemon.results import Results
from daemon.session import Session, profiles
from daemon.views.views import Views
from schema.errors import Exit
from schema.forecast import Forecast
from schema.ids import ALPHABET, ID_LENGTH, RunId, Sha256
from schema.observations import DaemonBegan, DaemonEnds
from schema.orders import Card
from schema.pages import ImageRow
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)

SPOOL_FLOOR_MB = 64
"""Below this much free disk the loopback agent takes no order, unless the settings go lower."""
VERSION = version("stablenew")


def draw_id() -> str:
    """A new random id; the only place where the daemon draws one."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


@dataclass(kw_only=True)
class Parts:
    """Everything that is open while the daemon runs."""

    places: Places
    settings: Settings
    log: LogFile
    store: ArtifactStore
    thumbnails: Thumbnails
    vitals: Vitals
    ledger: Ledger
    views: Views
    results: Results
    films: Films
    foreign: ForeignPictures
    gallery: Galleries
    looking: Looking
    loopback: Loopback
    fleet: Fleet
    planner: Planner
    cards: Cards
    models: Models
    learner: Learner
    concerns: Concerns


async def run(places: Places, settings: Settings, env: Mapping[str, str]) -> int:
    """Serves until it is told to stop; the exit code. Raises Locked, Refused, LogDamaged, LogFromNewer."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    async with AsyncExitStack() as stack:
        claim = Claim.take(places, boot=draw_id())
        stack.callback(claim.release)
        start_logs(places.logs, "daemon")
        parts = await open_parts(places, settings, stack)
        gc.collect()
        gc.freeze()  # what is there now mostly stays: later collections pass it by instead of stopping the loop for it
        listener = claim.listen(env)
        house = _house(parts, env, stopping)
        log.info("stablenew %s begins", VERSION, extra={"seq": parts.ledger.durable})
        await _work(parts, house, claim, listener, env, stopping)
        log.info("stablenew ends", extra={"seq": parts.ledger.durable})
    return Exit.DONE


async def open_parts(places: Places, settings: Settings, stack: AsyncExitStack) -> Parts:
    """From the truth outwards: log, state, artifacts, ledger, views, edges."""
    the_log = await asyncio.to_thread(open_log, places.log, places.head)
    stack.push_async_callback(the_log.close)
    state = await asyncio.to_thread(snapshots.restore, places.snapshots, places.log)
    store = ArtifactStore(places.artifacts)
    stack.push_async_callback(store.close)
    readers = Readers(places.artifacts / TEMPORARY)
    stack.push_async_callback(readers.close)
    shrinkers = Shrinkers(1)
    stack.push_async_callback(shrinkers.close)
    thumbnails = Thumbnails(places.thumbnails, store.path)
    stack.callback(thumbnails.close)
    floors = settings.daemon
    vitals = Vitals(submit_floor=floors.submit_floor_mb << 20, dispatch_floor=floors.free_floor_mb << 20)
    vitals.free_bytes = upkeep.free_bytes(places)
    rules = rules_of(settings, _utc_offset)
    ledger = Ledger(state, the_log, clock=time.time, vitals=vitals, rules=rules, on_broken=_end_at_once)
    root = results_root(places, settings)
    views = await Views.open(places.views, the_log, results=root, clock=time.time)
    stack.push_async_callback(views.close)
    past = Past(the_log, views, lambda: ledger.durable)
    watched = settings.agent.previews
    cards = Cards(state, vitals, store.path)
    shelf = FolderShelf(places, lambda: last_run(ledger.last, store.path))
    models = Models(
        ModelParts(
            index=Index(model_folders(settings), Store(places.models), time.time),
            views=views,
            durable=lambda: ledger.durable,
            known=cards.known,
            vitals=vitals,
            clock=time.time,
            cache=places.thumbnails / "models",
            shrink=shrinkers.small,
            settings=settings.library,
            floor=floors.free_floor_mb << 20,
        )
    )
    intake = HouseIntake(
        store, past, lambda: int(state.epoch), draw_id, VERSION, previews=lambda: watched and vitals.watchers > 0,
        session=Session(past, profiles(shelf.profile), models.candidates, cards.known),
    )  # fmt: skip
    auth = {"STABLENEW_AGENT_AUTH": settings.agent.auth} if settings.agent.auth else {}
    loopback = Loopback(places.agent, os.uname().nodename, _agent_options(settings), auth)
    stack.push_async_callback(loopback.stop)

    async def keep_card(card: Card) -> Sha256:
        return await store.put_blob(msgspec.json.encode(card, order="sorted"))

    patience = Patience(attempt=floors.stage_timeout, stall=floors.stall_timeout)
    planner = Planner(
        shelf,
        settings,
        time.time,
        secrets.randbelow,
        cards.known,
        store.path,
        lambda: Lean(ledger.feedback),
        named=models.named,
        lessons=lambda: ledger.lessons,
    )
    return Parts(
        places=places,
        settings=settings,
        log=the_log,
        store=store,
        thumbnails=thumbnails,
        vitals=vitals,
        ledger=ledger,
        views=views,
        results=Results(past, root, store.path, places.state / "results.seq", links=settings.results.links),
        looking=Looking(ledger, past, views),
        films=Films(ledger, past, store.path, store.accept_film, make_film, draw_id, places.state / "films"),
        foreign=ForeignPictures(readers, store, draw_id),
        gallery=Galleries(lambda: settings.gallery, views, store.path),
        loopback=loopback,
        fleet=Fleet(loopback, ledger, intake, vitals, patience, keep_card, places.agents, network_of(places, settings)),
        planner=planner,
        cards=cards,
        models=models,
        concerns=Concerns(),
        learner=Learner(
            views,
            ledger,
            seq_at=lambda when: seq_of(places.log, when, time.time()),
            lab=Lab(planner.plan, planner.config, cards.known),
            asker=Asker(planner.plan, cards.known),
            check=check_settings,
            version=VERSION,
            salt=places.state / "learning-salt",
        ),
    )


async def _work(
    parts: Parts, house: House, claim: Claim, listener: socket.socket, env: Mapping[str, str], stopping: asyncio.Event
) -> None:
    """Followers first, so that nothing is told before they listen; then the ledger; then those who feed it."""
    ledger, places = parts.ledger, parts.places
    follow = ledger.follow
    async with (
        asyncio.TaskGroup() as group,
        follow() as for_views,
        follow() as for_results,
        follow() as for_films,
        follow() as for_looks,
        follow() as for_lessons,
    ):
        writing = group.create_task(ledger.run())
        viewing = group.create_task(parts.views.follow(for_views))
        await ledger.observe(DaemonBegan(version=VERSION, sqlite=sqlite3.sqlite_version, host=os.uname().nodename))
        runner = await serve(house, listener)
        edges = [
            group.create_task(parts.results.run(for_results)),
            group.create_task(parts.films.run(for_films)),
            group.create_task(parts.looking.run(for_looks)),
            group.create_task(parts.learner.run(for_lessons)),
            group.create_task(parts.fleet.run()),
            group.create_task(parts.store.warm()),
            group.create_task(upkeep.keep_disk(places, parts.vitals, ledger.pulse)),
            group.create_task(upkeep.keep_snapshots(places, parts.settings, lambda: ledger.durable)),
            group.create_task(upkeep.keep_socket(claim, runner, env)),
            group.create_task(upkeep.keep_artifacts(places, parts.store)),
            group.create_task(parts.models.run()),
        ]
        await stopping.wait()
        await runner.cleanup()
        for edge in edges:
            edge.cancel()
        await parts.loopback.stop()
        await ledger.observe(DaemonEnds(reason="told to stop"))
        await ledger.stop()
        await asyncio.wait((writing, viewing))


def network_of(places: Places, settings: Settings) -> Network:
    fleet = settings.fleet
    return Network(
        keys=places.keys,
        name=os.uname().nodename,
        discover=fleet.discover,
        timers=Timers(beat=fleet.heartbeat, suspect=fleet.suspect_after, lost=fleet.lost_after),
        shared=Path(fleet.shared).expanduser() if fleet.shared else None,
    )


def results_root(places: Places, settings: Settings) -> Path:
    named = settings.results.folder
    return Path(named).expanduser().absolute() if named else places.results


def _house(parts: Parts, env: Mapping[str, str], stopping: asyncio.Event) -> House:
    def condition() -> Condition:
        if stopping.is_set():
            return "stopping"
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

    planner, root = parts.planner, results_root(parts.places, parts.settings)
    return House(
        version=VERSION,
        pid=os.getpid(),
        uid=os.geteuid(),
        socket=socket_path(parts.places, env),
        started=time.time(),
        clock=time.time,
        draw_id=draw_id,
        condition=condition,
        trouble=lambda: parts.fleet.trouble,
        concerns=parts.concerns.sentences,
        stop=stopping.set,
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
        foreign=parts.foreign,
        gallery=parts.gallery,
        learning=parts.learner,
    )


def _agent_options(settings: Settings) -> list[str]:
    """The embedded agent's arguments; what it must prove to a server goes through its environment."""
    sketch, agent = settings.sketch, settings.agent
    driven = {"webui": agent.webui, "comfyui": agent.comfyui, "diffusers": agent.diffusers, "llm": agent.llm}
    backends = ["sketch"] * agent.sketch + [f"{kind}={place}" for kind, place in driven.items() if place]
    return [
        *(word for backend in backends or ["none"] for word in ("--backend", backend)),
        *(("--models", str(Path(agent.models).expanduser())) if agent.models else ()),
        "--free-after", f"{agent.free_after:g}",
        "--sketch-step-seconds", f"{sketch.step_seconds:g}",
        "--sketch-load-seconds", f"{sketch.load_seconds:g}",
        "--sketch-vram-gb", f"{sketch.vram_gb:g}",
        "--spool-floor-mb", f"{min(SPOOL_FLOOR_MB, settings.daemon.free_floor_mb)}",
    ]  # fmt: skip


def _utc_offset(now: float) -> float:
    """Seconds that local time is ahead of UTC just then."""
    return float(time.localtime(now).tm_gmtoff)


def _end_at_once(fault: BaseException) -> None:
    """The ledger cannot go on: what was told is on disk, what was decided since is forgotten with the process."""
    if isinstance(fault, LogBroken | asyncio.CancelledError):
        log.critical("the log cannot be written: %s; free the disk or repair it, then start again", fault)
    else:
        log.critical("the daemon ends on a fault of its own", exc_info=fault)
    logging.shutdown()
    os._exit(Exit.DISK if isinstance(fault, LogBroken | asyncio.CancelledError) else Exit.FAILED)
