"""Requests for stages that sample nothing or in tiles: upscale and face restoration through extras, or SD upscale."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent.backends import BackendTrouble, Work
from agent.backends.webui.carrying import Carried, carried
from agent.backends.webui.overrides import overrides
from agent.backends.webui.painting import STEP, cut, whole
from agent.backends.webui.requests import ExtrasBatch, ExtrasRequest, ExtrasSingle, NamedImage, PictureRequest
from agent.backends.webui.stock import SD_UPSCALE, Stock
from agent.backends.webui.wishes import Chosen, one_of, upscaler_of, words
from schema.stages import FaceRestore, Upscale

Size = tuple[int, int]


class Extras(NamedTuple):
    path: str
    request: ExtrasRequest
    sizes: tuple[Size, ...]
    """What must come back, in this order."""
    side: int
    """The longest of all that are sent."""


def upscaled_size(config: Upscale, size: Size) -> Size:
    """The server rounds what a factor gives down to a multiple of 8."""
    if config.width and config.height:
        return config.width, config.height
    return cut(size[0] * config.factor), cut(size[1] * config.factor)


def upscale_extras(config: Upscale, pictures: Sequence[Path], stock: Stock) -> Extras:
    """One picture alone, several together. Raises BackendTrouble for a size that would get black edges."""
    whole(config.width, "width")
    whole(config.height, "height")
    fixed = bool(config.width and config.height)
    request = ExtrasRequest(
        resize_mode=1 if fixed else 0,
        upscaling_resize=config.factor,
        upscaling_resize_w=config.width or 512,
        upscaling_resize_h=config.height or 512,
        upscaler_1=upscaler_of(config.upscaler, stock),
        upscaler_2=upscaler_of(config.upscaler2, stock) if config.upscaler2 else "None",
        extras_upscaler_2_visibility=config.blend if config.upscaler2 else 0.0,
    )
    contents = [carried(path) for path in pictures]
    return _extras(request, contents, [upscaled_size(config, size) for _, size in contents])


def restore_extras(config: FaceRestore, pictures: Sequence[Path], stock: Stock) -> Extras:
    restorer = one_of("face restorer", config.restorer, [name.lower() for name in stock.restorers])
    if restorer not in ("gfpgan", "codeformer"):
        raise BackendTrouble("bad-request", f"extras offer gfpgan and codeformer; '{config.restorer}' is neither")
    request = ExtrasRequest(
        gfpgan_visibility=config.strength if restorer == "gfpgan" else 0.0,
        codeformer_visibility=config.strength if restorer == "codeformer" else 0.0,
        codeformer_weight=config.fidelity if restorer == "codeformer" else 0.0,
    )
    contents = [carried(path) for path in pictures]
    return _extras(request, contents, [size for _, size in contents])


def _extras(request: ExtrasRequest, contents: Sequence[Carried], sizes: Sequence[Size]) -> Extras:
    shared = {name: getattr(request, name) for name in request.__struct_fields__}
    side = max(side for content in contents for side in content.size)
    if len(contents) == 1:
        return Extras("extra-single-image", ExtrasSingle(**shared, image=contents[0].text), tuple(sizes), side)
    images = [NamedImage(data, f"{number}.png") for number, (data, _) in enumerate(contents)]
    return Extras("extra-batch-images", ExtrasBatch(**shared, imageList=images), tuple(sizes), side)


class Tiled(NamedTuple):
    request: PictureRequest
    size: Size
    tiles: int
    """How many times the sampler runs."""


def tiled_request(
    work: Work, config: Upscale, picture: Path, number: int, chosen: Chosen, stock: Stock, task: str
) -> Tiled:
    """The script `SD upscale`: enlarged first, then repainted tile by tile. Its tile is the request's size."""
    if SD_UPSCALE not in stock.scripts:
        raise BackendTrouble("bad-request", "this WebUI has no script `SD upscale`; set the upscale's denoise to 0")
    if config.upscaler2 and config.blend:
        raise BackendTrouble("bad-request", "`SD upscale` takes one upscaler; leave upscaler2 out, or set denoise to 0")
    whole(config.tile or None, "tile")
    init, size = carried(picture)
    wanted = upscaled_size(config, size)
    factor = _factor(config, size, wanted)
    tile = (config.tile, config.tile) if config.tile else wanted
    overlap = config.overlap if config.tile else 0
    request = PictureRequest(
        prompt=words(work.order.prompt, stock),
        negative_prompt=words(work.order.negative, stock),
        seed=work.order.seed + number,
        sampler_name=chosen.sampler,
        scheduler=chosen.scheduler or None,
        steps=config.steps,
        cfg_scale=config.cfg,
        width=tile[0],
        height=tile[1],
        denoising_strength=config.denoise,
        override_settings=overrides(chosen, 1, stock),
        init_images=[init],
        script_name="SD upscale",
        script_args=[None, overlap, upscaler_of(config.upscaler, stock), factor],
        force_task_id=task,
    )
    return Tiled(request, wanted, _count(wanted[0], tile[0], overlap) * _count(wanted[1], tile[1], overlap))


def _factor(config: Upscale, size: Size, wanted: Size) -> float:
    if not config.width:
        return config.factor
    factor = max(wanted[0] / size[0], wanted[1] / size[1])
    reached = cut(size[0] * factor + 1e-6), cut(size[1] * factor + 1e-6)
    if reached != wanted:
        raise BackendTrouble(
            "bad-request",
            f"`SD upscale` keeps the picture's shape and would give {reached[0]}x{reached[1]}; "
            f"ask for that, or for multiples of {STEP} of the same shape",
        )
    return factor


def _count(side: int, tile: int, overlap: int) -> int:
    """Tiles along one side."""
    if side <= tile:
        return 1
    step = max(1, tile - overlap)
    return -(-(side - overlap) // step)
