"""txt2img with its second pass and its second model, img2img, and the refiner."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image

from agent.backends import BackendTrouble
from agent.backends.diffusers.inside.brief import Brief, Outcome
from agent.backends.diffusers.inside.brush import Brush, Size, size_fits
from agent.backends.diffusers.inside.enlarge import enlarged
from agent.backends.diffusers.inside.ready import fitted, ready, steering
from agent.backends.diffusers.inside.regions import masked
from agent.backends.diffusers.resizers import LATENT
from schema.parts import Hires, Switch
from schema.stages import Img2Img, Refiner, Txt2Img

MOST_STEPS = 999
"""Of the thousand that the models were trained on."""


def txt2img(brief: Brief, config: Txt2Img) -> Outcome:
    _refuse_foreign(config)
    size = config.width, config.height
    size_fits(size, 8, "a picture of")
    brush = ready(brief, config, size)
    brush = replace(brush, tiling=config.tiling, steering=steering(brief, config.controls, size, None))
    seeds = [brief.order.seed + number for number in range(config.batch)]
    latent = config.hires is not None and config.hires.upscaler in LATENT
    painted: list[Image.Image | torch.Tensor] = []
    for start in range(0, len(seeds), brush.savings.at_once):
        some = seeds[start : start + brush.savings.at_once]
        doing = "sampling" if len(some) == len(seeds) else f"sampling {start + 1}/{len(seeds)}"
        painted += _first(brush.called(doing), config, size, some, latent)
    if brush.savings.at_once > 1:
        brief.reported["at_once"] = min(brush.savings.at_once, len(seeds))
    if config.hires is not None:
        painted = [_second(brush, config, config.hires, each, seed) for each, seed in zip(painted, seeds, strict=True)]
    pictures = [each for each in painted if isinstance(each, Image.Image)]
    return Outcome(tuple(zip(pictures, seeds, strict=True)))


def img2img(brief: Brief, config: Img2Img) -> Outcome:
    if config.workflow:
        raise BackendTrouble("bad-request", "a ComfyUI workflow needs a comfyui backend")
    first = brief.pictures(config.type)[0]
    size = config.width or first.width, config.height or first.height
    brush = ready(brief, config, size)
    brief.used |= {"width": size[0], "height": size[1]}

    def made(picture: Image.Image, seed: int, number: str) -> Image.Image:
        picture_size = config.width or picture.width, config.height or picture.height
        fit = fitted(picture, picture_size, config.resize)
        stroke = replace(brush, steering=steering(brief, config.controls, picture_size, fit), doing=f"sampling{number}")
        if config.masked:
            return masked(brief, config, stroke, picture, fit, seed)
        return whole(stroke, fit, config.denoise, seed)

    return brief.each(config.type, made)


def refiner(brief: Brief, config: Refiner) -> Outcome:
    brush = ready(brief, config, brief.pictures(config.type)[0].size)

    def made(picture: Image.Image, seed: int, number: str) -> Image.Image:
        return whole(brush.called(f"refining{number}"), picture, 1 - config.switch_at, seed)

    return brief.each(config.type, made)


def whole(brush: Brush, picture: Image.Image, strength: float, seed: int) -> Image.Image:
    """A picture of any size painted over; unchanged when its strength leaves no step."""
    if brush.steps_of(strength) < 1:
        brush.brief.reported.setdefault("steps_run", 0)
        return picture
    grain = brush.painter.grain
    width, height = (-(-side // grain) * grain for side in picture.size)
    if (width, height) == picture.size:
        return brush.over(picture, strength, [seed]).pictures[0]
    larger = picture.resize((width, height), Image.Resampling.BILINEAR)
    larger.paste(picture, (0, 0))
    return brush.over(larger, strength, [seed]).pictures[0].crop((0, 0, *picture.size))


def _first(
    brush: Brush, config: Txt2Img, size: Size, seeds: Sequence[int], latent: bool
) -> list[Image.Image | torch.Tensor]:
    """The first pass, with the second model at its end where one is named."""
    noise = _varied(brush, config, size, seeds)
    switch = config.refiner
    if switch is None or switch.switch_at >= 1:
        made = brush.paint(size, seeds, noise=noise, latent=latent)
        return _apart(made.latents) if made.latents is not None else list(made.pictures)
    other = replace(ready(brush.brief, config, size, model=switch.model), tiling=config.tiling, doing="refining")
    if brush.painter.family == "sdxl" and other.painter.is_xl:
        brush.brief.reported["refined_by"] = "one schedule"
        begun = replace(brush, extra={"denoising_end": switch.switch_at})
        latents = begun.paint(size, seeds, noise=noise, latent=True).latents
        assert latents is not None
        ended = replace(other, extra={"denoising_start": switch.switch_at})
        done = [ended.over(each, 1.0, [seed], latent=latent) for each, seed in zip(_apart(latents), seeds, strict=True)]
        return [each.latents if each.latents is not None else each.pictures[0] for each in done]
    return _refined(brush, other, size, seeds, noise, switch, latent)


def _refined(
    brush: Brush,
    other: Brush,
    size: Size,
    seeds: Sequence[int],
    noise: torch.Tensor | None,
    switch: Switch,
    latent: bool,
) -> list[Image.Image | torch.Tensor]:
    """Models whose latents differ meet in the picture: the second paints over it."""
    brush.brief.reported["refined_by"] = "img2img"
    pictures = brush.paint(size, seeds, noise=noise).pictures
    strength = 1 - switch.switch_at
    if other.steps_of(strength) < 1:
        return list(pictures)
    done = [other.over(each, strength, [seed], latent=latent) for each, seed in zip(pictures, seeds, strict=True)]
    return [each.latents if each.latents is not None else each.pictures[0] for each in done]


def _second(brush: Brush, config: Txt2Img, hires: Hires, first: Image.Image | torch.Tensor, seed: int) -> Image.Image:
    """All its steps are run whatever `denoise` is, as in WebUI."""
    grain = brush.painter.grain
    size = tuple(max(grain, round(side * hires.scale / grain) * grain) for side in (config.width, config.height))
    steps = hires.steps or config.steps
    brush.brief.used["hires.steps"] = steps
    larger: Image.Image | torch.Tensor
    if isinstance(first, torch.Tensor):
        cells = size[1] // brush.painter.cell, size[0] // brush.painter.cell
        larger = torch.nn.functional.interpolate(first.float(), size=cells, mode=LATENT[hires.upscaler]).to(first.dtype)
    else:
        larger = enlarged(brush.brief, first, hires.upscaler, (size[0], size[1]))
    if hires.denoise <= 0:
        assert isinstance(larger, Image.Image)
        return larger
    total = min(MOST_STEPS, math.ceil(steps / hires.denoise - 1e-9))
    again = replace(brush, steps=total, doing="hires")
    return again.over(larger, hires.denoise, [seed]).pictures[0]


def _varied(brush: Brush, config: Txt2Img, size: Size, seeds: Sequence[int]) -> torch.Tensor | None:
    """Noise on the way to another seed's, without one named to the next; None: the pipeline draws its own."""
    if not config.variation:
        return None
    other = config.variation_seed if config.variation_seed is not None else brush.brief.order.seed + 1
    others = [other + seed - brush.brief.order.seed for seed in seeds]
    brush.brief.used["variation_seed"] = other
    return _slerp(config.variation, brush.noise_for(size, seeds), brush.noise_for(size, others))


def _slerp(part: float, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Along the sphere on which noise lies, so that it stays noise."""
    flat = [each.float().flatten(1) for each in (one, other)]
    cosine = torch.nn.functional.cosine_similarity(flat[0], flat[1]).clamp(-1, 1)
    angle = torch.acos(cosine).reshape(-1, 1, 1, 1)
    near = torch.lerp(one.float(), other.float(), part)
    turned = (torch.sin((1 - part) * angle) * one + torch.sin(part * angle) * other) / torch.sin(angle)
    return torch.where(angle.abs() < 1e-3, near, turned).to(one.dtype)


def _apart(latents: torch.Tensor) -> list[Image.Image | torch.Tensor]:
    return [latents[number : number + 1] for number in range(len(latents))]


def _refuse_foreign(config: Txt2Img) -> None:
    if config.workflow:
        raise BackendTrouble("bad-request", "a ComfyUI workflow needs a comfyui backend")
    if config.hypernetwork:
        raise BackendTrouble("bad-request", f"diffusers has no hypernetworks; leave out {config.hypernetwork}")
    if config.hires and config.hires.upscaler in LATENT and not config.hires.denoise:
        raise BackendTrouble(
            "bad-request", f"hires with {config.hires.upscaler} needs denoise above 0; or take Lanczos"
        )
