"""Painting inside masks: img2img's, and around what a detector found. The rest of the picture stays to the last bit."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from agent.backends import BackendTrouble
from agent.backends.diffusers.folder import Entry
from agent.backends.diffusers.inside.brief import Brief, Outcome
from agent.backends.diffusers.inside.brush import Brush, Size, Steering
from agent.backends.diffusers.inside.faces import restored
from agent.backends.diffusers.inside.looking import Found
from agent.backends.diffusers.inside.ready import fitted, processed, ready
from agent.pictures.masks import Box, around, blurred, grown, mask_of
from schema.stages import Detail, Img2Img


def masked(
    brief: Brief, config: Img2Img, brush: Brush, picture: Image.Image, fit: Image.Image, seed: int
) -> Image.Image:
    """`picture` as it came, `fit` as it is to be."""
    found: Sequence[Box] = ()
    if config.mask_detector:
        entry = brief.folder.entry("detectors", config.mask_detector, "detector")
        finds = brief.models.detector(entry, brief.teller).find(picture, config.mask_confidence)
        found = [each.box for each in finds]
        brief.reported["regions"] = len(found)
    mask = mask_of(config, picture.size, brief.mask, found)
    if mask is None or mask.getbbox() is None:
        brief.reported.setdefault("steps_run", 0)
        return fit
    mask = fitted(mask, fit.size, config.resize)
    ground = filled(fit, mask, config.fill, seed)
    return inpainted(brush, ground, fit, mask, config.mask_padding, fit.size, config.mask_blur, config.denoise, seed)


def detail(brief: Brief, config: Detail) -> Outcome:
    entry = brief.folder.entry("detectors", config.detector, "detector")
    first = brief.pictures(config.type)[0]
    prompt, negative = config.prompt or brief.order.prompt, config.negative or brief.order.negative
    brush = ready(brief, config, _painted_size(config, first.size), prompt=prompt, negative=negative)
    brush = replace(brush, noise=config.noise)
    size = _painted_size(config, first.size)
    brief.used |= {"prompt": prompt, "negative": negative, "width": size[0], "height": size[1]}

    def made(picture: Image.Image, seed: int, number: str) -> Image.Image:
        return _detailed(brief, config, entry, brush, picture, seed, number)

    return brief.each(config.type, made)


def _detailed(
    brief: Brief, config: Detail, entry: Entry, brush: Brush, picture: Image.Image, seed: int, number: str
) -> Image.Image:
    brief.teller.step(0, 1, f"searching{number}")
    finds = chosen(config, brief.models.detector(entry, brief.teller).find(picture, config.confidence), picture.size)
    _tell(brief, finds)
    masks = _masks(config, [find.box for find in finds], picture.size)
    brief.reported.setdefault("steps_run", 0)
    for place, mask in enumerate(masks):
        stroke = brush.called(f"detail {place + 1}/{len(masks)}{number}")
        padding = config.padding if config.only_masked else None
        box = _working_box(mask, padding, _painted_size(config, picture.size))
        stroke = replace(stroke, steering=_seen(brief, config, picture.crop(box)))
        size = _painted_size(config, picture.size)
        picture = inpainted(
            stroke, picture, picture, mask, padding, size, config.mask_blur, config.denoise, seed + place
        )
        if config.restore_face:
            picture = _with_face(brief, picture, mask, box, config.mask_blur)
    return picture


def chosen(config: Detail, finds: Sequence[Found], size: Size) -> list[Found]:
    """Those that count, best first, moved as asked."""
    wanted = {name.lower() for name in config.classes}
    kept = []
    for find in finds:
        box, area = find.box, (find.box.right - find.box.left) * (find.box.bottom - find.box.top)
        part = area / (size[0] * size[1])
        if (not wanted or find.label.lower() in wanted) and config.min_area <= part <= config.max_area:
            x, y = config.shift_x, -config.shift_y
            kept.append((area, find._replace(box=Box(box.left + x, box.top + y, box.right + x, box.bottom + y))))
    kept.sort(key=lambda pair: -(pair[0] if config.rank_by == "area" else pair[1].confidence))
    return [find for _, find in kept][: config.max_regions or None]


def _masks(config: Detail, boxes: Sequence[Box], size: Size) -> list[Image.Image]:
    """One for each find, or one for all of them."""
    each = [grown(_drawn(box, size), config.dilate) for box in boxes]
    each = [mask for mask in each if mask.getbbox()]
    if config.merge == "none" or not each:
        return each
    together = each[0]
    for mask in each[1:]:
        together = ImageChops.lighter(together, mask)
    return [ImageOps.invert(together) if config.merge == "invert" else together]


def inpainted(
    brush: Brush, ground: Image.Image, picture: Image.Image, mask: Image.Image, padding: int | None, size: Size,
    blur: int, strength: float, seed: int,
) -> Image.Image:  # fmt: skip
    """`ground` painted over inside the mask and put back into `picture` with a soft edge. With `padding` only the
    mask's surroundings, brought to `size` and back again.
    """
    if brush.steps_of(strength) < 1:
        return picture
    box = _working_box(mask, padding, size)
    grain = brush.painter.grain
    width, height = (max(grain, -(-side // grain) * grain) for side in (picture.size if padding is None else size))
    crop, hole = ground.crop(box), mask.crop(box)
    painted = brush.inside(
        crop.resize((width, height), Image.Resampling.LANCZOS), hole.resize((width, height)), strength, seed
    )
    painted = painted.resize(crop.size, Image.Resampling.LANCZOS)
    whole = picture.copy()
    whole.paste(painted, box[:2], blurred(mask, blur).crop(box))
    return whole


def filled(picture: Image.Image, mask: Image.Image, how: str, seed: int) -> Image.Image:
    """What lies under the mask before it is painted over."""
    match how:
        case "fill":
            under = picture.filter(ImageFilter.GaussianBlur(max(8, min(picture.size) / 16)))
        case "noise":
            drawn = np.random.default_rng(seed).integers(0, 256, (picture.height, picture.width, 3), dtype="uint8")
            under = Image.fromarray(drawn)
        case "nothing":
            under = Image.new("RGB", picture.size, (127, 127, 127))
        case _:
            return picture
    return Image.composite(under, picture, mask)


def _working_box(mask: Image.Image, padding: int | None, size: Size) -> Box:
    """The mask with its surroundings, widened to the shape of `size` as far as the picture reaches, as in WebUI."""
    box = None if padding is None else around(mask, padding)
    if box is None:
        return Box(0, 0, *mask.size)
    width, height = box.right - box.left, box.bottom - box.top
    if width * size[1] < height * size[0]:
        width = min(mask.width, round(height * size[0] / size[1]))
    else:
        height = min(mask.height, round(width * size[1] / size[0]))
    left = min(max(0, (box.left + box.right - width) // 2), mask.width - width)
    top = min(max(0, (box.top + box.bottom - height) // 2), mask.height - height)
    return Box(left, top, left + width, top + height)


def _painted_size(config: Detail, size: Size) -> Size:
    return config.width or size[0], config.height or size[1]


def _drawn(box: Box, size: Size) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, (max(0, box.left), max(0, box.top), min(size[0], box.right), min(size[1], box.bottom)))
    return mask


def _seen(brief: Brief, config: Detail, crop: Image.Image) -> Steering | None:
    if config.control is None:
        return None
    entry = brief.folder.entry("controls", config.control, "ControlNet")
    return Steering(
        nets=(brief.models.control(entry, brief.folder, brief.teller),),
        maps=(processed(crop, config.control_processor, None, None),),
        weights=(config.control_weight,),
        starts=(config.control_start,),
        ends=(config.control_end,),
    )


def _with_face(brief: Brief, picture: Image.Image, mask: Image.Image, box: Box, blur: int) -> Image.Image:
    """The find as a face restorer would have it, inside its mask."""
    names = brief.folder.names("restorers")
    if not names:
        raise BackendTrouble("bad-request", "restore_face needs a face restorer, and there is none here")
    entry = brief.folder.entry("restorers", names[0], "face restorer")
    better = picture.copy()
    better.paste(restored(brief, entry, picture.crop(box)), box[:2])
    return Image.composite(better, picture, blurred(mask, blur))


def _tell(brief: Brief, finds: Sequence[Found]) -> None:
    seen = int(brief.reported.get("regions") or 0)
    brief.reported["regions"] = seen + len(finds)
    if finds and not seen:
        brief.reported["boxes"] = "; ".join(",".join(map(str, find.box)) for find in finds)
        brief.reported["confidences"] = ", ".join(f"{find.confidence:.3f}" for find in finds)
        brief.reported["labels"] = ", ".join(find.label for find in finds)
