"""What later stages take over from the first: a pipeline as agents get it. Pure."""

from daemon.prompting.pipelines import first_image_stage
from schema.pipeline import PipelineConfig
from schema.stages import Detail, Img2Img, Refiner, Stage, Txt2Img, Upscale


def inherited(pipeline: PipelineConfig) -> PipelineConfig:
    """Later stages without a model, VAE, sampler, scheduler or guidance of their own take the first stage's.

    They may run on another node, where nobody remembers what made the picture. A refiner keeps its own model;
    text encoders go with the model that they belong to.
    """
    first = first_image_stage(pipeline)
    if not isinstance(first, Txt2Img | Img2Img):
        return pipeline
    return pipeline.model_copy(update={"stages": tuple(_heir(stage, first) for stage in pipeline.stages)})


def _heir(stage: Stage, first: Txt2Img | Img2Img) -> Stage:
    wanted: tuple[str, ...]
    match stage:
        case Refiner():
            wanted = ("vae", "sampler", "scheduler", "guidance")
        case Img2Img() | Detail():
            wanted = ("model", "vae", "sampler", "scheduler", "guidance")
        case Upscale():
            wanted = ("model", "sampler", "scheduler") if stage.denoise > 0 else ()
        case _:
            return stage
    taken = {name: getattr(first, name) for name in wanted if getattr(stage, name) is None}
    if isinstance(stage, Img2Img | Detail) and not stage.encoders and stage.model in (None, first.model):
        taken["encoders"] = first.encoders
    return stage.model_copy(update=taken) if taken else stage
