"""The painted stages: txt2img with second pass and second model, img2img with masks, refiner; the way to others."""

import io
from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter

from agent.backends import BackendTrouble
from agent.backends.sketch import pixels
from agent.backends.sketch.brief import Brief, Outcome
from agent.backends.sketch.canvas import noise, ramp, stream
from agent.backends.sketch.composition import Painting, Wish, wish_of
from agent.backends.sketch.detail import detail
from agent.backends.sketch.look import interrogate
from agent.backends.sketch.regions import find
from agent.backends.sketch.steer import controlled, fitted
from agent.backends.sketch.texture import hand_of, touch
from agent.pictures.masks import Box, around, blurred, mask_of
from schema.plans import Scalar
from schema.stages import Detail, FaceRestore, Img2Img, Interrogate, Refiner, Txt2Img, Upscale

PREVIEW_SIDE = 256


def run_stage(brief: Brief) -> Outcome:
    match brief.config:
        case Txt2Img():
            return _txt2img(brief, brief.config)
        case Img2Img():
            return _img2img(brief, brief.config)
        case Refiner():
            return _refiner(brief, brief.config)
        case Detail():
            return detail(brief, brief.config)
        case Upscale():
            return pixels.upscale(brief, brief.config)
        case FaceRestore():
            return pixels.face_restore(brief, brief.config)
        case Interrogate():
            return interrogate(brief, brief.config)


def _txt2img(brief: Brief, config: Txt2Img) -> Outcome:
    _refuse_workflow(config)
    wish = wish_of(brief.order, config, brief.seed)
    size = config.width, config.height
    used: dict[str, Scalar] = {}
    picture = _painted(brief, wish, size, "sampling", then=_switch(config, wish))
    if config.variation:
        other = brief.seed + 1 if config.variation_seed is None else config.variation_seed + brief.number
        used["variation_seed"] = other - brief.number
        picture = Image.blend(picture, _painted(brief, wish._replace(seed=other), size, "varying"), config.variation)
    picture = controlled(picture, config.controls, brief)
    if config.hires:
        hires = config.hires
        used["hires.steps"] = steps = hires.steps or config.steps
        size = round(config.width * hires.scale), round(config.height * hires.scale)
        larger = picture.resize(size, pixels.filter_of(hires.upscaler))
        again = _painted(brief, wish._replace(steps=max(config.steps, steps)), size, "hires")
        picture = Image.blend(larger, again, hires.denoise)
    return Outcome(picture=_endless(picture) if config.tiling else picture, used=used)


def _img2img(brief: Brief, config: Img2Img) -> Outcome:
    _refuse_workflow(config)
    source = brief.picture()
    size = config.width or source.width, config.height or source.height
    before = fitted(source, size, config.resize)
    steps = max(1, round(config.steps * config.denoise))
    used: dict[str, Scalar] = {"width": size[0], "height": size[1]}
    reported: dict[str, Scalar] = {"steps_run": steps}
    keep = _mask(brief, config, size, reported)
    if keep is not None and keep.getbbox() is None:
        brief.tick(1, 1, "searching")
        return Outcome(picture=before, used=used, reported=reported | {"steps_run": 0})
    wish = wish_of(brief.order, config, brief.seed)
    box = around(keep, config.mask_padding) if keep is not None and config.mask_padding is not None else None
    painted = controlled(_painted(brief, wish, size, "sampling", steps), config.controls, brief)
    mask = _dissolve(size, config.denoise, brief.seed)
    if box is not None:  # the mask's surroundings are painted at the full size, and made as small as they are
        painted, mask = _placed(painted, box), _placed(mask, box)
    if keep is not None:
        soft = blurred(keep, config.mask_blur)
        before = _filled(before, soft, config.fill, brief.seed)
        mask = ImageChops.multiply(mask, soft)
    return Outcome(picture=Image.composite(painted, before, mask), used=used, reported=reported)


def _refiner(brief: Brief, config: Refiner) -> Outcome:
    """The last part of the steps, in another hand and with another model's colours."""
    before = brief.picture()
    steps = max(1, round(config.steps * (1 - config.switch_at)))
    wish = wish_of(brief.order, config, brief.seed)
    painted = _painted(brief, wish, before.size, "refining", steps)
    share = 1 - config.switch_at
    sharp = before.filter(ImageFilter.UnsharpMask(radius=2, percent=40 + round(120 * share), threshold=2))
    hand = hand_of(wish.sampler, wish.scheduler)
    picture = touch(Image.blend(sharp, painted, 0.6 * share), hand, brief.seed, 0.25 + 0.5 * share)
    return Outcome(picture=picture, reported={"steps_run": steps})


class Switch(NamedTuple):
    """Another model goes on with the picture."""

    wish: Wish
    after: int
    """Steps."""


def _switch(config: Txt2Img, wish: Wish) -> Switch | None:
    if config.refiner is None:
        return None
    return Switch(wish._replace(model=config.refiner.model), round(config.steps * config.refiner.switch_at))


def _painted(
    brief: Brief,
    wish: Wish,
    size: tuple[int, int],
    doing: str,
    steps: int | None = None,
    then: Switch | None = None,
) -> Image.Image:
    """The strokes spread over the steps; every step is told, whether strokes fall into it or not."""
    painting = Painting(wish, size)
    steps = steps or wish.steps
    done = 0
    for step in range(1, steps + 1):
        if then is not None and step == then.after + 1:
            other = Painting(then.wish, size)
            other.canvas.image, painting = painting.canvas.image, other
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
    small = picture.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR)
    content = io.BytesIO()
    small.save(content, "JPEG", quality=70)
    return content.getvalue()


def _refuse_workflow(config: Txt2Img | Img2Img) -> None:
    if config.workflow is not None:
        raise BackendTrouble("bad-request", "sketch runs no ComfyUI workflow; take a comfyui backend for it")


def _mask(brief: Brief, config: Img2Img, size: tuple[int, int], reported: dict[str, Scalar]) -> Image.Image | None:
    """Fitted as the picture is; what a detector found is told in `reported`."""
    source, found = brief.picture(), list[Box]()
    if config.mask_detector:
        found = [region.box for region in find(source, config.mask_detector, config.mask_confidence, 0)]
        reported["regions"] = len(found)
    mask = mask_of(config, source.size, brief.mask, found)
    return None if mask is None else fitted(mask, size, config.resize)


def _placed(picture: Image.Image, box: Box) -> Image.Image:
    """Made small and put where it belongs, on black."""
    ground = Image.new(picture.mode, picture.size)
    small = picture.resize((box.right - box.left, box.bottom - box.top), Image.Resampling.LANCZOS)
    ground.paste(small, (box.left, box.top))
    return ground


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


def _endless(picture: Image.Image) -> Image.Image:
    """Continues itself at its edges: each half of an axis fades into the other half, one axis after the other."""
    wide, high = picture.size
    across = Image.linear_gradient("L").rotate(90).resize((wide, high))
    down = Image.linear_gradient("L").resize((wide, high))
    for ease, offset in ((across, (wide // 2, 0)), (down, (0, high // 2))):
        middle = ease.point([min(255, 2 * min(v, 255 - v)) for v in range(256)])
        picture = Image.composite(picture, ImageChops.offset(picture, *offset), middle)
    return picture
