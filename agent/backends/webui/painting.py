"""Requests for the stages that paint the whole picture: txt2img, img2img and refiner, with their ControlNet units."""

import base64
from collections.abc import Mapping
from pathlib import Path

from agent.backends import BackendTrouble, Work
from agent.backends.webui.carrying import carried
from agent.backends.webui.overrides import overrides
from agent.backends.webui.requests import ControlUnit, PictureRequest, Script, TextRequest
from agent.backends.webui.stock import CONTROLNET, Stock
from agent.backends.webui.wishes import Chosen, checkpoint_of, controls_of, one_of, words
from agent.pictures import encoded
from agent.pictures.masks import mask_of
from schema.parts import Control, Controls, Hires
from schema.stages import Img2Img, Refiner, Txt2Img

STEP = 8
"""Pixels a side is a multiple of; the server cuts the rest off in silence, and writes the asked size into its text."""

_RESIZE = {"stretch": 0, "crop": 1, "pad": 2}
_FILL = {"fill": 0, "original": 1, "noise": 2, "nothing": 3}
_CONTROL_RESIZE = {"stretch": "Just Resize", "crop": "Crop and Resize", "pad": "Resize and Fill"}
_CONTROL_MODE = {
    "balanced": "Balanced",
    "prompt": "My prompt is more important",
    "control": "ControlNet is more important",
}
DISTILLED = 3.5


def whole(side: int | None, what: str) -> int | None:
    """Raises BackendTrouble for a side the server would cut."""
    if side is not None and side % STEP:
        low = side // STEP * STEP
        raise BackendTrouble(
            "bad-request", f"{what} {side} is not divisible by {STEP}; take {low or STEP} or {low + STEP}"
        )
    return side


def cut(side: float) -> int:
    """As the server itself rounds a size that follows from another."""
    return max(STEP, int(side) // STEP * STEP)


def text_request(work: Work, config: Txt2Img, chosen: Chosen, stock: Stock, task: str) -> TextRequest:
    order = work.order
    whole(config.width, "width")
    whole(config.height, "height")
    refiner = checkpoint_of(config.refiner.model, stock, {}) if config.refiner else None
    request = TextRequest(
        prompt=_with_hypernetwork(words(order.prompt, stock), config.hypernetwork, stock),
        negative_prompt=words(order.negative, stock),
        seed=order.seed,
        subseed=variation_seed(config, order.seed),
        subseed_strength=config.variation,
        sampler_name=chosen.sampler,
        scheduler=chosen.scheduler or None,
        steps=config.steps,
        cfg_scale=config.cfg,
        distilled_cfg_scale=DISTILLED if config.guidance is None else config.guidance,
        width=config.width,
        height=config.height,
        batch_size=config.batch,
        tiling=config.tiling,
        denoising_strength=config.hires.denoise if config.hires else 0.0,
        refiner_checkpoint=refiner.title if refiner else None,
        refiner_switch_at=config.refiner.switch_at if config.refiner else None,
        override_settings=overrides(chosen, config.clip_skip, stock),
        alwayson_scripts=_controlled(config.controls, work.controls, None, stock),
        force_task_id=task,
    )
    return _with_hires(request, config.hires, stock) if config.hires else request


def variation_seed(config: Txt2Img, seed: int) -> int:
    """One that is not drawn anew, so that the picture can be made again."""
    return seed + 1 if config.variation_seed is None else config.variation_seed


def _with_hires(request: TextRequest, hires: Hires, stock: Stock) -> TextRequest:
    request.enable_hr = True
    request.hr_scale = hires.scale
    request.hr_upscaler = one_of("upscaler", hires.upscaler, (*stock.latent_upscalers, *stock.upscalers))
    request.hr_second_pass_steps = hires.steps
    request.hr_cfg, request.hr_distilled_cfg = request.cfg_scale, request.distilled_cfg_scale
    return request


def picture_request(
    work: Work, config: Img2Img | Refiner, picture: Path, number: int, chosen: Chosen, stock: Stock, task: str
) -> PictureRequest:
    """For one of the pictures of the stage before; each has the seed that follows the one before it."""
    init, size = carried(picture)
    width, height = size_of(config, size)
    request = PictureRequest(
        prompt=words(work.order.prompt, stock),
        negative_prompt=words(work.order.negative, stock),
        seed=work.order.seed + number,
        sampler_name=chosen.sampler,
        scheduler=chosen.scheduler or None,
        steps=config.steps,
        cfg_scale=config.cfg,
        distilled_cfg_scale=DISTILLED if config.guidance is None else config.guidance,
        width=width,
        height=height,
        denoising_strength=config.denoise if isinstance(config, Img2Img) else round(1.0 - config.switch_at, 6),
        override_settings=overrides(chosen, config.clip_skip, stock),
        init_images=[init],
        force_task_id=task,
    )
    if isinstance(config, Refiner):
        return request
    request.resize_mode = _RESIZE[config.resize]
    request.alwayson_scripts = _controlled(config.controls, work.controls, init, stock)
    return _masked(request, config, size, work.mask)


def size_of(config: Img2Img | Refiner, size: tuple[int, int]) -> tuple[int, int]:
    """What is asked for must fit the server; what follows from the picture is rounded down to fit."""
    if isinstance(config, Refiner):
        return cut(size[0]), cut(size[1])
    width, height = whole(config.width, "width"), whole(config.height, "height")
    return width or cut(size[0]), height or cut(size[1])


def _masked(request: PictureRequest, config: Img2Img, size: tuple[int, int], file: Path | None) -> PictureRequest:
    if config.mask_detector:
        raise BackendTrouble(
            "bad-request",
            "a WebUI finds nothing for a mask by its API; draw the mask, or use the stage `detail`, which finds and "
            "repaints",
        )
    mask = mask_of(config, size, file)
    if mask is None:
        return request
    request.mask = base64.b64encode(encoded(mask)).decode()
    request.mask_blur = request.mask_blur_x = request.mask_blur_y = config.mask_blur
    request.inpainting_fill = _FILL[config.fill]
    request.inpaint_full_res = config.mask_padding is not None
    request.inpaint_full_res_padding = config.mask_padding or 0
    return request


def _with_hypernetwork(prompt: str, name: str | None, stock: Stock) -> str:
    if name is None:
        return prompt
    spelled = one_of("hypernetwork", name, stock.hypernetworks)
    return f"{prompt} <hypernet:{spelled}:1>".strip()


def _controlled(controls: Controls, files: Mapping[str, Path], picture: str | None, stock: Stock) -> dict[str, Script]:
    """Raises BackendTrouble for more units than the server has: it would drop the rest without a word."""
    if not controls:
        return {}
    if CONTROLNET not in stock.scripts:
        raise BackendTrouble("bad-request", "this WebUI has no ControlNet; install its extension, or use Forge")
    if len(controls) > stock.control_units > 0:
        raise BackendTrouble(
            "bad-request",
            f"this WebUI has {stock.control_units} ControlNet units and {len(controls)} are asked for; "
            "raise their number in its settings",
        )
    return {"ControlNet": Script([_unit(control, files, picture) for control in controls_of(controls, stock)])}


def _unit(control: Control, files: Mapping[str, Path], picture: str | None) -> ControlUnit:
    """Its names are the server's own."""
    if control.image is not None:
        path = files.get(control.image)
        if path is None:
            raise BackendTrouble("bad-request", f"the picture {control.image[:12]} of a ControlNet unit is not here")
        picture = carried(path).text
    if picture is None:
        raise BackendTrouble("bad-request", "a ControlNet unit of txt2img needs a picture of its own; give it `image`")
    return ControlUnit(
        module=control.processor or "None",
        model=control.model,
        weight=control.weight,
        image=picture,
        resize_mode=_CONTROL_RESIZE[control.resize],
        processor_res=control.resolution,
        threshold_a=-1.0 if control.threshold_a is None else control.threshold_a,
        threshold_b=-1.0 if control.threshold_b is None else control.threshold_b,
        guidance_start=control.start,
        guidance_end=control.end,
        pixel_perfect=control.pixel_perfect,
        control_mode=_CONTROL_MODE[control.mode],
        low_vram=control.low_vram,
    )
