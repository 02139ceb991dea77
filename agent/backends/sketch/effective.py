"""The config a sketched stage was really run with: what stands for the fields that nobody filled."""

from collections.abc import Mapping

from agent import effective
from agent.backends.sketch.brief import Config
from agent.backends.sketch.look import INTERROGATORS
from agent.backends.sketch.palette import DEFAULT_MODEL
from agent.backends.sketch.texture import DEFAULT_SAMPLER, DEFAULT_SCHEDULER
from schema.plans import Scalar
from schema.stages import Detail, Img2Img, Interrogate, Refiner, Txt2Img, Upscale

DEFAULT_UPSCALER = "lanczos"


def flattened(config: Config, used: Mapping[str, Scalar]) -> dict[str, Scalar]:
    flat = effective.flattened(config, used)
    for name, value in defaults_of(config).items():
        if flat.get(name) is None:
            flat[name] = value
    return flat


def defaults_of(config: Config) -> dict[str, Scalar]:
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
        case Interrogate():
            return {"model": INTERROGATORS[0]}
        case _:
            return {}


def model_of(config: Config) -> str | None:
    """The model that must be loaded; None: any will do."""
    match config:
        case Txt2Img():
            return config.model or DEFAULT_MODEL
        case Img2Img() | Refiner() | Detail() | Upscale():
            return config.model
        case _:
            return None
