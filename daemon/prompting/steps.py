"""What the queue and the scheduler need to know of each stage: model, steps, size and what a backend must have."""

from typing import NamedTuple

from daemon.prompting.heirs import inherited
from daemon.prompting.needs import needs_of
from schema.ids import StageId
from schema.pipeline import PipelineConfig
from schema.plans import PROMPTING, StageStep
from schema.stages import Detail, Dispatch, Img2Img, PromptStage, Refiner, Resize, Stage, Txt2Img, Upscale


class Size(NamedTuple):
    width: float
    height: float

    @property
    def megapixels(self) -> float:
        return round(self.width * self.height / 1e6, 6)


UNKNOWN = Size(512.0, 512.0)
"""Of a picture that is uploaded; nobody has looked at it when a plan is made."""


def steps_of(pipeline: PipelineConfig) -> tuple[StageStep, ...]:
    """The stages each job runs, in order, without switched-off ones and without the film."""
    size, backend = UNKNOWN, None
    found: list[StageStep] = []
    for stage in inherited(pipeline).running():
        size = size_after(stage, size)
        backend = stage.backend if isinstance(stage, Dispatch) else backend
        found.append(
            StageStep(
                id=StageId(stage.id),
                kind=stage.type,
                model=_model(stage),
                steps=_steps(stage),
                megapixels=0.0 if isinstance(stage, PromptStage) else size.megapixels,
                needs=needs_of(stage),
                backend=backend,
                review=isinstance(stage, Dispatch) and stage.review,
            )
        )
    return tuple(found)


def asked_backend(step: StageStep, job: str | None, run: str | None) -> str:
    """Who alone is to run it, by what the job, its run and the pipeline's dispatch name; empty: whoever can.

    They mean the pictures: words come from whoever makes words.
    """
    if step.kind in PROMPTING:
        return ""
    return job if job is not None else run or step.backend or ""


def size_after(stage: Stage, before: Size) -> Size:
    """Pixels of the picture that leaves the stage."""
    match stage:
        case Txt2Img():
            scale = stage.hires.scale if stage.hires else 1.0
            return Size(round(stage.width * scale), round(stage.height * scale))
        case Img2Img():
            return Size(stage.width or before.width, stage.height or before.height)
        case Upscale():
            return Size(
                stage.width or round(before.width * stage.factor), stage.height or round(before.height * stage.factor)
            )
        case Resize():
            shrink = min(1.0, stage.width / before.width, stage.height / before.height)
            return Size(max(1, round(before.width * shrink)), max(1, round(before.height * shrink)))
        case _:
            return before


def _steps(stage: Stage) -> int:
    match stage:
        case Txt2Img():
            return stage.steps + ((stage.hires.steps or stage.steps) if stage.hires else 0)
        case Img2Img() | Refiner() | Detail():
            return stage.steps
        case Upscale():
            return stage.steps if stage.denoise > 0 else 0
        case _:
            return 0


def _model(stage: Stage) -> str | None:
    """The model that must be loaded; None when the stage needs none or takes whatever is there."""
    match stage:
        case Txt2Img() | Img2Img() | Detail() | Refiner():
            return stage.model
        case Upscale():
            return stage.model if stage.denoise > 0 else None
        case _:
            return None
