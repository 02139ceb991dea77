"""What ties a waiting stage to one node: a person who named it, the pin of the live lane, a run that stays whole."""

from typing import NamedTuple

from daemon.core.fits import Ask, could_ever
from daemon.core.index import Shelf
from daemon.core.state import Node, State
from daemon.core.vitals import Vitals


class Tie(NamedTuple):
    node: Node
    """May be away."""
    why: str
    """`interactive work is pinned to attic`."""


def tie_of(state: State, shelf: Shelf, ask: Ask, vitals: Vitals) -> Tie | None:
    """None: it may go wherever it fits. What the pinned node could never run goes elsewhere."""
    terms = shelf.terms
    pin = state.nodes.get(state.pin) if terms.lane == "interactive" and state.pin is not None else None
    if pin is not None and could_ever(ask, pin, vitals.cards.get(pin.id)):
        return Tie(pin, f"interactive work is pinned to {pin.name}")
    if terms.node:
        only = next((node for node in state.nodes.values() if terms.node in (node.id, node.name)), None)
        return None if only is None else Tie(only, f"the run is for {only.name} only")
    run = state.runs.get(terms.whole) if terms.whole is not None else None
    home = state.nodes.get(run.node) if run is not None and run.node is not None else None
    if home is None or home.lost or not could_ever(ask, home, vitals.cards.get(home.id)):
        return None
    return Tie(home, f"its run stays whole on {home.name}")
