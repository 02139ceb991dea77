"""Brushes for what stands: trees, houses, castles, people and cats, each on its layer of land."""

import math
from collections.abc import Sequence

from agent.backends.sketch.canvas import Canvas, Color, Fine, mix
from agent.backends.sketch.view import View, height_at

Ridge = Sequence[float]


def growth(fine: Fine, view: View, layer: int, ridge: Ridge) -> None:
    """Trees in the silhouette of a layer: they share its colour and its haze."""
    depth = view.depth(layer)
    if view.has("pines"):
        _pines(fine, view, layer, ridge, depth)
    if view.has("trees") and layer >= view.layers - 2:
        _trees(fine, view, layer, ridge, depth)
    if layer == view.layers - 1:
        _grass(fine, view, ridge)


def standing(canvas: Canvas, view: View, layer: int) -> None:
    """What stands on a layer and is painted before it, so that the land hides its foot."""
    ridge = view.ridge(layer)
    middle = max(0, view.layers - 2)
    if layer == middle:
        if view.has("city"):
            for row in range(3):
                _city(canvas, view, ridge, row)
        if view.has("castle"):
            _castle(canvas, view, ridge)
        if view.has("town"):
            _town(canvas, view, ridge)
    if layer == view.layers - 1:
        if view.has("lighthouse"):
            _lighthouse(canvas, view, ridge)
        if view.has("figure"):
            _figure(canvas, view, ridge)
        if view.has("cat"):
            _cat(canvas, view, ridge)


def _pines(fine: Fine, view: View, layer: int, ridge: Ridge, depth: float) -> None:
    rng = view.rng("pines", layer)
    size = (0.03 + 0.2 * depth**2) * math.sqrt(view.weight("pines"))
    gap = view.rng("clearing").uniform(0.25, 0.75)
    for _ in range(view.count(round(110 - 70 * depth))):
        x, tall = rng.uniform(-0.02, 1.02), size * rng.uniform(0.55, 1.25)
        if depth > 0.85 and abs(x - gap) < 0.24:
            continue
        fine.about = x
        _pine(fine, x, height_at(ridge, x) + 0.01, tall, 3 + round(view.detail * 6))


def _pine(fine: Fine, x: float, foot: float, tall: float, tiers: int) -> None:
    half = tall * 0.17
    points_left, points_right = [], []
    for tier in range(tiers):
        y = foot - tall * (1 - tier / tiers)
        out = half * (tier + 1) / tiers
        points_right += [(x + out * 0.45 * tier / tiers, y), (x + out, y + tall / tiers * 1.05)]
        points_left += [(x - out * 0.45 * tier / tiers, y), (x - out, y + tall / tiers * 1.05)]
    fine.shape([(x, foot - tall * 1.04), *points_right, *reversed(points_left)])
    fine.box(x - half * 0.12, foot - tall * 0.05, x + half * 0.12, foot + 0.02)


def _trees(fine: Fine, view: View, layer: int, ridge: Ridge, depth: float) -> None:
    rng = view.rng("trees", layer)
    for _ in range(3 + view.count(6)):
        x = fine.about = rng.choice((rng.uniform(0.0, 0.34), rng.uniform(0.66, 1.0)))
        tall = (0.1 + 0.17 * depth**2) * rng.uniform(0.7, 1.3) * math.sqrt(view.weight("trees"))
        foot = height_at(ridge, x) + 0.01
        fine.shape([(x - tall * 0.04, foot), (x + tall * 0.04, foot), (x + tall * 0.012, foot - tall * 0.7),
                    (x - tall * 0.012, foot - tall * 0.7)])  # fmt: skip
        fine.disc(x, foot - tall * 0.74, tall * 0.2, squash=0.95)
        for _ in range(14 + view.count(70)):
            around, reach = rng.random(), math.sqrt(rng.random())
            out, up = _round(around, reach)
            fine.disc(x + out * tall * 0.29, foot - tall * (0.74 + up * 0.24), tall * rng.uniform(0.03, 0.075))


def _round(around: float, reach: float) -> tuple[float, float]:
    """A place within a circle of radius 1 without sine or cosine, which differ between machines."""
    side, place = int(around * 4), (around * 4) % 1.0 * 2 - 1
    length = math.sqrt(1 + place * place)
    x, y = ((1.0, place), (-place, 1.0), (-1.0, -place), (place, -1.0))[side]
    return x / length * reach, y / length * reach


def _grass(fine: Fine, view: View, ridge: Ridge) -> None:
    rng = view.rng("grass")
    for _ in range(view.count(260)):
        x = fine.about = rng.random()
        foot, lean = height_at(ridge, x) + 0.006, rng.gauss(0, 0.006)
        fine.line([(x, foot), (x + lean, foot - rng.uniform(0.006, 0.022))], 0.8)


def _city(canvas: Canvas, view: View, ridge: Ridge, row: int) -> None:
    rng = view.rng("city", row)
    body, lit = canvas.fine(), canvas.fine()
    x = -0.03
    tallest = (0.44, 0.34, 0.2)[row] * math.sqrt(view.weight("city"))
    while x < 1.02:
        wide = rng.uniform(0.03, 0.085)
        hill = 1 - abs(x + wide / 2 - view.rng("downtown").uniform(0.3, 0.7)) * 1.1
        tall = tallest * rng.uniform(0.35, 1.0) * max(0.25, hill)
        foot = height_at(ridge, x + wide / 2) + 0.03
        body.box(x, foot - tall, x + wide, foot + 0.1)
        if rng.random() < 0.35:
            body.line([(x + wide / 2, foot - tall - 0.05 * rng.random()), (x + wide / 2, foot - tall)], 1.2)
        _windows(lit, rng.random(), view, (x, foot - tall, x + wide, foot), row)
        x += wide + rng.uniform(0.0, 0.012)
    tone = mix(view.palette.far, view.palette.near, (0.2, 0.55, 0.9)[row])
    canvas.paint(mix(tone, view.palette.low, (0.35, 0.18, 0.0)[row]), body.mask())
    canvas.paint(view.palette.accent, lit.mask())


def _windows(lit: Fine, name: float, view: View, box: tuple[float, float, float, float], row: int) -> None:
    if row == 0:
        return
    rng = view.rng("windows", name)
    left, top, right, bottom = box
    share = 0.5 if view.hour in ("night", "dusk") else 0.16
    y = top + 0.012
    while y < bottom - 0.006:
        x = left + 0.006
        while x < right - 0.008:
            if rng.random() < share * view.detail * 1.2:
                lit.box(x, y, x + 0.004, y + 0.006, round(130 + 125 * rng.random()))
            x += 0.0095
        y += 0.0155


def _castle(canvas: Canvas, view: View, ridge: Ridge) -> None:
    rng = view.rng("castle")
    middle = rng.uniform(0.3, 0.7)
    foot = height_at(ridge, middle) + 0.012
    size = 0.27 * math.sqrt(view.weight("castle"))
    body, roofs, lit = canvas.fine(), canvas.fine(), canvas.fine()
    body.about = roofs.about = lit.about = middle
    body.box(middle - size * 0.62, foot - size * 0.42, middle + size * 0.62, foot + 0.1)
    _battlements(body, middle - size * 0.62, middle + size * 0.62, foot - size * 0.42, size * 0.05)
    towers = [(-0.62, 0.72, 0.11), (0.6, 0.8, 0.12), (-0.22, 1.1, 0.13), (0.2, 0.92, 0.11), (0.0, 0.64, 0.18)]
    for place, tall, wide in towers[: 3 + view.count(2)]:
        x, tall, wide = middle + place * size, tall * size * rng.uniform(0.85, 1.15), wide * size
        body.box(x - wide, foot - tall, x + wide, foot + 0.1)
        _battlements(body, x - wide * 1.15, x + wide * 1.15, foot - tall, size * 0.035)
        roofs.shape([(x - wide * 1.25, foot - tall), (x + wide * 1.25, foot - tall), (x, foot - tall - wide * 3.1)])
        for number in range(view.count(3)):
            y = foot - tall * (0.82 - 0.26 * number)
            lit.box(x - wide * 0.16, y, x + wide * 0.16, y + size * 0.045)
    stone = mix(view.land(max(0, view.layers - 2)), view.palette.near, 0.5)
    if view.hour in ("day", "dawn"):
        stone = mix(stone, view.palette.low, 0.45)
    canvas.paint(stone, body.mask())
    canvas.paint(mix(stone, view.palette.accent, 0.42), roofs.mask())
    canvas.paint(view.palette.accent, lit.mask())
    canvas.glow(middle, foot - size * 0.4, 0.16, view.palette.accent, 0.22 if view.hour != "day" else 0.0)


def _battlements(body: Fine, left: float, right: float, top: float, size: float) -> None:
    count = max(3, round((right - left) / (size * 1.3)))
    wide = (right - left) / count
    for number in range(0, count, 2):
        body.box(left + number * wide, top - size, left + (number + 1) * wide, top + 0.002)


def _town(canvas: Canvas, view: View, ridge: Ridge) -> None:
    rng = view.rng("town")
    body, roofs, lit = canvas.fine(), canvas.fine(), canvas.fine()
    middle = rng.uniform(0.3, 0.7)
    for _ in range(3 + view.count(13)):
        x = body.about = roofs.about = lit.about = middle + rng.gauss(0, 0.16)
        size = rng.uniform(0.026, 0.046) * math.sqrt(view.weight("town"))
        foot = height_at(ridge, x) + 0.006
        body.box(x - size, foot - size * 1.3, x + size, foot + 0.05)
        roofs.shape([(x - size * 1.2, foot - size * 1.25), (x + size * 1.2, foot - size * 1.25),
                     (x, foot - size * 2.3)])  # fmt: skip
        for place in (-0.45, 0.35):
            if rng.random() < 0.8:
                lit.box(x + (place - 0.13) * size, foot - size, x + (place + 0.13) * size, foot - size * 0.6)
    wall = mix(mix(view.palette.far, view.palette.near, 0.75), view.palette.low, 0.14)
    canvas.paint(wall, body.mask())
    roof = (240, 244, 250) if view.has("snow") else mix(view.palette.accent, view.palette.near, 0.5)
    canvas.paint(mix(roof, view.palette.middle, 0.25), roofs.mask())
    canvas.paint(view.palette.accent, lit.mask())


def _lighthouse(canvas: Canvas, view: View, ridge: Ridge) -> None:
    x = min((i / 40 for i in range(6, 35)), key=lambda place: height_at(ridge, place))
    x = min(max(x, 0.16), 0.84)
    foot, tall = height_at(ridge, x) + 0.03, 0.42 * math.sqrt(view.weight("lighthouse"))
    tower, bands, lamp = canvas.fine(), canvas.fine(), canvas.fine()
    tower.about = bands.about = lamp.about = x
    wide = tall * 0.085

    def half(share: float) -> float:
        return wide * (1 - 0.42 * share)

    tower.shape([(x - half(0), foot), (x + half(0), foot), (x + half(1), foot - tall), (x - half(1), foot - tall)])
    for number in (0, 2, 4):
        low, high = 0.08 + number * 0.17, 0.08 + (number + 1) * 0.17
        bands.shape([(x - half(low), foot - tall * low), (x + half(low), foot - tall * low),
                     (x + half(high), foot - tall * high), (x - half(high), foot - tall * high)])  # fmt: skip
    head = foot - tall
    bands.box(x - half(1) * 1.35, head - tall * 0.02, x + half(1) * 1.35, head)
    bands.shape(
        [(x - half(1) * 1.1, head - tall * 0.1), (x + half(1) * 1.1, head - tall * 0.1), (x, head - tall * 0.17)]
    )
    lamp.box(x - half(1) * 0.75, head - tall * 0.1, x + half(1) * 0.75, head - tall * 0.02)
    dark = view.hour != "day"
    if dark:
        beam = canvas.fine()
        for side in (-1, 1):
            beam.shape([(x, head - tall * 0.06), (x + side * 0.9, head - 0.2), (x + side * 0.9, head + 0.04)], 70)
        canvas.paint(view.palette.accent, beam.mask(3 * canvas.unit))
    white: Color = mix((244, 240, 230), view.palette.middle, 0.35 if dark else 0.08)
    canvas.paint(white, tower.mask())
    canvas.paint(mix((176, 50, 44), view.palette.near, 0.35 if dark else 0.1), bands.mask())
    canvas.paint(mix(view.palette.accent, (255, 255, 230), 0.4), lamp.mask())
    canvas.glow(x, head - tall * 0.06, 0.22, view.palette.accent, 0.75 if dark else 0.25)


def _figure(canvas: Canvas, view: View, ridge: Ridge) -> None:
    """A cloaked traveller, seen from behind, against the light."""
    rng = view.rng("figure")
    x = 0.5 + rng.uniform(-0.16, 0.16)
    foot, tall = height_at(ridge, x) + 0.02, 0.34 * math.sqrt(view.weight("figure"))
    wind = rng.choice((-1, 1)) * tall * 0.1
    head = foot - tall * 0.9
    for shift, color in ((-0.006, mix(view.palette.light, view.palette.low, 0.4)), (0.0, _dark(view))):
        body = canvas.fine()
        body.about = x
        body.shape([(x + shift - tall * 0.07, head + tall * 0.1), (x + shift + tall * 0.07, head + tall * 0.1),
                    (x + shift + tall * 0.12, head + tall * 0.24), (x + shift + tall * 0.13 + wind, foot - tall * 0.1),
                    (x + shift + tall * 0.16 + wind, foot), (x + shift - tall * 0.14, foot),
                    (x + shift - tall * 0.12, head + tall * 0.24)])  # fmt: skip
        body.disc(x + shift, head + tall * 0.06, tall * 0.062, squash=1.2)
        body.shape([(x + shift - tall * 0.06, head + tall * 0.05), (x + shift, head - tall * 0.05),
                    (x + shift + tall * 0.06, head + tall * 0.05)])  # fmt: skip
        if view.rng("staff").random() < 0.6:
            body.line([(x + shift + tall * 0.19, head - tall * 0.02), (x + shift + tall * 0.17, foot)], 2.2)
        canvas.paint(color, body.mask())


def _cat(canvas: Canvas, view: View, ridge: Ridge) -> None:
    rng = view.rng("cat")
    x, size = rng.uniform(0.25, 0.75), 0.16 * math.sqrt(view.weight("cat"))
    foot, side = height_at(ridge, x) + 0.02, rng.choice((-1, 1))
    for shift, color in ((-0.005, mix(view.palette.light, view.palette.low, 0.4)), (0.0, _dark(view))):
        body = canvas.fine()
        body.about = x
        body.disc(x + shift, foot - size * 0.42, size * 0.36, squash=1.25)
        body.disc(x + shift + side * size * 0.1, foot - size * 1.02, size * 0.25, squash=0.92)
        for ear in (-1, 1):
            at = x + shift + side * size * 0.1 + ear * size * 0.15
            body.shape([(at - size * 0.09, foot - size * 1.14), (at + size * 0.09, foot - size * 1.14),
                        (at + ear * size * 0.05, foot - size * 1.42)])  # fmt: skip
        tail = [(x + shift - side * size * out, foot - size * up) for out, up in
                ((0.25, 0.06), (0.5, 0.05), (0.68, 0.16), (0.72, 0.36), (0.62, 0.52))]  # fmt: skip
        body.line(tail, 6.5 * size / 0.16)
        canvas.paint(color, body.mask())


def _dark(view: View) -> Color:
    return mix(view.palette.near, (0, 0, 0), 0.45)
