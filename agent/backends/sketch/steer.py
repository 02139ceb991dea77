"""ControlNet, as far as a drawing program can follow it: the map's light and dark shows through the picture."""

from PIL import Image, ImageChops, ImageOps

from agent.backends import BackendTrouble
from agent.backends.sketch.brief import Brief
from agent.backends.sketch.canvas import ramp
from agent.pictures import edges, opened
from schema.parts import Control

PROCESSORS = ("edges",)

MODES = {"balanced": 1.0, "prompt": 0.6, "control": 1.4}
"""How much of the weight counts."""


def fitted(picture: Image.Image, size: tuple[int, int], how: str) -> Image.Image:
    """`how` is stretch, crop or pad; with black."""
    match how:
        case "crop":
            return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
        case "pad":
            return ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color=0 if picture.mode == "L" else (0, 0, 0))
        case _:
            return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def controlled(picture: Image.Image, controls: tuple[Control, ...], brief: Brief) -> Image.Image:
    """`picture` with every unit's map laid over it. Raises BackendTrouble for a map it cannot make."""
    for number, unit in enumerate(controls, 1):
        given = _given(unit, brief, number)
        seen = fitted(mapped(unit, given, number), picture.size, unit.resize)
        share = unit.weight * max(0.0, unit.end - unit.start) * MODES[unit.mode]
        picture = steered(picture, seen, share)
    return picture


def steered(picture: Image.Image, seen: Image.Image, share: float) -> Image.Image:
    """Where the map is light the picture gets lighter, and darker where it is dark."""
    if share <= 0:
        return picture
    lit = ImageChops.soft_light(picture, Image.merge("RGB", (seen, seen, seen)))
    return Image.blend(picture, lit, min(1.0, 0.7 * share))


def mapped(unit: Control, given: Image.Image, number: int) -> Image.Image:
    """The unit's map, L."""
    if unit.processor is None:
        return given.convert("L")
    if unit.processor not in PROCESSORS:
        raise BackendTrouble(
            "bad-request",
            f"ControlNet unit {number}: sketch makes no map with '{unit.processor}', only with "
            f"{', '.join(PROCESSORS)}; give a picture that is the map already, or take a backend that has it",
        )
    if not unit.pixel_perfect:
        share = unit.resolution / min(given.size)
        given = given.resize((max(3, round(given.width * share)), max(3, round(given.height * share))))
    low = 20 if unit.threshold_a is None else round(min(max(unit.threshold_a, 0), 254))
    high = 90 if unit.threshold_b is None else round(min(max(unit.threshold_b, low + 1), 255))
    return ramp(edges(given), low, high)


def _given(unit: Control, brief: Brief, number: int) -> Image.Image:
    if unit.image is not None:
        path = brief.controls.get(unit.image)
        if path is None:
            raise BackendTrouble("bad-request", f"ControlNet unit {number}: its picture {unit.image[:12]} is not here")
        return opened(path)
    if brief.source is None:
        raise BackendTrouble(
            "bad-request", f"ControlNet unit {number} names no picture, and {brief.config.type} has none"
        )
    return brief.source
