"""A list of values made ready: each once, those of weight 0 left out, which of them can hold places to vary."""

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

from daemon.prompting.variation.syntax import varies
from daemon.prompting.variation.tables import Value

MAX_KEPT = 256


class Ready(NamedTuple):
    texts: tuple[str, ...]
    ends: tuple[float, ...]
    """Running sums of the weights."""
    sources: tuple[str, ...]
    varied: tuple[int, ...]
    """Which of them may hold places."""
    longest: int

    def only(self, which: int) -> "Ready":
        varied = (0,) if which in self.varied else ()
        return Ready((self.texts[which],), (1.0,), (self.sources[which],), varied, len(self.texts[which]))


Factor = Callable[[str, str], float]
"""By a wildcard's name and a value's text."""

_kept: dict[tuple[int, str, Factor | None], tuple[tuple[Value, ...], Ready]] = {}
"""By the list's identity: the library gives the same object until a file changes."""


def ready(values: tuple[Value, ...], name: str = "", factor: Factor | None = None) -> Ready:
    """Works once over a list that is asked for again and again."""
    key = id(values), name if factor else "", factor
    kept = _kept.get(key)
    if kept is not None and kept[0] is values:
        return kept[1]
    made = weighed(values, lambda value: value.weight * (factor(name, value.text) if factor else 1.0))
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
    _kept[key] = values, made
    return made


def weighed(values: tuple[Value, ...], weight_of: Callable[[Value], float]) -> Ready:
    """Equal texts are one value with their weights together."""
    weights: dict[str, float] = {}
    sources: dict[str, str] = {}
    for value in values:
        weight = weight_of(value)
        if 0 < weight < float("inf"):
            weights[value.text] = weights.get(value.text, 0.0) + min(weight, 1e12)
            sources.setdefault(value.text, value.source)
    texts = tuple(weights)
    return Ready(
        texts,
        tuple(accumulate(weights.values())),
        tuple(sources.values()),
        tuple(number for number, text in enumerate(texts) if varies(text)),
        max(map(len, texts), default=0),
    )
