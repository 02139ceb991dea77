"""Favourites: what the last runs used most, or what their best pictures were made with; of every list of the form."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import msgspec

from schema.insights import Favourite
from schema.plans import RunSpec
from schema.records import Settings

LISTS = {
    "model": "models", "vae": "vaes", "sampler": "samplers", "scheduler": "schedulers", "upscaler": "upscalers",
    "detector": "detectors", "restorer": "restorers", "hires.upscaler": "upscalers", "refiner.model": "models",
}  # fmt: skip
"""Field of a stage to the list that its values are names of."""

ENOUGH = 3.0
"""Ratings that the mean of all is worth: one lucky picture makes no favourite."""

_SETTINGS = msgspec.json.Decoder(Settings)
_SPEC = msgspec.json.Decoder(RunSpec)


class _Use(NamedTuple):
    stars: float
    """Of all its rated pictures together."""
    rated: int
    uses: int


def read_favourites(
    opened: Callable[[], sqlite3.Connection], runs: int, by: Literal["rating", "uses"]
) -> tuple[tuple[Favourite, ...], int]:
    """Best first within each list, and how many runs they are from. On a connection of its own, for a thread."""
    db = opened()
    try:
        newest = db.execute("SELECT id, spec FROM runs ORDER BY n DESC LIMIT ?", (runs,)).fetchall()
        found: dict[tuple[str, str], _Use] = defaultdict(lambda: _Use(0.0, 0, 0))
        for run, spec in newest:
            of_run = list(_of_run(_SPEC.decode(spec)))
            for pack, words, rated, stars, pictures in db.execute(PICTURES, (run,)):
                names = dict.fromkeys((*of_run, *_of_picture(_SETTINGS.decode(words)), ("packs", pack or "")))
                for key in names:
                    was = found[key]
                    found[key] = _Use(was.stars + stars, was.rated + rated, was.uses + pictures)
    finally:
        db.close()
    return _ranked({key: use for key, use in found.items() if key[1]}, by), len(newest)


PICTURES = (
    "SELECT makings.pack, params.json, sum(images.stars > 0), total(images.stars), count(*)"
    " FROM images JOIN makings ON makings.token = images.token JOIN params ON params.digest = makings.params"
    " WHERE images.run = ? AND images.final AND NOT images.trashed AND images.suspect IS NULL"
    " GROUP BY makings.pack, makings.params"
)


def _of_run(spec: RunSpec) -> Iterator[tuple[str, str]]:
    yield "pipelines", spec.pipeline
    yield "presets", spec.preset or ""
    yield "profiles", spec.profile or ""
    yield "templates", spec.randomizer.template or ""
    yield "overlays", spec.randomizer.overlay or ""


def _of_picture(params: Settings) -> Iterator[tuple[str, str]]:
    for knob, value in params.items():
        if knob.startswith("lora:"):
            yield "loras", knob.removeprefix("lora:")
        elif knob == "style":
            yield from (("styles", one.strip()) for one in str(value).split(","))
        elif (list_ := LISTS.get(knob.partition(".")[2])) and isinstance(value, str):
            yield list_, value


def _ranked(found: dict[tuple[str, str], _Use], by: Literal["rating", "uses"]) -> tuple[Favourite, ...]:
    rated = sum(use.rated for use in found.values())
    usual = sum(use.stars for use in found.values()) / rated if rated else 0.0

    def merit(key: tuple[str, str]) -> tuple[str, float, float, str]:
        use = found[key]
        likely = (use.stars + ENOUGH * usual) / (use.rated + ENOUGH)
        first, second = (-likely, -use.uses) if by == "rating" else (-use.uses, -likely)
        return key[0], first, second, key[1]

    return tuple(
        Favourite(list=key[0], name=key[1], uses=found[key].uses, stars=_mean(found[key]))
        for key in sorted(found, key=merit)
    )


def _mean(use: _Use) -> float:
    return round(use.stars / use.rated, 6) if use.rated else 0.0
