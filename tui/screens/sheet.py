"""The settings of a run as a person sees and changes them: every stage with all that it can be told. Pure.

A change is text for `STAGE.FIELD`, as `--set` reads it; whether it makes sense says the plan.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schema.plans import Scalar
from tui.screens.fields import PARTS, Field, fields_of, unit_fields

Changes = Mapping[str, str]
"""`STAGE.FIELD` to text; the last one wins where two speak of the same."""

OFF = ("false", "off", "no", "null", "none", "0", "")

HEIRS = ("model", "vae", "sampler", "scheduler", "guidance", "encoders")
"""What later stages take from the first where they have none of their own."""

MOST_UNITS = 5


MAIN = frozenset(
    (
        "model", "vae", "sampler", "scheduler", "steps", "cfg", "width", "height", "denoise", "hires", "clip_skip",
        "controls", "switch_at", "image", "mask", "detector", "prompt", "upscaler", "factor", "tile", "restorer",
        "strength", "fidelity", "preset", "sharpen", "processor", "format", "quality", "against", "fps", "codec",
        "seconds", "trim_from", "trim_to", "instructions", "ask", "most", "backend", "review",
    )
)  # fmt: skip
"""What is shown of a stage at first; the rest is one line away."""


@dataclass(frozen=True)
class StageSheet:
    id: str
    kind: str
    base: Mapping[str, Scalar] = field(default_factory=dict)
    """What the pipeline says, nested fields with their dot; None: what the first stage has, or the backend's own."""
    over: Mapping[str, Scalar] = field(default_factory=dict)
    """What a preset, a pack or what was learned puts over it."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Who said each of these: `preset fine`, `pack knights.txt`, `learned for knights`."""

    @property
    def on(self) -> bool:
        return self.under("enabled", True) is not False

    def under(self, name: str, default: Scalar = None) -> Scalar:
        """What it is where the person changes nothing."""
        return self.over[name] if name in self.over else self.base.get(name, default)


class Row(NamedTuple):
    """A line of the sheet: a stage (`field` is None), one of its fields, or the line that stands for its others."""

    stage: StageSheet
    field: Field | None
    value: str
    """Empty: the backend's own choice. Of the line for others: how many they are."""
    changed: bool = False
    inherited: bool = False

    @property
    def key(self) -> str:
        return f"{self.stage.id}.{self.field.name if self.field else 'enabled'}"

    @property
    def on(self) -> bool:
        return self.value not in OFF

    @property
    def origin(self) -> str:
        """Whose value it is, where it is neither the person's nor the pipeline's."""
        name = self.field.name if self.field else "enabled"
        return "" if self.changed or self.inherited else self.stage.origins.get(name, "")


def sheets(config: Mapping[str, Mapping[str, Scalar]]) -> tuple[StageSheet, ...]:
    """From a plan's `config`, where stages have what they took over from the first: these go on following it."""
    found: list[StageSheet] = []
    for name, told in config.items():
        fields = {key: value for key, value in told.items() if key != "type"}
        first = found[0].base if found else {}
        for heir in HEIRS if found else ():
            if fields.get(heir) is not None and fields.get(heir) == first.get(heir):
                fields[heir] = None
        found.append(StageSheet(name, str(told.get("type", "")), fields))
    return tuple(found)


def follows(stage: StageSheet, name: str, first: StageSheet | None) -> bool:
    """Whether a stage that says nothing of it takes it over from the first one that makes a picture."""
    if first is None or stage is first or name not in HEIRS:
        return False
    match stage.kind:
        case "img2img" | "detail":
            return True
        case "refiner":
            return name not in ("model", "encoders")
        case "upscale":
            return name in ("model", "sampler", "scheduler") and bool(stage.under("denoise"))
        case _:
            return False


def changes_of(sets: Sequence[str]) -> dict[str, str]:
    pairs = (text.partition("=") for text in sets)
    return {name.strip(): value.strip() for name, _, value in pairs}


def sets_of(changes: Changes) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in changes.items())


def value_of(stage: StageSheet, field: Field, changes: Changes) -> str:
    """The text of a field as this run has it."""
    return value_at(stage, field.name, changes, field.default)


def value_at(stage: StageSheet, name: str, changes: Changes, default: Scalar = None) -> str:
    if (own := changes.get(f"{stage.id}.{name}")) is not None:
        return "" if own in ("null", "none") else own
    part = name.partition(".")[0] if "." in name else ""
    switch = changes.get(f"{stage.id}.{part}") if part else None
    if switch is not None:
        return "" if switch in OFF else shown(default) if switch in ("true", "on", "yes", "1") else switch
    return shown(stage.under(name, default))


def shown(value: object) -> str:
    if value is None or value == [] or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def part_on(stage: StageSheet, part: str, changes: Changes) -> bool:
    """Whether the second pass, the refiner within txt2img or the own workflow is switched on."""
    switch = changes.get(f"{stage.id}.{part}")
    if any(key.startswith(f"{stage.id}.{part}.") for key in changes):
        return True
    if switch is not None:
        return switch not in OFF
    told = {**stage.base, **stage.over}
    return any(name.startswith(f"{part}.") and value is not None for name, value in told.items())


def units_of(stage: StageSheet, changes: Changes) -> list[dict[str, object]]:
    """Its ControlNet units."""
    try:
        units = json.loads(value_at(stage, "controls", changes) or "[]")
    except ValueError:
        return []
    return [unit for unit in units if isinstance(unit, dict)] if isinstance(units, list) else []


def with_units(stage: StageSheet, units: Sequence[Mapping[str, object]], changes: Changes) -> dict[str, str]:
    told = json.dumps([dict(unit) for unit in units], separators=(",", ":")) if units else "null"
    return put(changes, f"{stage.id}.controls", told)


def put(changes: Changes, key: str, value: str | None) -> dict[str, str]:
    """With another text for the key; None: as the pipeline has it. A table that is switched forgets its parts."""
    kept = {name: text for name, text in changes.items() if name != key and not name.startswith(f"{key}.")}
    return kept if value is None else {**kept, key: value}


def put_unit(stage: StageSheet, name: str, value: str | None, changes: Changes) -> dict[str, str]:
    """One field of a ControlNet unit, `controls.2.weight`. None: its default."""
    _, number, inner = name.split(".", 2)
    units = units_of(stage, changes)
    unit = {key: kept for key, kept in units[int(number) - 1].items() if key != inner}
    if value is not None:
        unit[inner] = value
    units[int(number) - 1] = unit
    return with_units(stage, units, changes)


def is_on(stage: StageSheet, changes: Changes) -> bool:
    own = changes.get(f"{stage.id}.enabled")
    return stage.on if own is None else own.lower() not in OFF


def rows(
    stages: Sequence[StageSheet],
    changes: Changes,
    opened: frozenset[str],
    words: str = "",
    whole: frozenset[str] | None = None,
) -> list[Row]:
    """The lines of the sheet; of stages that are not `opened` only the first.

    `words`: only fields named so. `whole`: stages of which more than `MAIN` is shown; None: of all, with no line that
    stands for the others.
    """
    found: list[Row] = []
    first = first_of(stages)
    for stage in stages:
        on = "true" if is_on(stage, changes) else "false"
        head = Row(stage, None, on, f"{stage.id}.enabled" in changes)
        inner = list(_fields(stage, changes, first)) if words or stage.id in opened else []
        if words:
            inner = [row for row in inner if row.field is not None and _named(row, words)]
        elif inner and whole is not None:
            inner = _shortened(inner, stage.id in whole)
        if inner or not words:
            found += [head, *inner]
    known = {stage.id for stage in stages}
    lost = [name for name in changes if name.partition(".")[0] not in known]
    return found + [Row(StageSheet(n.partition(".")[0], ""), Field(n.partition(".")[2], "text"), changes[n], True)
                    for n in lost]  # fmt: skip


def first_of(stages: Sequence[StageSheet]) -> StageSheet | None:
    """The one that makes the first picture: others take over from it."""
    return next((stage for stage in stages if stage.kind in ("txt2img", "img2img")), None)


def _shortened(inner: list[Row], whole: bool) -> list[Row]:
    """What matters first, and what somebody said something of; the others behind a line that stands for them."""
    there = [row for row in inner if _matters(row)]
    others = [row for row in inner if not _matters(row)]
    if len(others) < 3:
        return inner
    fold = Row(inner[0].stage, Field("", "more"), str(len(others)))
    return [*there, fold, *(others if whole else ())]


def _matters(row: Row) -> bool:
    one = row.field
    assert one is not None
    spoken = one.name in row.stage.origins or row.stage.base.get(one.name, one.default) not in (one.default, None)
    return (one.part or one.name) in MAIN or bool(one.part) or row.changed or spoken


def _named(row: Row, words: str) -> bool:
    stage = f"{row.stage.id} film" if row.stage.kind == "video" else row.stage.id
    told = f"{stage} {row.field.name if row.field else ''} {row.value}".replace("_", " ").lower()
    return all(word in told for word in words.lower().replace("_", " ").split())


def _fields(stage: StageSheet, changes: Changes, first: StageSheet | None) -> Iterator[Row]:
    for one in (*fields_of(stage.kind), *_options(stage, changes)):
        changed = f"{stage.id}.{one.name}" in changes
        if one.sort == "part":
            on = part_on(stage, one.name, changes)
            yield Row(stage, one, "true" if on else "false", changed)
        elif one.part in PARTS and not part_on(stage, one.part, changes):
            continue
        elif one.sort == "units":
            yield from _units(stage, one, changes, changed)
        else:
            value = value_of(stage, one, changes)
            if not value and not changed and first is not None and follows(stage, one.name, first):
                yield Row(stage, one, value_of(first, one, changes), False, True)
            else:
                yield Row(stage, one, value, changed)


def _options(stage: StageSheet, changes: Changes) -> Iterator[Field]:
    """Of a post-processor, those that somebody said something of: nobody else knows their names."""
    told = (*stage.base, *(key.partition(".")[2] for key in changes if key.startswith(f"{stage.id}.")))
    for name in dict.fromkeys(told):
        if name.startswith("options."):
            yield Field(name, "text")


def _units(stage: StageSheet, field: Field, changes: Changes, changed: bool) -> Iterator[Row]:
    units = units_of(stage, changes)
    yield Row(stage, field, str(len(units) or ""), changed)
    for number, unit in enumerate(units, 1):
        for one in unit_fields(number):
            inner = one.name.rpartition(".")[2]
            yield Row(stage, one, shown(unit.get(inner, one.default)), inner in unit and changed)
