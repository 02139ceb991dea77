"""The colours of a picture: from the hour, the colour words, the model's style and the LoRAs."""

import colorsys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agent.backends.sketch.canvas import Color, mix, stream
from agent.backends.sketch.words import Reading


class Palette(NamedTuple):
    top: Color
    middle: Color
    low: Color
    """The sky, from above to the horizon."""
    light: Color
    """Sun or moon."""
    far: Color
    near: Color
    """Land, through the haze and before it."""
    water: Color
    accent: Color
    """Lit windows, flowers, roofs."""

    def changed(self, change: Callable[[Color], Color]) -> "Palette":
        return Palette(*(change(color) for color in self))


HOURS: Mapping[str, tuple[Palette, ...]] = {
    "day": (
        Palette((52, 120, 196), (122, 184, 226), (232, 240, 232), (255, 250, 226), (146, 176, 196), (38, 88, 66),
                (40, 118, 156), (224, 92, 66)),
        Palette((64, 148, 190), (150, 208, 214), (250, 240, 210), (255, 246, 210), (136, 178, 172), (58, 96, 52),
                (44, 134, 146), (236, 142, 60)),
    ),
    "dusk": (
        Palette((38, 34, 92), (190, 84, 112), (255, 184, 104), (255, 232, 166), (122, 78, 128), (30, 22, 52),
                (92, 60, 112), (255, 170, 84)),
        Palette((26, 52, 98), (150, 110, 150), (255, 160, 118), (255, 222, 150), (98, 84, 136), (24, 28, 58),
                (66, 74, 126), (255, 196, 96)),
        Palette((88, 30, 72), (224, 92, 70), (255, 204, 112), (255, 240, 180), (150, 74, 92), (48, 18, 42),
                (132, 54, 82), (255, 214, 110)),
    ),
    "dawn": (
        Palette((92, 128, 190), (236, 176, 176), (255, 228, 188), (255, 246, 214), (156, 148, 182), (56, 66, 88),
                (120, 148, 178), (240, 130, 110)),
        Palette((70, 108, 150), (178, 196, 200), (252, 222, 176), (255, 244, 204), (132, 150, 164), (46, 70, 74),
                (96, 138, 152), (232, 152, 92)),
    ),
    "night": (
        Palette((8, 12, 40), (24, 42, 92), (82, 108, 150), (242, 240, 220), (44, 60, 104), (8, 12, 30),
                (20, 36, 74), (255, 206, 110)),
        Palette((14, 8, 38), (54, 30, 92), (140, 84, 140), (246, 232, 226), (62, 44, 100), (14, 8, 32),
                (40, 28, 80), (255, 184, 120)),
        Palette((4, 20, 38), (14, 62, 84), (78, 138, 138), (236, 246, 230), (30, 76, 96), (4, 18, 28),
                (14, 56, 74), (255, 220, 130)),
    ),
    "storm": (
        Palette((44, 52, 64), (92, 104, 116), (176, 184, 180), (222, 226, 214), (104, 116, 124), (34, 42, 46),
                (66, 84, 92), (222, 170, 92)),
        Palette((58, 60, 76), (116, 116, 130), (198, 190, 178), (230, 224, 210), (122, 122, 134), (42, 42, 52),
                (82, 88, 100), (214, 130, 92)),
    ),
}  # fmt: skip

COLORS: Mapping[str, Color] = {
    "red": (206, 52, 48), "crimson": (170, 24, 48), "orange": (238, 132, 40), "amber": (246, 176, 50),
    "yellow": (246, 214, 70), "gold": (226, 178, 66), "golden": (236, 182, 70), "green": (64, 156, 80),
    "emerald": (24, 140, 96), "teal": (26, 148, 148), "turquoise": (52, 190, 186), "cyan": (60, 196, 220),
    "blue": (48, 104, 206), "azure": (70, 148, 230), "indigo": (66, 56, 160), "purple": (126, 66, 176),
    "violet": (146, 84, 206), "lavender": (176, 152, 220), "magenta": (206, 52, 156), "pink": (242, 140, 172),
    "brown": (126, 82, 52), "sepia": (150, 116, 80), "autumn": (204, 104, 40), "cherry": (244, 164, 190),
    "warm": (236, 150, 84), "cold": (110, 156, 206), "cool": (116, 164, 200), "neon": (232, 40, 196),
    "copper": (184, 108, 66), "white": (232, 234, 236), "silver": (186, 194, 204), "black": (24, 24, 30),
    "grey": (130, 134, 140), "gray": (130, 134, 140), "monochrome": (128, 128, 128),
}  # fmt: skip

PLAIN = {"white", "silver", "black", "grey", "gray", "monochrome"}


class Style(NamedTuple):
    """How a model paints: known ones are described, any other name is given one of its own."""

    turn: float = 0.0
    """Of the hue, as a share of the circle."""
    saturation: float = 1.0
    light: float = 0.0
    """Share of white (above 0) or black (below)."""
    rough: float = 0.55
    """Of ridges."""
    mist: float = 0.55
    bands: int = 0
    """Levels of flat colour; 0: smooth."""
    outline: float = 0.0


DEFAULT_MODEL = "sketch-1"
STYLES: Mapping[str, Style] = {
    DEFAULT_MODEL: Style(),
    "sketch-ink": Style(saturation=0.25, light=0.06, rough=0.62, mist=0.75, outline=0.8),
    "sketch-pastel": Style(saturation=0.75, light=0.3, rough=0.45, mist=0.7),
    "sketch-poster": Style(saturation=1.2, rough=0.5, mist=0.3, bands=7),
    "sketch-dusk": Style(turn=-0.05, saturation=1.15, light=-0.14, rough=0.6, mist=0.5),
}


def style_of(model: str) -> Style:
    if model in STYLES:
        return STYLES[model]
    rng = stream("model", model)
    return Style(
        turn=rng.uniform(-0.09, 0.09),
        saturation=rng.uniform(0.7, 1.3),
        light=rng.uniform(-0.12, 0.2),
        rough=rng.uniform(0.42, 0.66),
        mist=rng.uniform(0.3, 0.8),
        bands=rng.choice((0, 0, 0, 9, 12)),
        outline=rng.choice((0.0, 0.0, 0.35, 0.6)),
    )


def palette_of(reading: Reading, negative: Reading, hour: str, seed: int, style: Style) -> Palette:
    rng = stream("palette", seed)
    palette = rng.choice(HOURS[hour])
    mood = stream("mood", *reading.words, "|", *negative.words)
    palette = palette.changed(_turned(rng.uniform(-0.02, 0.02) + mood.uniform(-0.025, 0.025), 1.0))
    for number, name in enumerate(_named(reading, negative)):
        palette = _tinted(palette, name, 0.5 / (1 + 0.5 * number))
    for name, weight in reading.loras:
        tint = colorsys.hsv_to_rgb(stream("lora", name).random(), 0.75, 0.85)
        palette = _washed(palette, _bytes(tint), 0.22 * max(-1.5, min(1.5, weight)))
    palette = palette.changed(_turned(style.turn, style.saturation))
    toward: Color = (255, 252, 246) if style.light > 0 else (6, 6, 14)
    return palette.changed(lambda color: mix(color, toward, abs(style.light)))


def _named(reading: Reading, negative: Reading) -> Sequence[str]:
    refused = set(negative.words)
    return list(dict.fromkeys(w for w in reading.words if w in COLORS and w not in refused))[:3]


def _tinted(palette: Palette, name: str, share: float) -> Palette:
    color = COLORS[name]
    if name in PLAIN:
        return palette.changed(_turned(0.0, 0.25)).changed(lambda c: mix(c, color, 0.18))
    palette = _washed(palette, color, share)
    return palette._replace(accent=mix(palette.accent, color, 0.7))


def _washed(palette: Palette, color: Color, share: float) -> Palette:
    """Keeps each colour's lightness and leads its hue toward `color`; below 0 away from it."""

    def wash(old: Color) -> Color:
        lightness = _lightness(old) / max(1, _lightness(color))
        lit = _bytes(tuple(min(1.0, channel * lightness / 255) for channel in color))
        return _clip(mix(old, lit, share))

    return palette.changed(wash)


def _turned(turn: float, saturation: float) -> Callable[[Color], Color]:
    def change(color: Color) -> Color:
        h, s, v = colorsys.rgb_to_hsv(*(channel / 255 for channel in color))
        return _bytes(colorsys.hsv_to_rgb((h + turn) % 1.0, min(1.0, s * saturation), v))

    return change


def _lightness(color: Color) -> int:
    return (color[0] * 299 + color[1] * 587 + color[2] * 114) // 1000


def _bytes(color: Sequence[float]) -> Color:
    return round(color[0] * 255), round(color[1] * 255), round(color[2] * 255)


def _clip(color: Color) -> Color:
    return max(0, min(255, color[0])), max(0, min(255, color[1])), max(0, min(255, color[2]))
