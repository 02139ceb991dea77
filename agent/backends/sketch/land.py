"""Brushes for what lies: sky, sun and moon, stars, clouds, ranges of land, and water with its reflection."""

from PIL import Image, ImageEnhance

from agent.backends.sketch.canvas import Canvas, fade, gradient, mix, noise, ramp, times
from agent.backends.sketch.things import growth
from agent.backends.sketch.view import View
from agent.pictures import edges


def sky(canvas: Canvas, view: View) -> None:
    p = view.palette
    height = max(2, round(canvas.height * (view.horizon + 0.06)))
    canvas.image.paste(p.low, (0, 0, canvas.width, canvas.height))
    stops = (p.top, mix(p.top, p.middle, 0.55), p.middle, mix(p.middle, p.low, 0.6), p.low)
    canvas.image.paste(gradient((canvas.width, height), stops), (0, 0))


def stars(canvas: Canvas, view: View) -> None:
    rng = view.rng("stars")
    fine = canvas.fine()
    for _ in range(view.count(round(420 * view.weight("stars")))):
        x, y = rng.random(), rng.random() ** 1.4 * view.horizon
        size = rng.random() ** 6
        fine.disc(x, y, 0.0008 + 0.0024 * size, 90 + round(165 * rng.random()))
    canvas.paint((255, 252, 240), fine.mask())
    band = ramp(noise(canvas.size, (3, 5), view.rng("milky way")), 132, 220)
    fall = Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(canvas.size)
    canvas.paint(mix(view.palette.low, (255, 255, 255), 0.35), fade(times(band, fall), 0.32))


def sun(canvas: Canvas, view: View) -> None:
    x, y = view.sun
    p = view.palette
    night = view.has("moon") or view.hour == "night"
    canvas.glow(x, y, 0.75, mix(p.light, p.low, 0.45), 0.55 if not night else 0.3)
    canvas.glow(x, y, 0.3, p.light, 0.6 if not night else 0.45)
    radius = (0.062 if night else 0.07) * max(view.weight("sun"), view.weight("moon"))
    fine = canvas.fine()
    fine.disc(x, y, radius)
    rng = view.rng("moon")
    if night and rng.random() < 0.45:
        bite = rng.choice((-1, 1)) * radius * 0.55 * min(canvas.size) / canvas.width
        fine.disc(x + bite, y - radius * 0.12, radius * 0.96, 0)
    disc = fine.mask()
    canvas.paint(mix(p.light, (255, 255, 255), 0.3), disc)
    if night:
        seas = ramp(noise(canvas.size, (34, 34), rng, 3), 132, 190)
        canvas.paint(mix(p.light, p.middle, 0.45), fade(times(disc, seas), 0.55 * view.detail))


def clouds(canvas: Canvas, view: View) -> None:
    """Banks of stretched noise, lit from below near the horizon and thinner above it."""
    p = view.palette
    strength = view.weight("clouds")
    for number, (cells, low) in enumerate(((3.0, 138), (5.0, 146))):
        rng = view.rng("clouds", number)
        half = (max(8, canvas.width // 2), max(8, canvas.height // 2))
        octaves = 2 + round(view.detail * 4)
        puffs = noise(half, (cells, cells * 2.6 * half[1] / half[0]), rng, octaves)
        body = ramp(puffs, round(low - 12 * strength), low + 46).resize(canvas.size, Image.Resampling.BICUBIC)
        fall = gradient(canvas.size, ((200, 200, 200), (255, 255, 255), (150, 150, 150), (0, 0, 0), (0, 0, 0)))
        body = times(body, fall.getchannel(0))
        dark = view.hour in ("night", "storm")
        shade = mix(p.middle, p.top, 0.5 if dark else 0.12)
        light = mix(p.low, (255, 255, 255), 0.12 if dark else 0.5)
        canvas.paint(shade, fade(body, 0.55), (0, round(canvas.height * 0.012)))
        canvas.paint(light, fade(body, (0.28 if dark else 0.62) * min(1.4, strength)))


def range_of_land(canvas: Canvas, view: View, layer: int) -> None:
    """One layer: a ridge, what grows on it, light and texture on its slopes, mist at its foot."""
    ridge = view.ridge(layer)
    depth = view.depth(layer)
    last = len(ridge) - 1
    fine = canvas.fine()
    fine.shape([(0.0, 1.05), *((i / last, y) for i, y in enumerate(ridge)), (1.0, 1.05)])
    growth(fine, view, layer, ridge)
    mask = fine.mask()
    color = view.land(layer)
    low = mix(color, view.palette.low, view.style.mist * (1 - depth) + 0.1)
    top = max(0, min(canvas.height - 2, round(min(ridge) * canvas.height) - 4))
    reach = min(canvas.height - top, max(2, round(canvas.height * 0.34)))
    body = Image.new("RGB", canvas.size, low)
    body.paste(gradient((canvas.width, reach), (mix(color, view.palette.light, 0.06), color, low)), (0, top))
    canvas.paint(body, mask)
    slopes = noise(canvas.size, (4, 22), view.rng("slopes", layer), 2 + round(view.detail * 5))
    lit = mix(color, view.palette.light, 0.5)
    canvas.paint(lit, fade(times(mask, ramp(slopes, 116, 216)), 0.3 * (0.35 + 0.4 * depth)))
    if view.has("mountains") and depth < 0.75:
        _snow_caps(canvas, view, layer, mask, min(ridge))
    if view.style.outline:
        outline = edges(mask)
        canvas.paint(mix(view.palette.near, (0, 0, 0), 0.5), fade(outline, view.style.outline))


def _snow_caps(canvas: Canvas, view: View, layer: int, mask: Image.Image, peak: float) -> None:
    line = peak + (0.16 if view.has("snow") else 0.1)
    fall = Image.new("L", canvas.size)
    top, bottom = round(peak * canvas.height), max(1, round((line - peak) * canvas.height))
    cap = gradient((canvas.width, bottom), ((255, 255, 255), (190, 190, 190), (0, 0, 0))).getchannel(0)
    fall.paste(255, (0, 0, canvas.width, max(0, top)))
    fall.paste(cap, (0, top))
    patches = ramp(noise(canvas.size, (14, 30), view.rng("caps", layer), 5), 104, 150)
    white = mix((250, 250, 252), view.palette.low, 0.25)
    canvas.paint(white, fade(times(times(mask, fall), patches), 0.85))


def water(canvas: Canvas, view: View) -> None:
    """The picture above the horizon upside down, darker, torn into ripples, with the light's path on it."""
    line = round(canvas.height * view.horizon)
    depth = canvas.height - line
    if depth < 2:
        return
    above = canvas.image.crop((0, max(0, line - depth), canvas.width, line))
    mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((canvas.width, depth), Image.Resampling.BILINEAR)
    tone = gradient((canvas.width, depth), (mix(view.palette.water, view.palette.low, 0.35), view.palette.water,
                                            mix(view.palette.water, (0, 0, 0), 0.25)))  # fmt: skip
    mirror = ImageEnhance.Brightness(Image.blend(mirror, tone, 0.42)).enhance(0.93)
    canvas.image.paste(_rippled(mirror, view), (0, line))
    _glitter(canvas, view, line, depth)
    shine = canvas.fine()
    shine.box(0.0, view.horizon - 0.002, 1.0, view.horizon + 0.002)
    canvas.paint(mix(view.palette.low, (255, 255, 255), 0.3), fade(shine.mask(), 0.5))


def _rippled(mirror: Image.Image, view: View) -> Image.Image:
    rng = view.rng("ripples")
    width, depth = mirror.size
    torn = mirror.copy()
    y, unit = 0, min(width, depth * 2) / 512
    while y < depth:
        near = y / depth
        rows = max(1, round((1 + 4 * near) * unit))
        shift = round(rng.gauss(0, 1) * (1.5 + 9 * near) * unit * view.detail)
        strip = mirror.crop((0, y, width, min(depth, y + rows)))
        torn.paste(strip, (shift, y))
        y += rows
    return torn


def _glitter(canvas: Canvas, view: View, line: int, depth: int) -> None:
    rng = view.rng("glitter")
    fine = canvas.fine()
    x = view.sun[0]
    for _ in range(view.count(340)):
        near = rng.random() ** 1.3
        y = (line + near * depth) / canvas.height
        spread = 0.02 + 0.13 * near
        middle = x + rng.gauss(0, 1) * spread * 0.6
        length = (0.006 + 0.05 * near) * rng.random()
        thick = 0.0008 + 0.0022 * near
        fine.box(middle - length, y - thick, middle + length, y + thick, round(60 + 150 * rng.random()))
    canvas.paint(view.palette.light, fade(fine.mask(0.4 * canvas.unit), 0.85))
    for _ in range(view.count(160)):
        near = rng.random()
        y = (line + near * depth) / canvas.height
        middle, length = rng.random(), (0.01 + 0.07 * near) * rng.random()
        fine.box(middle - length, y, middle + length, y + 0.001 + 0.001 * near, 70)
    canvas.paint(mix(view.palette.low, (255, 255, 255), 0.2), fade(fine.mask(), 0.25))
