"""Pictures that fit into the memory of no node: a person is asked, and told what the biggest one has."""

from collections.abc import Iterable, Iterator

from daemon.core.fits import Ask, ask_of, could_ever, knows_real
from daemon.core.index import Index
from daemon.core.state import Node, State
from daemon.core.vitals import Vitals
from schema.events import JobParked
from schema.ids import JobId

REMEDY = "make its pictures smaller, or connect a node with more memory, then retry it"


def too_large(state: State, index: Index, vitals: Vitals) -> Iterator[JobParked]:
    """Jobs that were too large for the nodes they were on, and of which no other that is known has more; one that is
    away may come back.
    """
    for shelf, line in index.shelves.items():
        if not shelf.floor_gb or not line.keys:
            continue
        ask = ask_of(state, shelf, knows_real(state, vitals))
        if any(could_ever(ask, node, vitals.cards.get(node.id)) for node in _ours(state)):
            continue
        most = biggest(node for node in _ours(state) if _could_but_for_memory(ask, node, vitals))
        for key in line.keys:
            job = state.jobs[JobId(key[-1])]
            yield JobParked(job=job.id, trouble="out-of-memory", reason=in_words(job.trouble, most))


def biggest(nodes: Iterable[Node]) -> Node | None:
    return max(nodes, key=lambda node: node.vram_gb, default=None)


def in_words(trouble: str, most: Node | None) -> str:
    has = f"; the biggest node, {most.name}, has {most.vram_gb:g} GB" if most is not None and most.vram_gb else ""
    return f"{trouble} (also with the memory-saving profile{has}); {REMEDY}"


def _ours(state: State) -> list[Node]:
    return [node for node in state.nodes.values() if node.link != "lan" or node.certificate]


def _could_but_for_memory(ask: Ask, node: Node, vitals: Vitals) -> bool:
    return could_ever(ask._replace(floor_gb=0.0), node, vitals.cards.get(node.id))
