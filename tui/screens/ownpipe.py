"""A pipeline of a run's own: stages of a sheet added, taken out, moved, written as the daemon reads pipelines. Pure."""

import json
from collections.abc import Mapping, Sequence

from schema.errors import Refused
from schema.pipeline import AT_MOST, RANK
from schema.plans import Scalar
from tui.screens.fields import fields_of
from tui.screens.sheet import Changes, StageSheet, changes_of, is_on, units_of, value_at

ADDED = {
    "txt2img": "a picture from nothing but words",
    "refiner": "another model goes over the picture",
    "img2img": "the picture is painted over once more",
    "detail": "faces, hands or what a detector finds are painted anew",
    "upscale": "larger",
    "face_restore": "faces are restored",
    "refine": "less noise, sharper",
    "post": "a post-processor of the backend",
    "resize": "a small copy for the web",
    "interrogate": "says in words what is in it",
    "score": "how well it fits its prompt",
    "generatePrompt": "a language model writes the prompt",
    "llmEnhance": "a language model writes it anew, richer",
    "selectLoras": "LoRAs that fit the prompt are added",
    "dispatch": "who makes the pictures, and whether you look first",
}
"""Kinds that can be added, those of pictures first."""

ANYWHERE = ("interrogate", "score")
"""They only look: they stand anywhere behind a picture, at first at the end."""


def addable(stages: Sequence[StageSheet]) -> list[str]:
    return [kind for kind in ADDED if sum(one.kind == kind for one in stages) < AT_MOST.get(kind, 20)]


def with_stage(
    stages: Sequence[StageSheet], kind: str, base: Mapping[str, Scalar] | None = None
) -> tuple[StageSheet, ...]:
    """Behind the last stage that must stand before it, with an id of its own."""
    taken = {stage.id for stage in stages}
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}{number}"
    here = len(stages)
    if kind not in ANYWHERE:
        ranked = [(at, one.kind) for at, one in enumerate(stages) if one.kind not in ANYWHERE]
        before = [at for at, other in ranked if RANK.get(other, 0) <= RANK[kind]]
        here = before[-1] + 1 if before else 0
    return (*stages[:here], StageSheet(name, kind, dict(base or {})), *stages[here:])


def without(stages: Sequence[StageSheet], id: str) -> tuple[StageSheet, ...]:
    """Raises Refused where nothing would be left."""
    rest = tuple(stage for stage in stages if stage.id != id)
    if not any(stage.kind != "video" for stage in rest):
        raise Refused("a pipeline needs a stage.", remedy="Add another before you take this one out.")
    return rest


def moved(stages: Sequence[StageSheet], id: str, by: int) -> tuple[StageSheet, ...]:
    """One place up (-1) or down (1). Raises Refused where it would stand where its kind cannot."""
    at = next(at for at, stage in enumerate(stages) if stage.id == id)
    to = at + by
    if not 0 <= to < len(stages):
        raise Refused(f"{id} is the {'first' if by < 0 else 'last'} stage.")
    found = list(stages)
    found[at], found[to] = found[to], found[at]
    one, other = found[min(at, to)], found[max(at, to)]
    looks = one.kind in ANYWHERE or other.kind in ANYWHERE
    if not looks and RANK.get(one.kind, 0) > RANK.get(other.kind, 9):
        raise Refused(f"{one.kind} cannot stand before {other.kind}.")
    makes = next((n for n, stage in enumerate(found) if RANK.get(stage.kind, 0) >= RANK["txt2img"]), 0)
    if any(stage.kind in ANYWHERE for stage in found[:makes]):
        raise Refused("there is no picture yet that it could look at.")
    return tuple(found)


def pipeline_text(stages: Sequence[StageSheet], name: str = "own") -> str:
    """As JSON. What a stage takes over from the first is left out: it goes on following it. No `name`: its file's."""
    told = []
    for stage in stages:
        written: dict[str, object] = {"type": stage.kind, "id": stage.id}
        for field, value in stage.base.items():
            if value is not None and (field, value) != ("enabled", True):
                _put(written, field, value)
        told.append(written)
    pipeline: dict[str, object] = {"name": name, "stages": told} if name else {"stages": told}
    return json.dumps(pipeline, indent=2, ensure_ascii=False)


def as_it_stands(stages: Sequence[StageSheet], sets: Sequence[str]) -> tuple[StageSheet, ...]:
    """With all that was changed as if the pipeline said so itself: to be saved under a name."""
    changes = changes_of(sets)
    return tuple(StageSheet(stage.id, stage.kind, _settled(stage, changes)) for stage in stages)


def _settled(stage: StageSheet, changes: Changes) -> dict[str, Scalar]:
    mine = {name.partition(".")[2] for name in changes if name.partition(".")[0] == stage.id}
    base: dict[str, Scalar] = {**stage.base, **stage.over}
    for field in sorted(mine - {"enabled", "controls"}, key=len):  # a table before its parts
        part = "." in field and field.partition(".")[0]
        base = {name: value for name, value in base.items() if name != field and not name.startswith(f"{field}.")}
        text = value_at(stage, field, changes)
        if part:
            base.pop(part, None)
        if field == "hires":
            base |= (
                {one.name: one.default for one in fields_of(stage.kind) if one.part == "hires"} if _is_on(text) else {}
            )
        elif field in ("refiner", "workflow"):
            base |= {f"{field}.{'model' if field == 'refiner' else 'name'}": text} if _is_on(text) else {}
        else:
            base[field] = scalar(stage.kind, field, text)
    if "controls" in mine:
        base["controls"] = json.dumps(units) if (units := units_of(stage, changes)) else None
    base["enabled"] = is_on(stage, changes)
    return base


def _is_on(text: str) -> bool:
    return text not in ("", "false", "off", "no", "0")


def scalar(kind: str, field: str, text: str) -> Scalar:
    """The text of a setting as a value of the field's own kind; empty: nothing is said."""
    if not text:
        return None
    one = next((one for one in fields_of(kind) if one.name == field), None)
    if one is not None and one.sort == "flag":
        return _is_on(text)
    if field.startswith("options.") or (one is not None and one.sort == "number"):
        try:
            return int(text) if one is None or one.limits.whole else float(text)
        except ValueError:
            return text
    return text


def _put(written: dict[str, object], name: str, value: Scalar) -> None:
    """`hires.scale` as a field of `hires`."""
    part, dot, inner = name.partition(".")
    if not dot:
        written[name] = value
        return
    table = written.setdefault(part, {})
    if isinstance(table, dict):
        table[inner] = value
