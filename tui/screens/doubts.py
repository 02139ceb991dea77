"""Whether the nodes have a name that somebody wrote; if not, which of theirs come near it."""

from collections.abc import Iterable

from schema.errors import NoDaemon, Refused
from schema.names import found, found_sampler, found_scheduler, nearest
from schema.scenes import NodeScene
from tui.link.catalogue import Catalogue

ANY_NAME = ("sketch", "llm")
"""Backends that take any name of a model, or have none that the form offers."""


async def doubt(catalogue: Catalogue, of: str, name: str, nodes: Iterable[NodeScene], backend: str = "") -> str:
    """`no node has it; near: toy_v1`; empty where one has it, where any name does, or where nobody can say.

    With `backend`: whether one of the nodes has it for this one.
    """
    kinds = {kind for node in nodes if node.state != "lost" for kind in node.backends}
    if not name or backend in ANY_NAME or kinds <= set(ANY_NAME):
        return ""
    try:
        names = [one.name for one in await catalogue.of(of, backend)]
    except (NoDaemon, Refused):
        return ""
    look = {"samplers": found_sampler, "schedulers": found_scheduler}.get(of, found)
    if not names or look(name, names) is not None:
        return ""
    near = nearest(name, names, 1)
    words = f"not for {backend}" if backend else "no node has it"
    return f"{words}; near: {near[0]}" if near else words
