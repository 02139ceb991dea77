"""The hand of the sampler and the last touch of cfg, scheduler and VAE: paper, strokes, contrast."""

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from agent.backends.sketch.canvas import grain, noise, ramp, stream
from agent.pictures import edges

DEFAULT_SAMPLER = "pencil"
DEFAULT_SCHEDULER = "even"
SAMPLERS = ("pencil", "charcoal", "ink", "watercolor", "dots", "canvas")
SCHEDULERS = ("even", "early", "late")


class Hand(NamedTuple):
    """How a sampler and a scheduler touch the paper."""

    kind: str
    strength: float
    slope: int
    """Degrees of the strokes."""
    size: float


def hand_of(sampler: str, scheduler: str) -> Hand:
    """The known samplers have their own technique; any other name gets one of them in its own way."""
    rng = stream("sampler", sampler)
    shift = {"even": 1.0, "early": 0.7, "late": 1.35}.get(scheduler) or stream("scheduler", scheduler).uniform(0.7, 1.4)
    if sampler in SAMPLERS:
        return Hand(sampler, 1.0 * shift, 32, shift)
    return Hand(
        rng.choice(SAMPLERS), rng.uniform(0.55, 1.0) * shift, rng.randrange(10, 80), rng.uniform(0.8, 1.3) * shift
    )


def touch(image: Image.Image, hand: Hand, seed: int, amount: float) -> Image.Image:
    """`image` as that hand leaves it. `amount` 0 to 1."""
    return TECHNIQUES[hand.kind](image, hand, stream(seed, "paper", hand.kind), amount * hand.strength)


def balance(image: Image.Image, cfg: float, tone: float) -> Image.Image:
    """Contrast and colour by cfg: pale below 4, as meant around 7, burnt above 15. `tone` is the VAE's gamma."""
    strength = 0.5 + 0.5 * min(cfg, 7.0) / 7.0 + max(0.0, cfg - 7.0) * 0.055
    image = ImageEnhance.Color(image).enhance(min(strength, 2.6))
    image = ImageEnhance.Contrast(image).enhance(0.55 + 0.45 * min(strength, 2.2))
    if cfg > 15.0:
        burn = min(1.0, (cfg - 15.0) / 20.0)
        image = Image.blend(image, image.point([(v // 52) * 63 for v in range(256)] * 3), burn)
    if abs(tone - 1.0) > 0.004:
        image = image.point([round(255 * (v / 255) ** tone) for v in range(256)] * 3)
    return image


def tone_of(
    vae: str | None,
    clip_skip: int,
    hypernetwork: str | None,
    guidance: float | None = None,
    encoders: tuple[str, ...] = (),
) -> float:
    tone = stream("vae", vae).uniform(0.86, 1.16) if vae else 1.0
    tone *= stream("hypernetwork", hypernetwork).uniform(0.9, 1.12) if hypernetwork else 1.0
    tone *= 1.0 if guidance is None else 1.0 + 0.012 * (min(guidance, 20.0) - 3.5)
    tone *= stream("encoders", *encoders).uniform(0.9, 1.1) if encoders else 1.0
    return tone * (1.0 + 0.02 * (clip_skip - 1))


def _pencil(image: Image.Image, hand: Hand, rng: Random, amount: float) -> Image.Image:
    return _lit(image, _strokes(image.size, hand, rng), 0.17 * amount)


def _charcoal(image: Image.Image, hand: Hand, rng: Random, amount: float) -> Image.Image:
    grains = 3.2 * _unit(image)
    coarse = noise(image.size, (image.width / grains, image.height / grains), rng, 2)
    return _lit(_lit(image, coarse, 0.5 * amount), grain(image.size, rng), 0.12 * amount)


def _ink(image: Image.Image, hand: Hand, rng: Random, amount: float) -> Image.Image:
    """Hatching in the dark places, a line along every edge."""
    lines = ramp(_strokes(image.size, hand, rng), 118, 150)
    dark = image.convert("L").point([max(0, min(255, (118 - v) * 3)) for v in range(256)])
    hatched = Image.composite(ImageEnhance.Brightness(image).enhance(0.55), image, ImageChops.multiply(dark, lines))
    outline = edges(image).point([min(255, max(0, v - 14) * 3) for v in range(256)])
    inked = Image.composite(Image.new("RGB", image.size, (18, 16, 26)), hatched, outline)
    return Image.blend(image, inked, 0.75 * min(1.0, amount))


def _watercolor(image: Image.Image, hand: Hand, rng: Random, amount: float) -> Image.Image:
    pooled = image.filter(ImageFilter.GaussianBlur(2.2 * _unit(image))).filter(ImageFilter.ModeFilter(3))
    washed = _lit(Image.blend(image, pooled, 0.4 * min(1.0, amount)), noise(image.size, (4, 4), rng, 6), 0.55 * amount)
    return _lit(washed, grain(image.size, rng), 0.07 * amount)


def _dots(image: Image.Image, hand: Hand, rng: Random, amount: float) -> Image.Image:
    return _lit(image, _raster(image.size, hand, _unit(image)), 0.34 * amount)


def _canvas(image: Image.Image, hand: Hand, rng: Random, amount: float) -> Image.Image:
    return _lit(image, _weave(image.size, hand, _unit(image)), 0.3 * amount)


TECHNIQUES: Mapping[str, Callable[[Image.Image, Hand, Random, float], Image.Image]] = {
    "pencil": _pencil,
    "charcoal": _charcoal,
    "ink": _ink,
    "watercolor": _watercolor,
    "dots": _dots,
    "canvas": _canvas,
}


def _unit(image: Image.Image) -> float:
    """Pixels that are one pixel in a picture of 512."""
    return min(image.size) / 512


def _lit(image: Image.Image, paper: Image.Image, share: float) -> Image.Image:
    """Paper lighter or darker than 128 lightens or darkens."""
    return Image.blend(
        image, ImageChops.soft_light(image, Image.merge("RGB", (paper, paper, paper))), min(1.0, share * 1.6)
    )


def _strokes(size: tuple[int, int], hand: Hand, rng: Random) -> Image.Image:
    """Noise drawn out along one direction."""
    side, unit = round((size[0] ** 2 + size[1] ** 2) ** 0.5) + 4, min(size) / 512
    across, down = max(2, round(side / (34 * unit * hand.size))), max(2, round(side / (1.5 * unit)))
    drawn = Image.frombytes("L", (across, down), rng.randbytes(across * down))
    turned = drawn.resize((side, side), Image.Resampling.BICUBIC).rotate(hand.slope, Image.Resampling.BILINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    return turned.crop((left, top, left + size[0], top + size[1]))


def _raster(size: tuple[int, int], hand: Hand, unit: float) -> Image.Image:
    step = max(3, round(5 * unit * hand.size))
    dot = Image.radial_gradient("L").resize((step * 4, step * 4), Image.Resampling.BILINEAR).reduce(4)
    return _tiled(dot, size, step // 2)


def _weave(size: tuple[int, int], hand: Hand, unit: float) -> Image.Image:
    step = max(2, round(3 * unit * hand.size))
    thread = Image.linear_gradient("L").resize((step, step), Image.Resampling.BILINEAR)
    tile = Image.new("L", (step * 2, step * 2))
    tile.paste(thread, (0, 0))
    tile.paste(thread.transpose(Image.Transpose.ROTATE_90), (step, 0))
    tile.paste(thread.transpose(Image.Transpose.ROTATE_90), (0, step))
    tile.paste(thread, (step, step))
    return _tiled(tile, size, 0)


def _tiled(tile: Image.Image, size: tuple[int, int], stagger: int) -> Image.Image:
    """Every second row moved aside by `stagger`; doubled rather than laid piece by piece."""
    row = Image.new("L", (size[0] + tile.width, tile.height * 2))
    for x in range(0, row.width, tile.width):
        row.paste(tile, (x, 0))
        row.paste(tile, (x - stagger, tile.height))
    sheet = Image.new("L", size)
    for y in range(0, size[1], row.height):
        sheet.paste(row, (0, y))
    return sheet
