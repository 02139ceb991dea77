"""A pipeline: the linear list of stages, and which lists make sense.

Written as JSON or YAML, as an object with `stages` or as the plain array of `{id, type}` steps.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schema.stages import (
    MAX_MEGAPIXELS,
    AnalysisStage,
    AnyStage,
    Detail,
    Img2Img,
    PromptStage,
    Stage,
    Txt2Img,
    Upscale,
    Video,
)

RANK: dict[str, int] = {
    "generatePrompt": 0, "llmEnhance": 0, "selectLoras": 0, "dispatch": 1,
    "txt2img": 2, "refiner": 3, "img2img": 4, "detail": 5, "upscale": 6,
    "face_restore": 7, "refine": 7, "post": 7, "resize": 8, "video": 9,
}  # fmt: skip
"""Stages stand in rising rank; equal ranks in any order. Those that only look stand anywhere after a picture."""

AT_MOST = {"txt2img": 1, "refiner": 1, "img2img": 1, "detail": 3, "upscale": 1, "resize": 1, "video": 1, "dispatch": 1}
ORDER_IN_WORDS = (
    "generatePrompt/llmEnhance/selectLoras, dispatch, txt2img, refiner, img2img, detail (up to three), upscale,"
    " face_restore/refine/post, resize, video"
)


class PipelineConfig(BaseModel):
    """Raises pydantic's ValidationError with one sentence per fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=80)] = "unnamed"
    stages: Annotated[tuple[AnyStage, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="before")
    @classmethod
    def _from_array(cls, written: object) -> object:
        """Takes the plain array of steps, and gives stages without an id their kind's name."""
        if isinstance(written, list):
            written = {"stages": written}
        if not isinstance(written, dict) or not isinstance(written.get("stages"), list | tuple):
            return written
        return {**written, "stages": _with_ids(list(written["stages"]))}

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ids(self.stages)
        _check_sequence([stage for stage in self.stages if stage.enabled])
        return self

    def running(self) -> tuple[Stage, ...]:
        """The stages each job runs: switched-on ones without the film."""
        return tuple(stage for stage in self.stages if stage.enabled and not isinstance(stage, Video))

    def film(self) -> Video | None:
        return next((stage for stage in self.stages if stage.enabled and isinstance(stage, Video)), None)

    def canonical(self) -> bytes:
        """The JSON that is hashed and kept as the run's base config: sorted, compact, nothing left out."""
        return msgspec.json.encode(self.model_dump(mode="json"), order="sorted")


def _with_ids(stages: list[object]) -> list[object]:
    taken = {name for stage in stages if isinstance(stage, dict) and isinstance(name := stage.get("id"), str)}
    named: list[object] = []
    for stage in stages:
        if isinstance(stage, dict) and stage.get("id") in (None, "") and isinstance(stage.get("type"), str):
            name, number = stage["type"], 1
            while name in taken:
                number += 1
                name = f"{stage['type']}{number}"
            taken.add(name)
            stage = {**stage, "id": name}
        named.append(stage)
    return named


def _check_ids(stages: tuple[Stage, ...]) -> None:
    seen: set[str] = set()
    for stage in stages:
        if stage.id in seen:
            raise ValueError(f"two stages have the id '{stage.id}'; give one of them another")
        seen.add(stage.id)


def _check_sequence(stages: list[Stage]) -> None:
    if not stages:
        raise ValueError("no stage is switched on; set enabled: true on at least one")
    for before, after in pairwise(stage for stage in stages if not isinstance(stage, AnalysisStage)):
        if RANK[before.type] > RANK[after.type]:
            raise ValueError(
                f"{after.type} ('{after.id}') cannot stand after {before.type}; the order is {ORDER_IN_WORDS}"
            )
    for kind, most in AT_MOST.items():
        found = [stage.id for stage in stages if stage.type == kind]
        if len(found) > most:
            raise ValueError(f"{len(found)} {kind} stages ({', '.join(found)}); at most {most} can run")
    first = next((stage for stage in stages if not isinstance(stage, PromptStage)), None)
    if first is None:
        return
    if not (isinstance(first, Txt2Img) or (isinstance(first, Img2Img) and first.image)):
        raise ValueError(
            f"{first.type} ('{first.id}') needs a picture; begin with txt2img, or with img2img and its image"
        )
    _check_sizes(stages)


def _check_sizes(stages: list[Stage]) -> None:
    """No stage may ask for more than the largest picture that is accepted."""
    width = height = 512.0
    for stage in stages:
        match stage:
            case Txt2Img():
                scale = stage.hires.scale if stage.hires else 1.0
                width, height = stage.width * scale, stage.height * scale
            case Img2Img():
                width, height = stage.width or width, stage.height or height
            case Upscale():
                width, height = (stage.width or width * stage.factor), (stage.height or height * stage.factor)
            case _:
                continue
        if width * height > MAX_MEGAPIXELS * 1e6:
            raise ValueError(
                f"'{stage.id}' would make a picture of {width:.0f}x{height:.0f}, {width * height / 1e6:.0f} megapixels;"
                f" the limit is {MAX_MEGAPIXELS:.0f}: lower the size or the factor"
            )


STANDARD = PipelineConfig(name="standard", stages=(Txt2Img(id="txt2img"), Detail(id="detail"), Upscale(id="upscale")))
"""What runs when nobody says otherwise: a prompt alone is enough."""
