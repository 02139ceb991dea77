"""Masks of img2img, from a file, drawn shapes and what a detector found. White is painted over."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from agent.backends import BackendTrouble
from agent.pictures import opened_mask
from schema.parts import Shape
from schema.stages import Img2Img


class Box(NamedTuple):
    """Pixels from the top left corner; right and bottom are just outside."""

    left: int
    top: int
    right: int
    bottom: int


def mask_of(
    config: Img2Img, size: tuple[int, int], mask_file: Path | None, found: Sequence[Box] = ()
) -> Image.Image | None:
    """File, shapes and finds together, grown, then inverted; hard edges (see `blurred`). None: no mask is asked for.

    `size` is of the picture as it comes, before it is made to fit. All black where a detector found nothing: then
    the picture stays as it is. Raises BackendTrouble for a file of another size, and for a mask that masks nothing.
    """
    if not config.masked:
        return None
    mask = Image.new("L", size) if mask_file is None else _fitting(mask_file, size)
    pen = ImageDraw.Draw(mask)
    for shape in config.mask_shapes:
        _draw(pen, shape, size)
    for box in found:
        if box.right > box.left and box.bottom > box.top:
            pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=255)
    mask = grown(mask, config.mask_grow)
    if config.mask_invert:
        mask = ImageOps.invert(mask)
    if mask.getbbox() is None and not config.mask_detector:
        turned = "white" if config.mask_invert else "black"
        raise BackendTrouble(
            "bad-request", f"the mask is {turned} everywhere, so nothing would be painted over; see mask_invert"
        )
    return mask


def blurred(mask: Image.Image, px: int) -> Image.Image:
    """With an edge that fades over `px` pixels."""
    return mask.filter(ImageFilter.GaussianBlur(px)) if px else mask


def around(mask: Image.Image, padding: int) -> Box | None:
    """What is white with so many pixels around it, inside the picture. None: nothing is."""
    box = mask.getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return Box(
        max(0, left - padding),
        max(0, top - padding),
        min(mask.width, right + padding),
        min(mask.height, bottom + padding),
    )


def grown(mask: Image.Image, px: int) -> Image.Image:
    """By a square of `px` pixels to each side; shrunk below 0, where the picture's rim counts as masked."""
    if px < 0:
        return ImageOps.invert(grown(ImageOps.invert(mask), -px))
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        reached = 0
        while reached < px:  # doubling: a filter of that width would look at every pixel px² times
            step = min(reached + 1, px - reached)
            moved = Image.new("L", mask.size)
            moved.paste(mask, (dx * step, dy * step))
            mask = ImageChops.lighter(mask, moved)
            reached += step
    return mask


def _fitting(path: Path, size: tuple[int, int]) -> Image.Image:
    mask = opened_mask(path)
    if mask.size != size:
        raise BackendTrouble(
            "bad-request",
            f"the mask has {mask.width}x{mask.height} and the picture {size[0]}x{size[1]}; give one of the same size",
        )
    return mask


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, size: tuple[int, int]) -> None:
    """Right and lower corners belong to the pixel before them, so that 0,0 to 1,1 is the whole picture."""
    points = [(x * size[0], y * size[1]) for x, y in shape.points]
    if shape.kind == "polygon":
        pen.polygon([(min(round(x), size[0] - 1), min(round(y), size[1] - 1)) for x, y in points], fill=255)
        return
    (x0, y0), (x1, y1) = points
    left, right = sorted((round(x0), round(x1)))
    top, bottom = sorted((round(y0), round(y1)))
    corners = (left, top, max(left, right - 1), max(top, bottom - 1))
    if shape.kind == "box":
        pen.rectangle(corners, fill=255)
    else:
        pen.ellipse(corners, fill=255)
