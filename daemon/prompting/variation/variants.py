"""The space of one prompt's variants: how many there are, and any of them, without making the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from daemon.prompting.variation.search import Rule
from daemon.prompting.variation.tables import Tables
from schema.plans import Matrix, Pick
from schema.prompts import Segment


def as_written(wildcard: str, value: str) -> float:
    """Leaves all weights as they are."""
    return 1.0


class Asked(NamedTuple):
    """How the space of one prompt is gone through."""

    mode: Matrix = "all"
    seed: int = 0
    salt: str = ""
    """The pack's stem and the prompt's number: what sets this prompt's streams apart from other prompts'."""
    variants: int | None = None
    """None: all there are (`all`), one draw (`random`)."""
    number: int = 1
    """Of the prompt, from 1: which combination is its own in `sequential`."""
    locks: Mapping[str, str] = {}
    """Key of a place (`Pick.key`; of a slot also any spelling, of a wildcard also its bare name) to its value."""
    rerolls: Mapping[str, int] = {}
    """Key of a place to how often it was drawn anew."""
    weights: Callable[[str, str], float] = as_written
    """Factor of a wildcard's value, by the wildcard's name and the value's text; 0: never."""


SIMPLY = Asked()


class Variant(NamedTuple):
    number: int
    """From 1, within the prompt."""
    text: str
    negative: str
    picks: tuple[Pick, ...] = ()
    """In the order the places stand, prompt before negative."""


class Space:
    """All variants of a prompt and its negative. Raises Refused on broken grammar, with `file:line:column`."""

    def __init__(
        self,
        text: str,
        negative: str = "",
        *,
        tables: Tables,
        slots: Mapping[str, Sequence[str]],
        search: Sequence[Rule] = (),
        where: str = "",
        asked: Asked = SIMPLY,
    ) -> None:
        """`slots`: values of matrix slots by name; `where`: `knights.txt:4`, what errors name."""
        self._text, self._negative = text, negative
        self.total = 1
        """Variants there are in this mode, exactly."""
        self.segments: tuple[Segment, ...] = ()
        self.warnings: tuple[str, ...] = ()

    def take(self, share: int | None = None) -> Iterator[Variant]:
        """All of them, or an even sample of `share`: each value of each place as equally often as can be."""
        yield Variant(1, self._text, self._negative)
