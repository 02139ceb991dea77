"""Brushes for what hangs, flies, floats and falls: mist, birds, boats, flowers, lanterns, rain, snow, LoRA motifs."""

from agent.backends.sketch.canvas import Canvas, Color, fade, gradient, mix, noise, ramp, stream, times
from agent.backends.sketch.view import View, height_at

MOTIFS = ("rays", "petals", "rings", "sparks", "ribbons")


def mist(canvas: Canvas, view: View) -> None:
    rng = view.rng("mist")
    veil = ramp(noise(canvas.size, (2.5, 9), rng, 4), 70, 200)
    fall = gradient(canvas.size, ((0, 0, 0), (60, 60, 60), (255, 255, 255), (170, 170, 170), (40, 40, 40)))
    veil = fade(times(veil, fall.getchannel(0)), 0.75 * min(1.3, view.weight("mist")))
    canvas.paint(mix(view.palette.low, (255, 255, 255), 0.15), veil)


def birds(canvas: Canvas, view: View) -> None:
    rng = view.rng("birds")
    fine = canvas.fine()
    cx, cy = rng.uniform(0.2, 0.8), rng.uniform(0.14, view.horizon * 0.6)
    for _ in range(3 + view.count(round(14 * view.weight("birds")))):
        x, y = cx + rng.gauss(0, 0.11), cy + rng.gauss(0, 0.05)
        wing, lift = rng.uniform(0.008, 0.02), rng.uniform(0.003, 0.011)
        fine.about = x
        fine.line([(x - wing, y - lift), (x - wing * 0.4, y - lift * 1.1), (x, y), (x + wing * 0.4, y - lift * 1.1),
                   (x + wing, y - lift)], 1.5)  # fmt: skip
    canvas.paint(mix(view.palette.near, view.palette.middle, 0.15), fine.mask())


def boats(canvas: Canvas, view: View) -> None:
    rng = view.rng("boats")
    for number in range(max(1, round(2 * view.weight("boat") * view.detail))):
        near = rng.uniform(0.12, 0.3) + 0.12 * number
        x, y = rng.uniform(0.15, 0.85), view.horizon + (1 - view.horizon) * near
        size = 0.05 + 0.16 * near
        hull, sails, image = canvas.fine(), canvas.fine(), canvas.fine()
        hull.about = sails.about = image.about = x
        deck, keel = y - size * 0.14, y + size * 0.06
        hull.shape([(x - size * 0.6, deck), (x + size * 0.62, deck), (x + size * 0.42, keel), (x - size * 0.42, keel)])
        hull.line([(x, y - size * 0.14), (x, y - size * 1.35)], 1.3)
        sails.shape(
            [(x + size * 0.04, y - size * 1.3), (x + size * 0.04, y - size * 0.2), (x + size * 0.6, y - size * 0.2)]
        )
        sails.shape(
            [(x - size * 0.05, y - size * 1.15), (x - size * 0.05, y - size * 0.2), (x - size * 0.42, y - size * 0.2)]
        )
        image.shape(
            [(x - size * 0.4, y + size * 0.08), (x + size * 0.42, y + size * 0.08), (x + size * 0.2, y + size * 0.85)]
        )
        canvas.paint(mix(view.palette.near, view.palette.water, 0.4), fade(image.mask(1.5 * canvas.unit), 0.4))
        canvas.paint(mix(view.palette.near, view.palette.accent, 0.16), hull.mask())
        canvas.paint(mix(view.palette.light, view.palette.low, 0.25), sails.mask())


def flowers(canvas: Canvas, view: View) -> None:
    rng = view.rng("flowers")
    ridge = view.ridge(view.layers - 1)
    stems, heads, hearts = canvas.fine(), canvas.fine(), canvas.fine()
    for _ in range(30 + view.count(round(380 * view.weight("flowers")))):
        x = stems.about = heads.about = hearts.about = rng.random()
        near = rng.random() ** 1.5
        ground = height_at(ridge, x)
        foot = ground + (1.02 - ground) * near
        tall, size = 0.01 + 0.045 * near, 0.0014 + 0.0052 * near
        lean = rng.gauss(0, 0.006)
        stems.line([(x, foot), (x + lean, foot - tall)], 0.7 + near)
        for dx, dy in ((-0.8, 0.0), (0.8, 0.0), (0.0, -0.8), (0.0, 0.8)):
            heads.disc(x + lean + dx * size, foot - tall + dy * size, size, 190 + round(65 * rng.random()))
        hearts.disc(x + lean, foot - tall, size * 0.6)
    canvas.paint(mix(view.palette.near, (70, 120, 60), 0.4), stems.mask())
    canvas.paint(view.palette.accent, heads.mask())
    canvas.paint(mix(view.palette.light, (250, 210, 90), 0.5), hearts.mask())


def lanterns(canvas: Canvas, view: View) -> None:
    rng = view.rng("lanterns")
    warm: Color = mix(view.palette.accent, (255, 214, 130), 0.5)
    hearts = canvas.fine()
    for _ in range(4 + view.count(round(20 * view.weight("lanterns")))):
        x, y, near = rng.random(), rng.uniform(0.2, 0.9), rng.random() ** 1.5
        canvas.glow(x, y, 0.03 + 0.06 * near, warm, 0.7)
        hearts.disc(x, y, 0.003 + 0.007 * near, squash=1.25)
    canvas.paint(mix(warm, (255, 255, 240), 0.55), hearts.mask())


def rain(canvas: Canvas, view: View) -> None:
    rng = view.rng("rain")
    fine = canvas.fine()
    slant = rng.uniform(-0.02, 0.02)
    for _ in range(60 + view.count(round(420 * view.weight("rain")))):
        x, y, near = rng.uniform(-0.05, 1.05), rng.random(), rng.random()
        long = 0.02 + 0.06 * near
        fine.line([(x, y), (x + slant * (0.5 + near), y + long)], 0.5 + 0.5 * near, round(40 + 110 * near))
    canvas.paint(mix(view.palette.low, (255, 255, 255), 0.35), fine.mask())


def snow(canvas: Canvas, view: View) -> None:
    rng = view.rng("snow")
    fine = canvas.fine()
    for _ in range(60 + view.count(round(420 * view.weight("snow")))):
        near = rng.random() ** 3
        fine.disc(rng.random(), rng.random(), 0.0012 + 0.0055 * near, round(120 + 135 * rng.random()))
    canvas.paint((252, 252, 255), fine.mask(0.5 * canvas.unit))


def motif(canvas: Canvas, view: View, name: str, weight: float) -> None:
    """What a LoRA adds: one of five ornaments by its name, as strong as its weight."""
    rng = stream(view.seed, "lora", name)
    kind = stream("motif", name).choice(MOTIFS)
    amount = min(1.5, abs(weight))
    fine = canvas.fine()
    x, y = view.sun
    match kind:
        case "rays":
            for _ in range(9):
                angle, wide = rng.uniform(-1.6, 1.6), rng.uniform(0.02, 0.09)
                fine.shape([(x, y), (x + angle - wide, y + 1.2), (x + angle + wide, y + 1.2)], 60)
        case "petals":
            for _ in range(round(70 * amount)):
                at = fine.about = rng.random()
                fine.disc(at, rng.random(), rng.uniform(0.003, 0.009), 210, squash=rng.uniform(0.4, 0.8))
        case "rings":
            for number in range(6, 0, -1):
                fine.disc(x, y, 0.11 * number, 110)
                fine.disc(x, y, 0.11 * number - 0.007, 0)
        case "sparks":
            for _ in range(round(110 * amount)):
                fine.disc(rng.random(), rng.random() ** 0.7, 0.001 + 0.004 * rng.random() ** 3, 230)
        case _:
            for number in range(4):
                points = [(i / 12, 0.2 + 0.16 * number + rng.gauss(0, 0.03)) for i in range(13)]
                fine.line(points, 2.5, 120)
    color = mix(view.palette.accent, view.palette.light, stream("lora colour", name).random())
    canvas.paint(color, fade(fine.mask(0.6 * canvas.unit), 0.7 * amount))
