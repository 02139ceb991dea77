"""The stages that need no imaging program: clean-up, post-processors and the web copy, the same for every backend."""

from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image, ImageFilter

from agent.backends import BackendTrouble, Drawn, Made, Reporter, Work
from agent.effective import flattened
from agent.pictures import edges, encoded, opened
from agent.pictures.post import PROCESSORS, processed
from schema.plans import Scalar
from schema.stages import Post, Refine, Resize

FINISH_KINDS = ("refine", "post", "resize")

REFINE_DEFAULTS: Mapping[str, Scalar] = {"tool": "bilateral", "denoise": 0.3, "sharpen": 0.5, "radius": 1.0}

__all__ = ["FINISH_KINDS", "PROCESSORS", "REFINE_DEFAULTS", "finish"]


class _Finished(NamedTuple):
    picture: Image.Image
    used: Mapping[str, Scalar] = {}
    reported: Mapping[str, Scalar] = {}
    format: str = "png"
    quality: int = 90


def finish(work: Work, reporter: Reporter) -> Made:
    """Runs a stage of FINISH_KINDS on each picture of the stage before, here on the processor.

    Raises BackendTrouble without a picture, for one that cannot be read, and for unknown processors and options.
    """
    config = work.config
    if not isinstance(config, Refine | Post | Resize):
        raise BackendTrouble("bad-request", f"{config.type} needs an imaging program; it is no finishing stage")
    if not work.inputs:
        raise BackendTrouble("bad-request", f"{config.type} needs a picture and the order names none")
    finished = [_finished(config, opened(path), _Share(reporter, number, len(work.inputs)))
                for number, path in enumerate(work.inputs)]  # fmt: skip
    first = finished[0]
    return Made(
        pictures=tuple(
            Drawn(encoded(each.picture, each.format, each.quality), work.order.seed + number)
            for number, each in enumerate(finished)
        ),
        effective=flattened(config, first.used),
        reported=dict(first.reported),
        megapixels=sum(each.picture.width * each.picture.height for each in finished) / 1e6,
    )


class _Share:
    """The steps of one of several pictures, told as steps of the whole."""

    def __init__(self, reporter: Reporter, number: int, of: int) -> None:
        self._reporter, self._number, self._of = reporter, number, of

    def step(self, step: int, steps: int, doing: str) -> None:
        self._reporter.step(self._number * steps + step, self._of * steps, doing)


def _finished(config: Refine | Post | Resize, picture: Image.Image, share: _Share) -> _Finished:
    match config:
        case Refine():
            return _refine(picture, config, share)
        case Post():
            share.step(0, 1, config.processor)
            result, options = processed(picture, config.processor, config.options)
            share.step(1, 1, config.processor)
            return _Finished(result, {f"options.{name}": value for name, value in options.items()})
        case Resize():
            return _resize(picture, config, share)


def _refine(picture: Image.Image, config: Refine, share: _Share) -> _Finished:
    """Denoise by the tool, then an unsharp mask."""
    used = {name: value for name, value in REFINE_DEFAULTS.items() if getattr(config, name) is None}
    tool = config.tool or str(REFINE_DEFAULTS["tool"])
    denoise, sharpen, radius = (
        float(str(REFINE_DEFAULTS[name] if value is None else value))
        for name, value in (("denoise", config.denoise), ("sharpen", config.sharpen), ("radius", config.radius))
    )
    share.step(0, 2, "denoising")
    if tool == "median":
        picture = Image.blend(picture, picture.filter(ImageFilter.MedianFilter(3)), denoise)
    elif tool == "bilateral":
        smooth = picture.filter(ImageFilter.GaussianBlur(radius * 1.5))
        found = edges(picture).filter(ImageFilter.GaussianBlur(1))
        flat = found.point([max(0, 255 - v * 6) for v in range(256)])
        picture = Image.blend(picture, Image.composite(smooth, picture, flat), denoise)
    share.step(1, 2, "denoising")
    if sharpen:
        picture = picture.filter(ImageFilter.UnsharpMask(radius=radius, percent=round(100 * sharpen), threshold=2))
    share.step(2, 2, "sharpening")
    return _Finished(picture, used)


def _resize(picture: Image.Image, config: Resize, share: _Share) -> _Finished:
    """Fits into the box, never enlarges."""
    scale = min(1.0, config.width / picture.width, config.height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    share.step(0, 1, "resizing")
    smaller = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    share.step(1, 1, "resizing")
    return _Finished(smaller, {}, {"width": size[0], "height": size[1]}, config.format, config.quality)
