"""Grids: `--vary NAME=V1,V2`, each an axis; every combination of levels is a cell, and every cell a job.

Names are a stage's field (`txt2img.cfg=4, 5, .., 8`), `lora` (`lora=sea_haze:0.4,film:0.8,none`), one LoRA's strength
(`lora:sea_haze=0.2,0.4`), `style`, `seed`, or `words` (`words=boat,ship`: the first is sought, each put in its place).
Levels are parted by commas, or by `||` where they hold commas themselves.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from daemon.prompting.fields import Flat, Setting, settle
from daemon.prompting.texts import cleaned, nearest, told
from schema.errors import Refused
from schema.packs import Part
from schema.pipeline import PipelineConfig

MAX_LEVELS = 10_000
MAX_AXES = 64
NAMES = ("lora", "style", "seed", "words")

_NUMBER = re.compile(r"^-?\d+(?:\.\d+)?$")
_NONE = frozenset({"none", "-", ""})


class Change(NamedTuple):
    """What one level makes of a job."""

    values: Flat = {}
    """`stage.field` to value."""
    loras: tuple[Part, ...] = ()
    styles: tuple[str, ...] = ()
    seed: int | None = None
    swap: tuple[str, str] | None = None
    """Words of the prompt and what stands in their place."""


class Axis(NamedTuple):
    name: str
    """As it was written."""
    levels: tuple[str, ...]
    changes: tuple[Change, ...]


class Cell(NamedTuple):
    """One combination: each axis at one of its levels."""

    axes: dict[str, str]
    changes: tuple[Change, ...]
    origin: str = "--vary"

    @property
    def values(self) -> Flat:
        return {key: value for change in self.changes for key, value in change.values.items()}

    @property
    def styles(self) -> tuple[str, ...]:
        return tuple(name for change in self.changes for name in change.styles)


class Grid(NamedTuple):
    """Its cells are counted and found by their number; nothing holds them all."""

    axes: tuple[Axis, ...] = ()

    @property
    def size(self) -> int:
        return math.prod(len(axis.levels) for axis in self.axes)

    @property
    def keys(self) -> frozenset[str]:
        """Every `stage.field` that an axis decides."""
        return frozenset(key for axis in self.axes for change in axis.changes for key in change.values)

    @property
    def styles(self) -> tuple[str, ...]:
        """Every style that an axis names."""
        return tuple(name for axis in self.axes for change in axis.changes for name in change.styles)

    def cell(self, number: int) -> Cell:
        """From 0; the last axis changes quickest."""
        places: list[int] = []
        for axis in reversed(self.axes):
            number, place = divmod(number, len(axis.levels))
            places.append(place)
        at = list(zip(self.axes, reversed(places), strict=True))
        return Cell({axis.name: axis.levels[place] for axis, place in at}, tuple(a.changes[p] for a, p in at))

    def levels(self) -> dict[str, tuple[str, ...]]:
        return {axis.name: axis.levels for axis in self.axes}


def read_grid(vary: tuple[str, ...], pipeline: PipelineConfig, fixed: frozenset[str]) -> Grid:
    """Raises Refused for an axis that cannot be, names the flag. `fixed`: what `--set` holds at one value."""
    if len(vary) > MAX_AXES:
        raise Refused(f"{len(vary)} axes are too many.", where="--vary", remedy=f"At most {MAX_AXES} make a grid.")
    axes: list[Axis] = []
    for text in vary:
        axis = _axis(text, pipeline)
        if any(axis.name == other.name for other in axes):
            raise Refused(f"'{told(axis.name, 60)}' is an axis twice.", where="--vary", remedy="Write it once.")
        held = next((key for change in axis.changes for key in change.values if key in fixed), None)
        if held is not None:
            raise Refused(f"{held} is held by --set.", where="--vary", remedy="Leave one of the two out.")
        axes.append(axis)
    return Grid(tuple(axes))


def with_known_loras(vary: tuple[str, ...], known: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    """`lora=sea_*:0.6` names every LoRA that fits. Raises Refused where none does."""
    found: list[str] = []
    for text in vary:
        name, _, values = text.partition("=")
        if name.strip() != "lora" or not any(sign in values for sign in "*?"):
            found.append(text)
            continue
        parts = [part.strip() for part in values.split("||" if "||" in values else ",")]
        found.append("lora=" + "".join(f"{one}||" for part in parts for one in _meant(part, known)))
    return tuple(found)


def _meant(level: str, known: Callable[[], Iterable[str]]) -> list[str]:
    if not any(sign in level for sign in "*?"):
        return [level]
    name, colon, weight = level.rpartition(":")
    pattern = (name if colon else level).casefold()
    names = sorted({one for one in known() if fnmatchcase(one.casefold(), pattern)}, key=str.casefold)
    if not names:
        remedy = nearest(pattern.strip("*?"), known()) or "No node has told of any."
        raise Refused(f"no LoRA is called '{told(pattern, 60)}'.", where="--vary lora", remedy=remedy)
    return [f"{one}:{weight}" if colon else one for one in names]


def _axis(text: str, pipeline: PipelineConfig) -> Axis:
    name, equals, values = text.partition("=")
    name = name.strip()
    levels = tuple(dict.fromkeys(_levels(values)))
    if not equals or not name or not levels:
        raise Refused(
            f"'{told(text, 60)}' is not NAME=V1,V2.",
            where="--vary",
            remedy="Write txt2img.cfg=5,7.5 or lora=sea_haze:0.4,none.",
        )
    where = f"--vary {told(name, 60)}"
    if len(levels) > MAX_LEVELS:
        raise Refused(f"has more than {MAX_LEVELS} levels.", where=where, remedy="Give fewer.")
    kind, colon, whose = name.partition(":")
    match kind:
        case "lora" if colon:
            strengths = ("none" if _none(one) else f"{whose}:{one}" for one in levels)
            return Axis(name, levels, tuple(Change(loras=_loras(one, where)) for one in strengths))
        case "lora":
            return Axis(name, levels, tuple(Change(loras=_loras(one, where)) for one in levels))
        case "style":
            return Axis(name, levels, tuple(Change(styles=() if _none(one) else (one,)) for one in levels))
        case "seed":
            return Axis(name, levels, tuple(Change(seed=_seed(one, where)) for one in levels))
        case "words":
            return Axis(name, levels, tuple(Change(swap=(levels[0], one)) for one in levels))
        case _ if "." not in name:
            remedy = nearest(name, NAMES) or "Write STAGE.FIELD=V1,V2."
            raise Refused(f"there is no axis '{told(name, 40)}'.", where="--vary", remedy=remedy)
        case _:
            stage, _, field = name.partition(".")
            changes = (settle(pipeline, [Setting(stage, field, one, where)]) for one in levels)
            return Axis(name, levels, tuple(Change(values=change) for change in changes))


def _levels(text: str) -> Iterator[str]:
    """`4, 5, .., 8` goes on from the two before it to the one behind."""
    parts = [cleaned(part).strip() for part in text.split("||" if "||" in text else ",")]
    for at, part in enumerate(parts):
        if part not in ("..", "..."):
            if part:
                yield part
            continue
        ends = parts[max(0, at - 2) : at + 2]
        if not 0 < at < len(parts) - 1 or not all(_NUMBER.match(end) for end in ends if end != part):
            raise Refused(
                "'..' stands between numbers.", where="--vary", remedy="Write 4, 5, .., 8, or 1, .., 10 for steps of 1."
            )
        yield from _between([float(end) for end in ends if end != part])


def _between(ends: list[float]) -> Iterator[str]:
    """What lies between the last two; the first, if there are three, says how far apart."""
    step = ends[-2] - ends[0] if len(ends) == 3 else math.copysign(1.0, ends[-1] - ends[-2])
    count = (ends[-1] - ends[-2]) / step if step else math.inf
    if not 0 < count <= MAX_LEVELS:
        raise Refused("'..' does not come to its end.", where="--vary", remedy="Write 4, 5, .., 8.")
    for one in range(1, math.ceil(count - 1e-9)):
        yield f"{round(ends[-2] + one * step, 9):g}"


def _loras(level: str, where: str) -> tuple[Part, ...]:
    """`sea_haze:0.4`, or several of them with `+` between."""
    return () if _none(level) else tuple(_lora(one, where) for one in level.split("+"))


def _lora(text: str, where: str) -> Part:
    name, colon, weight = text.strip().rpartition(":")
    if not colon:
        name, weight = text.strip(), "1"
    if not _NUMBER.match(weight.strip()) or not name.strip() or any(sign in name for sign in "<>:"):
        raise Refused(f"'{told(text, 60)}' is no LoRA.", where=where, remedy="Write NAME:WEIGHT, for example film:0.8.")
    return Part(name=name.strip(), weight=float(weight))


def _seed(level: str, where: str) -> int:
    if not level.isdigit() or int(level) >= 2**63:
        raise Refused(f"'{told(level, 40)}' is no seed.", where=where, remedy="Give whole numbers from 0.")
    return int(level)


def _none(level: str) -> bool:
    return level.lower() in _NONE


def replaced(text: str, changes: tuple[Change, ...]) -> str:
    """The words of a prompt with every swap made."""
    for change in changes:
        if change.swap:
            text = text.replace(*change.swap)
    return text


def with_loras(text: str, loras: tuple[Part, ...]) -> str:
    """A LoRA that the prompt names already gets the new weight; others are put behind it, if they have any."""
    for part in loras:
        mark = f"<lora:{part.name}:{part.weight:g}>"
        there = re.compile(rf"<lora:\s*{re.escape(part.name)}\s*(?::[^<>]*)?>", re.IGNORECASE)
        text, found = there.subn(mark.replace("\\", r"\\"), text)
        text = text if found or not part.weight else f"{text} {mark}".strip()
    return text


def origins(cell: Cell | None) -> Mapping[str, str]:
    return {} if cell is None else dict.fromkeys(cell.values, cell.origin)
