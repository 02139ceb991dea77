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
from daemon.learner.asking import Asker
from daemon.learner.lab import Lab
from daemon.ledger import Ledger
from daemon.library.models.index import Index
from daemon.library.models.store import Store
from daemon.library.shelf import FolderShelf
from daemon.log import snapshots
from daemon.log.backups import keeping_of
from daemon.log.store import LogFile, open_log
from daemon.log.when import seq_of
from daemon.log.witness import Witness, witnesses
from daemon.looking import Looking
from daemon.measuring import folders_of
from daemon.models import Models, model_folders
from daemon.models import Parts as ModelParts
from daemon.notify import Notifier
from daemon.past import Past
from daemon.planner import Planner, last_run
from daemon.prompting.looks.lean import Lean
from daemon.prompting.proposed import check_settings
from daemon.results import Results
from daemon.scrub import NOTE, Scrub
from daemon.session import Session, profiles
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

    def others() -> Sequence[Witness]:
        return (*remembered(), *witnesses(places))

    the_log = await asyncio.to_thread(open_log, places.log, places.head, others=others)
    stack.push_async_callback(lambda: note_head(places, the_log.head))
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
    rules = rules_of(settings, utc_offset)
    ledger = Ledger(state, the_log, clock=time.time, vitals=vitals, rules=rules, on_broken=on_broken)
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
    concerns = Concerns()
    cursor = places.state / "results.seq"
    results = Results(past, root, store.path, cursor, links=settings.results.links, concerns=concerns)
    hooks = Hooks(
        settings.hooks, places.state / "hooks.json", concerns,
        Writer(os.uname().nodename, LookUps(past.run, past.job, results.reached)), clock=time.time,
    )  # fmt: skip
    concerns.heard = hooks.trouble
    backups = keeping_of(places, settings.backup, 0).folder
    cursor = places.state / "deleted.seq"
    deleting = Deleting(past, views, store, thumbnails, results.reached, places.log, cursor)
    scrub = Scrub(
        ledger, past, views, store, places.artifacts, root, backups / "art", places.state / NOTE, time.time,
        links=settings.results.links,
    )  # fmt: skip
    folders = folders_of(places, root, backups)
    return Parts(
        places=places,
        settings=settings,
        log=the_log,
        store=store,
        thumbnails=thumbnails,
        vitals=vitals,
        ledger=ledger,
        views=views,
        results=results,
        looking=Looking(ledger, past, views),
        films=Films(ledger, past, store.path, store.accept_film, make_film, draw_id, places.state / "films"),
        foreign=ForeignPictures(readers, store, draw_id),
        gallery=Galleries(lambda: settings.gallery, views, store.path),
        loopback=loopback,
        fleet=Fleet(loopback, ledger, intake, vitals, patience, keep_card, places.agents, network_of(places, settings)),
        planner=planner,
        cards=cards,
        models=models,
        concerns=concerns,
        deleting=deleting,
        room=DiskRoom(ledger, views, deleting, scrub, thumbnails, concerns, folders, settings.disk, draw_id),
        hooks=hooks,
        watch=Watch(places, Notifier.of(os.environ, os.getpid()), concerns, the_log, views.empty_wal),
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
