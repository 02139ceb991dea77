"""The painted stages: txt2img with its hires pass, img2img, refiner, detail; and the way to all others."""

from PIL import Image, ImageChops, ImageFilter, ImageOps

from agent.backends.sketch import pixels
from agent.backends.sketch.brief import Brief, Outcome
from agent.backends.sketch.canvas import noise, ramp, stream
from agent.backends.sketch.composition import Painting, Wish
from agent.backends.sketch.palette import DEFAULT_MODEL
from agent.backends.sketch.regions import Region, find
from agent.backends.sketch.texture import DEFAULT_SAMPLER, DEFAULT_SCHEDULER, balance, hand_of, tone_of, touch
from schema.stages import Detail, FaceRestore, Img2Img, Post, Refine, Refiner, Resize, Txt2Img, Upscale

KINDS = ("txt2img", "img2img", "refiner", "detail", "upscale", "face_restore", "refine", "post", "resize")

PREVIEW_SIDE = 256
REGION_SIDE = 384
"""Pixels a region is enlarged to where nobody says."""


def run_stage(brief: Brief) -> Outcome:
    match brief.config:
        case Txt2Img():
            return _txt2img(brief, brief.config)
        case Img2Img():
            return _img2img(brief, brief.config)
        case Refiner():
            return _refiner(brief, brief.config)
        case Detail():
            return _detail(brief, brief.config)
        case Upscale():
            return pixels.upscale(brief, brief.config)
        case FaceRestore():
            return pixels.face_restore(brief, brief.config)
        case Refine():
            return pixels.refine(brief, brief.config)
        case Post():
            return pixels.post(brief, brief.config)
        case Resize():
            return pixels.resize(brief, brief.config)


def _txt2img(brief: Brief, config: Txt2Img) -> Outcome:
    wish = _wish(brief, config, hypernetwork=config.hypernetwork)
    picture = _painted(brief, wish, (config.width, config.height), "sampling")
    if config.hires is None:
        return Outcome(pictures=(picture,))
    hires = config.hires
    steps = hires.steps or config.steps
    size = round(config.width * hires.scale), round(config.height * hires.scale)
    larger = picture.resize(size, pixels.filter_of(hires.upscaler))
    again = _painted(brief, wish._replace(steps=max(config.steps, steps)), size, "hires")
    return Outcome(pictures=(Image.blend(larger, again, hires.denoise),), used={"hires.steps": steps})


def _img2img(brief: Brief, config: Img2Img) -> Outcome:
    size = config.width or brief.picture().width, config.height or brief.picture().height
    before = _fitted(brief.picture(), size, config.resize)
    steps = max(1, round(config.steps * config.denoise))
    painted = _painted(brief, _wish(brief, config), size, "sampling", steps)
    mask = _dissolve(size, config.denoise, brief.order.seed)
    if brief.mask is not None:
        keep = brief.mask.convert("L").resize(size, Image.Resampling.BILINEAR)
        keep = keep.filter(ImageFilter.GaussianBlur(config.mask_blur)) if config.mask_blur else keep
        before = _filled(before, keep, config.fill, brief.order.seed)
        mask = ImageChops.multiply(mask, keep)
    picture = Image.composite(painted, before, mask)
    return Outcome(pictures=(picture,), used={"width": size[0], "height": size[1]}, reported={"steps_run": steps})


def _refiner(brief: Brief, config: Refiner) -> Outcome:
    """The last part of the steps, in another hand and with another model's colours."""
    before = brief.picture()
    steps = max(1, round(config.steps * (1 - config.switch_at)))
    wish = _wish(brief, config)
    painted = _painted(brief, wish, before.size, "refining", steps)
    share = 1 - config.switch_at
    sharp = before.filter(ImageFilter.UnsharpMask(radius=2, percent=40 + round(120 * share), threshold=2))
    hand = hand_of(wish.sampler, wish.scheduler)
    picture = touch(Image.blend(sharp, painted, 0.6 * share), hand, brief.order.seed, 0.25 + 0.5 * share)
    return Outcome(pictures=(picture,), reported={"steps_run": steps})


def _detail(brief: Brief, config: Detail) -> Outcome:
    picture = brief.picture().copy()
    found = find(picture, config.detector, config.confidence, config.max_regions)
    wish = _wish(brief, config)._replace(prompt=config.prompt or brief.order.prompt)
    wish = wish._replace(negative=config.negative or brief.order.negative)
    total = max(1, len(found) * config.steps)
    for number, region in enumerate(found):
        _repaint_region(brief, config, wish, picture, region, number, total)
    if not found:
        brief.tick(1, 1, "searching")
    return Outcome(
        pictures=(picture,),
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


def _repaint_region(
    brief: Brief, config: Detail, wish: Wish, picture: Image.Image, region: Region, number: int, total: int
) -> None:
    """Enlarged, sharpened and touched step by step, made small again and put back with a soft edge."""
    left, top, right, bottom = _padded(region.box, config.padding, picture.size)
    patch = picture.crop((left, top, right, bottom))
    share = min((config.width or REGION_SIDE) / patch.width, (config.height or REGION_SIDE) / patch.height)
    size = max(1, round(patch.width * share)), max(1, round(patch.height * share))
    large = patch.resize(size, Image.Resampling.LANCZOS)
    hand = hand_of(wish.sampler, wish.scheduler)
    for step in range(config.steps):
        brief.tick(number * config.steps + step + 1, total, f"detail {number + 1}")
        if step % 6 == 0:
            percent = round(15 + 40 * config.denoise)
            large = large.filter(ImageFilter.UnsharpMask(radius=1.6, percent=percent, threshold=1))
    large = touch(large, hand, brief.order.seed + number, 0.5 * config.denoise)
    large = balance(large, 7.0 + (config.cfg - 7.0) * 0.35, tone_of(config.vae, config.clip_skip, None))
    glow = Painting(wish._replace(seed=wish.seed + number, steps=4), (64, 64))
    glow.strokes[0][1](glow.canvas)
    large = Image.blend(large, ImageChops.soft_light(large, glow.canvas.image.resize(size)), 0.3 * config.denoise)
    better = Image.blend(patch, large.resize(patch.size, Image.Resampling.LANCZOS), min(1.0, 0.35 + config.denoise))
    mask = _soft_mask(patch.size, (left, top), region.box, config.dilate, config.mask_blur)
    picture.paste(better, (left, top), mask)


def _wish(brief: Brief, config: Txt2Img | Img2Img | Refiner | Detail, hypernetwork: str | None = None) -> Wish:
    return Wish(
        prompt=brief.order.prompt,
        negative=brief.order.negative,
        seed=brief.order.seed,
        steps=config.steps,
        cfg=config.cfg,
        model=config.model or DEFAULT_MODEL,
        sampler=config.sampler or DEFAULT_SAMPLER,
        scheduler=config.scheduler or DEFAULT_SCHEDULER,
        vae=config.vae,
        clip_skip=config.clip_skip,
        hypernetwork=hypernetwork,
    )


def _painted(brief: Brief, wish: Wish, size: tuple[int, int], doing: str, steps: int | None = None) -> Image.Image:
    """The strokes spread over the steps; every step is told, whether strokes fall into it or not."""
    painting = Painting(wish, size)
    steps = steps or wish.steps
    done = 0
    for step in range(1, steps + 1):
        due = len(painting.strokes) * step // steps
        for _, stroke in painting.strokes[done:due]:
            if brief.reporter.cancelled():
                break
            stroke(painting.canvas)
        if brief.reporter.previews and due > done:
            brief.reporter.preview(_jpeg(painting.canvas.image))
        done = due
        brief.tick(step, steps, doing)
    return painting.finished()


def _jpeg(picture: Image.Image) -> bytes:
    import io

    small = picture.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR)
    content = io.BytesIO()
    small.save(content, "JPEG", quality=70)
    return content.getvalue()


def _fitted(picture: Image.Image, size: tuple[int, int], how: str) -> Image.Image:
    match how:
        case "crop":
            return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
        case "pad":
            return ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color=(0, 0, 0))
        case _:
            return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _dissolve(size: tuple[int, int], denoise: float, seed: int) -> Image.Image:
    """Where the new picture shows: nowhere at 0, in growing soft patches, everywhere at 1."""
    patches = ramp(noise(size, (5, 5), stream(seed, "dissolve"), 4), 60, 196)
    edge = 255 * (1 - denoise)
    return patches.point([round(min(255.0, max(0.0, (v + 255 * denoise - edge) * denoise))) for v in range(256)])


def _filled(before: Image.Image, mask: Image.Image, how: str, seed: int) -> Image.Image:
    """What lies under the mask before it is painted over."""
    match how:
        case "fill":
            under = before.filter(ImageFilter.GaussianBlur(min(before.size) / 16))
        case "noise":
            under = Image.merge("RGB", [noise(before.size, (40, 40), stream(seed, "fill", c), 3) for c in "rgb"])
        case "nothing":
            under = Image.new("RGB", before.size, (127, 127, 127))
        case _:
            return before
    return Image.composite(under, before, mask)


def _padded(box: tuple[int, int, int, int], padding: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return max(0, left - padding), max(0, top - padding), min(size[0], right + padding), min(size[1], bottom + padding)


def _soft_mask(
    size: tuple[int, int], corner: tuple[int, int], box: tuple[int, int, int, int], dilate: int, blur: int
) -> Image.Image:
    mask = Image.new("L", size)
    left, top = box[0] - corner[0] - dilate, box[1] - corner[1] - dilate
    right, bottom = box[2] - corner[0] + dilate, box[3] - corner[1] + dilate
    if right > left and bottom > top:
        mask.paste(255, (left, top, right, bottom))
    return mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask
