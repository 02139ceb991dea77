"""Brushes for prompts that name nothing drawable: veils, discs and ribbons that follow from the words."""

from itertools import pairwise

from agent.backends.sketch.canvas import Canvas, fade, gradient, mix, noise, ramp, stream
from agent.backends.sketch.view import View


def ground(canvas: Canvas, view: View) -> None:
    p = view.palette
    canvas.image.paste(gradient(canvas.size, (p.top, mix(p.top, p.middle, 0.7), p.middle, p.low)), (0, 0))


def veil(canvas: Canvas, view: View, words: tuple[str, ...], number: int) -> None:
    """A cloud of one colour, in places that the words choose."""
    rng = stream(view.seed, "veil", number, *words)
    colors = (view.palette.far, view.palette.accent, view.palette.water, view.palette.light, view.palette.near)
    cells = rng.uniform(1.2, 2.6)
    shape = noise(canvas.size, (cells, cells * canvas.height / canvas.width), rng, 1 + round(view.detail * 2))
    low = round(rng.uniform(118, 146))
    canvas.paint(colors[number % len(colors)], fade(ramp(shape, low, low + 44 + number * 12), rng.uniform(0.4, 0.8)))


def discs(canvas: Canvas, view: View, words: tuple[str, ...]) -> None:
    rng = stream(view.seed, "discs", *words)
    colors = (view.palette.light, view.palette.accent, view.palette.low, view.palette.near, view.palette.middle)
    for number in range(3 + view.count(9)):
        x, y, radius = rng.random(), rng.random(), rng.uniform(0.03, 0.2) * rng.random() ** 0.5
        color = colors[number % len(colors)]
        canvas.glow(x, y, radius * 1.9, color, 0.35)
        fine = canvas.fine()
        fine.disc(x, y, radius)
        if rng.random() < 0.5:
            fine.disc(x, y, radius * rng.uniform(0.75, 0.95), 0)
        canvas.paint(color, fade(fine.mask(), rng.uniform(0.55, 0.95)))


def ribbons(canvas: Canvas, view: View, words: tuple[str, ...]) -> None:
    rng = stream(view.seed, "ribbons", *words)
    colors = (view.palette.light, view.palette.accent, view.palette.low)
    start = [rng.uniform(0.1, 0.9) for _ in range(9)]
    drift = [rng.gauss(0, 0.012) for _ in range(9)]
    for number in range(view.count(34)):
        heights = [y + number * d + 0.004 * number for y, d in zip(start, drift, strict=True)]
        fine = canvas.fine()
        fine.line(_smooth(heights, 6), 0.7)
        canvas.paint(colors[number % 3], fade(fine.mask(), 0.55))


def _smooth(heights: list[float], rounds: int) -> list[tuple[float, float]]:
    """Chaikin's corner cutting."""
    last = len(heights) - 1
    points = [(i / last * 1.04 - 0.02, y) for i, y in enumerate(heights)]
    for _ in range(min(rounds, 4)):
        cut = [points[0]]
        for (x0, y0), (x1, y1) in pairwise(points):
            cut += [(x0 * 0.75 + x1 * 0.25, y0 * 0.75 + y1 * 0.25), (x0 * 0.25 + x1 * 0.75, y0 * 0.25 + y1 * 0.75)]
        points = [*cut, points[-1]]
    return points
