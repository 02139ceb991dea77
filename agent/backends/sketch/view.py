"""What all brushes share: the wishes turned into places, colours and amounts."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from agent.backends.sketch.canvas import Color, mix, stream
from agent.backends.sketch.palette import Palette, Style


class View(NamedTuple):
    palette: Palette
    style: Style
    things: Mapping[str, float]
    """What is to be seen, with its weight."""
    hour: str
    seed: int
    detail: float
    """0 to 1: how far the steps got."""
    horizon: float
    sun: tuple[float, float]
    layers: int
    """Of land, the farthest is 0."""

    def rng(self, *names: object) -> random.Random:
        return stream(self.seed, *names)

    def has(self, *things: str) -> bool:
        return any(thing in self.things for thing in things)

    def weight(self, thing: str) -> float:
        return self.things.get(thing, 1.0)

    def count(self, most: int) -> int:
        """How many of something the steps allow."""
        return max(1, round(most * self.detail))

    def depth(self, layer: int) -> float:
        """0 far away, 1 before us."""
        return (layer + 1) / self.layers

    def land(self, layer: int) -> Color:
        color = mix(self.palette.far, self.palette.near, math.pow(self.depth(layer), 1.3))
        if not self.has("snow"):
            return color
        light = 0.82 if self.hour in ("day", "dawn") else 0.56
        return mix(color, mix((246, 248, 252), self.palette.middle, 0.22), light)

    def base(self, layer: int) -> float:
        """Height of a land layer's middle, from above."""
        if self.has("water"):
            return self.horizon - 0.012 if layer < self.layers - 1 else 0.93
        return self.horizon + (0.97 - self.horizon) * math.pow(layer / self.layers, 1.15)

    def ridge(self, layer: int) -> Sequence[float]:
        """Heights from left to right; more detail only refines them."""
        return _ridge(self, layer)


def _ridge(view: View, layer: int) -> list[float]:
    rng = view.rng("ridge", layer)
    depth = view.depth(layer)
    steep = 0.07 * (1.15 - 0.4 * depth)
    rough = view.style.rough
    if view.has("mountains") and layer < max(1, view.layers - 2 + view.has("water")):
        steep = (0.34 - 0.16 * depth) * math.sqrt(view.weight("mountains"))
    elif view.has("dunes"):
        steep, rough = 0.1, 0.32
    if view.has("water") and layer == view.layers - 1:
        steep = 0.05
    lift = steep * 0.35 if steep > 0.12 else 0.0
    levels = 3 + round(view.detail * 5.5)
    heights = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    swing = 1.0
    for _ in range(levels):
        finer = [heights[0]]
        for left, right in pairwise(heights):
            finer += [(left + right) / 2 + rng.uniform(-swing, swing), right]
        heights = finer
        swing *= rough
    base = view.base(layer) - lift
    if view.has("water") and layer == view.layers - 1:
        side = view.rng("shore").choice((-1, 1))
        last = len(heights) - 1
        return [base - steep * h + 0.17 * side * (2 * i / last - 1) for i, h in enumerate(heights)]
    return [base - steep * h for h in heights]


def height_at(ridge: Sequence[float], x: float) -> float:
    place = min(max(x, 0.0), 1.0) * (len(ridge) - 1)
    index = min(int(place), len(ridge) - 2)
    return ridge[index] + (ridge[index + 1] - ridge[index]) * (place - index)
