"""To which of the nodes that are there each shelf can go, remembered as sets until something they came from changes."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.core.fits import Ask, ask_of, fits, knows_real, learned_gb
from daemon.core.index import Shelf
from daemon.core.state import Node, State
from daemon.core.ties import tie_of
from daemon.core.vitals import Vitals
from schema.ids import NodeId, RunId
from schema.plans import StageKind


class Reach(NamedTuple):
    """Bit i: the i-th node."""

    able: int
    avoid: int
    """They failed the very stage: others are tried first."""
    bound: str = ""
    """Why it may go to one node only, in words; empty: nobody said so."""


class _Fleet(NamedTuple):
    """What the sets come from, apart from what is asked."""

    nodes: tuple[tuple[object, ...], ...]
    real: bool
    pin: NodeId | None
    pinned: tuple[object, ...]


class Seats:
    """The nodes of a decision, and the sets of them that are known."""

    def __init__(self) -> None:
        self._nodes: Sequence[Node] = ()
        self._vitals = Vitals()
        self._now = 0.0
        self._fleet: _Fleet | None = None
        self._before: _Fleet | None = None
        self._learned: dict[tuple[StageKind, str, float], float] = {}
        self._whole: dict[RunId, NodeId | None] = {}

    def take(self, state: State, nodes: Sequence[Node], vitals: Vitals, now: float) -> None:
        self._nodes, self._vitals, self._now = nodes, vitals, now
        pinned = state.nodes.get(state.pin) if state.pin is not None else None
        self._before, self._fleet = (
            self._fleet,
            _Fleet(
                tuple(_marks(node, vitals, now) for node in nodes),
                knows_real(state, vitals),
                state.pin,
                () if pinned is None else _marks(pinned, vitals, now),
            ),
        )

    def changed(self, state: State) -> bool:
        """Whether all sets are to be found anew."""
        if self._fleet == self._before and not self._stale(state):
            return False
        self._learned, self._whole = {}, {}
        return True

    def reach(self, state: State, shelf: Shelf) -> Reach:
        assert self._fleet is not None
        ask = ask_of(state, shelf, self._fleet.real)
        self._learned[shelf.kind, shelf.model, shelf.megapixels] = ask.learned_gb
        able, tie = self._able(ask), tie_of(state, shelf, ask, self._vitals)
        if tie is not None and tie.node.id == state.pin and shelf.terms.lane == "interactive":
            able &= self._only(tie.node)  # Also while it is away.
        elif shelf.terms.whole is not None:
            able = self._together(state, able, shelf.terms.whole)
        avoid = sum(1 << at for at, node in enumerate(self._nodes) if node.id in shelf.failed_on)
        held = tie is not None and able == self._only(tie.node)
        return Reach(able, avoid, tie.why if tie is not None and held else "")

    def _able(self, ask: Ask) -> int:
        found = fits(ask, self._nodes, self._vitals, self._now)
        return sum(1 << at for at, fit in enumerate(found) if not fit.reason)

    def _together(self, state: State, able: int, whole: RunId) -> int:
        """Of a run that stays whole: the node it is on; where it is on none, or on one that cannot run this, those
        that can run all that waits of it.
        """
        run = state.runs.get(whole)
        if run is None:
            return able
        self._whole[whole] = run.node
        home = state.nodes.get(run.node) if run.node is not None else None
        if home is not None and not home.lost:
            here = self._only(home)
            if here & able or not here:
                return here & able
        assert self._fleet is not None and state.index is not None
        together = able
        for shelf in state.index.shelves:
            if shelf.terms.whole == whole:
                together &= self._able(ask_of(state, shelf, self._fleet.real))
        return together or able

    def _only(self, node: Node) -> int:
        return sum(1 << at for at, one in enumerate(self._nodes) if one.id == node.id)

    def _stale(self, state: State) -> bool:
        """Whether what was learned of memory, or where runs are that stay whole, is not as it was."""
        learned = self._learned.items()
        return any(
            learned_gb(state, kind, model, megapixels) != known for (kind, model, megapixels), known in learned
        ) or any(name in state.runs and state.runs[name].node != node for name, node in self._whole.items())


def _marks(node: Node, vitals: Vitals, now: float) -> tuple[object, ...]:
    """Cards are told apart by being the very same: they are long."""
    bars = tuple(key for key, (since, until) in node.barred.items() if since <= now < until)
    card = vitals.cards.get(node.id)
    return (node.id, node.name, node.vram_gb, node.backends, node.kinds, node.lost, bars, card)
