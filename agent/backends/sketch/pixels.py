"""The stages that work on pixels alone: upscale in tiles, face restore, clean-up, post-processors, the web copy."""

from collections.abc import Callable, Mapping

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from agent.backends import BackendTrouble
from agent.backends.sketch.brief import Brief, Outcome
from agent.backends.sketch.canvas import edges, stream
from agent.backends.sketch.effective import DEFAULT_UPSCALER, REFINE_DEFAULTS
from agent.backends.sketch.regions import find
from agent.backends.sketch.texture import Hand, touch
from schema.stages import FaceRestore, Post, Refine, Resize, Upscale

UPSCALERS: Mapping[str, Image.Resampling] = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
}
RESTORERS = ("codeformer", "gfpgan")

MARGIN = 8
"""Pixels around a tile that are made and cut off again."""

Option = str | int | float | bool


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
    for number, box in enumerate(boxes):
        piece = _piece(source, size, box, filter_of(config.upscaler))
        if config.denoise:
            piece = _repainted(piece, config, brief.order.seed, number)
        result.paste(piece, box[:2], _seam(box, config.overlap))
        brief.tick(number + 1, len(boxes), "tile")
    # how large the picture was before is not a setting, but people ask for it
    reported = {"tiles": len(boxes), "from_width": source.width, "from_height": source.height}
    factor = round(size[0] / source.width, 4) if config.width else config.factor
    return Outcome(pictures=(result,), used={"width": size[0], "height": size[1], "factor": factor}, reported=reported)


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


def _repainted(piece: Image.Image, config: Upscale, seed: int, number: int) -> Image.Image:
    """More strokes with more denoise; the model's name lends its hand."""
    kind = stream("upscale", config.model or "").choice(("canvas", "charcoal", "pencil"))
    hand = Hand(kind, 1.0, 32, 0.6)
    touched = touch(piece, hand, seed + number, config.denoise * min(1.0, config.steps / 20))
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
        calm = patch.filter(ImageFilter.MedianFilter(5 if config.restorer == "gfpgan" else 3))
        calm = calm.filter(ImageFilter.GaussianBlur(1.6 * (1 - config.fidelity)))
        clear = ImageEnhance.Contrast(calm).enhance(1.0 + 0.18 * config.strength)
        mask = Image.new("L", patch.size)
        mask.paste(round(255 * config.strength), (6, 6, max(7, patch.width - 6), max(7, patch.height - 6)))
        picture.paste(clear, region.box[:2], mask.filter(ImageFilter.GaussianBlur(5)))
        brief.tick(number + 1, len(found), "restoring")
    if not found:
        brief.tick(1, 1, "searching")
    return Outcome(pictures=(picture,), reported={"regions": len(found)})


def refine(brief: Brief, config: Refine) -> Outcome:
    """Denoise by the tool, then an unsharp mask."""
    tool = config.tool or str(REFINE_DEFAULTS["tool"])
    denoise = config.denoise if config.denoise is not None else float(str(REFINE_DEFAULTS["denoise"]))
    sharpen = config.sharpen if config.sharpen is not None else float(str(REFINE_DEFAULTS["sharpen"]))
    radius = config.radius if config.radius is not None else float(str(REFINE_DEFAULTS["radius"]))
    picture = brief.picture()
    if tool == "median":
        picture = Image.blend(picture, picture.filter(ImageFilter.MedianFilter(3)), denoise)
    elif tool == "bilateral":
        smooth = picture.filter(ImageFilter.GaussianBlur(radius * 1.5))
        found = edges(picture).filter(ImageFilter.GaussianBlur(1))
        flat = found.point([max(0, 255 - v * 6) for v in range(256)])
        picture = Image.blend(picture, Image.composite(smooth, picture, flat), denoise)
    brief.tick(1, 2, "denoising")
    if sharpen:
        picture = picture.filter(ImageFilter.UnsharpMask(radius=radius, percent=round(100 * sharpen), threshold=2))
    brief.tick(2, 2, "sharpening")
    return Outcome(pictures=(picture,))


def resize(brief: Brief, config: Resize) -> Outcome:
    """Fits into the box, never enlarges."""
    picture = brief.picture()
    share = min(1.0, config.width / picture.width, config.height / picture.height)
    size = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    smaller = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    brief.tick(1, 1, "resizing")
    return Outcome(pictures=(smaller,), format=config.format, quality=config.quality,
                   reported={"width": size[0], "height": size[1]})  # fmt: skip


def post(brief: Brief, config: Post) -> Outcome:
    """Raises BackendTrouble for a processor or an option that is not there."""
    known = PROCESSORS.get(config.processor)
    if known is None:
        names = ", ".join(PROCESSORS)
        raise BackendTrouble("bad-request", f"there is no processor '{config.processor}'; sketch has {names}")
    process, defaults = known
    for name, value in config.options.items():
        if name not in defaults:
            has = ", ".join(defaults) or "none"
            raise BackendTrouble("bad-request", f"'{config.processor}' has no option '{name}'; its options are: {has}")
        if not _fits(value, defaults[name]):
            raise BackendTrouble(
                "bad-request", f"option '{name}' of '{config.processor}' must be like {defaults[name]!r}"
            )
    options = dict(defaults) | config.options
    picture = process(brief.picture(), options)
    brief.tick(1, 1, config.processor)
    return Outcome(pictures=(picture,), used={f"options.{name}": value for name, value in options.items()})


def _fits(value: Option, example: Option) -> bool:
    if isinstance(example, str):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10_000


def _grayscale(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    return ImageOps.grayscale(picture).convert("RGB")


def _sepia(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    toned = ImageOps.colorize(ImageOps.grayscale(picture), (38, 24, 12), (255, 244, 214), mid=(156, 116, 76))
    return Image.blend(picture, toned, min(1.0, float(options["strength"])))


def _vignette(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    strength = min(1.0, float(options["strength"]))
    light = Image.radial_gradient("L").point([255 - round(255 * strength * max(0.0, (v - 70) / 185) ** 1.5)
                                              for v in range(256)])  # fmt: skip
    light = light.resize(picture.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(picture, Image.merge("RGB", (light, light, light)))


def _border(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    """Inside the picture, so that its size stays."""
    from PIL import ImageColor, ImageDraw

    width = min(int(options["width"]), min(picture.size) // 2)
    try:
        color = ImageColor.getrgb(str(options["color"]))
    except ValueError:
        raise BackendTrouble("bad-request", f"'{options['color']}' is no colour; write a name or #rrggbb") from None
    framed = picture.copy()
    if width:
        ImageDraw.Draw(framed).rectangle((0, 0, picture.width - 1, picture.height - 1), outline=color, width=width)
    return framed


def _autocontrast(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    return ImageOps.autocontrast(picture, cutoff=min(49.0, float(options["cutoff"])))


PROCESSORS: Mapping[str, tuple[Callable[[Image.Image, Mapping[str, Option]], Image.Image], Mapping[str, Option]]] = {
    "grayscale": (_grayscale, {}),
    "sepia": (_sepia, {"strength": 1.0}),
    "vignette": (_vignette, {"strength": 0.6}),
    "border": (_border, {"width": 12, "color": "white"}),
    "autocontrast": (_autocontrast, {"cutoff": 0.5}),
}
"""Name to the work and its options with their defaults."""
