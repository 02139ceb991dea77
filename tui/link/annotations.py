"""What the annotation of a setting or of a stage's field says of it, as forms and lists of settings need it. Pure."""

from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt


class Limits(NamedTuple):
    """What a number may be; None: as far as one likes."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    """`low` itself is too little."""
    whole: bool = False

    def __str__(self) -> str:
        """In words: `1 to 500`; empty where there are none."""
        if self.low is None:
            return ""
        return f"{self.least} or more" if self.high is None else f"{self.least} to {self.high:g}"

    @property
    def least(self) -> str:
        """`low` in words; empty where there is none."""
        return "" if self.low is None else f"above {self.low:g}" if self.above else f"{self.low:g}"


class Told(NamedTuple):
    """What an annotation says."""

    kinds: frozenset[type]
    """The plain types in it."""
    empty: bool = False
    """None is among them."""
    limits: Limits = Limits()
    choices: tuple[str, ...] = ()


def told(annotation: object, metadata: Sequence[object]) -> Told:
    """Of `int | None`, `Annotated[...]`, `Literal[...]`, with the marks that stand beside it."""
    if isinstance(annotation, type):
        return Told(frozenset({annotation}), annotation is NoneType, _limits(metadata))
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        return told(inner, [*metadata, *marks])
    if origin is Literal:
        return Told(frozenset({str}), choices=tuple(str(choice) for choice in get_args(annotation)))
    if origin in (Union, UnionType):
        return _one_of([told(part, metadata) for part in get_args(annotation)])
    return Told(frozenset({origin}) if isinstance(origin, type) else frozenset())


def _one_of(parts: Sequence[Told]) -> Told:
    there = [part for part in parts if part.kinds != {NoneType}]
    return Told(
        frozenset(kind for part in there for kind in part.kinds),
        len(there) < len(parts),
        next((part.limits for part in there if part.limits != Limits()), Limits()),
        tuple(choice for part in there for choice in part.choices),
    )


def _limits(metadata: Iterable[object]) -> Limits:
    found = Limits()
    for mark in [inner for outer in metadata for inner in getattr(outer, "metadata", [outer])]:
        match mark:
            case Ge(ge=value) if isinstance(value, int | float):
                found = found._replace(low=value)
            case Gt(gt=value) if isinstance(value, int | float):
                found = found._replace(low=value, above=True)
            case Le(le=value) | Lt(lt=value) if isinstance(value, int | float):
                found = found._replace(high=value)
    return found
