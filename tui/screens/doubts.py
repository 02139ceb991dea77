"""Whether the nodes have a name that somebody wrote; if not, which of theirs come near it."""

from collections.abc import Iterable

from schema.errors import NoDaemon, Refused
from schema.names import found, found_sampler, found_scheduler, nearest, plain
from schema.scenes import NodeScene
from tui.link.ask import Asker

LONGEST = 500
"""Names that are looked at for one that comes near."""

ANY_NAME = ("sketch", "llm")
"""Backends that take any name of a model, or have none that the form offers."""


async def doubt(asker: Asker, of: str, name: str, nodes: Iterable[NodeScene]) -> str:
    """`no node has it; near: toy_v1`; empty where one has it, where any name does, or where nobody can say."""
    kinds = {kind for node in nodes if node.state != "lost" for kind in node.backends}
    if not name or kinds <= set(ANY_NAME):
        return ""
    try:
        if of in ("samplers", "schedulers"):
            names = [one.name for one in (await asker.names(of, limit=LONGEST)).items]
            same = (found_sampler if of == "samplers" else found_scheduler)(name, names)
        else:
            stem = plain(name).rpartition("/")[2]
            names = [one.name for one in (await asker.names(of, stem, limit=LONGEST)).items]
            same = found(name, names)
            if same is None and not names:
                names = [one.name for one in (await asker.names(of, stem[:4], limit=LONGEST)).items]
                names = names or [one.name for one in (await asker.names(of, limit=LONGEST)).items]
    except (NoDaemon, Refused):
        return ""
    if same is not None or not names:
        return ""
    near = nearest(name, names, 1)
    return f"no node has it; near: {near[0]}" if near else "no node has it"
