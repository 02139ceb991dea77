"""What an agent is made of, put together: its identity, its backends, its bench, and the network where it is on one.

What only the network needs is imported there: a daemon's own child starts without it.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent.absent import Absent, Unmakeable, unmakeable
from agent.backends import BACKENDS, Backend, Options
from agent.bench import Bench
from agent.blobs import Blobs
from agent.cards import Cards
from agent.device import Device, choose, demanded, found, is_chosen
from agent.feed import Feed
from agent.fence import Fence
from agent.holder import Holder, daemon_of
from agent.home import fleet_home
from agent.identity import Identity, identified, kept_node_id
from agent.meter import Meter
from agent.server import Server
from agent.shared import Shared
from agent.spool import Spool
from agent.standing import Alone
from agent.start import Start, auth_for
from agent.talk import Talk
from schema.errors import Refused, why
from schema.ids import NodeId
from schema.orders import CardChanged

if TYPE_CHECKING:
    from agent.pairing.keys import Kept
    from agent.pairing.pins import Pins
    from agent.reach import Reach

log = logging.getLogger(__name__)


WORDS = "words"


class Parts(NamedTuple):
    backends: Sequence[Backend]
    cards: Cards
    bench: Bench
    feed: Feed
    meter: Meter
    holder: Holder
    server: Server
    reach: "Reach | None" = None
    """None: it is on no network."""


class Owner(NamedTuple):
    """Who the agent is and whom it belongs to, as its folder says."""

    identity: Identity
    kept: "Kept | None"
    """None: a daemon's own child, which needs no key."""
    pins: "Pins | None"
    """None: nobody on the network gives it work now."""

    @property
    def fleet(self) -> NodeId | None:
        return self.pins.pinned.fleet if self.pins and self.pins.pinned else None


def assembled(start: Start) -> Parts:
    """It listens on the network, where it is to. Raises Refused."""
    try:
        return _assembled(start)
    except OSError as fault:
        raise Refused(
            f"the agent cannot begin: {why(fault)}", where=str(fault.filename or start.home),
            remedy="Check permissions and free space.",
        ) from fault  # fmt: skip


def _assembled(start: Start) -> Parts:
    choose(start.gpu, os.environ)
    owner = owned(start)
    talk = None if start.loopback else Talk()
    reaches: list[Reach] = []

    def held_otherwise() -> None:
        for reach in reaches:
            reach.look()

    holder = Holder(lambda: owner.fleet, start.name, time.monotonic, held_otherwise)
    parts = _working(start, owner, holder, talk)
    if owner.kept is None or owner.pins is None or talk is None:
        return parts
    reach = _reached(start, owner.identity, owner.kept, owner.pins, parts, talk.say)
    parts.server.seat = reach
    reaches.append(reach)
    return parts._replace(reach=reach)


def _working(start: Start, owner: Owner, holder: Holder, talk: Talk | None) -> Parts:
    """What makes pictures, for whoever the folder says."""

    def tell_card(news: CardChanged) -> None:
        feed.tell(news)
        if talk is not None:
            talk.hear(news.card)

    device, identity = _device(start, talk), owner.identity
    shared = Shared.open(start.shared, identity.node) if start.shared else None
    backends = with_words(made(start, time.monotonic))
    feed = Feed(lambda: bench.load())
    cards = Cards(
        backends, identity, clock=time.monotonic, tell=tell_card,
        device=device.gpu() if device else None, storage=shared.id if shared else "",
    )  # fmt: skip
    place = fleet_home(start.home, owner.fleet)
    fence = Fence(None if start.loopback else place / "epoch")
    cards.epoch, cards.seen = fence.epoch, fence.seen
    blobs = Blobs(start.home / "blobs", start.blob_limit_bytes)
    meter = Meter(device, lambda: feed.listeners > 0)
    bench = Bench(
        backends, cards, Spool(place / "spool"), blobs, fence,
        clock=time.monotonic, tell=feed.tell, floor_bytes=start.floor_bytes, meter=meter, shared=shared,
    )  # fmt: skip
    seat = Alone(identity.node, identity.name, identity.version, "embedded" if start.loopback else "local")
    return Parts(backends, cards, bench, feed, meter, holder, Server(bench, blobs, feed, cards, seat))


def _reached(
    start: Start, identity: Identity, kept: "Kept", pins: "Pins", parts: Parts, tell: Callable[[str], None]
) -> "Reach":
    """Raises OSError, Refused."""
    from agent.advertise import Advertiser
    from agent.network import Network, listening
    from agent.pairing.token import forget_token, kept_token
    from agent.reach import Reach

    token = None if pins.pinned else kept_token(start.home)
    if pins.pinned:
        forget_token(start.home)  # what it was for has come about
    elif daemon_of(start.home):
        parts.holder.expect()
    network = Network(listening(start.port, start.home / "port"))
    return Reach(
        start.home, identity, kept, pins, token,
        network=network,
        advertiser=Advertiser(identity.node, identity.name, identity.instance, network.port, tell),
        holder=parts.holder, bench=parts.bench, routes=parts.server.app, clock=time.monotonic, tell=tell,
    )  # fmt: skip


def _device(start: Start, talk: Talk | None) -> Device | None:
    """Raises Refused where `--gpu` names none."""
    if start.gpu is None and not any(backend.is_on_this_gpu for backend in start.backends):
        return None
    device = found(os.environ)
    demanded(start.gpu, device)
    if device is not None and device.others and not is_chosen(os.environ) and talk is not None:
        talk.say(
            f"This machine has {device.others + 1} GPUs, and an agent is one of them: this one is {device.name}. "
            "For another one run `stablenew agent run --gpu 1` with a --name of its own."
        )
    return device


def owned(start: Start) -> Owner:
    """Raises OSError, Refused."""
    release = version("stablenew")
    if start.loopback:
        return Owner(identified(kept_node_id(start.home), start.name, release), None, None)
    from agent.pairing.keys import kept_identity
    from agent.pairing.pins import Pins

    kept = kept_identity(start.home, start.name)
    return Owner(identified(kept.node, start.name, release), kept, Pins(start.home) if start.network else None)


def with_words(backends: Sequence[Backend]) -> Sequence[Backend]:
    """What needs nothing, every agent has."""
    if any(backend.kind == WORDS for backend in backends):
        return backends
    return [*backends, BACKENDS[WORDS](Options(clock=time.monotonic))]


def made(start: Start, clock: Callable[[], float]) -> Sequence[Backend]:
    """One that cannot be made here, for lack of a library or with a bad address, is there all the same and says why."""
    backends: list[Backend] = []
    for chosen in start.backends:
        folder = start.models
        if chosen.kind == "diffusers" and chosen.place:
            folder = Path(chosen.place).expanduser().absolute()
        options = Options(
            clock=clock,
            sketch=start.sketch,
            url="" if chosen.kind == "diffusers" else chosen.place,
            auth=auth_for(chosen.kind, start.auth),
            models=folder,
            home=start.home,
        )
        try:
            backends.append(BACKENDS[chosen.kind](options))
        except Unmakeable as fault:
            sentence = unmakeable(fault, chosen.place)
            backends.append(Absent(chosen.kind, sentence))
            log.error("%s cannot be driven: %s", chosen.kind, sentence)
    return backends
