"""The detectors: where a picture has most to see, by local contrast, judged as each detector judges."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from PIL import Image

from agent.backends.sketch.canvas import stream
from agent.pictures import edges
from agent.pictures.masks import Box

GRID = 12
"""Cells along the longer side."""

MOST = 4
"""Regions found without a limit."""


class Region(NamedTuple):
    box: Box
    confidence: float


Judge = Callable[[float, float, float], float]
"""Contrast 0 to 1 and place x, y 0 to 1 to a score."""

DETECTORS: Mapping[str, Judge] = {
    "face": lambda contrast, x, y: contrast * (1.15 - 0.6 * abs(y - 0.38) - 0.5 * abs(x - 0.5)),
    "hand": lambda contrast, x, y: contrast * (1.1 - 0.7 * abs(y - 0.7)),
    "center": lambda contrast, x, y: (0.4 + 0.6 * contrast) * (1.2 - abs(x - 0.5) - abs(y - 0.5)),
}


def find(
    picture: Image.Image, detector: str, confidence: float, most: int, areas: tuple[float, float] = (0.0, 1.0)
) -> list[Region]:
    """The best regions first; those below `confidence` or outside `areas` (parts of the picture's) are none.

    `most` 0: all, which are at most `MOST`. They are cells of one grid, so ranking by area ranks them as well as any.
    """
    whole = picture.width * picture.height
    judge = DETECTORS.get(detector) or _own(detector)
    across, down = _grid(picture.size)
    cells = edges(picture).resize((across, down), Image.Resampling.BOX).tobytes()
    peak = max(max(cells), 1)
    scores = []
    for index, value in enumerate(cells):
        x, y = index % across, index // across
        scores.append((judge(value / peak, (x + 0.5) / across, (y + 0.5) / down), x, y))
    scores.sort(key=lambda score: (-score[0], score[2], score[1]))
    found: list[Region] = []
    taken: list[tuple[int, int]] = []
    for score, x, y in scores:
        if score < confidence or len(found) >= (most or MOST):
            break
        if all(abs(x - tx) > 2 or abs(y - ty) > 2 for tx, ty in taken):
            box = _box(picture.size, (across, down), x, y)
            if not areas[0] <= (box.right - box.left) * (box.bottom - box.top) / whole <= areas[1]:
                continue
            taken.append((x, y))
            found.append(Region(box, round(min(score, 1.0), 3)))
    return found


def _own(detector: str) -> Judge:
    """An unknown detector likes a place of its own."""
    rng = stream("detector", detector)
    px, py = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
    return lambda contrast, x, y: contrast * (1.15 - 0.5 * abs(x - px) - 0.5 * abs(y - py))


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    longer = max(size)
    return max(3, round(GRID * size[0] / longer)), max(3, round(GRID * size[1] / longer))


def _box(size: tuple[int, int], grid: tuple[int, int], x: int, y: int) -> Box:
    """The cell with half a cell around it."""
    wide, high = size[0] / grid[0], size[1] / grid[1]
    left, top = max(0, round((x - 0.5) * wide)), max(0, round((y - 0.5) * high))
    return Box(left, top, min(size[0], round((x + 1.5) * wide)), min(size[1], round((y + 1.5) * high)))
