"""The post-processors of the stage `post`, which every backend has: a picture and options to one of the same size."""

from collections.abc import Callable, Mapping

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageOps

from agent.backends import BackendTrouble

Option = str | int | float | bool


def processed(
    picture: Image.Image, processor: str, asked: Mapping[str, Option]
) -> tuple[Image.Image, dict[str, Option]]:
    """The picture and all options as they were used. Raises BackendTrouble for a processor or an option not there."""
    known = PROCESSORS.get(processor)
    if known is None:
        raise BackendTrouble("bad-request", f"there is no processor '{processor}'; there are {', '.join(PROCESSORS)}")
    process, defaults = known
    for name, value in asked.items():
        if name not in defaults:
            has = ", ".join(defaults) or "none"
            raise BackendTrouble("bad-request", f"'{processor}' has no option '{name}'; its options are: {has}")
        if not _fits(value, defaults[name]):
            raise BackendTrouble("bad-request", f"option '{name}' of '{processor}' must be like {defaults[name]!r}")
    options = dict(defaults) | dict(asked)
    return process(picture, options), options


def _fits(value: Option, example: Option) -> bool:
    if isinstance(example, str):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10_000


def _grayscale(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    return ImageOps.grayscale(picture).convert("RGB")


def _sepia(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    toned = ImageOps.colorize(ImageOps.grayscale(picture), (38, 24, 12), (255, 244, 214), mid=(156, 116, 76))
    return Image.blend(picture, toned, min(1.0, float(options["strength"])))


def _vignette(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    strength = min(1.0, float(options["strength"]))
    light = Image.radial_gradient("L").point([255 - round(255 * strength * max(0.0, (v - 70) / 185) ** 1.5)
                                              for v in range(256)])  # fmt: skip
    light = light.resize(picture.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(picture, Image.merge("RGB", (light, light, light)))


def _border(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    """Inside the picture, so that its size stays."""
    width = min(int(options["width"]), min(picture.size) // 2)
    try:
        color = ImageColor.getrgb(str(options["color"]))
    except ValueError:
        raise BackendTrouble("bad-request", f"'{options['color']}' is no colour; write a name or #rrggbb") from None
    framed = picture.copy()
    if width:
        ImageDraw.Draw(framed).rectangle((0, 0, picture.width - 1, picture.height - 1), outline=color, width=width)
    return framed


def _autocontrast(picture: Image.Image, options: Mapping[str, Option]) -> Image.Image:
    return ImageOps.autocontrast(picture, cutoff=min(49.0, float(options["cutoff"])))


PROCESSORS: Mapping[str, tuple[Callable[[Image.Image, Mapping[str, Option]], Image.Image], Mapping[str, Option]]] = {
    "grayscale": (_grayscale, {}),
    "sepia": (_sepia, {"strength": 1.0}),
    "vignette": (_vignette, {"strength": 0.6}),
    "border": (_border, {"width": 12, "color": "white"}),
    "autocontrast": (_autocontrast, {"cutoff": 0.5}),
}
"""Name to the work and its options with their defaults."""
