"""The request for `detail`: the ADetailer extension through img2img, which itself is skipped.

ADetailer refuses a field it does not know, and the server then answers with an untouched picture: only fields of all
its versions are sent, and those that changed their name by what the server tells of them.
"""

from pathlib import Path

from agent.backends import BackendTrouble, Work
from agent.backends.webui.carrying import carried
from agent.backends.webui.overrides import overrides
from agent.backends.webui.painting import DISTILLED, cut, whole
from agent.backends.webui.requests import PictureRequest, Script
from agent.backends.webui.stock import Stock
from agent.backends.webui.wishes import Chosen, detector_of, one_of, processor_of, words
from schema.stages import Detail

Fields = dict[str, str | int | float | bool]

_MERGE = {"none": "None", "merge": "Merge", "invert": "Merge and Invert"}
_RANK = {"area": "Area", "confidence": "Confidence"}


def detail_request(
    work: Work, config: Detail, picture: Path, number: int, chosen: Chosen, stock: Stock, task: str
) -> PictureRequest:
    if not stock.detectors:
        raise BackendTrouble("bad-request", "this WebUI has no ADetailer; install the extension and restart it")
    init, size = carried(picture)
    return PictureRequest(
        prompt=words(work.order.prompt, stock),
        negative_prompt=words(work.order.negative, stock),
        seed=work.order.seed + number,
        sampler_name=chosen.sampler,
        scheduler=chosen.scheduler or None,
        steps=config.steps,
        cfg_scale=config.cfg,
        distilled_cfg_scale=DISTILLED if config.guidance is None else config.guidance,
        width=cut(size[0]),
        height=cut(size[1]),
        denoising_strength=config.denoise,
        override_settings=overrides(chosen, config.clip_skip, stock),
        init_images=[init],
        alwayson_scripts={"ADetailer": Script([True, True, pass_fields(config, chosen, stock)])},
        force_task_id=task,
    )


def pass_fields(config: Detail, chosen: Chosen, stock: Stock) -> Fields:
    """One pass. Enabled, and img2img skipped, are the two arguments before it."""
    return {
        "ad_model": detector_of(config.detector, stock),
        "ad_model_classes": ", ".join(config.classes),
        "ad_prompt": words(config.prompt, stock),
        "ad_negative_prompt": words(config.negative, stock),
        "ad_confidence": config.confidence,
        **_kept(config, stock),
        "ad_mask_min_ratio": config.min_area,
        "ad_mask_max_ratio": config.max_area,
        "ad_dilate_erode": config.dilate,
        "ad_x_offset": config.shift_x,
        "ad_y_offset": config.shift_y,
        "ad_mask_merge_invert": _MERGE[config.merge],
        "ad_mask_blur": config.mask_blur,
        "ad_denoising_strength": config.denoise,
        "ad_inpaint_only_masked": config.only_masked,
        "ad_inpaint_only_masked_padding": config.padding,
        **_size(config),
        "ad_use_steps": True,
        "ad_steps": config.steps,
        "ad_use_cfg_scale": True,
        "ad_cfg_scale": config.cfg,
        **_models(config, chosen, stock),
        "ad_use_sampler": True,
        "ad_sampler": chosen.sampler,
        **({"ad_scheduler": chosen.scheduler} if chosen.scheduler else {}),
        "ad_use_noise_multiplier": config.noise is not None,
        "ad_noise_multiplier": 1.0 if config.noise is None else config.noise,
        "ad_use_clip_skip": True,
        "ad_clip_skip": config.clip_skip,
        "ad_restore_face": config.restore_face,
        **_control(config, stock),
    }


def _kept(config: Detail, stock: Stock) -> Fields:
    """How many finds, and by what. Newer versions know an order of preference; older ones always take the largest."""
    if "ad_mask_k" in stock.detail_fields or (not stock.detail_fields and config.rank_by == "confidence"):
        return {"ad_mask_k": config.max_regions, "ad_mask_filter_method": _RANK[config.rank_by]}
    if config.rank_by == "confidence" and config.max_regions:
        raise BackendTrouble(
            "bad-request", "this ADetailer keeps the largest finds only; update it, or set rank_by to area"
        )
    return {"ad_mask_k_largest": config.max_regions}


def detail_size(config: Detail, picture: tuple[int, int]) -> tuple[int, int]:
    """What each find is painted at: the picture's own size where the stage names none."""
    own = config.width or config.height or 0
    return (config.width or own, config.height or own) if own else picture


def _size(config: Detail) -> Fields:
    width, height = whole(config.width, "width"), whole(config.height, "height")
    sized = width is not None or height is not None
    width, height = detail_size(config, (512, 512))
    return {"ad_use_inpaint_width_height": sized, "ad_inpaint_width": width, "ad_inpaint_height": height}


def _models(config: Detail, chosen: Chosen, stock: Stock) -> Fields:
    """What the pass samples with. The request's own overrides name both too, so neither changes for the pass."""
    checkpoint = chosen.checkpoint.title if config.model and chosen.checkpoint else ""
    own_vae = chosen.vae if chosen.vae and stock.flavour == "a1111" else ""
    named: Fields = {"ad_use_checkpoint": bool(checkpoint), "ad_use_vae": bool(own_vae)}
    if checkpoint:
        named["ad_checkpoint"] = checkpoint
    if own_vae:
        named["ad_vae"] = own_vae
    return named


def _control(config: Detail, stock: Stock) -> Fields:
    return {
        "ad_controlnet_model": one_of("ControlNet model", config.control, stock.controls) if config.control else "None",
        "ad_controlnet_module": processor_of(config.control_processor, stock) if config.control_processor else "None",
        "ad_controlnet_weight": config.control_weight,
        "ad_controlnet_guidance_start": config.control_start,
        "ad_controlnet_guidance_end": config.control_end,
    }
