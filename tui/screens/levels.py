"""Levels of a variable as a person writes them: `15, 20, 25`, `15..35/5`, or `4..8` for five of them. Pure."""

import re

from schema.errors import Refused
from tui.screens.fields import LISTS, OTHER_LISTS

RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)(?:\s*/\s*(\d+(?:\.\d+)?))?")
USUAL = 5
"""Levels of a range without a step."""
MOST = 24


def levels(text: str) -> tuple[str, ...]:
    """Each as it is written in `--vary`, in order, none twice. Raises Refused."""
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if part:
            found += spread(part) if RANGE.fullmatch(part) else [part]
    several = tuple(dict.fromkeys(found))
    if len(several) > MOST:
        raise Refused(f"{len(several)} levels are too many to be told apart", remedy=f"Take at most {MOST}.")
    return several


def spread(part: str) -> list[str]:
    found = RANGE.fullmatch(part)
    assert found is not None
    first, last = float(found[1]), float(found[2])
    whole = "." not in found[1] + found[2]
    if first >= last:
        raise Refused(f"{part} is no range", remedy="Write the smaller one first: 15..35.")
    step = float(found[3]) if found[3] else (last - first) / (USUAL - 1)
    if step <= 0 or (last - first) / step > MOST:
        raise Refused(f"{part} has too many levels or none", remedy=f"Take a larger step: at most {MOST} levels.")
    many = int((last - first) / step + 1e-9) + 1
    values = [first + number * step for number in range(many)]
    if whole and not (found[3] and "." in found[3]):
        return [str(round(value)) for value in values]
    return [f"{value:.4f}".rstrip("0").rstrip(".") for value in values]


def list_of(variable: str) -> str:
    """Which of the nodes' lists holds the names that this variable can be; empty: it is no name."""
    stage, _, field = variable.strip().rpartition(".")
    return "loras" if not stage and field == "lora" else OTHER_LISTS.get((stage, field)) or LISTS.get(field, "")


def one_more(text: str, name: str, variable: str) -> str:
    """The levels with this name among them; of a LoRA at a weight that can be written over."""
    level = f"{name}:0.8" if variable.strip() == "lora" else name
    begun = [part.strip() for part in text.split(",") if part.strip()]
    return ", ".join(dict.fromkeys((*begun, level)))
