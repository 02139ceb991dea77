"""Which backend of a node could run a stage, or why none can, in words: by its card, or by its kinds alone.

Used for placing and, with the last cards of nodes that are away, to refuse at submit what nobody could ever run.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from daemon.prompting.needs import has, in_words
from schema.orders import BackendCard, Card
from schema.plans import PROMPTING

STAND_IN = "sketch"
"""Shows the way where there is nothing else; it makes no picture that anybody waits for."""

ONLY_STAND_IN = "nothing but sketch, which runs what is asked of it by name"

NO_PICTURES = frozenset({STAND_IN, "llm", "words"})
"""Backends that are no reason to leave the stand-in aside."""


class Fit(NamedTuple):
    backend: str | None
    """None where there is a reason, or where the agent may choose."""
    reason: str = ""
    """Why none can; empty: one can."""


def is_real(backends: Iterable[str]) -> bool:
    """Whether one of them makes pictures that somebody waits for."""
    return not NO_PICTURES.issuperset(backends)


def fit_of(
    name: str,
    card: Card | None,
    backends: tuple[str, ...],
    kinds: tuple[str, ...],
    *,
    kind: str,
    backend: str,
    needs: tuple[str, ...],
    stand_in: bool,
) -> Fit:
    """Of the node called `name`. `backend` empty: any; `stand_in`: the stand-in may run what is not asked of it by
    name, where the node has nothing else.
    """
    if card is None:
        return _by_kinds(name, backends, kinds, kind, backend, stand_in)
    offered = [one for one in card.backends if not backend or one.kind == backend]
    if not offered:
        return Fit(None, f"{name} has no {backend}" if backend else f"{name} has no backend")
    if not backend and (not stand_in or is_real(one.kind for one in offered)):
        offered = [one for one in offered if one.kind != STAND_IN]
    if not offered:
        return Fit(None, f"{name} has {ONLY_STAND_IN}")
    able = [one for one in offered if kind in one.kinds]
    if not able:
        away = next((one for one in offered if one.state != "ready"), None)
        return Fit(None, f"{name} cannot run {kind}" if away is None else _not_ready(name, away))
    ready = [one for one in able if one.state == "ready"]
    if not ready:
        return Fit(None, _not_ready(name, able[0]))
    lacks = [lacking(_Known(one), needs) for one in ready]
    fitting = next((one for one, lack in zip(ready, lacks, strict=True) if not lack), None)
    return Fit(None, f"{name} has no {in_words(lacks[0])}") if fitting is None else Fit(fitting.kind)


def _by_kinds(
    name: str, backends: tuple[str, ...], kinds: tuple[str, ...], kind: str, backend: str, stand_in: bool
) -> Fit:
    if backend and backend not in backends:
        return Fit(None, f"{name} has no {backend}")
    if not backend and not stand_in and backends and not is_real(backends) and kind not in PROMPTING:
        return Fit(None, f"{name} has {ONLY_STAND_IN}")
    if kind not in kinds:
        return Fit(None, f"{name} cannot run {kind}")
    return Fit(backend or None)


def _not_ready(name: str, card: BackendCard) -> str:
    because = f" ({card.trouble})" if card.trouble else ""
    return f"{name}: {card.kind} is {card.state}{because}"


class _Known:
    """A card told apart by being that very object: cards are long, and comparing them would take longer than asking."""

    __slots__ = ("card",)

    def __init__(self, card: BackendCard) -> None:
        self.card = card

    def __hash__(self) -> int:
        return id(self.card)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and other.card is self.card


@lru_cache(maxsize=4096)
def lacking(known: _Known, needs: tuple[str, ...]) -> str:
    """The first of the needs that the backend has not got; empty: it has them all."""
    return next((need for need in needs if not has(known.card, need)), "")
