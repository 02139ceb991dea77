"""What is painted for a prompt, in which order: the list of brush strokes that the steps are spent on."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from PIL import Image, ImageFilter

from agent.backends.sketch import abstract, air, land, things
from agent.backends.sketch.canvas import Canvas, noise, stream
from agent.backends.sketch.palette import DEFAULT_MODEL, palette_of, style_of
from agent.backends.sketch.texture import (
    DEFAULT_SAMPLER,
    DEFAULT_SCHEDULER,
    Hand,
    balance,
    hand_of,
    tone_of,
    touch,
)
from agent.backends.sketch.view import View
from agent.backends.sketch.words import Reading, read
from schema.orders import Order
from schema.stages import Detail, Img2Img, Refiner, Txt2Img

Stroke = Callable[[Canvas], None]

DRAWABLE = {
    "sun", "moon", "stars", "clouds", "hills", "mountains", "water", "dunes", "pines", "trees", "town", "city",
    "castle", "lighthouse", "boat", "birds", "figure", "cat", "flowers", "lanterns", "rain", "snow", "mist",
}  # fmt: skip


class Wish(NamedTuple):
    """All that shows in a painted picture."""

    prompt: str
    negative: str
    seed: int
    steps: int
    cfg: float
    model: str
    sampler: str
    scheduler: str
    vae: str | None = None
    clip_skip: int = 1
    hypernetwork: str | None = None
    guidance: float | None = None
    encoders: tuple[str, ...] = ()

    def reading(self) -> Reading:
        return read(self.prompt)


class Painting:
    """A wish on its way to a picture of one size: `strokes` one after the other, then `finished`."""

    def __init__(self, wish: Wish, size: tuple[int, int]) -> None:
        self.canvas = Canvas(size)
        self._wish = wish
        self._negative = set(read(wish.negative).things())
        reading = wish.reading()
        self.strokes = _strokes(wish, reading, _view(wish, reading, size))

    def finished(self) -> Image.Image:
        wish = self._wish
        detail = detail_of(wish.steps)
        image = _settled(self.canvas.image, detail, wish.seed, crisp="blur" in self._negative)
        amount = 0.25 if "grain" in self._negative else 0.9
        hand: Hand = hand_of(wish.sampler, wish.scheduler)
        image = _banded(image, style_of(wish.model).bands)
        image = touch(image, hand, wish.seed, amount * (0.5 + 0.5 * detail))
        return balance(image, wish.cfg, _tone(wish))


def wish_of(order: Order, config: Txt2Img | Img2Img | Refiner | Detail, seed: int) -> Wish:
    return Wish(
        prompt=order.prompt,
        negative=order.negative,
        seed=seed,
        steps=config.steps,
        cfg=config.cfg,
        model=config.model or DEFAULT_MODEL,
        sampler=config.sampler or DEFAULT_SAMPLER,
        scheduler=config.scheduler or DEFAULT_SCHEDULER,
        vae=config.vae,
        clip_skip=config.clip_skip,
        hypernetwork=config.hypernetwork if isinstance(config, Txt2Img) else None,
        guidance=config.guidance,
        encoders=config.encoders,
    )


def _tone(wish: Wish) -> float:
    return tone_of(wish.vae, wish.clip_skip, wish.hypernetwork, wish.guidance, wish.encoders)


def detail_of(steps: int) -> float:
    """0 to 1: each further step gives less."""
    return steps / (steps + 8)


def _view(wish: Wish, reading: Reading, size: tuple[int, int]) -> View:
    negative = read(wish.negative)
    refused = negative.things()
    style = style_of(wish.model)
    asked = {thing: weight for thing, weight in reading.things().items() if thing not in refused}
    hour = reading.hour()
    rng = stream(wish.seed, "hour")
    chosen = rng.choice(("day", "dusk", "dusk", "dawn", "night"))
    if hour is None or hour == negative.hour():
        hour = chosen if chosen != negative.hour() else "day"
    place = stream(wish.seed, "places")
    horizon = place.uniform(0.5, 0.66)
    seen = _filled(asked, set(refused), hour, place.random()) if asked.keys() & DRAWABLE else asked
    # words that name nothing still matter: they move the light a little
    drift = stream("drift", *reading.words, "|", *negative.words).uniform(-0.05, 0.05)
    sun = (place.uniform(0.16, 0.84) + drift, horizon * _height(hour, place.random()))
    layers = 4 + (1 if "mountains" in seen else 0)
    if "water" in seen:
        layers = 3
    palette = palette_of(reading, negative, hour, wish.seed, style)
    return View(palette, style, seen, hour, wish.seed, detail_of(wish.steps), horizon, sun, layers)


def _filled(asked: Mapping[str, float], refused: set[str], hour: str, chance: float) -> dict[str, float]:
    """A few things nobody spoke of, so that the picture is whole."""
    seen = dict(asked)
    extra = ["stars", "moon"] if hour == "night" else ["sun"] if hour in ("dusk", "dawn") else []
    if hour != "night" or "clouds" in asked:
        extra.append("clouds")
    if not {"mountains", "hills", "dunes", "water", "city"} & seen.keys():
        extra.append("water" if chance < 0.33 else "mountains" if chance < 0.66 else "hills")
    if {"boat", "lighthouse"} & seen.keys():
        extra.append("water")
    if "water" in seen and not {"mountains", "hills", "dunes", "city"} & seen.keys() and chance < 0.6:
        extra.append("mountains")
    if "sun" not in seen and hour == "day" and chance > 0.4 and "rain" not in seen:
        extra.append("sun")
    for thing in extra:
        if thing not in refused:
            seen.setdefault(thing, 1.0)
    return seen


def _height(hour: str, chance: float) -> float:
    """Of sun or moon, as a share of the way from the top to the horizon."""
    return {"day": 0.3, "night": 0.34, "storm": 0.4}.get(hour, 0.76) + 0.16 * chance


def _strokes(wish: Wish, reading: Reading, view: View) -> list[tuple[str, Stroke]]:
    drawable = view.things.keys() & DRAWABLE
    strokes = _landscape(view) if drawable else _abstraction(view, reading.words)
    for name, weight in reading.loras:
        strokes.append(("ornaments", partial(air.motif, view=view, name=name, weight=weight)))
    return strokes


def _landscape(view: View) -> list[tuple[str, Stroke]]:
    strokes: list[tuple[str, Stroke]] = [("sky", partial(land.sky, view=view))]
    for thing, stroke in (("stars", land.stars), ("sun", land.sun), ("clouds", land.clouds)):
        if view.has(thing) or (thing == "sun" and view.has("moon")):
            strokes.append((thing, partial(stroke, view=view)))
    near = view.layers - 1
    for layer in range(view.layers):
        if layer == near:
            if view.has("water"):
                strokes.append(("water", partial(land.water, view=view)))
            if view.has("boat") and view.has("water"):
                strokes.append(("boats", partial(air.boats, view=view)))
            if view.has("mist"):
                strokes.append(("mist", partial(air.mist, view=view)))
        strokes.append(("things", partial(things.standing, view=view, layer=layer)))
        if not (view.has("city") and view.has("water") and layer == near):
            strokes.append(("land", partial(land.range_of_land, view=view, layer=layer)))
    for thing, stroke in (("birds", air.birds), ("flowers", air.flowers), ("lanterns", air.lanterns),
                          ("rain", air.rain), ("snow", air.snow)):  # fmt: skip
        if view.has(thing):
            strokes.append((thing, partial(stroke, view=view)))
    return strokes


def _abstraction(view: View, words: tuple[str, ...]) -> list[tuple[str, Stroke]]:
    strokes: list[tuple[str, Stroke]] = [("ground", partial(abstract.ground, view=view))]
    strokes += [
        ("veils", partial(abstract.veil, view=view, words=words, number=number)) for number in range(2 + view.count(4))
    ]
    strokes.append(("discs", partial(abstract.discs, view=view, words=words)))
    strokes.append(("ribbons", partial(abstract.ribbons, view=view, words=words)))
    return strokes


def _banded(image: Image.Image, bands: int) -> Image.Image:
    """Flat colours, as printed with a few plates; 0: as it is."""
    if not bands:
        return image
    return image.point([round(round(v / 255 * (bands - 1)) * 255 / (bands - 1)) for v in range(256)] * 3)


def _settled(image: Image.Image, detail: float, seed: int, crisp: bool) -> Image.Image:
    """What few steps leave behind: blotches and blur, gone at about sixteen steps."""
    missing = max(0.0, 0.66 - detail)
    if missing == 0.0:
        return image
    unit = min(image.size) / 512
    blotches = noise(image.size, (18, 18), stream(seed, "blotches"), 2)
    image = Image.blend(image, Image.merge("RGB", (blotches,) * 3), missing * 0.5)
    return image.filter(ImageFilter.GaussianBlur(missing * unit * (5 if crisp else 11)))
