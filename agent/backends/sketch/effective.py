"""The config a stage was really run with: every field, nested ones flattened, defaults filled in."""

from collections.abc import Mapping

from agent.backends.sketch.palette import DEFAULT_MODEL
from agent.backends.sketch.texture import DEFAULT_SAMPLER, DEFAULT_SCHEDULER
from schema.plans import Scalar
from schema.stages import Detail, ImageStage, Img2Img, Refine, Refiner, Txt2Img, Upscale

DEFAULT_UPSCALER = "lanczos"
REFINE_DEFAULTS: Mapping[str, Scalar] = {"tool": "bilateral", "denoise": 0.3, "sharpen": 0.5, "radius": 1.0}


def flattened(config: ImageStage, used: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """All but `id`, `type` and `enabled`, which are the step's and not the setting's."""
    flat: dict[str, Scalar] = {}
    for name, value in config.model_dump(exclude={"id", "type", "enabled"}).items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            flat[name] = value
    for name, value in (defaults_of(config) | dict(used)).items():
        if flat.get(name) is None or name in used:
            flat[name] = value
    return flat


def defaults_of(config: ImageStage) -> dict[str, Scalar]:
    """What stands for None."""
    match config:
        case Txt2Img() | Img2Img() | Refiner() | Detail():
            return {
                "model": DEFAULT_MODEL,
                "vae": "built in",
                "sampler": DEFAULT_SAMPLER,
                "scheduler": DEFAULT_SCHEDULER,
            }
        case Upscale():
            own: dict[str, Scalar] = {"upscaler": DEFAULT_UPSCALER}
            return own | ({"model": DEFAULT_MODEL} if config.denoise else {})
        case Refine():
            return dict(REFINE_DEFAULTS)
        case _:
            return {}


def model_of(config: ImageStage) -> str | None:
    """The model that must be loaded; None: any will do."""
    match config:
        case Txt2Img():
            return config.model or DEFAULT_MODEL
        case Img2Img() | Refiner() | Detail() | Upscale():
            return config.model
        case _:
            return None
