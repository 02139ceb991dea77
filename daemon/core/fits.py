"""Which nodes could run a waiting stage, and why the others cannot, in words."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.core.breaker import barred, lifts_at
from daemon.core.costs import need_gb
from daemon.core.index import Shelf
from daemon.core.state import Node, State, nodes_there
from daemon.core.vitals import Vitals
from daemon.scheduling.fitness import Fit, fit_of, is_real
from schema.ids import StageId
from schema.orders import Card
from schema.plans import StageKind, StageStep

OTHER = "the run is for another node only"


class Ask(NamedTuple):
    """What a stage asks of a node."""

    kind: StageKind
    model: str
    vram_gb: float
    """As planned."""
    learned_gb: float
    """What such stages were seen to need; binds only where some node that is there has so much."""
    floor_gb: float
    """More than this: so much was not enough for this very stage."""
    node: str
    """The only one it may go to, by id or name; empty: any."""
    backend: str
    """The only one that may run it; empty: any."""
    needs: tuple[str, ...]
    stand_in: bool
    """`sketch` may run it although nobody asked for it by name: there is, and there was, nothing else."""


def ask_of(state: State, shelf: Shelf, real: bool) -> Ask:
    """`real`: see `knows_real`; a run for one node only goes by what that node has."""
    terms = shelf.terms
    return Ask(
        kind=shelf.kind,
        model=shelf.model,
        vram_gb=shelf.vram_gb,
        learned_gb=learned_gb(state, shelf.kind, shelf.model, shelf.megapixels),
        floor_gb=shelf.floor_gb,
        node=terms.node,
        backend=shelf.backend,
        needs=shelf.needs,
        stand_in=terms.stand_in and (not real or bool(terms.node)),
    )


def learned_gb(state: State, kind: StageKind, model: str, megapixels: float) -> float:
    """Memory that such stages were seen to need; 0: nothing is known."""
    return need_gb(state, StageStep(id=StageId(""), kind=kind, model=model or None, megapixels=megapixels))


def knows_real(state: State, vitals: Vitals) -> bool:
    """Whether any node, there or away, has a backend that is no stand-in; one that cannot be made there counts too."""
    return any(is_real(node.backends) for node in state.nodes.values()) or any(
        is_real(backend.kind for backend in card.backends) for card in vitals.cards.values()
    )


def fit_for(ask: Ask, node: Node, card: Card | None, now: float, *, soft: bool = False) -> Fit:
    """The backend that would run it there, or why none can. `soft`: without what was learned of its memory."""
    if ask.node not in ("", node.id, node.name):
        return Fit(None, OTHER)
    fit = fit_of(
        node.name,
        card,
        node.backends,
        node.kinds,
        kind=ask.kind,
        backend=ask.backend,
        needs=ask.needs,
        stand_in=ask.stand_in,
    )
    if fit.reason:
        return fit
    if ask.vram_gb > node.vram_gb:
        return Fit(None, f"{node.name} has {node.vram_gb:g} GB of the {ask.vram_gb:g} GB that it needs")
    if ask.floor_gb and node.vram_gb <= ask.floor_gb:
        return Fit(None, f"{node.name} has {node.vram_gb:g} GB, and {ask.floor_gb:g} GB were not enough for it")
    if not soft and ask.learned_gb > node.vram_gb:
        return Fit(None, f"{node.name} has {node.vram_gb:g} GB, and such stages took {ask.learned_gb:.1f} GB")
    if barred(node, ask.model, now):
        minutes = max(1, round(((lifts_at(node, now) or now) - now) / 60.0))
        what = f"with {ask.model} " if ask.model else ""
        return Fit(None, f"{node.name} failed {what}too often in a row, and is left alone for {minutes} min")
    return fit


def fits(ask: Ask, nodes: Sequence[Node], vitals: Vitals, now: float) -> list[Fit]:
    """Of each of the nodes; what was learned of its memory binds only where one of them has so much."""
    found = [fit_for(ask, node, vitals.cards.get(node.id), now) for node in nodes]
    if ask.learned_gb > ask.vram_gb and all(fit.reason for fit in found):
        return [fit_for(ask, node, vitals.cards.get(node.id), now, soft=True) for node in nodes]
    return found


def could_ever(ask: Ask, node: Node, card: Card | None) -> bool:
    """Whether it could run there, were the node not barred and all its backends ready."""
    if ask.node not in ("", node.id, node.name):
        return False
    if not fit_for(ask, node, card, float("inf"), soft=True).reason:
        return True
    return card is not None and any(
        one.state != "ready" and ask.backend in ("", one.kind) and (not one.kinds or ask.kind in one.kinds)
        for one in card.backends
    )


def nodes_for_work(state: State, vitals: Vitals) -> list[Node]:
    """The nodes that are there and give signs of life."""
    return [node for node in nodes_there(state) if node.id not in vitals.silent]
