"""What stands around every prompt of a run: a template, a profile's words, styles; and what is drawn for a variant."""

from typing import NamedTuple

from daemon.prompting.fields import Flat
from daemon.prompting.sources import Taken
from schema.plans import Pick


class Drawn(NamedTuple):
    """What was drawn for one variant besides its words."""

    values: Flat = {}
    origins: dict[str, str] = {}
    styles: tuple[str, ...] = ()
    picks: tuple[Pick, ...] = ()

    def around(self, text: str, negative: str) -> tuple[str, str]:
        return text, negative


class Phrasing:
    draws = False
    styles: tuple[str, ...] = ()
    overlay: str | None = None
    template: str | None = None

    def around(self, text: str, negative: str) -> tuple[str, str]:
        return text, negative

    def draw(self, taken: Taken, number: int, held: frozenset[str]) -> Drawn:
        return Drawn()

    def told(self, origin: str, drawn: Drawn) -> str:
        return origin

    def weight(self, wildcard: str, value: str) -> float:
        return 1.0
