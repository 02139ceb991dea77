"""A prompt in another program's words: `{a|b}` becomes `<random:a|b>`; what has no equal there is told."""

from typing import Literal, NamedTuple

Dialect = Literal["a1111", "dynamic", "swarm", "stablenew"]


class Translated(NamedTuple):
    text: str
    losses: tuple[str, ...] = ()
    """What the other dialect cannot say, a sentence each. Empty: nothing was lost."""


def translate(text: str, source: Dialect, to: Dialect) -> Translated:
    """Places to vary as `to` writes them; everything else stays as it is."""
    return Translated(text)
