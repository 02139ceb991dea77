"""A pipeline of a run's own: the stages of a sheet with one more, written as the daemon reads pipelines. Pure."""

import json
from collections.abc import Mapping, Sequence

from schema.pipeline import AT_MOST, RANK
from schema.plans import Scalar
from tui.screens.sheet import HEIRS, StageSheet

ADDED = {
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
}
"""Kinds that can be added, in the order of a pipeline."""

ANYWHERE = ("interrogate", "score")
"""They only look: they stand at the end."""


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
        before = [at for at, one in enumerate(stages) if RANK.get(one.kind, 0) <= RANK[kind]]
        here = before[-1] + 1 if before else 0
    return (*stages[:here], StageSheet(name, kind, dict(base or {})), *stages[here:])


def pipeline_text(stages: Sequence[StageSheet]) -> str:
    """As JSON. What a stage has from the first is left out: it goes on following the first."""
    first = stages[0].base if stages else {}
    told = []
    for stage in stages:
        written: dict[str, object] = {"type": stage.kind, "id": stage.id}
        if not stage.on:
            written["enabled"] = False
        for name, value in stage.base.items():
            follows = stage is not stages[0] and name in HEIRS and value == first.get(name)
            if value is not None and not follows:
                _put(written, name, value)
        told.append(written)
    return json.dumps({"name": "own", "stages": told})


def _put(written: dict[str, object], name: str, value: Scalar) -> None:
    """`hires.scale` as a field of `hires`."""
    part, dot, inner = name.partition(".")
    if not dot:
        written[name] = value
        return
    table = written.setdefault(part, {})
    if isinstance(table, dict):
        table[inner] = value
