"""What a prompt with places to vary consists of, as it was written. Positions count characters from 0."""

from typing import Literal, NamedTuple

Mark = Literal["", "~", "@", "!"]
"""Of dynamic prompts: drawn, in turn, every one."""


class Words(NamedTuple):
    start: int
    end: int
    text: str
    """Empty where a comment stood."""


class Option(NamedTuple):
    start: int
    weight: float
    parts: tuple["Part", ...]
    text: str
    """As written, without its weight."""


class Choice(NamedTuple):
    """`{a|b}`, `{2-3$$ and $$3::a|b|c}`: `lower` to `upper` of the options, each at most once, in any order."""

    start: int
    end: int
    text: str
    options: tuple[Option, ...]
    lower: int = 1
    upper: int = 1
    separator: str = ", "
    mark: Mark = ""


class Wildcard(NamedTuple):
    """`__sky__`, `__~art/**__`, `__look(season=winter)__`; its name may hold choices and variables."""

    start: int
    end: int
    text: str
    name: tuple["Part", ...]
    mark: Mark = ""
    given: tuple[tuple[str, tuple["Part", ...]], ...] = ()


class Slot(NamedTuple):
    """`[[weather]]`."""

    start: int
    end: int
    name: str


class Found(NamedTuple):
    """Words that a rule of search and replace looks for."""

    start: int
    end: int
    rule: int


class Assign(NamedTuple):
    """`${x=a}`; at once: `${x=!a}`, one value for all uses; keep: `${x?=a}`, unless it has a value."""

    start: int
    end: int
    name: str
    value: tuple["Part", ...]
    at_once: bool = False
    keep: bool = False


class Use(NamedTuple):
    """`${x}`, `${x:otherwise}`."""

    start: int
    end: int
    text: str
    name: str
    otherwise: tuple["Part", ...] | None = None


class Wrap(NamedTuple):
    """`%{photo of ... at night$$a cat}`: the second in place of the dots of the first."""

    start: int
    end: int
    around: tuple["Part", ...]
    inner: tuple["Part", ...]


Part = Words | Choice | Wildcard | Slot | Found | Assign | Use | Wrap
Parts = tuple[Part, ...]


class Broken(Exception):
    """The text cannot be read from `position` on."""

    def __init__(self, position: int, sentence: str, remedy: str = "") -> None:
        self.position, self.sentence, self.remedy = position, sentence, remedy
        super().__init__(sentence)
