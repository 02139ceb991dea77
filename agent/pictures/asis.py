"""A picture that is painted over by nothing: it goes on as it is, and no model is asked to make another of it."""

from typing import TypeGuard

from PIL import Image, ImageOps

from agent.backends import BackendTrouble, Drawn, Made, Reporter, Work
from agent.effective import flattened
from agent.pictures import encoded, opened, seen
from schema.plans import Scalar
from schema.stages import ImageStage, Img2Img, WordStage

UNUSED = ("model", "vae", "sampler", "scheduler")
"""Fields of what would have painted it."""


def is_as_is(config: ImageStage | WordStage) -> TypeGuard[Img2Img]:
    """Without a mask: inside one, a picture may be blurred or filled also where nothing is denoised."""
    return isinstance(config, Img2Img) and not config.denoise and not config.masked and config.workflow is None


def as_is(work: Work, config: Img2Img, reporter: Reporter) -> Made:
    """The pictures' own bytes, or where another size is asked for, its pixels resized. A round trip through a model's
    latents would cost details. Raises BackendTrouble without a picture and for one that cannot be read, or Cancelled.
    """
    paths = [work.image] if work.image else list(work.inputs)
    if not paths:
        raise BackendTrouble("bad-request", "img2img needs a picture and the order names none")
    drawn, used = [], dict[str, Scalar](dict.fromkeys(UNUSED))
    for number, path in enumerate(paths):
        reporter.step(number, len(paths), "passing on")
        before = opened(path)
        size = config.width or before.width, config.height or before.height
        content = path.read_bytes()
        if not size == before.size == seen(content, path.name).size:  # a header may call for a turn
            content = encoded(_fitted(before, size, config.resize))
        drawn.append(Drawn(content, work.order.seed + number))
        used.setdefault("width", size[0])
        used.setdefault("height", size[1])
    reporter.step(len(paths), len(paths), "passing on")
    return Made(pictures=tuple(drawn), effective=flattened(config, used), reported={"steps_run": 0})


def _fitted(picture: Image.Image, size: tuple[int, int], how: str) -> Image.Image:
    match how:
        case "crop":
            return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
        case "pad":
            return ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color=(0, 0, 0))
        case _:
            return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
