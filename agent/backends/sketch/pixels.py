"""The stages that work on pixels alone: upscale in tiles, and the restoring of faces."""

from collections.abc import Mapping

from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from agent.backends.sketch.brief import Brief, Outcome
from agent.backends.sketch.canvas import stream
from agent.backends.sketch.effective import DEFAULT_UPSCALER
from agent.backends.sketch.regions import find
from agent.backends.sketch.texture import DEFAULT_SAMPLER, DEFAULT_SCHEDULER, Hand, balance, hand_of, touch
from schema.plans import Scalar
from schema.stages import FaceRestore, Upscale

UPSCALERS: Mapping[str, Image.Resampling] = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
}
RESTORERS = ("codeformer", "gfpgan")

MARGIN = 8
"""Pixels around a tile that are made and cut off again."""


def filter_of(upscaler: str | None) -> Image.Resampling:
    """Any other name resamples as one of the known ones."""
    name = (upscaler or DEFAULT_UPSCALER).lower()
    return UPSCALERS.get(name) or stream("upscaler", name).choice((UPSCALERS["lanczos"], UPSCALERS["bicubic"]))


def upscale(brief: Brief, config: Upscale) -> Outcome:
    source = brief.picture()
    size = brief.size()
    tile = config.tile or max(size)
    boxes = tiles(size, tile, config.overlap if config.tile else 0)
    result = Image.new("RGB", size)
    hand = _hand(config)
    for number, box in enumerate(boxes):
        piece = _piece(source, size, box, filter_of(config.upscaler))
        if config.upscaler2 and config.blend:
            piece = Image.blend(piece, _piece(source, size, box, filter_of(config.upscaler2)), config.blend)
        if config.denoise:
            piece = _repainted(piece, config, hand, brief.seed + number)
        result.paste(piece, box[:2], _seam(box, config.overlap))
        brief.tick(number + 1, len(boxes), "tile")
    # how large the picture was before is not a setting, but people ask for it
    reported = {"tiles": len(boxes), "from_width": source.width, "from_height": source.height}
    factor = round(size[0] / source.width, 4) if config.width else config.factor
    used: dict[str, Scalar] = {"width": size[0], "height": size[1], "factor": factor}
    if config.denoise:
        used |= {"sampler": config.sampler or hand.kind, "scheduler": config.scheduler or DEFAULT_SCHEDULER}
    return Outcome(picture=result, used=used, reported=reported)


def tiles(size: tuple[int, int], tile: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Boxes of the result, row by row, each sharing `overlap` pixels with the one before."""
    step = max(1, tile - overlap)
    lefts = range(0, max(1, size[0] - overlap), step)
    tops = range(0, max(1, size[1] - overlap), step)
    return [(x, y, min(size[0], x + tile), min(size[1], y + tile)) for y in tops for x in lefts]


def _piece(
    source: Image.Image, size: tuple[int, int], box: tuple[int, int, int, int], how: Image.Resampling
) -> Image.Image:
    """One tile of the result, made with a margin so that the sharpening sees its neighbours; no seam can show."""
    sx, sy = source.width / size[0], source.height / size[1]
    left, top = max(0, box[0] - MARGIN), max(0, box[1] - MARGIN)
    right, bottom = min(size[0], box[2] + MARGIN), min(size[1], box[3] + MARGIN)
    seen = (left * sx, top * sy, min(right * sx, float(source.width)), min(bottom * sy, float(source.height)))
    grown = source.resize((right - left, bottom - top), how, box=seen)
    sharp = grown.filter(ImageFilter.UnsharpMask(radius=1.2, percent=35, threshold=2))
    return sharp.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))


def _hand(config: Upscale) -> Hand:
    """The sampler's; where none is named, the model's name lends one."""
    if config.sampler or config.scheduler:
        return hand_of(config.sampler or DEFAULT_SAMPLER, config.scheduler or DEFAULT_SCHEDULER)
    return Hand(stream("upscale", config.model or "").choice(("canvas", "charcoal", "pencil")), 1.0, 32, 0.6)


def _repainted(piece: Image.Image, config: Upscale, hand: Hand, seed: int) -> Image.Image:
    """More strokes with more denoise."""
    touched = touch(piece, hand, seed, config.denoise * min(1.0, config.steps / 20))
    if config.cfg != 7.0:
        touched = balance(touched, 7.0 + (config.cfg - 7.0) * 0.35, 1.0)
    return touched.filter(ImageFilter.UnsharpMask(radius=1.5, percent=round(80 * config.denoise), threshold=1))


def _seam(box: tuple[int, int, int, int], overlap: int) -> Image.Image | None:
    """Fades a tile in over its left and upper neighbours."""
    wide, high = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (wide, high), 255)
    if overlap and box[0] > 0:
        ease = Image.linear_gradient("L").rotate(90).resize((min(overlap, wide), high))
        mask.paste(ease, (0, 0))
    if overlap and box[1] > 0:
        ease = Image.linear_gradient("L").resize((wide, min(overlap, high)))
        mask.paste(ImageChops.multiply(mask.crop((0, 0, wide, ease.height)), ease), (0, 0))
    return mask


def face_restore(brief: Brief, config: FaceRestore) -> Outcome:
    """Smooths and lifts the contrast where the face detector looks; fidelity keeps the old detail."""
    picture = brief.picture().copy()
    found = find(picture, "face", 0.3, 2)
    for number, region in enumerate(found):
        patch = picture.crop(region.box)
        clear = restored(patch, config.restorer, config.strength, config.fidelity)
        mask = Image.new("L", patch.size)
        mask.paste(round(255 * config.strength), (6, 6, max(7, patch.width - 6), max(7, patch.height - 6)))
        picture.paste(clear, region.box[:2], mask.filter(ImageFilter.GaussianBlur(5)))
        brief.tick(number + 1, len(found), "restoring")
    if not found:
        brief.tick(1, 1, "searching")
    return Outcome(picture=picture, reported={"regions": len(found)})


def restored(patch: Image.Image, restorer: str, strength: float, fidelity: float) -> Image.Image:
    calm = patch.filter(ImageFilter.MedianFilter(5 if restorer == "gfpgan" else 3))
    calm = calm.filter(ImageFilter.GaussianBlur(1.6 * (1 - fidelity)))
    return ImageEnhance.Contrast(calm).enhance(1.0 + 0.18 * strength)
