"""How many of a choice's options are taken, how they are joined and weighed: read by dynamicprompts' own parser.

The parser sees the head alone, with one letter for each option: it tells no positions, takes `#fff` for a comment and
`$5` for a fault, so everything else is read by `syntax`. It is loaded when the first head needs it.
"""

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from daemon.prompting.texts import told
from daemon.prompting.variation.parts import Broken, Mark

if TYPE_CHECKING:
    from dynamicprompts.commands import VariantCommand

SEPARATOR = ", "
"""Between several options when none is named, as dynamic prompts documents it (its code puts `,`)."""

MANY = 10**9
"""Stands for as many as there are."""

_HEAD = re.compile(r"\s*([~@!]?)([^${}|]*?)\$\$(?:([^${}]*)\$\$)?")
_MARK = re.compile(r"\s*([~@!])")
_WEIGHT = re.compile(r"\s*([+-]?(?:\d{1,12}\.?\d{0,12}|\.\d{1,12}))[ \t]*::")


class Head(NamedTuple):
    length: int = 0
    """Characters of the head."""
    mark: Mark = ""
    bounds: str = ""
    """As written, `2-3`; empty: one."""
    separator: str = SEPARATOR


class Weighed(NamedTuple):
    lower: int
    upper: int
    weights: tuple[float, ...]


def head_at(text: str, position: int) -> Head:
    """Of the choice whose inside begins there. The separator may hold `|`, so this comes before options are parted."""
    found = _HEAD.match(text, position)
    if found:
        separator = found[3] if found[3] is not None else SEPARATOR
        bounds = re.sub(r"\s*-\s*", "-", found[2].strip())
        return Head(found.end() - position, mark_of(found[1]), bounds or "none", separator)
    marked = _MARK.match(text, position)
    return Head(marked.end() - position, mark_of(marked[1])) if marked else Head()


def weight_at(text: str, position: int, end: int) -> tuple[str, int]:
    """The weight an option begins with, as written, and where its words begin."""
    found = _WEIGHT.match(text, position, end)
    return (found[1], found.end()) if found else ("", position)


def weigh(bounds: str, weights: tuple[str, ...], position: int) -> Weighed:
    """Raises Broken with `position`. There may be fewer options than bounds."""
    if not bounds and not any(weights):
        return Weighed(1, 1, (1.0,) * len(weights))
    if any(weight.startswith("-") for weight in weights):
        raise Broken(position, "a weight is below 0.", "Give 0 for what is never to be taken, or leave it out.")
    try:
        least, most = _bounds(bounds) if bounds else (1, 1)
        heavy = tuple(_weight(weight) if weight else 1.0 for weight in weights)
    except ValueError as fault:
        shown = "" if bounds == "none" else told(bounds, 40)
        if bounds and not re.fullmatch(r"\d{1,9}|\d{0,9}-\d{1,9}|\d{1,9}-", bounds):
            raise Broken(
                position, f"'{shown}$$' is no number of options.", "Write {2$$a|b|c} or {1-2$$a|b|c}."
            ) from fault
        raise Broken(position, f"the weights cannot be read: {told(str(fault), 80)}", "Write {3::a|1::b}.") from fault
    return Weighed(least, max(least, MANY) if most is None else most, heavy)


def mark_of(sign: str) -> Mark:
    """Empty for anything else."""
    match sign:
        case "~" | "@" | "!":
            return sign
        case _:
            return ""


@lru_cache(maxsize=4096)
def _bounds(bounds: str) -> tuple[int, int | None]:
    """Least and most; None: all there are."""
    command = _parsed(f"{{{bounds}$$a|a}}")
    least, most = command.min_bound, command.max_bound
    return (max(least, most), None) if bounds.endswith("-") else (least, most)


@lru_cache(maxsize=4096)
def _weight(weight: str) -> float:
    return float(_parsed(f"{{{weight}::a|a}}").variants[0].weight)


def _parsed(choice: str) -> "VariantCommand":
    from dynamicprompts.commands import VariantCommand
    from pyparsing import ParseBaseException

    try:
        command = _parser()(choice)
    except ParseBaseException as fault:
        raise ValueError(str(fault)) from fault
    if not isinstance(command, VariantCommand) or len(command.variants) != 2:
        raise ValueError("it is no choice")
    return command


@lru_cache(maxsize=1)
def _parser() -> Callable[[str], object]:
    """It is put together with words that pyparsing has renamed, which is nothing to a person here."""
    from dynamicprompts.parser.parse import parse

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parse("{a|b}")
    return parse
