"""The hand of the sampler and the last touch of cfg, scheduler and VAE: paper, strokes, contrast."""

from typing import NamedTuple

from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from agent.backends.sketch.canvas import edges, grain, noise, ramp, stream

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
    rng = stream(seed, "paper", hand.kind)
    size, unit = image.size, min(image.size) / 512
    amount *= hand.strength
    match hand.kind:
        case "pencil":
            return _lit(image, _strokes(size, hand, rng.randbytes, unit), 0.17 * amount)
        case "charcoal":
            coarse = noise(size, (size[0] / (3.2 * unit), size[1] / (3.2 * unit)), rng, 2)
            return _lit(_lit(image, coarse, 0.5 * amount), grain(size, rng), 0.12 * amount)
        case "ink":
            lines = ramp(_strokes(size, hand, rng.randbytes, unit), 118, 150)
            dark = image.convert("L").point([max(0, min(255, (118 - v) * 3)) for v in range(256)])
            inked = Image.composite(
                ImageEnhance.Brightness(image).enhance(0.55), image, ImageChops.multiply(dark, lines)
            )
            edge = edges(image).point([min(255, max(0, v - 14) * 3) for v in range(256)])
            return Image.blend(
                image, Image.composite(Image.new("RGB", size, (18, 16, 26)), inked, edge), 0.75 * min(1.0, amount)
            )
        case "watercolor":
            wash = noise(size, (4, 4), rng, 6)
            edge = image.filter(ImageFilter.GaussianBlur(2.2 * unit)).filter(ImageFilter.ModeFilter(3))
            return _lit(
                _lit(Image.blend(image, edge, 0.4 * min(1.0, amount)), wash, 0.55 * amount),
                grain(size, rng),
                0.07 * amount,
            )
        case "dots":
            return _lit(image, _raster(size, hand, unit), 0.34 * amount)
        case _:
            return _lit(image, _weave(size, hand, unit), 0.3 * amount)


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


def tone_of(vae: str | None, clip_skip: int, hypernetwork: str | None) -> float:
    tone = stream("vae", vae).uniform(0.86, 1.16) if vae else 1.0
    tone *= stream("hypernetwork", hypernetwork).uniform(0.9, 1.12) if hypernetwork else 1.0
    return tone * (1.0 + 0.02 * (clip_skip - 1))


def _lit(image: Image.Image, paper: Image.Image, share: float) -> Image.Image:
    """Paper lighter or darker than 128 lightens or darkens."""
    return Image.blend(
        image, ImageChops.soft_light(image, Image.merge("RGB", (paper, paper, paper))), min(1.0, share * 1.6)
    )


def _strokes(size: tuple[int, int], hand: Hand, randbytes: object, unit: float) -> Image.Image:
    """Noise drawn out along one direction."""
    assert callable(randbytes)
    side = round((size[0] ** 2 + size[1] ** 2) ** 0.5) + 4
    across, down = max(2, round(side / (34 * unit * hand.size))), max(2, round(side / (1.5 * unit)))
    drawn = Image.frombytes("L", (across, down), randbytes(across * down))
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
