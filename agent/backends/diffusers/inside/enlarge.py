"""Upscaling: by plain resizing or spandrel's models, in tiles that fade into one another; repainted where asked."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from agent.backends import BackendTrouble
from agent.backends.diffusers.inside.brief import Brief, Outcome
from agent.backends.diffusers.inside.brush import Brush, Size
from agent.backends.diffusers.inside.models import Enlarger
from agent.backends.diffusers.inside.ready import ready
from agent.backends.diffusers.resizers import LATENT, PIXELS
from schema.names import found
from schema.stages import Upscale

DEFAULT = "Lanczos"
MODEL_TILE, MODEL_OVERLAP = 512, 32
"""Where the stage does not say: the hires pass."""

MOST_PASSES = 4
"""A 2x model used again and again reaches 16 times the size."""


def upscale(brief: Brief, config: Upscale) -> Outcome:
    first = brief.pictures(config.type)[0]
    brief.used |= {"upscaler": config.upscaler or DEFAULT, "width": _size(config, first.size)[0],
                   "height": _size(config, first.size)[1]}  # fmt: skip
    brush = ready(brief, config, _tile_size(config, first.size)) if config.denoise > 0 else None

    def made(picture: Image.Image, seed: int, number: str) -> Image.Image:
        size = _size(config, picture.size)
        large = enlarged(brief, picture, config.upscaler or DEFAULT, size, config.tile, config.overlap)
        if config.upscaler2 and config.blend:
            other = enlarged(brief, picture, config.upscaler2, size, config.tile, config.overlap)
            large = Image.blend(large, other, config.blend)
        if brush is None or brush.steps_of(config.denoise) < 1:
            return large
        return _repainted(brush, config, large, seed, number)

    return brief.each(config.type, made)


def enlarged(
    brief: Brief, picture: Image.Image, upscaler: str, size: Size, tile: int = MODEL_TILE, overlap: int = MODEL_OVERLAP
) -> Image.Image:
    """To exactly `size`. Raises BackendTrouble for an upscaler that is not there."""
    name = found(upscaler, tuple(PIXELS))
    if name is not None:
        brief.teller.step(1, 1, "resizing")
        return picture.resize(size, PIXELS[name])
    if upscaler in LATENT:
        raise BackendTrouble(
            "bad-request", f"{upscaler} enlarges unfinished pictures only, in the hires pass of txt2img"
        )
    entry = brief.folder.entry("upscalers", upscaler, f"upscaler (besides {', '.join(PIXELS)})")
    model = brief.models.enlarger(entry, brief.teller)
    for _ in range(MOST_PASSES):
        if picture.width >= size[0] and picture.height >= size[1]:
            break
        picture = _by_model(brief, model, picture, tile, overlap)
        if model.scale == 1:
            break
    return picture.resize(size, Image.Resampling.LANCZOS)


class Tile(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


def tiles(size: Size, tile: int, overlap: int) -> Iterator[Tile]:
    """Of one size, spread evenly so that neighbours share at least `overlap`; 0: one piece."""
    for top, bottom in _spans(size[1], tile, overlap):
        for left, right in _spans(size[0], tile, overlap):
            yield Tile(left, top, right, bottom)


def joined(size: Size, parts: Iterator[tuple[Tile, Image.Image]], overlap: int) -> Image.Image:
    """Each fades out over the overlap at every edge that is not the picture's own."""
    total = np.zeros((size[1], size[0], 3), dtype=np.float32)
    weight = np.zeros((size[1], size[0], 1), dtype=np.float32)
    for tile, picture in parts:
        fade = np.outer(_fade(tile.top, tile.bottom, size[1], overlap), _fade(tile.left, tile.right, size[0], overlap))
        where = np.s_[tile.top : tile.bottom, tile.left : tile.right]
        total[where] += np.asarray(picture, dtype=np.float32) * fade[..., None]
        weight[where] += fade[..., None]
    return Image.fromarray((total / weight).round().clip(0, 255).astype("uint8"))


def _repainted(brush: Brush, config: Upscale, large: Image.Image, seed: int, number: str) -> Image.Image:
    """Tile by tile through the sampler; each with a seed of its own, as the same noise twice shows as a pattern."""
    pieces = list(tiles(large.size, config.tile, config.overlap))
    brush.brief.reported["tiles"] = len(pieces)

    def painted() -> Iterator[tuple[Tile, Image.Image]]:
        from agent.backends.diffusers.inside.paint import whole

        for place, piece in enumerate(pieces):
            stroke = brush.called(f"tile {place + 1}/{len(pieces)}{number}")
            yield piece, whole(stroke, large.crop(piece), config.denoise, seed + place)

    return joined(large.size, painted(), config.overlap)


def _by_model(brief: Brief, model: Enlarger, picture: Image.Image, tile: int, overlap: int) -> Image.Image:
    pieces, scale = list(tiles(picture.size, tile, overlap)), model.scale

    def done() -> Iterator[tuple[Tile, Image.Image]]:
        for place, piece in enumerate(pieces):
            brief.teller.step(place, len(pieces), "upscaling")
            large = Tile(*(side * scale for side in piece))
            yield large, pixels_through(model.run, picture.crop(piece))
        brief.teller.step(len(pieces), len(pieces), "upscaling")

    return joined((picture.width * scale, picture.height * scale), done(), overlap * scale)


def pixels_through(run: Callable[[torch.Tensor], torch.Tensor], picture: Image.Image) -> Image.Image:
    """A model of N x 3 x H x W, 0 to 1."""
    pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1).unsqueeze(0)
    made = run(pixels)[0].permute(1, 2, 0)
    return Image.fromarray((made * 255).round().byte().numpy())


def _size(config: Upscale, size: Size) -> Size:
    if config.width and config.height:
        return config.width, config.height
    return round(size[0] * config.factor), round(size[1] * config.factor)


def _tile_size(config: Upscale, size: Size) -> Size:
    return (config.tile, config.tile) if config.tile else _size(config, size)


def _spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    if tile <= 0 or tile >= length:
        return [(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [(start, start + tile) for start in (round(n * (length - tile) / (count - 1)) for n in range(count))]


def _fade(begin: int, end: int, length: int, overlap: int) -> np.ndarray:
    """1 in the middle, falling towards inner edges, never 0."""
    fade = np.ones(end - begin, dtype=np.float32)
    width = min(overlap, end - begin)
    if width:
        ramp = (np.arange(width, dtype=np.float32) + 1) / (width + 1)
        if begin > 0:
            fade[:width] *= ramp
        if end < length:
            fade[-width:] *= ramp[::-1]
    return fade
