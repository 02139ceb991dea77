"""What a prompt says, whichever program's words it is in, and what is lost on the way into another's."""

from typing import NamedTuple

from daemon.prompting.texts import told
from daemon.prompting.variation.parts import Mark


class Text(NamedTuple):
    text: str


class Some(NamedTuple):
    """One of several, or several of them."""

    options: tuple[tuple[float, "Tree"], ...]
    lower: int = 1
    upper: int = 1
    separator: str = ", "
    mark: Mark = ""


class From(NamedTuple):
    """A value of a list."""

    name: "Tree"
    mark: Mark = ""
    given: tuple[tuple[str, "Tree"], ...] = ()


class Slot(NamedTuple):
    name: str


class Set(NamedTuple):
    """Gives a variable its value, once or for each use anew, and says nothing."""

    name: str
    value: "Tree"
    at_once: bool
    keep: bool = False


class Get(NamedTuple):
    name: str
    otherwise: "Tree | None" = None


class Turns(NamedTuple):
    """`[a|b]`: another one with each step of the sampler."""

    options: tuple["Tree", ...]


class Change(NamedTuple):
    """`[a:b:0.5]`: the first until that step, then the second."""

    before: "Tree"
    after: "Tree"
    when: str


class Lora(NamedTuple):
    name: str
    weight: str
    """On the model itself."""
    encoder: str
    """On the text encoder."""


class Remark(NamedTuple):
    text: str


class Strange(NamedTuple):
    """What only its own program understands, as written."""

    text: str


Node = Text | Some | From | Slot | Set | Get | Turns | Change | Lora | Remark | Strange
Tree = tuple[Node, ...]


class Losses:
    """What could not be said, a sentence each, none twice."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def tell(self, what: str, becomes: str) -> None:
        self._told[f"'{told(what, 60)}' {becomes}."] = None

    def all(self) -> tuple[str, ...]:
        return tuple(self._told)


def plain(tree: Tree) -> str | None:
    """Its words, if there is nothing else in it."""
    words = [node.text for node in tree if isinstance(node, Text)]
    return "".join(words) if len(words) == len(tree) else None


def inner(node: Node) -> tuple[Tree, ...]:
    """The trees in it."""
    match node:
        case Some(options=options):
            return tuple(tree for _, tree in options)
        case From(name=name, given=given):
            return (name, *(tree for _, tree in given))
        case Set(value=value):
            return (value,)
        case Get(otherwise=otherwise):
            return (otherwise or (),)
        case Turns(options=options):
            return options
        case Change(before=before, after=after):
            return (before, after)
        case _:
            return ()


def every(tree: Tree) -> list[Node]:
    """All nodes, in the order written, also those within others."""
    found: list[Node] = []
    for node in tree:
        found.append(node)
        for each in inner(node):
            found += every(each)
    return found


def name_of(text: str) -> str:
    """A variable's name as all of them take it."""
    made = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in text.strip())
    return (
        made
        if made[:1].isalpha() and made.isascii()
        else f"v_{made.encode('ascii', 'replace').decode()}".replace("?", "_")
    )
