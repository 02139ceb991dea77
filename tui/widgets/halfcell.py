"""Pictures out of half cells: two pixels in each character, 24-bit, made in a worker thread.

Hand-made because it is drawn by the hundred: styles are kept between pictures and know their escape codes
beforehand, so that painting costs the loop nothing but joining strings.
"""

import io
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

HALF = "▀"
STEPS = 0xFC
"""Colours are told in steps of four: no eye sees it, and neighbours are more often alike."""

MAX_PIXELS = 4096 * 4096
"""A thumbnail is never so large; what is, is no thumbnail."""


@dataclass(frozen=True)
class Cells:
    """A picture in characters: `lines` of `columns` each."""

    columns: int
    lines: int
    strips: tuple[Strip, ...]


class NoPicture(Exception):
    """The bytes are no picture."""


def cells_of(blob: bytes, columns: int, lines: int, *, true: bool) -> Cells:
    """The picture as large as fits into `columns` x `lines` characters, its shape kept. Raises NoPicture.

    `true`: the terminal shows 24-bit colours; else each style finds its own nearest colour when painted.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(blob), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise NoPicture(f"{image.width}x{image.height} pixels are too many")
            wide, high = fitting(image.width, image.height, columns, lines * 2)
            image.draft("RGB", (wide, high))
            small = image.convert("RGB").resize((wide, high), Image.Resampling.BICUBIC, reducing_gap=2.0)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise NoPicture(str(e)) from e
    return drawn(small.tobytes(), wide, high, true=true)


def fitting(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The largest size with the picture's shape in `columns` x `rows` pixels, an even number of rows."""
    scale = min(columns / width, rows / height)
    high = max(2, round(height * scale / 2) * 2)
    return max(1, min(columns, round(width * scale))), min(high, rows - rows % 2)


def drawn(pixels: bytes, wide: int, high: int, *, true: bool) -> Cells:
    """`pixels`: rows of RGB bytes, `high` of them, an even number."""
    stride = wide * 3
    style = true_style if true else any_style
    cut = pixels.translate(QUANTISED)
    strips = []
    for y in range(0, high, 2):
        upper, lower = cut[y * stride : (y + 1) * stride], cut[(y + 1) * stride : (y + 2) * stride]
        segments = []
        x = 0
        while x < stride:
            top, bottom = upper[x : x + 3], lower[x : x + 3]
            end = x + 3
            while end < stride and upper[end : end + 3] == top and lower[end : end + 3] == bottom:
                end += 3
            segments.append(Segment(HALF * ((end - x) // 3), style(top, bottom)))
            x = end
        strips.append(Strip(segments, wide))
    return Cells(wide, high // 2, tuple(strips))


QUANTISED = bytes(value & STEPS for value in range(256))


@lru_cache(maxsize=1 << 16)
def true_style(top: bytes, bottom: bytes) -> Style:
    style = any_style(top, bottom)
    style._ansi = f"38;2;{top[0]};{top[1]};{top[2]};48;2;{bottom[0]};{bottom[1]};{bottom[2]}"
    return style


@lru_cache(maxsize=1 << 16)
def any_style(top: bytes, bottom: bytes) -> Style:
    return Style.from_color(colour(top), colour(bottom))


@lru_cache(maxsize=1 << 15)
def colour(rgb: bytes) -> Color:
    return Color(rgb.hex(), ColorType.TRUECOLOR, None, ColorTriplet(rgb[0], rgb[1], rgb[2]))
