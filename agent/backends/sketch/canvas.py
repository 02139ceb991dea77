"""The paper and the tools: masks drawn at double size, gradients, noise, and random streams by name.

Everything is integers or hash-derived `random.Random`, so the same wishes give the same pixels everywhere.
"""

import hashlib
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Color = tuple[int, int, int]

FINE = 2
"""Masks are drawn this much larger and reduced, for smooth edges."""


def stream(*names: object) -> random.Random:
    """Random numbers that depend on the names alone: taking one thing away moves no other."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode("utf-8", "replace")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def mix(a: Color, b: Color, share: float) -> Color:
    """`share` of b."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def gradient(size: tuple[int, int], stops: Sequence[Color]) -> Image.Image:
    """Top to bottom through evenly spaced colours."""
    width, height = size
    rows = bytearray()
    for y in range(height):
        place = y / max(1, height - 1) * (len(stops) - 1)
        index = min(int(place), len(stops) - 2)
        rows += bytes(mix(stops[index], stops[index + 1], place - index))
    return Image.frombytes("RGB", (1, height), bytes(rows)).resize((width, height), Image.Resampling.NEAREST)


def noise(size: tuple[int, int], cells: tuple[float, float], rng: random.Random, octaves: int = 4) -> Image.Image:
    """Fractal noise, L, mean about 128. `cells` of the coarsest octave across and down."""
    result: Image.Image | None = None
    share = 0.5
    across, down = cells
    for octave in range(octaves):
        grid = (max(2, min(size[0], round(across))), max(2, min(size[1], round(down))))
        layer = Image.frombytes("L", grid, rng.randbytes(grid[0] * grid[1])).resize(size, Image.Resampling.BICUBIC)
        result = layer if result is None else Image.blend(result, layer, share / (1 + octave * 0.5))
        across, down = across * 2, down * 2
    assert result is not None
    return result


def grain(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """White noise, L."""
    return Image.frombytes("L", size, rng.randbytes(size[0] * size[1]))


def ramp(mask: Image.Image, low: int, high: int) -> Image.Image:
    """0 below `low`, 255 above `high`, smooth between."""
    span = max(1, high - low)
    table = []
    for value in range(256):
        place = min(max((value - low) / span, 0.0), 1.0)
        table.append(round(255 * place * place * (3 - 2 * place)))
    return mask.point(table)


def fade(mask: Image.Image, share: float) -> Image.Image:
    """Less of it."""
    return mask.point([round(value * min(max(share, 0.0), 1.0)) for value in range(256)])


class Canvas:
    """An RGB picture that is painted through masks. Places are fractions of its size, 0,0 at the top left."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.image = Image.new("RGB", size)
        self.unit = min(size) / 512
        """Pixels that are one pixel in a picture of 512."""

    @property
    def width(self) -> int:
        return self.size[0]

    @property
    def height(self) -> int:
        return self.size[1]

    def fine(self) -> "Fine":
        return Fine(self.size)

    def paint(self, color: Color | Image.Image, mask: Image.Image, box: tuple[int, int] = (0, 0)) -> None:
        """Through a mask of the canvas's size, or a smaller one placed at `box`; either may stick out."""
        if isinstance(color, Image.Image):
            self.image.paste(color, box, mask)
        else:
            self.image.paste(color, (*box, box[0] + mask.width, box[1] + mask.height), mask)

    def glow(self, x: float, y: float, radius: float, color: Color, strength: float) -> None:
        """Light around a point; radius in fractions of the shorter side."""
        side = max(4, round(radius * 2 * min(self.size)))
        light = Image.radial_gradient("L").point(
            [round(max(0.0, 1 - v / 180) ** 2 * 255 * strength) for v in range(256)]
        )
        light = light.resize((side, side), Image.Resampling.BILINEAR)
        self.paint(color, light, (round(x * self.width) - side // 2, round(y * self.height) - side // 2))


class Fine:
    """A mask to draw on with fractions of the size, at double resolution."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
        self._pen = ImageDraw.Draw(self._mask)
        self._w, self._h = self._mask.size
        self._side = min(self._mask.size)
        self.about: float | None = None
        """Widths around this x count in heights, so that what stands there keeps its shape in a wide picture."""

    def mask(self, blur: float = 0.0) -> Image.Image:
        """At the picture's size; blur in pixels of it."""
        small = self._mask.reduce(FINE)
        return small.filter(ImageFilter.GaussianBlur(blur)) if blur > 0.2 else small

    def shape(self, points: Sequence[tuple[float, float]], value: int = 255) -> None:
        self._pen.polygon([(self._x(x), round(y * self._h)) for x, y in points], fill=value)

    def line(self, points: Sequence[tuple[float, float]], width: float, value: int = 255) -> None:
        """Width in pixels of a picture of 512."""
        thick = max(1, round(width * self._side / 512))
        self._pen.line([(self._x(x), round(y * self._h)) for x, y in points], fill=value, width=thick)

    def disc(self, x: float, y: float, radius: float, value: int = 255, squash: float = 1.0) -> None:
        """Radius in fractions of the shorter side, or of the height where `about` is set."""
        unit = self._side if self.about is None else self._h
        cx, cy, across, down = self._x(x), y * self._h, radius * unit, radius * unit * squash
        self._pen.ellipse((round(cx - across), round(cy - down), round(cx + across), round(cy + down)), fill=value)

    def box(self, left: float, top: float, right: float, bottom: float, value: int = 255) -> None:
        x0, y0, x1, y1 = self._x(left), round(top * self._h), self._x(right), round(bottom * self._h)
        self._pen.rectangle((x0, y0, max(x0, x1), max(y0, y1)), fill=value)

    def _x(self, x: float) -> int:
        if self.about is None:
            return round(x * self._w)
        return round(self.about * self._w + (x - self.about) * self._h)


def times(a: Image.Image, b: Image.Image) -> Image.Image:
    """Where both masks are."""
    return ImageChops.multiply(a, b)
