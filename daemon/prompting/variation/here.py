"""Where in which text a part stands while nodes are built: what it may see, what it stands in."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.prompting.variation.lists import Ready
from daemon.prompting.variation.parts import Mark, Parts
from daemon.prompting.variation.turns import Method, Node

WITHIN = " > "
"""Between the key of a place and that of one in its values: `__sky__ > {dawn|dusk}`."""

Piece = str | Node


class Var(NamedTuple):
    """What a variable is set to, and in which text."""

    name: str
    parts: Parts
    where: str
    text: str
    serial: int
    at_once: bool = False
    """One value for all its uses."""
    env: "Env | None" = None
    """Where it is evaluated; None: where it is used."""
    keys: Mapping[int, str] | None = None
    """Of the places in its value, where the text around has numbered them."""


Env = Mapping[str, Var]


class Kept(NamedTuple):
    """Values of a list as nodes."""

    options: Sequence[Piece]
    made: Ready
    """The list they are made of."""
    height: int
    """Lists within one another, itself the first."""


class Here(NamedTuple):
    where: str
    """`knights.txt:4`."""
    text: str
    keys: Mapping[int, str]
    """Of the places in the text, by position."""
    method: Method
    env: Env
    prefix: str = ""
    """Of the keys of places here."""
    open: bool = True
    """`!` means every one here: no place around is drawn."""
    chain: tuple[tuple[str, str], ...] = ()
    """Lists that this text is a value of, outermost first, each with where it was named."""
    busy: frozenset[int] = frozenset()
    """Serials of variables that are being looked up."""
    mine: frozenset[int] = frozenset()
    """Shared places that always take part here."""
    root: bool = False
    """The prompt itself or its negative."""
    top: bool = False
    """In no place at all."""
    nested: int = 0
    marks: bool = True
    """Whether `~`, `@` and `!` say how a place is gone through."""

    def method_of(self, mark: Mark) -> Method:
        match mark if self.marks else "":
            case "~":
                return "draw"
            case "@":
                return "turn"
            case "!":
                return "each" if self.open else self.method
            case _:
                return self.method

    def inside(self, method: Method, prefix: str = "") -> "Here":
        """In a place of that method; `prefix` where its values are texts of their own."""
        return self._replace(
            method=method,
            open=self.open and method == "each",
            nested=self.nested + 1,
            prefix=prefix or self.prefix,
        )

    def seen(self) -> tuple[object, ...]:
        """What the same text makes different nodes of in other places."""
        return (
            self.method,
            self.open,
            self.busy,
            *sorted((name, var.serial) for name, var in self.env.items()),
        )
