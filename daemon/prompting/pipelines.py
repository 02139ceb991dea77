"""Reads a pipeline from text, and fits it to a run: begin from a picture, make a film, refine as the model likes it."""

from functools import lru_cache

from pydantic import ValidationError

from daemon.prompting.texts import file_stem, nearest, told
from daemon.prompting.written import Json, read_json_or_yaml
from schema.errors import Refused
from schema.faults import sentence
from schema.pipeline import PipelineConfig
from schema.settings import RefineSettings
from schema.stages import Dispatch, Img2Img, PromptStage, Refine, Stage, Txt2Img, Video


@lru_cache(maxsize=16)
def read_pipeline(file: str, text: str, image: str | None = None) -> PipelineConfig:
    """From JSON or YAML, an object with `stages` or the plain array. Raises Refused that names stage and field.

    With `image` (SHA-256 of an uploaded picture) it begins with that picture: see `begin_from`.
    """
    written = read_json_or_yaml(file, text.removeprefix("\ufeff"))
    if isinstance(written, list):
        written = {"stages": written}
    if not isinstance(written, dict) or "stages" not in written:
        raise Refused(
            "holds no pipeline.",
            where=told(file),
            remedy='Write an object with "stages", or a plain array of {"id", "type"} steps.',
        )
    if "name" not in written and file_stem(file).strip():
        written = {**written, "name": file_stem(file)[:80]}
    return checked(begin_from(written, image) if image else written, file)


def checked(written: Json, file: str) -> PipelineConfig:
    try:
        return PipelineConfig.model_validate(written)
    except ValidationError as fault:
        raise Refused(sentence(fault, written, PipelineConfig), where=told(file)) from None


def begin_from(written: Json, image: str) -> Json:
    """The pipeline over a picture that is there already: its txt2img becomes an img2img over `image`.

    Model, sampler and the like are carried over. A switched-on img2img is given the picture instead, and then
    nothing before it runs. A refiner has nothing to take over and is switched off.
    """
    if not isinstance(written, dict) or not isinstance(written.get("stages"), list):
        return written
    stages = [dict(stage) for stage in _objects(written["stages"])]
    over = next((stage for stage in stages if stage.get("type") == "img2img" and stage.get("enabled", True)), None)
    carried = ("model", "vae", "sampler", "scheduler", "steps", "cfg", "clip_skip")
    begun: list[Json] = []
    for stage in stages:
        if stage is over:
            stage["image"] = image
        elif stage.get("type") == "txt2img" and stage.get("enabled", True) and over is None:
            stage = {"type": "img2img", "image": image, **{key: stage[key] for key in carried if key in stage}}
        elif stage.get("type") in ("txt2img", "refiner"):
            stage["enabled"] = False
        begun.append(stage)
    return {**written, "stages": begun}


def _objects(written: Json) -> list[dict[str, Json]]:
    return [stage for stage in written if isinstance(stage, dict)] if isinstance(written, list) else []


def with_film(pipeline: PipelineConfig, wanted: bool | None, default: bool, film: Video) -> PipelineConfig:
    """Switches the film on or off: `wanted` by the person, else by `default`. `film` is added where none is."""
    there = next((stage for stage in pipeline.stages if isinstance(stage, Video)), None)
    if wanted is None and not default:
        return pipeline
    on = True if wanted is None else wanted
    if there is not None:
        stages = tuple(
            stage.model_copy(update={"enabled": on}) if isinstance(stage, Video) else stage for stage in pipeline.stages
        )
    elif on:
        taken = {stage.id for stage in pipeline.stages}
        name = next(name for name in ("video", "film", *(f"video{n}" for n in range(2, 99))) if name not in taken)
        stages = (*pipeline.stages, film.model_copy(update={"id": name, "enabled": True}))
    else:
        return pipeline
    return pipeline.model_copy(update={"stages": stages})


def with_pictures(pipeline: PipelineConfig) -> PipelineConfig:
    """Words that are dispatched are meant for a picture: a pipeline that ends there goes on with txt2img."""
    if first_image_stage(pipeline) is not None or not any(isinstance(one, Dispatch) for one in pipeline.running()):
        return pipeline
    taken = {stage.id for stage in pipeline.stages}
    name = next(name for name in ("txt2img", *(f"txt2img{n}" for n in range(2, 99))) if name not in taken)
    at = 1 + max(at for at, stage in enumerate(pipeline.stages) if isinstance(stage, PromptStage))
    stages = (*pipeline.stages[:at], Txt2Img(id=name), *pipeline.stages[at:])
    return pipeline.model_copy(update={"stages": stages})


def with_refinement(pipeline: PipelineConfig, settings: RefineSettings) -> PipelineConfig:
    """Fills every refine stage's open fields from its preset, or from the preset of the pipeline's model.

    Without either the preset named `default` is taken, if there is one. Raises Refused for a preset that is not.
    """
    if not any(isinstance(stage, Refine) for stage in pipeline.stages):
        return pipeline
    model = model_of(pipeline)
    stages = tuple(
        _refined(stage, model, settings) if isinstance(stage, Refine) else stage for stage in pipeline.stages
    )
    return pipeline.model_copy(update={"stages": stages})


def _refined(stage: Refine, model: str | None, settings: RefineSettings) -> Refine:
    name = stage.preset or settings.models.get(model or "")
    if name is None:
        name = "default" if "default" in settings.presets else None
    if name is None:
        return stage
    preset = settings.presets.get(name)
    if preset is None:
        raise Refused(
            f"there is no refine preset '{told(name, 40)}' in the settings.",
            where=f"{stage.id}.preset",
            remedy=nearest(name, settings.presets) or "Write one as [refine.presets.NAME] in config.toml.",
        )
    filled = {field: value for field, value in preset.model_dump().items() if getattr(stage, field) is None}
    return stage.model_copy(update={"preset": name, **filled})


def model_of(pipeline: PipelineConfig) -> str | None:
    """The model that makes the first picture."""
    first = first_image_stage(pipeline)
    return first.model if isinstance(first, Txt2Img | Img2Img) else None


def first_image_stage(pipeline: PipelineConfig) -> Stage | None:
    return next((stage for stage in pipeline.running() if not isinstance(stage, PromptStage)), None)
