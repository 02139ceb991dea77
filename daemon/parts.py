"""Everything that is open while the daemon works: made from the truth outwards, closed in reverse.

Knows every part and does the work of none.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from daemon import upkeep
from daemon.artifacts.decoders import Shrinkers
from daemon.artifacts.film import make_film
from daemon.artifacts.foreign.readers import Readers
from daemon.artifacts.store import TEMPORARY, ArtifactStore
from daemon.artifacts.thumbs import Thumbnails
from daemon.backing_up import note_head
from daemon.cards import Cards
from daemon.concerns import Concerns
from daemon.core.rules import rules_of
from daemon.core.vitals import Vitals
from daemon.deleting import Deleting
from daemon.diskroom import DiskRoom
from daemon.films import Films
from daemon.fleet.fleet import Fleet
from daemon.fleet.heart import Timers
from daemon.fleet.lan import Network
from daemon.fleet.loopback import Loopback
from daemon.fleet.patience import Patience
from daemon.foreign import ForeignPictures
from daemon.gallery.posting import Galleries
from daemon.hooks.hooks import Hooks
from daemon.hooks.writing import LookUps, Writer
from daemon.intake import HouseIntake
from daemon.learner import Learner
from daemon.ledger import Ledger
from daemon.library.models.index import Index
from daemon.library.models.store import Store
from daemon.library.shelf import FolderShelf
from daemon.log import snapshots
from daemon.log.backups import keeping_of
from daemon.log.store import LogFile, open_log
from daemon.log.witness import Witness, witnesses
from daemon.looking import Looking
from daemon.measuring import folders_of
from daemon.models import Models, model_folders
from daemon.models import Parts as ModelParts
from daemon.notify import Notifier
from daemon.past import Past
from daemon.planner import Planner
from daemon.results import Results
from daemon.scrub import NOTE, Scrub
from daemon.session import Session, profiles
from daemon.thinking import learner_over, planner_over
from daemon.views.views import Views
from daemon.watch import Watch
from schema.ids import ALPHABET, ID_LENGTH, Sha256
from schema.orders import Card
from schema.places import Places
from schema.settings import Settings

SPOOL_FLOOR_MB = 64
"""Below this much free disk the loopback agent takes no order, unless the settings go lower."""
VERSION = version("stablenew")


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
    deleting: Deleting
    room: DiskRoom
    hooks: Hooks
    watch: Watch


@dataclass(kw_only=True)
class _Ground:
    """What is true, and what shows it: the rest is made from these."""

    places: Places
    settings: Settings
    log: LogFile
    store: ArtifactStore
    thumbnails: Thumbnails
    shrinkers: Shrinkers
    vitals: Vitals
    ledger: Ledger
    views: Views
    past: Past
    cards: Cards
    concerns: Concerns
    epoch: Callable[[], int]
    """The seq of the newest start of the daemon."""
    root: Path
    """Of the results."""


async def open_parts(
    places: Places,
    settings: Settings,
    stack: AsyncExitStack,
    on_broken: Callable[[BaseException], None],
    remembered: Callable[[], Sequence[Witness]] = lambda: (),
) -> Parts:
    """From the truth outwards: log, state, artifacts, ledger, views, edges. `on_broken`: the log takes nothing more;
    `remembered`: what this process knows of its head.

    Raises LogDamaged, LogFromNewer, sqlite3.Error, OSError; what was open by then is closed with the stack.
    """
    ground = await _open_ground(places, settings, stack, on_broken, remembered)
    ledger, views, store, past, cards = ground.ledger, ground.views, ground.store, ground.past, ground.cards
    readers = Readers(places.artifacts / TEMPORARY)
    stack.push_async_callback(readers.close)
    models = _models(ground)
    planner = planner_over(ledger, places, settings, cards.known, store.path, named=models.named)
    session = Session(past, profiles(FolderShelf(places).profile), models.candidates, cards.known)
    loopback, fleet = _fleet(ground, session, stack)
    links = settings.results.links
    results = Results(
        past, ground.root, store.path, places.state / "results.seq", links=links, concerns=ground.concerns
    )
    deleting, room = _disk(ground, results)
    return Parts(
        places=places,
        settings=settings,
        log=ground.log,
        store=store,
        thumbnails=ground.thumbnails,
        vitals=ground.vitals,
        ledger=ledger,
        views=views,
        results=results,
        looking=Looking(ledger, past, views),
        films=Films(ledger, past, store.path, store.accept_film, make_film, draw_id, places.state / "films"),
        foreign=ForeignPictures(readers, store, draw_id),
        gallery=Galleries(lambda: settings.gallery, views, store.path),
        loopback=loopback,
        fleet=fleet,
        planner=planner,
        cards=cards,
        models=models,
        concerns=ground.concerns,
        deleting=deleting,
        room=room,
        hooks=_hooks(ground, results),
        watch=Watch(places, Notifier.of(os.environ, os.getpid()), ground.concerns, ground.log, views.empty_wal),
        learner=learner_over(views, ledger, planner, cards.known, places, VERSION),
    )


async def _open_ground(
    places: Places,
    settings: Settings,
    stack: AsyncExitStack,
    on_broken: Callable[[BaseException], None],
    remembered: Callable[[], Sequence[Witness]],
) -> _Ground:
    def others() -> Sequence[Witness]:
        return (*remembered(), *witnesses(places))

    the_log = await asyncio.to_thread(open_log, places.log, places.head, others=others)
    stack.push_async_callback(lambda: note_head(places, the_log.head))
    stack.push_async_callback(the_log.close)
    state = await asyncio.to_thread(snapshots.restore, places.snapshots, places.log)
    store = ArtifactStore(places.artifacts)
    stack.push_async_callback(store.close)
    shrinkers = Shrinkers(1)
    stack.push_async_callback(shrinkers.close)
    thumbnails = Thumbnails(places.thumbnails, store.path)
    stack.callback(thumbnails.close)
    floors = settings.daemon
    vitals = Vitals(submit_floor=floors.submit_floor_mb << 20, dispatch_floor=floors.free_floor_mb << 20)
    vitals.free_bytes = upkeep.free_bytes(places)
    rules = rules_of(settings, utc_offset)
    ledger = Ledger(state, the_log, clock=time.time, vitals=vitals, rules=rules, on_broken=on_broken)
    root = results_root(places, settings)
    views = await Views.open(places.views, the_log, results=root, clock=time.time)
    stack.push_async_callback(views.close)
    return _Ground(
        places=places,
        settings=settings,
        log=the_log,
        store=store,
        thumbnails=thumbnails,
        shrinkers=shrinkers,
        vitals=vitals,
        ledger=ledger,
        views=views,
        past=Past(the_log, views, lambda: ledger.durable),
        cards=Cards(state, vitals, store.path),
        concerns=Concerns(),
        epoch=lambda: int(state.epoch),
        root=root,
    )


def _models(ground: _Ground) -> Models:
    settings = ground.settings
    return Models(
        ModelParts(
            index=Index(model_folders(settings), Store(ground.places.models), time.time),
            views=ground.views,
            durable=lambda: ground.ledger.durable,
            known=ground.cards.known,
            vitals=ground.vitals,
            clock=time.time,
            cache=ground.places.thumbnails / "models",
            shrink=ground.shrinkers.small,
            settings=settings.library,
            floor=settings.daemon.free_floor_mb << 20,
        )
    )


def _fleet(ground: _Ground, session: Session, stack: AsyncExitStack) -> tuple[Loopback, Fleet]:
    places, settings, vitals, store = ground.places, ground.settings, ground.vitals, ground.store
    auth = {"STABLENEW_AGENT_AUTH": settings.agent.auth} if settings.agent.auth else {}
    loopback = Loopback(places.agent, os.uname().nodename, _agent_options(settings), auth)
    stack.push_async_callback(loopback.stop)
    intake = HouseIntake(
        store,
        ground.past,
        ground.epoch,
        draw_id,
        VERSION,
        previews=lambda: settings.agent.previews and vitals.watchers > 0,
        session=session,
    )

    async def keep_card(card: Card) -> Sha256:
        return await store.put_blob(msgspec.json.encode(card, order="sorted"))

    patience = Patience(attempt=settings.daemon.stage_timeout, stall=settings.daemon.stall_timeout)
    network = network_of(places, settings)
    return loopback, Fleet(loopback, ground.ledger, intake, vitals, patience, keep_card, places.agents, network)


def _hooks(ground: _Ground, results: Results) -> Hooks:
    past, concerns = ground.past, ground.concerns
    writer = Writer(os.uname().nodename, LookUps(past.run, past.job, results.reached))
    hooks = Hooks(ground.settings.hooks, ground.places.state / "hooks.json", concerns, writer, clock=time.time)
    concerns.heard = hooks.trouble
    return hooks


def _disk(ground: _Ground, results: Results) -> tuple[Deleting, DiskRoom]:
    places, settings, past, views = ground.places, ground.settings, ground.past, ground.views
    ledger, store, thumbnails, root = ground.ledger, ground.store, ground.thumbnails, ground.root
    cursor = places.state / "deleted.seq"
    deleting = Deleting(past, views, store, thumbnails, results.reached, places.log, cursor)
    backups = keeping_of(places, settings.backup, 0).folder
    scrub = Scrub(
        ledger, past, views, store, places.artifacts, root, backups / "art", places.state / NOTE, time.time,
        links=settings.results.links,
    )  # fmt: skip
    folders = folders_of(places, root, backups)
    return deleting, DiskRoom(
        ledger, views, deleting, scrub, thumbnails, ground.concerns, folders, settings.disk, draw_id
    )


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


def draw_id() -> str:
    """A new random id; the only place where the daemon draws one."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def utc_offset(now: float) -> float:
    """Seconds that local time is ahead of UTC just then."""
    return float(time.localtime(now).tm_gmtoff)
