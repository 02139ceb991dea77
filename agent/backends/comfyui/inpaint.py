"""img2img within a mask. The picture and its mask are made to fit here, with the same filter ComfyUI would use.

What lies outside the mask comes back as it was, to the pixel: the painted part is laid over the picture.
"""

import random

from PIL import Image, ImageFilter, ImageOps

from agent.backends.comfyui.controls import controlled
from agent.backends.comfyui.desk import Canvas, Desk, Size
from agent.backends.comfyui.graph import Link
from agent.backends.comfyui.loading import prime
from agent.backends.comfyui.sampling import rounded, sample
from agent.pictures import encoded
from agent.pictures.masks import Box, around, blurred, grown
from schema.stages import Img2Img

LANCZOS = Image.Resampling.LANCZOS


def inpaint(desk: Desk, config: Img2Img, picture: Image.Image, mask: Image.Image) -> Canvas:
    """`picture` RGB and `mask` L have one size, that of the picture as it came."""
    size = (config.width or picture.width, config.height or picture.height)
    desk.used |= {"width": size[0], "height": size[1]}
    base, mask = _fitted(picture, size, config.resize), _fitted(mask, size, config.resize)
    box = around(mask, config.mask_padding) if config.mask_padding is not None else Box(0, 0, *size)
    whole = desk.load(encoded(base), "picture")
    if box is None or mask.getbbox() is None:
        return Canvas(whole, size)  # a detector found nothing
    box = _shaped(box, size)
    small = (box.right - box.left, box.bottom - box.top)
    painted = _painted(desk, config, base.crop(box), mask.crop(box), rounded(size))
    soft = desk.load_mask(encoded(blurred(mask.crop(box), config.mask_blur)), "soft-mask")
    part = desk.scaled(painted, small)
    laid = desk.add("ImageCompositeMasked", "lay over", destination=whole, source=part.image, x=box.left, y=box.top,
                    resize_source=False, mask=soft)  # fmt: skip
    return Canvas(laid, size)


def _painted(desk: Desk, config: Img2Img, picture: Image.Image, mask: Image.Image, size: Size) -> Canvas:
    """The part, enlarged to `size` and sampled."""
    picture, mask = picture.resize(size, LANCZOS), grown(mask, config.mask_blur).resize(size)
    match config.fill:
        case "fill":
            picture = _spread(picture, mask)
        case "noise":
            picture.paste(_noise(size, desk.seed), mask=mask)
    primed = prime(desk, config)
    canvas = Canvas(desk.load(encoded(picture), "part"), size)
    primed = controlled(desk, config.controls, primed, size, canvas)
    latent = _latent(desk, config, canvas.image, desk.load_mask(encoded(mask), "mask"), primed.vae)
    sampled = sample(desk, config, primed, latent, steps=config.steps, denoise=config.denoise)
    return Canvas(desk.decoded(sampled, primed.vae), size)


def _latent(desk: Desk, config: Img2Img, image: Link, mask: Link, vae: Link) -> Link:
    if config.fill == "nothing":
        return desk.add("VAEEncodeForInpaint", "encode", pixels=image, vae=vae, mask=mask, grow_mask_by=0)
    latent = desk.encoded(image, vae)
    return desk.add("SetLatentNoiseMask", "mask", samples=latent, mask=mask)


def _fitted(picture: Image.Image, size: Size, resize: str) -> Image.Image:
    if picture.size == size:
        return picture
    match resize:
        case "crop":
            return ImageOps.fit(picture, size, LANCZOS)
        case "pad":
            return ImageOps.pad(picture, size, LANCZOS, color=0)
        case _:
            return picture.resize(size, LANCZOS)


def _shaped(box: Box, size: Size) -> Box:
    """Widened to the picture's own shape, as far as there is room, so that nothing is painted out of proportion."""
    width, height = box.right - box.left, box.bottom - box.top
    wide, high = max(width, round(height * size[0] / size[1])), max(height, round(width * size[1] / size[0]))
    wide, high = min(wide, size[0]), min(high, size[1])
    left = min(max(0, box.left - (wide - width) // 2), size[0] - wide)
    top = min(max(0, box.top - (high - height) // 2), size[1] - high)
    return Box(left, top, left + wide, top + high)


def _spread(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The masked part filled with the colours around it: blurred less and less, the rest put back each time."""
    filled = picture
    for radius in (64, 32, 16, 8, 4, 2):
        filled = Image.composite(filled.filter(ImageFilter.GaussianBlur(radius)), picture, mask)
    return filled


def _noise(size: Size, seed: int) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))
