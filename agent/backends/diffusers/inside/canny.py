"""Canny's edges (J. Canny 1986): smoothed, thinned along the gradient, kept where strong or joined to a strong one."""

from typing import TypeAlias

import numpy as np
from PIL import Image, ImageFilter

Plane: TypeAlias = np.ndarray
"""H x W."""


def canny(picture: Image.Image, low: float, high: float) -> Image.Image:
    """White lines on black, RGB. `low` and `high` are gradients of 8-bit brightness as OpenCV counts them."""
    low, high = min(low, high), max(low, high)
    grey = np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(1)), dtype=np.float32)
    across, down = _sobel(grey)
    strength = np.abs(across) + np.abs(down)
    thin = _thinned(strength, across, down)
    edges = _joined(thin > high, thin > low)
    return Image.fromarray((edges * 255).astype("uint8")).convert("RGB")


def _sobel(grey: Plane) -> tuple[Plane, Plane]:
    p = np.pad(grey, 1, mode="edge")
    across = (p[:-2, 2:] + 2 * p[1:-1, 2:] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[1:-1, :-2] + p[2:, :-2])
    down = (p[2:, :-2] + 2 * p[2:, 1:-1] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[:-2, 1:-1] + p[:-2, 2:])
    return across, down


def _thinned(strength: Plane, across: Plane, down: Plane) -> Plane:
    """Zero where a neighbour along the gradient is stronger; four directions."""
    p = np.pad(strength, 1)
    angle = np.rad2deg(np.arctan2(down, across)) % 180
    sides = (
        ((angle < 22.5) | (angle >= 157.5), (1, 2), (1, 0)),
        ((angle >= 22.5) & (angle < 67.5), (2, 2), (0, 0)),
        ((angle >= 67.5) & (angle < 112.5), (2, 1), (0, 1)),
        ((angle >= 112.5) & (angle < 157.5), (2, 0), (0, 2)),
    )
    height, width = strength.shape
    kept = np.zeros_like(strength)
    for where, (y1, x1), (y2, x2) in sides:
        one, other = p[y1 : y1 + height, x1 : x1 + width], p[y2 : y2 + height, x2 : x2 + width]
        kept = np.where(where & (strength >= one) & (strength > other), strength, kept)
    return kept


def _joined(strong: Plane, weak: Plane) -> Plane:
    """Weak ones that touch a strong one, directly or through others."""
    kept = strong
    while True:
        p = np.pad(kept, 1)
        height, width = kept.shape
        near = np.zeros_like(kept)
        for y in range(3):
            for x in range(3):
                near |= p[y : y + height, x : x + width]
        grown: Plane = near & weak | strong
        if (grown == kept).all():
            return grown
        kept = grown
