"""From a stage's fields to a brush: names found, models loaded, prompts read. Whatever is refused is refused here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageOps

from agent.backends import BackendTrouble
from agent.backends.diffusers.inside import adapters
from agent.backends.diffusers.inside.brief import Brief
from agent.backends.diffusers.inside.brush import Brush, Size, Steering
from agent.backends.diffusers.inside.canny import canny
from agent.backends.diffusers.inside.device import savings
from agent.backends.diffusers.inside.models import weights_bytes
from agent.backends.diffusers.inside.painter import Painter
from agent.backends.diffusers.inside.words import understood
from agent.backends.diffusers.samplers import Recipe, recipe
from agent.backends.diffusers.syntax import parsed
from agent.pictures import opened
from schema.names import nearest
from schema.parts import Control
from schema.plans import Scalar
from schema.stages import Detail, Img2Img, Refiner, Txt2Img, Upscale

BUILT_IN = "built in"
PROCESSORS = ("canny",)

Sampled = Txt2Img | Img2Img | Refiner | Detail | Upscale


def ready(
    brief: Brief, config: Sampled, size: Size, *, model: str | None = None, prompt: str = "", negative: str = ""
) -> Brush:
    """The brush of a stage that works at `size`. `model` stands for another than the stage's own, and is not recorded
    as such; `prompt` and `negative` for the job's where they are not empty. Raises BackendTrouble, Unwanted.
    """
    if not isinstance(config, Upscale) and config.encoders:
        names = ", ".join(config.encoders)
        raise BackendTrouble(
            "bad-request", f"the families that diffusers paints here hold their text encoders; leave out {names}"
        )
    painter = _painter(brief, config, model)
    vae_name = None if isinstance(config, Upscale) else config.vae
    clip_skip = 1 if isinstance(config, Upscale) else config.clip_skip
    plan = recipe(config.sampler, config.scheduler, painter.own_scheduler)
    positive, against = parsed(prompt or brief.order.prompt), parsed(negative or brief.order.negative)
    loras = adapters.chosen(brief.folder, (*positive.loras, *against.loras), painter)
    adapters.put_in(painter, loras)
    taught = adapters.taught(painter, brief.folder, positive, against)
    words = understood(painter, taught.prompts[0], taught.prompts[1], clip_skip)
    save = savings(
        brief.models.device,
        painter.family,
        size[0] * size[1],
        config.batch if isinstance(config, Txt2Img) else 1,
        model_fits=brief.models.fits(weights_bytes(painter.entry.path)),
        reduced=brief.order.reduced,
    )
    vae = None if vae_name in (None, "", "Automatic", "None", BUILT_IN) else brief.folder.entry("vaes", vae_name, "VAE")
    brush = Brush(
        brief=brief,
        painter=painter,
        recipe=plan,
        words=words,
        steps=config.steps,
        cfg=config.cfg,
        savings=save,
        vae=brief.models.vae(vae, painter, brief.teller) if vae else None,
    )
    if model is None:
        brief.used |= _used(config, painter, plan, vae.name if vae else BUILT_IN)
        if not isinstance(config, Upscale) and config.guidance is not None:
            brief.reported["left_out"] = f"guidance {config.guidance:g}: {painter.family} has none"
        brief.reported |= _reported(brush, taught, [f"{entry.name}:{lora.unet:g}" for entry, lora in loras])
    return brush


def steering(brief: Brief, controls: Sequence[Control], size: Size, picture: Image.Image | None) -> Steering | None:
    """The ControlNet units; `picture` is what the stage works on, for units that name no other."""
    if not controls:
        return None
    entries = [brief.folder.entry("controls", unit.model, "ControlNet") for unit in controls]
    for unit in controls:
        if unit.mode == "prompt":
            raise BackendTrouble(
                "bad-request", "diffusers has no ControlNet mode `prompt`; take `balanced` and a weight below 1"
            )
    if len({unit.mode for unit in controls}) > 1:
        raise BackendTrouble("bad-request", "diffusers steers all ControlNet units in one mode; give them the same")
    return Steering(
        nets=tuple(brief.models.control(entry, brief.folder, brief.teller) for entry in entries),
        maps=tuple(_map(brief.controls, unit, size, picture) for unit in controls),
        weights=tuple(unit.weight for unit in controls),
        starts=tuple(unit.start for unit in controls),
        ends=tuple(unit.end for unit in controls),
        control_more=controls[0].mode == "control",
    )


def processed(picture: Image.Image, processor: str | None, low: float | None, high: float | None) -> Image.Image:
    """The map that a processor makes. Raises BackendTrouble for those that need models of their own."""
    if processor is None or processor.lower() == "none":
        return picture
    if processor.lower() != "canny":
        near = nearest(processor, PROCESSORS) or PROCESSORS
        raise BackendTrouble(
            "bad-request",
            f"diffusers has no ControlNet processor {processor!r}, only {', '.join(near)}; "
            "make the map elsewhere and give it as the picture without a processor",
        )
    return canny(picture, 100.0 if low is None else low, 200.0 if high is None else high)


def fitted(picture: Image.Image, size: Size, how: str) -> Image.Image:
    if picture.size == size:
        return picture
    match how:
        case "crop":
            return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
        case "pad":
            return ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color=0)
        case _:
            return picture.resize(size, Image.Resampling.LANCZOS)


def _painter(brief: Brief, config: Sampled, model: str | None) -> Painter:
    """Of a stage after the first that names no model: the one that was used last."""
    wanted = model or config.model
    entry = None if wanted or isinstance(config, Txt2Img) else brief.models.resident_painter()
    return brief.models.painter(
        entry or brief.folder.model(wanted), brief.folder, brief.teller, reduced=brief.order.reduced
    )


def _map(files: Mapping[str, Path], unit: Control, size: Size, picture: Image.Image | None) -> Image.Image:
    seen = opened(files[unit.image]) if unit.image and unit.image in files else picture
    if seen is None:
        raise BackendTrouble("bad-request", f"the ControlNet unit {unit.model} needs an image; txt2img has none yet")
    seen = fitted(seen, size, unit.resize)
    if unit.processor and not unit.pixel_perfect:
        share = unit.resolution / min(seen.size)
        seen = seen.resize((max(1, round(seen.width * share)), max(1, round(seen.height * share))))
    return processed(seen, unit.processor, unit.threshold_a, unit.threshold_b)


def _used(config: Sampled, painter: Painter, plan: Recipe, vae: str) -> dict[str, Scalar]:
    used: dict[str, Scalar] = {
        "model": painter.entry.name, "sampler": plan.sampler, "scheduler": plan.scheduler,
    }  # fmt: skip
    if not isinstance(config, Upscale):
        used |= {"vae": vae, "guidance": None, "encoders": None}
    return used


def _reported(brush: Brush, taught: adapters.Taught, loras: Sequence[str]) -> dict[str, Scalar]:
    named: dict[str, Scalar] = {
        "family": brush.painter.family,
        "savings": brush.savings.named(),
        "loras": ", ".join(loras),
        "embeddings": ", ".join(taught.named),
        "embeddings_unfit": ", ".join(taught.unfit),
    }
    if brush.words.windows > 1:
        named["prompt_windows"] = brush.words.windows
    return {name: value for name, value in named.items() if value}
