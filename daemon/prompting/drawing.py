"""What an overlay draws for one variant besides its words: styles, grades, LoRAs, embeddings, any stage's field.

Each from a stream of its own, within the limits written there, and never where a person fixed something: a field
of `--set`, a preset, the prompt itself or an axis, a LoRA that the prompt names.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daemon.prompting import styles as styling
from daemon.prompting.chosen import Part, Words
from daemon.prompting.fields import Flat, Setting, decided, settle
from daemon.prompting.overlays import Overlay
from daemon.prompting.phrasing import Phrasing, certain, find_style, names_lora
from daemon.prompting.ranges import Field
from daemon.prompting.recipe import Recipe
from daemon.prompting.styles import Style
from daemon.prompting.texts import told
from schema.errors import Refused
from schema.pipeline import PipelineConfig
from schema.plans import Pick, Scalar

KINDS = ("style", "grade", "lora", "embedding")


class Drawn(NamedTuple):
    """A variant's words with what was drawn around them, and its settings."""

    text: str
    negative: str
    values: Flat = {}
    origins: Mapping[str, str] = {}
    styles: tuple[str, ...] = ()
    picks: tuple[Pick, ...] = ()


class _Won(NamedTuple):
    """Something that came out of its draw, before `most` is looked at."""

    kind: str
    what: Words | Part | Field
    rank: float


class Drawer:
    """`salt` of a draw: the prompt and the variant. Raises Refused for an overlay that does not fit the pipeline."""

    def __init__(self, phrasing: Phrasing, recipe: Recipe, seed: int, rerolls: Mapping[str, int]) -> None:
        self.warnings: list[str] = []
        self._phrasing, self._seed, self._rerolls = phrasing, seed, rerolls
        self._overlay = phrasing.overlay or Overlay("")
        self._origin = f"overlay {told(self._overlay.name, 80)}"
        self._pipeline = recipe.open
        self._fields = self._fitting(self._overlay.fields, recipe.preset | recipe.fixed)
        self._styles = self._of_library(self._overlay.styles)
        profile = phrasing.profile
        self._loras = tuple(part for part in profile.loras if not certain(part)) if profile else ()

    @property
    def keys(self) -> tuple[str, ...]:
        """What can be drawn anew."""
        kinds = [kind for kind, each in zip(KINDS, self._lists(), strict=True) if each]
        return tuple(f"overlay {kind}" for kind in (*kinds, *(one.key for one in self._fields)))

    def draw(self, text: str, negative: str, salt: str, held: frozenset[str]) -> Drawn:
        """`held`: keys of fields that the prompt or an axis decides."""
        if not self._phrasing.draws:
            return Drawn(text, negative)
        won = self._won(salt, held)
        values: Flat = {}
        styles: list[str] = []
        picks: list[Pick] = []
        for one in won:
            if isinstance(one.what, Field):
                values |= _settled(self._pipeline, one.what, self._value(one.what, salt))
                continue
            text, negative, value = self._put(one, text, negative, salt)
            if value:
                picks.append(Pick(key=_key(one.kind, picks), value=value, source=one.what.source or self._origin))
                styles += [value] if one.kind == "style" else []
        for part in self._loras:
            if self._unit(f"profile {part.name}", salt) < (1.0 if part.probability is None else part.probability):
                text, value = _with_lora(text, part, self._strength(part, salt))
                if value:
                    picks.append(Pick(key=_key("lora", picks), value=value, source=f"profile {part.source}"))
        return Drawn(text, negative, values, dict.fromkeys(values, self._origin), tuple(styles), tuple(picks))

    def _won(self, salt: str, held: frozenset[str]) -> list[_Won]:
        """In the order of the kinds; at most `most` of them, which ones is drawn too."""
        won: list[_Won] = []
        for kind, each in zip(KINDS, self._lists(), strict=True):
            won += [
                _Won(kind, one, self._unit(f"rank {kind} {_name(one)}", salt)) for one in self._among(kind, each, salt)
            ]
        for field in self._fields:
            if not decided(field.key, held) and self._unit(f"whether {field.key}", salt) < self._chance(
                field.probability
            ):
                won.append(_Won(field.key, field, self._unit(f"rank {field.key}", salt)))
        most = self._overlay.most
        if most is None or len(won) <= most:
            return won
        least = sorted(one.rank for one in won)[most] if most else 0.0
        return [one for one in won if one.rank < least]

    def _lists(self) -> tuple[Sequence[Words | Part], ...]:
        overlay = self._overlay
        return overlay.styles, overlay.grades, overlay.loras, overlay.embeddings

    def _among(self, kind: str, each: Sequence[Words | Part], salt: str) -> list[Words | Part]:
        """Those with a chance of their own are drawn by themselves; of the others one, by weight."""
        alone = [one for one in each if one.probability is not None]
        rest = [one for one in each if one.probability is None and one.weight > 0]
        found = [one for one in alone if self._unit(f"whether {kind} {_name(one)}", salt) < (one.probability or 0.0)]
        if rest and self._unit(f"whether {kind}", salt) < self._overlay.probability:
            found.append(rest[chosen([one.weight for one in rest], self._unit(f"which {kind}", salt))])
        return found

    def _put(self, one: _Won, text: str, negative: str, salt: str) -> tuple[str, str, str]:
        """The words with it, and what is told of it; empty where the prompt has it already."""
        match one.kind, one.what:
            case "style", Words(text=name):
                style = self._styles[name]
                return styling.around(style, text), styling.against(style, negative), style.name
            case "grade", Words(text=words):
                return f"{text.rstrip(' ,')}, {words}", negative, words
            case "lora", Part() as part:
                text, value = _with_lora(text, part, self._strength(part, salt))
                return text, negative, value
            case _, Part() as part if part.name.casefold() not in text.casefold():
                weight = self._strength(part, salt)
                mark = f"<embedding:{part.name}>"
                mark = mark if weight == 1.0 else f"({mark}:{weight:g})"
                return f"{mark} {text}", negative, f"{part.name}:{weight:g}"
            case _:
                return text, negative, ""

    def _strength(self, part: Part, salt: str) -> float:
        return round(part.low + (part.high - part.low) * self._unit(f"strength {part.name}", salt), 2)

    def _value(self, field: Field, salt: str) -> Scalar:
        unit = self._unit(f"value {field.key}", salt)
        if field.values:
            return field.values[chosen(field.weights or [1.0] * len(field.values), unit)]
        return between(field, unit)

    def _chance(self, own: float | None) -> float:
        return self._overlay.probability if own is None else own

    def _unit(self, what: str, salt: str) -> float:
        """From 0 to 1, without 1. A draw anew moves this stream alone."""
        kind = what.split(" ", 1)[1]
        again = sum(self._rerolls.get(key, 0) for key in ("overlay", f"overlay {kind}", f"overlay {kind.split()[0]}"))
        text = f"{self._seed}\n{salt}\n{what}\n{again}"
        return int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:7]) / 2**56

    def _fitting(self, fields: Sequence[Field], fixed: frozenset[str]) -> tuple[Field, ...]:
        """Those that nobody fixed. Every value and limit is tried, so that no draw can be refused later."""
        there = {stage.id for stage in self._pipeline.stages}
        found: list[Field] = []
        for field in fields:
            if field.key.partition(".")[0] not in there:
                self.warnings.append(f"{field.source}: not used, the pipeline has no such stage: {field.key}.")
            elif decided(field.key, fixed):
                self.warnings.append(f"{field.source}: {field.key} is fixed and does not vary.")
            else:
                for value in field.values or (field.low, field.high):
                    _settled(self._pipeline, field, int(value) if field.whole and value is not None else value)
                found.append(field._replace(whole=field.whole or _only_whole(self._pipeline, field)))
        return tuple(found)

    def _of_library(self, words: Sequence[Words]) -> dict[str, Style]:
        if not words:
            return {}
        library = self._phrasing.library.styles()
        return {one.text: find_style(library, one.text, one.source or self._origin) for one in words}


def chosen(weights: Sequence[float], unit: float) -> int:
    """Which of them a number from 0 to 1 falls on."""
    left = unit * sum(weights)
    for at, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return at
    return max(at for at, weight in enumerate(weights) if weight > 0)


def between(field: Field, unit: float) -> Scalar:
    """A number within the limits, with as many digits as the span is worth."""
    if field.step > 0 or field.whole:
        step = field.step or 1.0
        number = field.low + step * math.floor(unit * (math.floor((field.high - field.low) / step + 1e-9) + 1))
        return int(number) if field.whole else round(number, 9)
    span = field.high - field.low
    digits = max(0, 2 - math.floor(math.log10(span))) if span > 0 else 9
    return round(field.low + span * unit, digits)


def _with_lora(text: str, part: Part, strength: float) -> tuple[str, str]:
    mark = f"<lora:{part.name}:{strength:g}>"
    return (text, "") if names_lora(text, mark) else (f"{text} {mark}".strip(), f"{part.name}:{strength:g}")


def _settled(pipeline: PipelineConfig, field: Field, value: Scalar) -> Flat:
    return settle(pipeline, [Setting(*_cut(field.key), value, f"overlay {field.source}")])


def _only_whole(pipeline: PipelineConfig, field: Field) -> bool:
    """Whether the stage's field takes no fractions."""
    if field.values:
        return False
    try:
        _settled(pipeline, field, field.low + 0.5 * (field.high > field.low))
    except Refused:
        return True
    return False


def _cut(key: str) -> tuple[str, str]:
    stage, _, field = key.partition(".")
    return stage, field


def _name(one: Words | Part) -> str:
    return one.text if isinstance(one, Words) else one.name


def _key(kind: str, before: Sequence[Pick]) -> str:
    """`overlay lora`, from the second on with its number."""
    same = sum(pick.key.partition("#")[0] == f"overlay {kind}" for pick in before)
    return f"overlay {kind}#{same + 1}" if same else f"overlay {kind}"
