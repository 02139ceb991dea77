"""A prompt in another program's words: `{a|b}` becomes `<random:a|b>`; what has no equal there is told."""

from typing import Literal, NamedTuple

from daemon.prompting.texts import told
from daemon.prompting.variation.dialects import dynamic, swarm, webui
from daemon.prompting.variation.dialects.tree import Losses, Tree
from daemon.prompting.variation.naming import located
from daemon.prompting.variation.parts import Broken
from schema.errors import Refused

Dialect = Literal["a1111", "dynamic", "swarm", "stablenew"]
"""`dynamic`: dynamicprompts and its extension; `stablenew`: this program and the older one of that name."""


class Translated(NamedTuple):
    text: str
    losses: tuple[str, ...] = ()
    """What the other dialect cannot say, a sentence each. Empty: nothing was lost."""


def translate(text: str, source: Dialect, to: Dialect, where: str = "") -> Translated:
    """Places to vary as `to` writes them; everything else stays as it is. Raises Refused where `text` is broken.

    `where`: `knights.txt:4`, what errors name.
    """
    if source == to:
        return Translated(text)
    losses = Losses()
    try:
        tree = _read(text, source, losses)
    except Broken as fault:
        at = located(where, text, fault.position)
        raise Refused(fault.sentence, where=told(at), remedy=fault.remedy) from fault
    return Translated(_write(tree, source, to, losses), losses.all())


def _read(text: str, source: Dialect, losses: Losses) -> Tree:
    match source:
        case "a1111":
            return webui.read(text)
        case "swarm":
            return swarm.read(text, losses)
        case _:
            return dynamic.read(text)


def _write(tree: Tree, source: Dialect, to: Dialect, losses: Losses) -> str:
    match to:
        case "a1111":
            return webui.write(tree, losses)
        case "swarm":
            return swarm.write(tree, losses)
        case _:
            return dynamic.write(tree, losses, slots=to == "stablenew", escape=source in ("a1111", "swarm"))
