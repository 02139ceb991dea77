"""Where in which text a part stands while nodes are built: what it may see, what it stands in."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from daemon.prompting.variation.lists import Ready
from daemon.prompting.variation.parts import Mark, Parts
from daemon.prompting.variation.turns import Method, Node

MAX_KEPT = 256
"""Lists of one library that are remembered as nodes."""

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
    own: bool
    """Something in them is another prompt's otherwise."""


class Memory:
    """Lists built for one prompt that mean the same in others: they hold no slots, no variables, nothing unknown.

    It lives as long as the tables they come from.
    """

    def __init__(self, kept: dict[tuple[object, ...], Kept], how: tuple[object, ...]) -> None:
        """`how`: what makes other nodes of the same list: the mode, the factor of weights."""
        self._kept, self._how = kept, how

    @classmethod
    def of(cls, tables: object, *how: object) -> "Memory":
        try:
            return cls(_memories.setdefault(tables, {}), how)
        except TypeError:  # they cannot be told apart by a hash, or be let go
            return cls({}, how)

    def get(self, name: str, made: Ready, here: "Here") -> Kept | None:
        kept = None if here.env else self._kept.get((*self._how, name, here.method, here.open))
        return kept if kept is not None and kept.made is made else None

    def keep(self, name: str, kept: Kept, here: "Here") -> None:
        if not here.env:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[*self._how, name, here.method, here.open] = kept


_memories: WeakKeyDictionary[object, dict[tuple[object, ...], Kept]] = WeakKeyDictionary()


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
