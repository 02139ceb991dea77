"""The detail stage: each find enlarged, repainted step by step, made small again and put back with a soft edge."""

from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter, ImageOps

from agent.backends.sketch import pixels, steer
from agent.backends.sketch.brief import Brief, Outcome
from agent.backends.sketch.composition import Painting, Wish, wish_of
from agent.backends.sketch.regions import Region, find
from agent.backends.sketch.texture import balance, hand_of, tone_of, touch
from agent.pictures.masks import Box, around, blurred
from schema.parts import Control
from schema.stages import Detail

REGION_SIDE = 384
"""Pixels a region is enlarged to where nobody says."""


class Patch(NamedTuple):
    box: Box
    """What is painted."""
    mask: Image.Image
    """What of it is kept; L, of the whole picture's size, hard edges."""


def detail(brief: Brief, config: Detail) -> Outcome:
    picture = brief.picture().copy()
    areas = config.min_area, config.max_area
    found = find(picture, config.detector, config.confidence, config.max_regions, areas)
    patches = _patches(config, found, picture.size)
    wish = wish_of(brief.order, config, brief.seed)
    wish = wish._replace(prompt=config.prompt or wish.prompt, negative=config.negative or wish.negative)
    for number, patch in enumerate(patches):
        _repaint(brief, config, wish, picture, patch, number, len(patches) * config.steps)
    if not patches:
        brief.tick(1, 1, "searching")
    return Outcome(
        picture=picture,
        used={
            "prompt": wish.prompt,
            "negative": wish.negative,
            "width": config.width or REGION_SIDE,
            "height": config.height or REGION_SIDE,
        },
        reported={
            "regions": len(found),
            "boxes": "; ".join(",".join(map(str, region.box)) for region in found),
            "confidences": ", ".join(f"{region.confidence:g}" for region in found),
        },
    )


def _patches(config: Detail, found: list[Region], size: tuple[int, int]) -> list[Patch]:
    """What is painted at once: every find for itself, all of them, or all but them."""
    masks = [_mask(config, region.box, size) for region in found]
    if config.merge != "none" and masks:
        together = masks[0]
        for mask in masks[1:]:
            together = ImageChops.lighter(together, mask)
        masks = [ImageOps.invert(together) if config.merge == "invert" else together]
    whole = Box(0, 0, *size)
    boxes = [around(mask, 0 if config.merge == "none" else config.padding) for mask in masks]
    if config.merge == "none":
        # what is painted is measured from the find itself, whatever its mask grew to
        boxes = [_padded(_shifted(region.box, config), config.padding, size) for region in found]
    return [
        Patch(box if config.only_masked else whole, mask)
        for box, mask in zip(boxes, masks, strict=True)
        if box is not None and box.right > box.left and box.bottom > box.top  # a find may be shifted out of sight
    ]


def _mask(config: Detail, box: Box, size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    left, top, right, bottom = _padded(_shifted(box, config), config.dilate, size)
    if right > left and bottom > top:
        mask.paste(255, (left, top, right, bottom))
    return mask


def _repaint(
    brief: Brief, config: Detail, wish: Wish, picture: Image.Image, patch: Patch, number: int, total: int
) -> None:
    before = picture.crop(patch.box)
    share = min((config.width or REGION_SIDE) / before.width, (config.height or REGION_SIDE) / before.height)
    size = max(1, round(before.width * share)), max(1, round(before.height * share))
    large = before.resize(size, Image.Resampling.LANCZOS)
    hand = hand_of(wish.sampler, wish.scheduler)
    for step in range(config.steps):
        brief.tick(number * config.steps + step + 1, total, f"detail {number + 1}")
        if step % 6 == 0:
            percent = round(15 + 40 * config.denoise)
            large = large.filter(ImageFilter.UnsharpMask(radius=1.6, percent=percent, threshold=1))
    noise = 1.0 if config.noise is None else config.noise
    large = touch(large, hand, wish.seed + number, 0.5 * config.denoise * noise)
    tone = tone_of(config.vae, config.clip_skip, None, config.guidance, config.encoders)
    large = balance(large, 7.0 + (config.cfg - 7.0) * 0.35, tone)
    glow = Painting(wish._replace(seed=wish.seed + number, steps=4), (64, 64))
    glow.strokes[0][1](glow.canvas)
    large = Image.blend(large, ImageChops.soft_light(large, glow.canvas.image.resize(size)), 0.3 * config.denoise)
    large = _steered(large, config)
    if config.restore_face:
        large = pixels.restored(large, "codeformer", 0.5, 0.5)
    better = Image.blend(before, large.resize(before.size, Image.Resampling.LANCZOS), min(1.0, 0.35 + config.denoise))
    picture.paste(better, patch.box[:2], blurred(patch.mask.crop(patch.box), config.mask_blur))


def _steered(large: Image.Image, config: Detail) -> Image.Image:
    """By a map of the find itself."""
    if config.control is None:
        return large
    unit = Control(
        model=config.control, processor=config.control_processor, weight=config.control_weight, pixel_perfect=True
    )
    share = config.control_weight * max(0.0, config.control_end - config.control_start)
    return steer.steered(large, steer.mapped(unit, large, 1), share)


def _shifted(box: Box, config: Detail) -> Box:
    dx, dy = config.shift_x, -config.shift_y
    return Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)


def _padded(box: Box, padding: int, size: tuple[int, int]) -> Box:
    """Grown, and cut off at the picture's rim; empty where nothing is left."""
    left, top = min(max(0, box.left - padding), size[0]), min(max(0, box.top - padding), size[1])
    return Box(left, top, max(left, min(size[0], box.right + padding)), max(top, min(size[1], box.bottom + padding)))
